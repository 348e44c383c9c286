// Swapping by drag, by mouse and pen, or by the space bar: what is dropped only asks the same page that the forms ask.

const root = document.querySelector("[data-swap-url]");
const THRESHOLD = 6;

function cellName(cell) {
  return `${cell.dataset.class}-${cell.dataset.index}`;
}

function holder(element) {
  return element ? element.closest("td[data-class], li[data-cadre], [data-drop-class]") : null;
}

function named(element) {
  if (element.dataset.cadre) {
    return element.querySelector("strong").textContent;
  }
  if (element.dataset.dropClass) {
    return element.textContent.trim().split(/\s/)[0];
  }
  const row = element.closest("tr").querySelector("th").textContent.trim().split(/\s/)[0];
  return `${row}第${element.dataset.index}次`;
}

// The question that putting one thing on another asks; null where it means nothing.
function question(taken, target) {
  if (!taken || !target || taken === target) {
    return null;
  }
  if (taken.dataset.class && target.dataset.class) {
    return { form: "cells", "cells-one": cellName(taken), "cells-other": cellName(target), "cells-prefer": "kept" };
  }
  if (taken.dataset.cadre && target.dataset.cadre && taken.dataset.of !== target.dataset.of) {
    return { form: "people", "people-one": taken.dataset.cadre, "people-other": target.dataset.cadre, "people-prefer": "kept" };
  }
  if (taken.dataset.cadre && target.dataset.dropClass && taken.dataset.of !== target.dataset.dropClass) {
    return { form: "person", "person-who": taken.dataset.cadre, "person-to": target.dataset.dropClass, "person-prefer": "kept" };
  }
  return null;
}

if (root) {
  const said = root.querySelector("[data-swap-said]");
  let taken = null;
  let over = null;
  let from = null;
  let dragging = false;

  const say = (text) => {
    said.textContent = text;
  };

  const mark = (target) => {
    if (over) {
      over.classList.remove("is-over");
    }
    over = target && question(taken, target) ? target : null;
    if (over) {
      over.classList.add("is-over");
    }
  };

  const release = () => {
    mark(null);
    if (taken) {
      taken.classList.remove("is-taken");
    }
    taken = null;
    from = null;
    dragging = false;
    root.classList.remove("is-dragging");
  };

  const ask = (target) => {
    const asked = question(taken, target);
    if (asked) {
      const keep = new URLSearchParams(window.location.search);
      ["left", "right", "run"].forEach((side) => keep.has(side) && (asked[side] = keep.get(side)));
      say(`${named(taken)}和${named(target)}：正在看会怎样`);
      window.location.assign(`${root.dataset.swapUrl}?${new URLSearchParams(asked)}#looked`);
    }
    return Boolean(asked);
  };

  const take = (element) => {
    release();
    taken = element;
    taken.classList.add("is-taken");
    say(`拿起了${named(taken)}。移到另一处再放下，按 Esc 放弃。`);
  };

  root.addEventListener("pointerdown", (event) => {
    const found = holder(event.target);
    if (event.pointerType === "touch" || event.button !== 0 || !found || found.dataset.dropClass) {
      return;
    }
    from = { element: found, x: event.clientX, y: event.clientY };
  });

  document.addEventListener("pointermove", (event) => {
    if (!from) {
      return;
    }
    if (!dragging && Math.hypot(event.clientX - from.x, event.clientY - from.y) > THRESHOLD) {
      const start = from;
      take(start.element);
      from = start;
      dragging = true;
      root.classList.add("is-dragging");
    }
    if (dragging) {
      mark(holder(document.elementFromPoint(event.clientX, event.clientY)));
    }
  });

  document.addEventListener("pointerup", (event) => {
    if (dragging) {
      // The click that follows a drag must not open the link under it.
      const swallow = (click) => {
        click.preventDefault();
        click.stopPropagation();
      };
      document.addEventListener("click", swallow, { capture: true, once: true });
      window.setTimeout(() => document.removeEventListener("click", swallow, { capture: true }), 0);
      if (!ask(holder(document.elementFromPoint(event.clientX, event.clientY)))) {
        say("放回了原处。");
        release();
      }
    }
    from = null;
    dragging = false;
    root.classList.remove("is-dragging");
  });

  document.addEventListener("pointercancel", release);
  root.addEventListener("dragstart", (event) => holder(event.target) && event.preventDefault());

  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && taken) {
      say("放回了原处。");
      release();
      return;
    }
    const found = event.key === " " ? holder(event.target) : null;
    if (!found) {
      return;
    }
    event.preventDefault();
    if (!taken) {
      if (!found.dataset.dropClass) {
        take(found);
      }
    } else if (!ask(found)) {
      say("放回了原处。");
      release();
    }
  });

  // A class's name is a place to drop people on by keyboard, too.
  root.querySelectorAll("[data-drop-class]").forEach((head) => head.setAttribute("tabindex", "0"));
}

const looked = document.getElementById("looked");
if (looked) {
  looked.focus();
}
