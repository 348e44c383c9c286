// The score sheet: four levels first, then − and +; large type; where the next unscored line is. Without it the numbers are typed.

const KEY = "dm-large-type";
const form = document.querySelector("[data-sheet]");

function remembered() {
  try {
    return window.localStorage.getItem(KEY) === "1";
  } catch (error) {
    // Private windows: the choice holds for this page.
    return false;
  }
}

function remember(large) {
  try {
    window.localStorage.setItem(KEY, large ? "1" : "0");
  } catch (error) {
    document.body.dataset.type = large ? "large" : "";
  }
}

function setType(large) {
  document.body.classList.toggle("dm-large", large);
  document.querySelectorAll("[data-type]").forEach((button) => {
    if (button.tagName === "BUTTON") {
      button.setAttribute("aria-pressed", String((button.dataset.type === "large") === large));
    }
  });
}

setType(remembered());

if (form) {
  const lines = Array.from(form.querySelectorAll("[data-criterion]"));
  const left = document.querySelector("[data-left]");
  const jump = document.querySelector("[data-jump]");
  const cast = document.querySelector("[data-cast]");
  const value = (line) => line.querySelector(".dm-score-value");
  const score = (line) => (/^\s*\d{1,3}\s*$/.test(value(line).value) ? Number(value(line).value) : null);

  form.querySelectorAll("[data-with-script]").forEach((each) => {
    each.hidden = false;
  });

  const show = () => {
    lines.forEach((line) => {
      const now = score(line);
      line.querySelectorAll("input[type=radio]").forEach((level) => {
        level.checked = now !== null && now >= Number(level.dataset.low) && now <= Number(level.dataset.high);
      });
      line.querySelector("[data-unscored]").hidden = value(line).value.trim() !== "";
      line.querySelectorAll("[data-step]").forEach((button) => {
        button.hidden = now === null;
      });
    });
    const open = lines.filter((line) => value(line).value.trim() === "");
    left.textContent = open.length ? `${lines.length}项评了${lines.length - open.length}项，还有${open.length}项未评` : `${lines.length}项都评了`;
    left.classList.toggle("dm-warn", open.length > 0);
    cast.hidden = open.length > 0;
    jump.hidden = open.length === 0;
    if (open.length) {
      jump.textContent = `去评：${open[0].dataset.criterion} ↓`;
    }
  };

  const set = (line, number) => {
    value(line).value = String(Math.max(0, Math.min(100, number)));
    show();
  };

  form.addEventListener("change", (event) => {
    const level = event.target;
    if (level.matches("input[type=radio]")) {
      set(level.closest("[data-criterion]"), Number(level.dataset.start));
    }
  });
  form.addEventListener("input", show);
  form.addEventListener("click", (event) => {
    const step = event.target.closest("[data-step]");
    if (step) {
      const line = step.closest("[data-criterion]");
      set(line, (score(line) || 0) + Number(step.dataset.step));
    }
    const type = event.target.closest("button[data-type]");
    if (type) {
      setType(type.dataset.type === "large");
      remember(type.dataset.type === "large");
    }
  });
  jump.addEventListener("click", () => {
    const open = lines.find((line) => value(line).value.trim() === "");
    if (open) {
      open.scrollIntoView({ behavior: "smooth", block: "center" });
      open.querySelector("input[type=radio]").focus({ preventScroll: true });
    }
  });
  show();
}
