// Settings forms: what was changed and not saved is said, kept in sight, and not lost by leaving.
import { find, findAll } from "./page.js";

const FORMS = "form[data-dirty]";

const isOf = ([name, value]) => typeof value === "string" && name !== "form_id";
const written = (entries) => new URLSearchParams(entries.filter(isOf)).toString();

/** As the browser would send it, without what differs at every showing. */
const content = (form) => written([...new FormData(form)]);

/** As the server sent it, also when somebody has typed before this module came. */
function served(form) {
  return written([...form.elements].filter((field) => field.name && !field.matches(":disabled, button, fieldset, output")).flatMap((field) => {
    if (field.matches("select")) return chosen(field).map((option) => [field.name, option.value]);
    if (field.matches("[type=checkbox], [type=radio]")) return field.defaultChecked ? [[field.name, field.value]] : [];
    return [[field.name, field.type === "file" ? null : field.defaultValue]];
  }));
}

/** A list of which one is taken shows its first when none is marked. */
function chosen(list) {
  const marked = [...list.options].filter((option) => option.defaultSelected);
  if (list.multiple || marked.length) return list.multiple ? marked : marked.slice(-1);
  return [...list.options].filter((option) => !option.disabled).slice(0, 1);
}

const saved = new WeakMap();
const isDirty = (form) => saved.has(form) && saved.get(form) !== content(form);
const unsaved = () => findAll(FORMS).filter((form) => !form.dataset.leaving && isDirty(form));

function begin() {
  for (const form of findAll(FORMS)) {
    if (saved.has(form)) continue;
    // What came back from the server unsaved stays so, whatever is typed next.
    saved.set(form, form.classList.contains("is-dirty") || find("[aria-invalid=true]", form) ? "" : served(form));
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
