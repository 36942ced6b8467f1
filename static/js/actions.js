// What can be done with one row, whichever way it is asked for: key, menu, button, swipe or palette.
import { find, post } from "./page.js";
import { expect, showState } from "./optimistic.js";
import { chooseFor, stand } from "./popover.js";
import * as queue from "./rows.js";

const VERBS = { claim: "claim", release: "release", complete: "completion", delete: "deletion", reopen: "reopening" };
const OPEN = ["pending", "assigned"];

/** Whether the row is in a state from which this can be done, and the page offers it. */
export function can(does, row) {
  if (!row?.dataset.state) return does === "star" && Boolean(row);
  const isOpen = OPEN.includes(row.dataset.state);
  if (does === "reopen") return !isOpen && Boolean(find("#row-menu [data-act=reopen]"));
  if (does === "star") return Boolean(find(".is-star", row));
  if (does === "unread" || does === "menu") return true;
  return isOpen && Boolean(find(`#row-menu [data-act="${does}"]`));
}

export function act(does, row) {
  if (!can(does, row)) return false;
  const { task, version, conversation, mine } = row.dataset;
  if (does === "star") find(".is-star", row).click();
  else if (does === "assign") chooseFor(row, `/tasks/${task}/assignees`);
  else if (does === "unread") ask(`/conversations/${conversation}/unread`, row, does, { task });
  else {
    const verb = does === "claim" && mine !== undefined ? "release" : does;
    ask(`/tasks/${task}/${VERBS[verb]}`, row, verb, { version });
  }
  return true;
}

function ask(url, row, does, values) {
  expect(row, showState(row.dataset.task, does));
  post(url, row, values);
}

// ---- the row's own buttons, and its menu ----

let held = null;

function openMenu(button, row) {
  const menu = find("#row-menu");
  held = row;
  const isOpen = OPEN.includes(row.dataset.state);
  for (const item of menu.querySelectorAll("[data-when]")) item.hidden = (item.dataset.when === "open") !== isOpen;
  for (const [name, on] of [["mine", row.dataset.mine !== undefined], ["starred", row.dataset.starred !== undefined]]) {
    const words = find(`[data-${name}]`, menu);
    if (!words) continue;
    words.dataset.otherwise ??= words.textContent;
    words.textContent = on ? words.dataset[name] : words.dataset.otherwise;
  }
  stand(menu, button);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-act]");
  if (!button) return;
  const row = queue.rowOf(button) ?? held;
  const does = button.dataset.act;
  if (does === "menu") return openMenu(button, row);
  button.closest("[popover]")?.hidePopover();
  if (!row?.isConnected) return;
  if (does === "select") return document.dispatchEvent(new CustomEvent("rows:select", { detail: { row } }));
  const next = ["complete", "delete"].includes(does) && queue.rowOf(document.activeElement) === row ? queue.after(row) : null;
  act(does, row);
  if (next) queue.focusRow(next);
});

document.addEventListener("toggle", ({ target, newState }) => {
  if (target.id !== "row-menu" || newState === "open") return;
  const lost = !document.activeElement || document.activeElement === document.body;
  if (lost && held?.isConnected) queue.focusRow(held);
}, true);
