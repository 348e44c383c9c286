// The admin site's lists: says in plain words how many rows are picked.

const picked = document.querySelector("[data-picked]");
const form = document.getElementById("changelist-form");

if (picked && form) {
  const boxes = form.querySelectorAll("input.action-select");
  const tell = () => {
    const count = Array.prototype.filter.call(boxes, (box) => box.checked).length;
    picked.innerHTML = count ? `已选 <strong>${count}</strong> 条，本页 ${boxes.length} 条` : `本页 ${boxes.length} 条`;
    const across = form.querySelector("input.select-across");
    picked.hidden = Boolean(across && across.value === "1");
  };
  // Django's own script changes the boxes on the same events; it goes first.
  const later = () => window.setTimeout(tell, 0);
  form.addEventListener("change", later);
  form.addEventListener("click", later);
  tell();
}
