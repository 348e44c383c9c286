// The score sheet's form: the sum of the weights while they are typed. Without it the server tells the sum.

const form = document.querySelector("[data-rubric]");

if (form) {
  const total = form.querySelector("[data-weight-total]");
  const told = form.querySelector("[data-weight-told]");
  const add = () => {
    let sum = 0;
    form.querySelectorAll("[data-weight]").forEach((input) => {
      const gone = input.closest("tr").querySelector("input[type=checkbox]");
      if (!(gone && gone.checked) && /^\d{1,3}$/.test(input.value.trim())) {
        sum += Number(input.value);
      }
    });
    total.textContent = String(sum);
    total.classList.toggle("dm-bad", sum !== 100);
    const rest = 100 - sum;
    told.textContent = rest > 0 ? `还差 ${rest}%` : rest < 0 ? `多了 ${-rest}%` : "合计正好 100%";
  };
  form.addEventListener("input", add);
  form.addEventListener("change", add);
  add();
}
