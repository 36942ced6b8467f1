// Taking along what is shown once, to be pasted elsewhere.
import { find, say } from "./page.js";

document.addEventListener("click", ({ target }) => {
  const field = find(target.closest?.("[data-copy]")?.dataset.copy ?? "#nothing");
  if (field) navigator.clipboard?.writeText(field.value).then(() => say("Copied"));
});
