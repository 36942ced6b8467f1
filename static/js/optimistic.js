// Shows what was asked for at once; a failure takes it back.
import { find, findAll } from "./page.js";
import { rowsOf } from "./rows.js";

const undoings = new WeakMap();
const expected = new WeakMap();

const sprite = () => find("svg.icon use")?.getAttribute("href").split("#")[0];

function draw(holder, name, classes) {
  const icon = holder && find("svg.icon", holder);
  if (!icon) return () => {};
  const before = [icon.getAttribute("class"), find("use", icon).getAttribute("href")];
  icon.setAttribute("class", `icon ${classes}`);
  find("use", icon).setAttribute("href", `${sprite()}#${name}`);
  return () => {
    icon.setAttribute("class", before[0]);
    find("use", icon).setAttribute("href", before[1]);
  };
}

function flip(element, name, on) {
  const was = element.classList.contains(name);
  element.classList.toggle(name, on);
  return () => element.classList.toggle(name, was);
}

/** A star is filled or emptied wherever this message shows one. */
export function showStar(button) {
  const address = button.getAttribute("formaction").replace(/\/(un)?star$/, "");
  const back = [];
  for (const other of findAll(`[formaction="${address}/star"], [formaction="${address}/unstar"]`)) {
    const on = !other.classList.contains("is-on");
    back.push(flip(other, "is-on", on), flip(find("svg", other), "is-filled", on));
    const holder = other.closest(".row-tools");
    if (holder) back.push(flip(holder, "has-star", on));
    other.ariaPressed = on;
    back.push(() => (other.ariaPressed = !on));
  }
  return () => back.forEach((step) => step());
}

const SIGNS = { complete: ["clock-check", "is-green"], delete: ["trash-2", "is-grey"], reopen: ["clock-alert", "is-red"] };

export function showState(task, does) {
  const [icon, classes] = SIGNS[does] ?? [];
  const back = rowsOf(task).flatMap((row) => [
    does === "unread" ? flip(row, "is-unread", true) : flip(row, "is-busy", true),
    icon ? draw(find(".row-state", row), icon, classes) : () => {},
  ]);
  return () => back.forEach((step) => step());
}

/** What is shown already, before `source` asks the server. */
export const expect = (source, takeBack) => expected.set(source, takeBack);

document.addEventListener("htmx:before:request", ({ target, detail: { ctx } }) => {
  const shown = expected.get(target);
  expected.delete(target);
  const { does, task } = target.dataset ?? {};
  if (shown) undoings.set(ctx, shown);
  else if (does) undoings.set(ctx, does === "star" ? showStar(target) : showState(task || target.closest("[data-task]")?.dataset.task, does));
});

function takeBack(ctx) {
  undoings.get(ctx)?.();
  undoings.delete(ctx);
}

document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => ctx.response?.status >= 400 && takeBack(ctx));
document.addEventListener("htmx:error", ({ detail: { ctx } }) => ctx && takeBack(ctx));
document.addEventListener("htmx:after:swap", () => findAll("#rows > .row.is-busy").forEach((row) => row.classList.remove("is-busy")));
