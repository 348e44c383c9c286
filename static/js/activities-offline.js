// Says so when there is no signal, and holds a sending back so that what was typed stays on the page.

const strips = document.querySelectorAll("[data-offline]");

function show() {
  strips.forEach((each) => {
    each.hidden = navigator.onLine;
  });
}

window.addEventListener("online", show);
window.addEventListener("offline", show);
show();

// In the capture phase, before the frame marks the form as sent.
document.addEventListener(
  "submit",
  (event) => {
    if (!navigator.onLine && event.target.id === "record-form") {
      event.preventDefault();
      show();
      strips.forEach((each) => each.scrollIntoView());
    }
  },
  true,
);
