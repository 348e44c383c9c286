// The frame of every page: the collapsing menu, menus that close by themselves, and what a form error needs.

const button = document.querySelector(".dm-menu-button");
const menu = document.getElementById("dm-menu");

function setMenu(open) {
  button.setAttribute("aria-expanded", String(open));
  menu.classList.toggle("is-open", open);
}

if (button && menu) {
  button.addEventListener("click", () => setMenu(button.getAttribute("aria-expanded") !== "true"));
  menu.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && button.getAttribute("aria-expanded") === "true") {
      setMenu(false);
      button.focus();
    }
  });
}

document.querySelectorAll("details.dm-who").forEach((details) => {
  document.addEventListener("click", (event) => {
    if (!details.contains(event.target)) {
      details.open = false;
    }
  });
  details.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && details.open) {
      details.open = false;
      details.querySelector("summary").focus();
    }
  });
});

// A page that comes back with errors starts at their summary.
const errors = document.getElementById("form-errors");
if (errors) {
  errors.focus();
}

// A form is sent once: a second click while the first is on its way would be a second act.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.hasAttribute("data-many") || (form.method || "").toLowerCase() !== "post") {
    return;
  }
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "1";
  form.querySelectorAll("button[type=submit], button:not([type])").forEach((each) => each.classList.add("is-busy"));
  // A download leaves the page standing: the form must be usable again.
  window.setTimeout(() => free(form), 8000);
});

function free(form) {
  delete form.dataset.sent;
  form.querySelectorAll(".is-busy").forEach((each) => each.classList.remove("is-busy"));
}

window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach(free));

// Printing by a button, where the browser can.
document.querySelectorAll("[data-print]").forEach((each) => {
  each.hidden = false;
  each.addEventListener("click", () => window.print());
});

// Copying a text (a notice for a chat group) with a word that it was done.
document.querySelectorAll("[data-copy]").forEach((each) => {
  each.addEventListener("click", () => {
    const source = document.getElementById(each.dataset.copy);
    const text = "value" in source ? source.value : source.textContent.trim();
    const shown = each.innerHTML;
    const done = () => {
      each.textContent = "已复制";
      each.disabled = true;
      window.setTimeout(() => {
        each.innerHTML = shown;
        each.disabled = false;
      }, 3000);
    };
    if (navigator.clipboard && window.isSecureContext) {
      navigator.clipboard.writeText(text).then(done);
      return;
    }
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "visually-hidden";
    document.body.appendChild(area);
    area.select();
    if (document.execCommand("copy")) {
      done();
    }
    area.remove();
  });
});

// A select or choice that acts at once: its form is sent when it changes (filters only, never an act).
document.querySelectorAll("form[data-auto]").forEach((form) => {
  form.addEventListener("change", () => form.submit());
});

// Polling rests while nobody looks at the page.
document.addEventListener("htmx:beforeRequest", (event) => {
  const asked = event.detail.requestConfig;
  if (document.hidden && asked && asked.headers["X-Poll"]) {
    event.preventDefault();
  }
});

// A question that is broken off, because the page is left or a newer question took its place, is no error. htmx frees what
// waited for it, and what it would say in the console is said to nobody. A link that only brings a file announces that the
// page is left, too: a page that is still there some seconds later stays.
const STAYS_AFTER = 5000;
let leaving = false;
window.addEventListener("beforeunload", () => {
  leaving = true;
  window.setTimeout(() => {
    leaving = false;
  }, STAYS_AFTER);
});
window.addEventListener("pagehide", () => {
  leaving = true;
});
window.addEventListener("pageshow", () => {
  leaving = false;
});

function quietly(act) {
  const write = window.console.error;
  window.console.error = () => {};
  try {
    act();
  } finally {
    window.console.error = write;
  }
}

document.addEventListener("htmx:beforeSend", (event) => {
  const xhr = event.detail.xhr;
  const { onabort, onerror } = xhr;
  xhr.onabort = (given) => quietly(() => onabort.call(xhr, given));
  xhr.onerror = (given) => (leaving ? quietly(() => onerror.call(xhr, given)) : onerror.call(xhr, given));
});

// A page that is told to load itself anew, or to go elsewhere, polls no more: htmx goes on polling then, each answer would begin the
// loading again, and a page that takes longer to come than the next question would never arrive. What a person asks still goes out.
let told = false;
document.addEventListener("htmx:beforeOnLoad", (event) => {
  const { xhr } = event.detail;
  told ||= Boolean(xhr.getResponseHeader("HX-Refresh") || xhr.getResponseHeader("HX-Redirect"));
});
document.addEventListener("htmx:beforeRequest", (event) => {
  if (told && event.detail.requestConfig.headers["X-Poll"]) {
    event.preventDefault();
  }
});
window.addEventListener("pageshow", () => {
  told = false;
});

// A part of a page that comes back as a whole page: the session has ended and this is the sign-in page. It is shown as one.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.status === 200 && /^\s*<!doctype/i.test(event.detail.xhr.responseText)) {
    event.preventDefault();
    window.location.reload();
  }
});

// Showing a password while it is typed.
document.querySelectorAll("[data-reveal]").forEach((each) => {
  const input = document.getElementById(each.dataset.reveal);
  each.hidden = false;
  each.addEventListener("click", () => {
    const shown = input.type === "text";
    input.type = shown ? "password" : "text";
    each.setAttribute("aria-pressed", String(!shown));
  });
});
