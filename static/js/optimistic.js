// Shows what was asked for at once; the server's answer confirms it, a failure takes it back.
import { find, findAll } from "./page.js";

const undoings = new WeakMap();

const sprite = () => find("svg.icon use")?.getAttribute("href").split("#")[0];
const rowsOf = (task) => findAll(`#rows > .row[data-task="${CSS.escape(task ?? "")}"]`);

function draw(holder, name, classes) {
  const icon = find("svg.icon", holder);
  if (!icon) return () => {};
  const before = [icon.getAttribute("class"), find("use", icon).getAttribute("href")];
  icon.setAttribute("class", `icon ${classes}`);
  find("use", icon).setAttribute("href", `${sprite()}#${name}`);
  return () => {
    icon.setAttribute("class", before[0]);
    find("use", icon).setAttribute("href", before[1]);
  };
}

function flip(element, name) {
  element.classList.toggle(name);
  return () => element.classList.toggle(name);
}

/** A star is filled or emptied wherever this message shows one. */
export function showStar(button) {
  const address = button.getAttribute("formaction").replace(/\/(un)?star$/, "");
  const back = [];
  for (const other of findAll(`[formaction="${address}/star"], [formaction="${address}/unstar"]`)) {
    const on = other.classList.contains("is-on");
    back.push(flip(other, "is-on"), flip(find("svg", other), "is-filled"));
    const holder = other.closest(".row-star");
    if (holder) back.push(flip(holder, "is-on"));
    other.ariaPressed = !on;
    back.push(() => (other.ariaPressed = on));
  }
  return () => back.forEach((step) => step());
}

export function showState(task, does) {
  const [icon, classes] = { complete: ["clock-check", "is-green"], delete: ["trash-2", "is-grey"], reopen: ["clock-alert", "is-red"] }[does] ?? [];
  const back = rowsOf(task).flatMap((row) => [flip(row, "is-busy"), icon ? draw(find(".row-state", row), icon, classes) : () => {}]);
  return () => back.forEach((step) => step());
}

document.addEventListener("htmx:before:request", ({ target, detail: { ctx } }) => {
  const does = target.dataset?.does;
  if (!does) return;
  const task = target.closest("[data-task]")?.dataset.task;
  undoings.set(ctx, does === "star" ? showStar(target) : showState(task, does));
});

function takeBack(ctx) {
  undoings.get(ctx)?.();
  undoings.delete(ctx);
}

document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => ctx.response?.status >= 400 && takeBack(ctx));
document.addEventListener("htmx:error", ({ detail: { ctx } }) => ctx && takeBack(ctx));
document.addEventListener("htmx:after:swap", () => findAll("#rows > .row.is-busy").forEach((row) => row.classList.remove("is-busy")));
