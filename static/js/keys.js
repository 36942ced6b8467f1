// The keyboard: one table, single keys only where nobody is typing, and they can be switched off.
import { find, isTyping, post, settings } from "./page.js";
import * as queue from "./rows.js";
import { showState } from "./optimistic.js";
import { isPanelOver, togglePanel } from "./thread.js";
import { undo } from "./toast.js";

const GO = { u: "unassigned", m: "mine", a: "all", o: "overdue", s: "starred", c: "completed" };
const PLACES = { p: "/patients", ",": "/settings" };
const CHORD = 1200;
let chord = 0;

const isOpen = () => Boolean(find("#conversation[data-open]"));
const press = (key) => {
  const button = find(`#conversation [data-key="${CSS.escape(key)}"]`);
  button?.click();
  return Boolean(button);
};

/** The open conversation's own button does it; without one, the row at hand. */
function onTask(key, verb, does) {
  if (isOpen()) return press(key);
  const row = queue.rowOf(document.activeElement);
  if (!row) return false;
  showState(row.dataset.task, does);
  post(`/tasks/${row.dataset.task}/${verb}`, row, { version: row.dataset.version });
  return true;
}

/** Completing moves on to the next row, at the end to the one before. */
function andGoOn(key, verb, does) {
  const row = isOpen() ? queue.openRow() : queue.rowOf(document.activeElement);
  if (!onTask(key, verb, does)) return false;
  const next = row && (queue.neighbour(row, 1) ?? queue.neighbour(row, -1));
  if (next) isOpen() ? show(next) : queue.focusRow(next);
  return true;
}

document.addEventListener("composer:done", () => {
  const row = queue.openRow();
  const next = row && (queue.neighbour(row, 1) ?? queue.neighbour(row, -1));
  if (next) document.addEventListener("htmx:after:swap", () => setTimeout(() => show(next), 20), { once: true });
});

function show(row) {
  queue.focusRow(row);
  queue.open(row);
}

function move(step) {
  const at = queue.rowOf(document.activeElement) ?? queue.openRow();
  const next = at ? queue.neighbour(at, step) : queue.current();
  if (!next) return Boolean(at);
  isOpen() ? show(next) : queue.focusRow(next);
  return true;
}

function openAndRead() {
  const row = queue.rowOf(document.activeElement);
  if (!row) return false;
  queue.open(row);
  document.addEventListener("htmx:after:swap", () => find("#conversation")?.focus({ preventScroll: true }), { once: true });
  return true;
}

function backToQueue() {
  if (isPanelOver()) return togglePanel(false), true;
  const row = queue.openRow() ?? queue.current();
  if (!row || queue.rowOf(document.activeElement) === row) return false;
  queue.focusRow(row);
  return true;
}

function starRow() {
  if (isOpen()) return press("s");
  const button = find("[data-does=star]", queue.rowOf(document.activeElement) ?? document.createElement("i"));
  button?.click();
  return Boolean(button);
}

function unread() {
  if (isOpen()) return press("i");
  const row = queue.rowOf(document.activeElement);
  if (row) post(`/conversations/${row.dataset.conversation}/unread`, row);
  return Boolean(row);
}

function assign() {
  if (isOpen()) return press("a");
  const row = queue.rowOf(document.activeElement);
  if (!row) return false;
  queue.open(row);
  document.addEventListener("htmx:after:swap", () => setTimeout(() => press("a")), { once: true });
  return true;
}

function help() {
  const dialog = find("#shortcuts");
  dialog.open ? dialog.close() : dialog.showModal();
  return true;
}

const follow = (selector) => {
  const link = find(selector);
  link?.click();
  return Boolean(link);
};

const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  o: openAndRead,
  u: backToQueue,
  Escape: backToQueue,
  e: () => andGoOn("e", "completion", "complete"),
  E: () => onTask("E", "reopening", "reopen"),
  "#": () => andGoOn("#", "deletion", "delete"),
  m: () => onTask("m", "claim", "claim"),
  a: assign,
  s: starRow,
  i: unread,
  r: () => (find("#reply")?.focus(), Boolean(find("#reply"))),
  z: undo,
  p: () => (togglePanel(), Boolean(find("#panel"))),
  c: () => follow("[data-key=c]"),
  "/": () => follow(".nav-find"),
  "?": help,
};

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing) return;
  const typing = isTyping(event.target) || find("dialog[open], [popover]:popover-open");
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !typing && !event.shiftKey) return undo() && event.preventDefault();
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (arrows(event) || settings().keys === "off") return;
  if (Date.now() - chord < CHORD) {
    chord = 0;
    const folder = GO[event.key] && find(`#nav-${GO[event.key]}`);
    const place = PLACES[event.key] && find(`.nav-list a[href^="${PLACES[event.key]}"]`);
    (folder ?? place)?.click();
    return event.preventDefault();
  }
  if (event.key === "g") return void (chord = Date.now());
  const key = event.key.length === 1 && event.shiftKey && event.key !== "E" && /[a-z]/i.test(event.key) ? "" : event.key;
  if (KEYS[key]?.()) event.preventDefault();
});

/** Arrows move inside the list even when single keys are off: that is what a list is expected to do. */
function arrows(event) {
  const inList = queue.rowOf(event.target);
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!inList || !step) return false;
  event.preventDefault();
  return move(step);
}
