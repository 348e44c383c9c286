// A draft of one's own text in this browser, so that nothing typed is lost between two signals. The page works without it.

const PREFIX = "dm-draft:";
const KEPT = ["client_id", "version", "kind", "day", "gathering", "village", "title", "text", "people_reached", "households_helped", "cost"];
const form = document.getElementById("record-form");

function store(action) {
  try {
    return action(window.localStorage);
  } catch (error) {
    // Private windows and full disks: the page goes on without a draft.
    return null;
  }
}

function clock(stamp) {
  const when = new Date(stamp);
  const two = (number) => String(number).padStart(2, "0");
  const time = `${two(when.getHours())}:${two(when.getMinutes())}`;
  return when.toDateString() === new Date().toDateString() ? time : `${two(when.getMonth() + 1)}-${two(when.getDate())} ${time}`;
}

// A page that shows a paper the server has kept is the receipt: the browser's copy goes.
const receipt = document.querySelector("[data-receipt]");
if (receipt) {
  store((storage) => {
    Object.keys(storage)
      .filter((key) => key.startsWith(PREFIX))
      .forEach((key) => {
        const draft = JSON.parse(storage.getItem(key) || "{}");
        if (draft.client_id === receipt.dataset.receipt) {
          storage.removeItem(key);
        }
      });
  });
}

function read() {
  const draft = { at: Date.now(), participants: [] };
  KEPT.forEach((name) => {
    const field = form.elements[name];
    if (field) {
      draft[name] = field.value;
    }
  });
  form.querySelectorAll("input[name=participants]:checked").forEach((each) => draft.participants.push(each.value));
  return draft;
}

function fill(draft) {
  KEPT.forEach((name) => {
    const field = form.elements[name];
    if (field && name in draft) {
      field.value = draft[name];
    }
  });
  const boxes = form.querySelectorAll("input[name=participants]");
  boxes.forEach((each) => {
    each.checked = draft.participants.includes(each.value);
  });
  refresh();
}

function refresh() {
  document.querySelectorAll("[data-count]").forEach((each) => {
    const length = Array.from(document.getElementById(each.dataset.count).value).length;
    each.textContent = length ? `${length}字，` : "";
  });
  const people = document.querySelector("[data-summary=people]");
  if (people) {
    people.textContent = form.querySelectorAll("input[name=participants]:checked").length;
  }
  const day = document.querySelector("[data-summary=day]");
  if (day && form.elements.day.value) {
    day.textContent = form.elements.day.value.slice(5);
  }
}

if (form && form.dataset.draft) {
  const key = PREFIX + form.dataset.draft;
  const said = document.querySelector("[data-draft-time]");
  const offer = document.querySelector("[data-draft-offer]");
  let typed = false;
  let timer = 0;

  const keep = () => {
    const draft = read();
    if (draft.title || draft.text) {
      store((storage) => storage.setItem(key, JSON.stringify(draft)));
      said.textContent = `${clock(draft.at)} 已存在本机`;
    }
  };

  form.addEventListener("input", () => {
    typed = true;
    refresh();
    window.clearTimeout(timer);
    timer = window.setTimeout(keep, 800);
  });
  form.addEventListener("change", refresh);
  window.addEventListener("pagehide", () => typed && keep());
  refresh();

  const draft = store((storage) => JSON.parse(storage.getItem(key) || "null"));
  const changed = draft && (draft.text !== form.elements.text.value || draft.title !== form.elements.title.value);
  // What the server has saved since is newer than this browser's copy.
  const older = draft && Number(draft.version || 0) < Number(form.elements.version.value || 0);
  if (draft && (older || !changed)) {
    store((storage) => storage.removeItem(key));
  } else if (draft && !document.getElementById("form-errors")) {
    offer.hidden = false;
    offer.querySelector("[data-draft-offer-time]").textContent = clock(draft.at);
    offer.querySelector("[data-draft-take]").addEventListener("click", () => {
      fill(draft);
      offer.hidden = true;
    });
    offer.querySelector("[data-draft-drop]").addEventListener("click", () => {
      store((storage) => storage.removeItem(key));
      offer.hidden = true;
    });
  }
}
