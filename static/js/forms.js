// Settings forms: what was changed and not saved is said, kept in sight, and not lost by leaving.
import { find, findAll } from "./page.js";

const FORMS = "form[data-dirty]";

/** As the browser would send it, without what differs at every showing. */
function content(form) {
  return new URLSearchParams([...new FormData(form)].filter(([name, value]) => typeof value === "string" && name !== "form_id")).toString();
}

const saved = new WeakMap();
const isDirty = (form) => saved.has(form) && saved.get(form) !== content(form);
const unsaved = () => findAll(FORMS).filter((form) => !form.dataset.leaving && isDirty(form));

function begin() {
  for (const form of findAll(FORMS)) {
    if (saved.has(form)) continue;
    // What came back from the server unsaved stays so, whatever is typed next.
    saved.set(form, form.classList.contains("is-dirty") || find("[aria-invalid=true]", form) ? "" : content(form));
    mark(form);
  }
  find(".summary[autofocus]")?.focus();
}

function mark(form) {
  form.classList.toggle("is-dirty", isDirty(form));
}

for (const event of ["input", "change"]) {
  document.addEventListener(event, ({ target }) => {
    const form = target.closest?.(FORMS) ?? target.form?.closest?.(FORMS);
    if (form) mark(form);
  });
}

/** Another form of the page may want these fields as they stand here. */
document.addEventListener("submit", ({ target }) => {
  const source = target.dataset?.with && find(`#${target.dataset.with}`);
  if (source) {
    const own = new Set(["csrf_token", "form_id", "back", "seen"]);
    const theirs = [...new FormData(source)].filter(([name]) => !own.has(name));
    const names = new Set([...source.elements].map(({ name }) => name).filter((name) => name && !own.has(name)));
    for (const old of findAll("input[type=hidden]", target)) if (names.has(old.name)) old.remove();
    for (const [name, value] of theirs) target.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
    source.dataset.leaving = "yes";
  }
  if (target.matches?.(FORMS)) target.dataset.leaving = "yes";
});

window.addEventListener("beforeunload", (event) => unsaved().length && event.preventDefault());
// Coming back by the browser's own button shows the page as it was left: it can be left again.
window.addEventListener("pageshow", () => findAll(FORMS).forEach((form) => delete form.dataset.leaving));

const WORDS = "You have changes that are not saved. Leave without saving them?";

/** Links that swap a part of the page do not unload it, so the browser would not ask. */
document.addEventListener("htmx:before:request", (event) => {
  const asks = event.detail.ctx?.sourceElement;
  if (asks?.matches?.("[hx-push-url]") && unsaved().length && !confirm(WORDS)) event.preventDefault();
});

document.addEventListener("htmx:after:swap", begin);
begin();
