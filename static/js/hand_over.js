// Taking along what is shown once: on paper, or to be pasted elsewhere.
import { find, say } from "./page.js";

document.addEventListener("click", ({ target }) => {
  if (target.closest?.("[data-print]")) print();
  const field = find(target.closest?.("[data-copy]")?.dataset.copy ?? "#nothing");
  if (field) navigator.clipboard?.writeText(field.value).then(() => say("Copied"));
});
