// Confirmations that tell the consequences: <button data-dialog="id">, <dialog id>, <button data-close>.

function open(dialog) {
  if (typeof dialog.showModal === "function") {
    dialog.showModal();
  } else {
    // Browsers without <dialog>: it is shown in the page, which is plain but works.
    dialog.setAttribute("open", "");
    dialog.scrollIntoView();
  }
  const first = dialog.querySelector("[autofocus], textarea, input:not([type=hidden]), select, [data-close]");
  if (first) {
    first.focus();
  }
}

function close(dialog) {
  if (typeof dialog.close === "function") {
    dialog.close();
  } else {
    dialog.removeAttribute("open");
  }
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener) {
    const dialog = document.getElementById(opener.dataset.dialog);
    if (dialog) {
      event.preventDefault();
      open(dialog);
    }
    return;
  }
  const closer = event.target.closest("dialog [data-close]");
  if (closer) {
    close(closer.closest("dialog"));
  }
});
