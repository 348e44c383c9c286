// Messages: success goes by itself after six seconds, everything else stays until it is closed.

const SECONDS = 6;

function dress(message) {
  if (message.querySelector("[data-dismiss]")) {
    return;
  }
  const button = document.createElement("button");
  button.type = "button";
  button.className = "dm-dismiss";
  button.dataset.dismiss = "";
  button.setAttribute("aria-label", "关闭提示");
  button.innerHTML = '<i class="ti ti-x" aria-hidden="true"></i>';
  button.addEventListener("click", () => message.remove());
  message.appendChild(button);
  if (message.dataset.message === "ok" && !message.querySelector("a")) {
    let left = window.setTimeout(() => message.remove(), SECONDS * 1000);
    message.addEventListener("mouseenter", () => window.clearTimeout(left));
    message.addEventListener("mouseleave", () => {
      left = window.setTimeout(() => message.remove(), SECONDS * 1000);
    });
  }
}

function dressAll() {
  document.querySelectorAll("[data-message]").forEach(dress);
}

dressAll();
document.addEventListener("htmx:afterSwap", dressAll);
