// Rows that are chosen together: by box, by Shift and click, by X and Shift+J or K, and what is done with them all.
import { find, findAll, fragment, say } from "./page.js";
import { expect, showState } from "./optimistic.js";
import { chooseFor } from "./popover.js";
import * as queue from "./rows.js";

const chosen = new Map();
let anchor = null;
/** All of the view, loaded or not: what the server needs to find it again. */
let view = null;

const box = (row) => find(".row-check input", row);
const form = () => find("#selection");
export const rows = () => queue.rows().filter((row) => chosen.has(row.dataset.task));
export const isOn = () => chosen.size > 0;

function set(row, on) {
  if (!box(row)) return;
  view = null;
  on ? chosen.set(row.dataset.task, row.dataset.version) : chosen.delete(row.dataset.task);
  box(row).checked = on;
}

function show() {
  const section = find("#queue");
  if (!section) return;
  section.classList.toggle("is-selecting", isOn());
  for (const row of queue.rows()) row.classList.toggle("is-chosen", chosen.has(row.dataset.task));
  const count = find("#selection-count");
  if (!count) return;
  if (!view) {
    for (const name of Object.keys(count.dataset)) delete count.dataset[name];
    count.textContent = isOn() ? `${chosen.size} selected` : "";
  }
  offer();
}

/** Once all rows that are there are chosen: those that are not there, too. */
function offer() {
  const more = find("#select-view");
  const some = queue.rows().filter((row) => box(row) && row.dataset.gone === undefined);
  if (!more) return;
  more.hidden = Boolean(view) || !find("#older") || !isOn() || some.some((row) => !chosen.has(row.dataset.task));
  const total = Number(find("#shown").dataset.total);
  more.textContent = total < 1000 ? `Select all ${total} of this view` : "Select the first 1,000 of this view";
}

async function chooseView({ dataset: { source } }) {
  const count = (await fragment(source))?.firstElementChild;
  if (!count) return say("This view has changed. Look at it again.", "danger", 8000);
  find("#selection-count").replaceWith(count);
  view = { view: count.dataset.view, seen: count.dataset.seen, of: count.dataset.of };
  find("#select-view").hidden = true;
  find("[data-bulk]", form()).focus();
}

export function toggle(row) {
  if (!row || !box(row)) return false;
  set(row, !chosen.has(row.dataset.task));
  anchor = row;
  show();
  return true;
}

/** From where choosing began to this row. */
function extendTo(row) {
  const all = queue.rows();
  const [from, to] = [all.indexOf(anchor), all.indexOf(row)].sort((one, other) => one - other);
  if (from < 0) return toggle(row);
  for (const one of all.slice(from, to + 1)) set(one, true);
  show();
}

export function extend(step) {
  const row = queue.current();
  const next = row && queue.neighbour(row, step);
  if (!row || !box(row)) return false;
  if (!isOn()) anchor = row;
  set(row, true);
  if (next) set(next, true), queue.focusRow(next);
  show();
  return true;
}

export function all() {
  const some = queue.rows().filter(box);
  for (const row of some) set(row, row.dataset.gone === undefined);
  show();
  return some.length > 0;
}

export function none() {
  if (!isOn()) return false;
  for (const row of queue.rows()) if (box(row)) box(row).checked = false;
  chosen.clear();
  anchor = view = null;
  show();
  return true;
}

/** Presses the bar's button. */
export function bulk(does) {
  const button = find(`[data-bulk="${does}"]`, form() ?? document.createElement("form"));
  button?.click();
  return Boolean(button);
}

document.addEventListener("click", (event) => {
  const input = event.target.closest?.(".row-check input");
  if (!input) return;
  const row = queue.rowOf(input);
  if (event.shiftKey && anchor?.isConnected) extendTo(row);
  else set(row, input.checked), (anchor = row);
  show();
});

document.addEventListener("rows:select", ({ detail: { row } }) => toggle(row) && queue.focusRow(row));

document.addEventListener("click", ({ target }) => {
  const more = target.closest?.("#select-view");
  if (more) chooseView(more);
  if (target.closest?.("[data-bulk=none]")) none() && queue.focusRow(queue.current());
});

/** One request for all; the notice it brings takes all of it back. */
document.addEventListener("submit", async (event) => {
  if (event.target !== form()) return;
  event.preventDefault();
  const { submitter } = event;
  const does = submitter.dataset.bulk;
  if (!isOn()) return;
  const first = queue.rows().find((row) => chosen.has(row.dataset.task));
  if (does === "assign") {
    const box = await chooseFor(submitter, `/selection/assignees?tasks=${first.dataset.task}`);
    return box && fill(box);
  }
  const shown = rows().map((row) => showState(row.dataset.task, does));
  expect(form(), () => shown.forEach((takeBack) => takeBack()));
  const values = { form_id: crypto.randomUUID(), back: location.pathname + location.search, ...view };
  const next = queue.rows().find((row) => !chosen.has(row.dataset.task) && row.dataset.gone === undefined);
  await htmx.ajax("POST", submitter.getAttribute("formaction"), { source: form(), target: "#toasts", swap: "none", values });
  if (["complete", "delete", "reopen"].includes(does)) queue.focusRow(rows().find((row) => row.dataset.gone === undefined) ?? (next?.isConnected ? next : queue.current()));
});

/** The list of colleagues was asked for with one task; it gets them all. */
function fill(holder) {
  const list = find("form", holder);
  for (const old of findAll("input[name=tasks]", list)) old.remove();
  const values = view ? Object.entries(view) : rows().map((row) => ["tasks", box(row).value]);
  for (const [name, value] of values) list.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
}

/** What has moved is no longer chosen; what was left as it was still is. */
document.addEventListener("rows:settled", () => {
  for (const [task, version] of chosen) {
    const row = queue.rowsOf(task)[0];
    if (!row || row.dataset.version !== version) chosen.delete(task);
  }
  // Another page, by Back or by a link, is another view.
  if (!isOn() || find("#selection-count")?.dataset.of !== view?.of) view = null;
  for (const row of queue.rows()) if (box(row)) box(row).checked = chosen.has(row.dataset.task);
  show();
});
