// Printing the list or what is open, with the moment at which it was printed.
import { find } from "./page.js";

document.addEventListener("click", ({ target }) => {
  const asked = target.closest?.("[data-print]");
  if (!asked) return;
  document.body.dataset.prints = asked.dataset.print;
  print();
});

addEventListener("beforeprint", () => {
  const at = find("#printed-at");
  const date = { weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" };
  if (at) at.textContent = new Date().toLocaleString("en-GB", { ...date, timeZone: at.dataset.zone });
});

addEventListener("afterprint", () => delete document.body.dataset.prints);
