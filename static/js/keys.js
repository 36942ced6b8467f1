// The keyboard. Which key asks for what stands in one table, the overlay of shortcuts; here is what is then done.
import { act, can } from "./actions.js";
import { find, findAll, isTyping, settings } from "./page.js";
import * as queue from "./rows.js";
import { lockNow } from "./session.js";
import * as selection from "./selection.js";
import { isPanelOver, toggleNav, togglePanel } from "./thread.js";
import { undo } from "./toast.js";

const CHORD = 1200;
const MAC = /Mac|iP(hone|ad)/.test(navigator.platform);
let first = "";
let firstAt = 0;

const isOpen = () => Boolean(find("#conversation[data-open]"));
const focused = () => queue.rowOf(document.activeElement);
const click = (element) => (element?.click(), Boolean(element));
const press = (key) => click(find(`#conversation [data-key="${CSS.escape(key)}"]`));

const isThere = (row) => find("#conversation")?.dataset.conversation === row.dataset.conversation;
let awaited = null;

/** When this row's conversation has come; whoever asks for another one meanwhile means that one. */
function onceOpen(row, work) {
  awaited = isThere(row) ? null : { row, work };
  if (!awaited) work();
}

document.addEventListener("htmx:after:swap", () => {
  if (!awaited || !isThere(awaited.row)) return;
  setTimeout(awaited.work);
  awaited = null;
});

/** All that are chosen; else the row that has the focus, unless it is the one whose conversation stands there: then that.
 * While a conversation is on its way the pane still shows another patient, and its buttons are not meant. */
function onTask(does, key) {
  if (selection.isOn()) return selection.bulk(does);
  const row = focused();
  if (row && !isThere(row)) return act(does, row);
  return (isOpen() && press(key)) || (row ? act(does, row) : false);
}

/** Completing moves on to the next row, at the end to the one before. */
function andGoOn(does, key) {
  if (selection.isOn()) return selection.bulk(does);
  const opened = queue.openRow();
  const row = focused() ?? opened;
  const next = queue.after(row);
  if (!onTask(does, key)) return false;
  if (next) row === opened ? show(next) : queue.focusRow(next);
  return true;
}

document.addEventListener("composer:done", () => {
  const row = queue.openRow();
  const next = queue.after(row);
  if (next) document.addEventListener("htmx:after:swap", () => setTimeout(() => show(next), 20), { once: true });
});

function show(row) {
  queue.focusRow(row);
  queue.open(row);
}

function move(step) {
  const at = focused() ?? queue.openRow();
  const next = at ? queue.neighbour(at, step) : queue.current();
  if (!next) return Boolean(at);
  isOpen() ? show(next) : queue.focusRow(next);
  return true;
}

function openThen(work) {
  const row = focused();
  if (row) queue.open(row), onceOpen(row, work);
  return Boolean(row);
}

function back() {
  if (isPanelOver()) return togglePanel(false), true;
  if (selection.none()) return true;
  const row = queue.openRow() ?? queue.current();
  if (!row || focused() === row) return false;
  queue.focusRow(row);
  return true;
}

function reply() {
  const row = focused();
  const start = () => (find("#reply")?.focus(), Boolean(find("#reply")));
  if (!row || isThere(row)) return start();
  if (row === queue.openRow()) return onceOpen(row, start), true;
  return openThen(start);
}

export const COMMANDS = {
  complete: () => andGoOn("complete", "e"),
  reopen: () => onTask("reopen", "E"),
  assign: () => onTask("assign", "a"),
  claim: () => onTask("claim", "m"),
  star: () => onTask("star", "s"),
  unread: () => onTask("unread", "i"),
  delete: () => andGoOn("delete", "#"),
  reply,
  undo,
  panel: () => (togglePanel(), Boolean(find("#panel"))),
  nav: () => (toggleNav(), true),
  window: () => click(find("[data-dock]")),
  next: () => move(1),
  previous: () => move(-1),
  open: () => openThen(() => find("#conversation")?.focus({ preventScroll: true })),
  back,
  select: () => selection.toggle(focused() ?? queue.openRow()),
  "extend-next": () => selection.extend(1),
  "extend-previous": () => selection.extend(-1),
  "select-all": () => selection.all(),
  find: () => (find("#view-search, #f-q")?.focus(), Boolean(find("#view-search, #f-q"))),
  filter: () => click(find("#filter-button")),
  palette: () => (import("./palette.js").then(({ open }) => open()), true),
  shortcuts: () => (find("#shortcuts").showModal(), true),
  lock: () => (lockNow(), true),
};

/** What of the table can be done now, with what it is done to. */
export const isPossible = (name) => {
  const row = focused() ?? queue.openRow();
  if (["complete", "reopen", "assign", "claim", "delete", "star", "unread"].includes(name)) return selection.isOn() || (row ? can(name, row) : isOpen());
  if (name === "undo") return Boolean(find("#toasts form[data-undo]"));
  if (name === "window") return Boolean(find("[data-dock]"));
  return !["reply", "panel"].includes(name) || isOpen() || Boolean(row);
};

export function run(name) {
  if (COMMANDS[name]) return COMMANDS[name]();
  const line = find(`#shortcuts [data-command="${CSS.escape(name)}"]`);
  if (!line?.dataset.url) return false;
  const link = find(`#nav-${CSS.escape(name.replace(/^go-/, ""))}`);
  if (link) return click(link);
  location.href = line.dataset.url;
  return true;
}

// ---- from a key to a line of the table ----

const table = new Map();
for (const line of findAll("#shortcuts [data-command]")) for (const key of line.dataset.keys.split("  ")) if (key) table.set(key, line.dataset.command);
if (MAC) for (const cap of findAll("kbd")) cap.textContent = cap.textContent.replace("Ctrl", "⌘");

function nameOf(event) {
  const { key, shiftKey } = event;
  const isLetter = key.length === 1 && key.toLowerCase() !== key.toUpperCase();
  const plain = isLetter ? (shiftKey ? `Shift+${key.toUpperCase()}` : key.toLowerCase()) : key;
  return `${event.ctrlKey || event.metaKey ? "mod+" : ""}${plain}`;
}

const isOver = () => find("dialog[open], [popover]:popover-open");
/** Arrows and these work with single keys switched off: that is what a list, and a browser, are expected to do. */
const isSingle = (name) => !/^(mod\+|Arrow|Escape$)/.test(name);

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing || event.altKey) return;
  const name = nameOf(event);
  if (name === "mod+k") return isOver() ? undefined : void (event.preventDefault(), run("palette"));
  if (event.key === "Escape" && event.target.id === "view-search") return leaveSearch(event);
  if (isTyping(event.target) || isOver()) return;
  if (isSingle(name) && settings().keys === "off") return;
  const said = first && Date.now() - firstAt < CHORD ? `${first} ${name}` : name;
  first = "";
  if (name === "g" && said === name) return void ([first, firstAt] = [name, Date.now()]);
  if (name === "Enter" || (name.startsWith("Arrow") && !queue.rowOf(event.target))) return;
  if (name === "mod+a" && !event.target.closest?.("#queue")) return;
  if (table.has(said) && run(table.get(said))) event.preventDefault();
});

function leaveSearch(event) {
  event.preventDefault();
  event.target.value = event.target.defaultValue;
  queue.focusRow(queue.current());
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest?.("[data-palette]");
  if (!opener || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  run("palette");
});
