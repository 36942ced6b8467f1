// The list of colleagues: one name takes it alone, ticked boxes take it together, and the button says which it will be.
import { find, findAll } from "./page.js";

const formOf = (element) => element?.closest?.("form[data-assign]");
const options = (form) => findAll(".assign-option", form).filter((option) => !option.hidden && !find("input", option).disabled);
const active = (form) => find(".assign-option.is-active", form);
const ticked = (form) => findAll("input[name=member_ids]:checked", form);
const says = (input) => input.closest(".assign-option").dataset.says;

/** Who will have it: the boxes once somebody has ticked one, else the name at hand. */
function wanted(form) {
  if (form.dataset.ticks !== undefined) return ticked(form);
  const option = active(form);
  return option ? [find("input", option)] : ticked(form);
}

function tell(form) {
  const button = find("[data-assign-button]", form);
  const some = wanted(form);
  const takesOver = form.dataset.assigned !== undefined || ticked(form).length > 1;
  const one = some.length === 1 ? `Assign to ${says(some[0])}${takesOver ? " only" : ""}` : "";
  find("span", button).textContent = one || (some.length ? `Assign to ${some.length} people` : "Choose somebody");
  button.disabled = !some.length;
}

function activate(option, form) {
  active(form)?.classList.remove("is-active");
  option?.classList.add("is-active");
  option?.scrollIntoView({ block: "nearest" });
  tell(form);
}

function alone(input, form) {
  for (const other of ticked(form)) other.checked = false;
  input.checked = true;
}

/** Also what was typed before this module came is looked for. */
export function begin(form) {
  look(find("[data-filter]", form));
}

document.addEventListener("input", ({ target }) => target.matches?.("[data-filter]") && look(target));

function look(field) {
  const form = formOf(field);
  const typed = field.value.trim().toLowerCase();
  const every = findAll(".assign-option", form);
  for (const option of every) option.hidden = !option.dataset.name.includes(typed);
  find("[data-nobody]", form).hidden = every.some((option) => !option.hidden);
  delete form.dataset.walks;
  if (typed) delete form.dataset.ticks;
  activate(typed ? options(form)[0] : null, form);
}

/** A click on a box adds or takes away; on a name it is that one alone. */
document.addEventListener("click", (event) => {
  const option = event.target.closest?.(".assign-option");
  const form = formOf(option);
  if (!form) return;
  const input = find("input", option);
  if (event.target !== input) {
    event.preventDefault();
    if (input.disabled) return;
    alone(input, form);
  }
  form.dataset.ticks = "yes";
  activate(null, form);
});

document.addEventListener("keydown", (event) => {
  const form = formOf(event.target);
  if (!form) return;
  const shown = options(form);
  const at = shown.indexOf(active(form));
  const isField = event.target.matches("[data-filter]");
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    const step = event.key === "ArrowDown" ? 1 : -1 + shown.length;
    form.dataset.walks = "yes";
    activate(shown[at < 0 && event.key === "ArrowUp" ? shown.length - 1 : (at + step) % shown.length] ?? shown[0], form);
  } else if (event.key === " " && isField && form.dataset.walks !== undefined && at >= 0) {
    event.preventDefault();
    const input = find("input", shown[at]);
    input.checked = !input.checked;
    form.dataset.ticks = "yes";
    tell(form);
  } else if (event.key === "Enter" && isField) {
    event.preventDefault();
    if (!wanted(form).length) return;
    find("[data-assign-button]", form).click();
  }
});

/** The boxes become what the button says. */
document.addEventListener("submit", ({ target, submitter }) => {
  const form = formOf(target);
  if (!form || submitter?.name === "nobody") return;
  const some = wanted(form);
  for (const input of findAll("input[name=member_ids]", form)) input.checked = some.includes(input);
}, true);

document.addEventListener("htmx:before:request", ({ target }) => formOf(target)?.closest("[popover]")?.hidePopover());
