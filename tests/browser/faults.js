// What keeps somebody with a screen reader or a keyboard from using a page; one line for each finding.
() => {
  const found = [];
  const told = (element) => element.outerHTML.replace(/\s+/g, " ").slice(0, 140);
  const shown = (element) => element.getClientRects().length > 0;
  const named = (element) => {
    const ids = (element.getAttribute("aria-labelledby") || "").split(" ").filter(Boolean);
    const labels = [...(element.labels || [])].map((label) => label.textContent.trim()).join("");
    const pictures = [...element.querySelectorAll("img[alt], svg[aria-label], svg title, [title]")]
      .map((one) => one.getAttribute("alt") || one.getAttribute("aria-label") || one.getAttribute("title") || one.textContent).join("");
    return Boolean(
      labels || (element.getAttribute("aria-label") || "").trim() || (element.title || "").trim() || element.textContent.trim() ||
      pictures.trim() || ids.some((id) => document.getElementById(id) && document.getElementById(id).textContent.trim()),
    );
  };
  const fieldNamed = (field) => {
    const ids = (field.getAttribute("aria-labelledby") || "").split(" ").filter(Boolean);
    const labels = [...(field.labels || [])].some((label) => label.textContent.trim() || label.querySelector("img[alt]"));
    return labels || Boolean((field.getAttribute("aria-label") || field.title || "").trim()) || ids.some((id) => document.getElementById(id));
  };
  document.querySelectorAll("input, select, textarea").forEach((field) => {
    if (!["hidden", "submit", "button"].includes(field.type) && shown(field) && !fieldNamed(field)) {
      found.push(`no label: ${told(field)}`);
    }
  });
  document.querySelectorAll("button, a[href], summary, input[type=submit]").forEach((one) => {
    if (shown(one) && !named(one) && !one.value) {
      found.push(`no words: ${told(one)}`);
    }
  });
  document.querySelectorAll("img:not([alt])").forEach((one) => found.push(`no alt: ${told(one)}`));
  document.querySelectorAll('svg[role="img"]:not([aria-label]):not([aria-labelledby])').forEach((one) => found.push(`no name: ${told(one)}`));
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  new Set(ids.filter((id, place) => ids.indexOf(id) !== place)).forEach((id) => found.push(`id twice: ${id}`));
  document.querySelectorAll("[aria-controls], [aria-labelledby], [aria-describedby]").forEach((one) => {
    ["aria-controls", "aria-labelledby", "aria-describedby"].forEach((name) => {
      (one.getAttribute(name) || "").split(" ").filter(Boolean).forEach((id) => {
        if (!document.getElementById(id)) {
          found.push(`${name}=${id} leads nowhere: ${told(one)}`);
        }
      });
    });
  });
  if (document.querySelectorAll("main").length !== 1) {
    found.push("not one main");
  }
  if (document.querySelectorAll("h1").length !== 1) {
    found.push(`${document.querySelectorAll("h1").length} h1`);
  }
  if (!document.title.trim()) {
    found.push("no title");
  }
  document.querySelectorAll("[tabindex]").forEach((one) => {
    if (one.tabIndex > 0) {
      found.push(`tab order by hand: ${told(one)}`);
    }
  });
  return found;
}
