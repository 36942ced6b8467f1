// Notices that the session has ended, and hides the page until its owner is back.
import { find, say } from "./page.js";

const show = async (kind) => (await import("./cover.js")).show(kind);

document.addEventListener("session:ended", () => show("ended"));
document.addEventListener("click", ({ target }) => target.closest?.("[data-print]") && print());
document.addEventListener("click", ({ target }) => {
  const field = find(target.closest?.("[data-copy]")?.dataset.copy ?? "#nothing");
  if (field) navigator.clipboard?.writeText(field.value).then(() => say("Copied"));
});
