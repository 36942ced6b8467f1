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
const focused = () => queue.rowOf(document.activeElement);
const click = (element) => (element?.click(), Boolean(element));
const press = (key) => click(find(`#conversation [data-key="${CSS.escape(key)}"]`));

/** The open conversation's own button does it; without one, the row at hand. */
function onTask(key, verb, does) {
  if (isOpen()) return press(key);
  const row = focused();
  if (!row) return false;
  showState(row.dataset.task, does);
  post(`/tasks/${row.dataset.task}/${verb}`, row, { version: row.dataset.version });
  return true;
}

const after = (row) => row && (queue.neighbour(row, 1) ?? queue.neighbour(row, -1));
const onceSwapped = (work) => document.addEventListener("htmx:after:swap", work, { once: true });

/** Completing moves on to the next row, at the end to the one before. */
function andGoOn(key, verb, does) {
  const row = isOpen() ? queue.openRow() : focused();
  if (!onTask(key, verb, does)) return false;
  const next = after(row);
  if (next) isOpen() ? show(next) : queue.focusRow(next);
  return true;
}

document.addEventListener("composer:done", () => {
  const row = queue.openRow();
  const next = after(row);
  if (next) onceSwapped(() => setTimeout(() => show(next), 20));
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
  if (row) queue.open(row), onceSwapped(() => setTimeout(work));
  return Boolean(row);
}

function backToQueue() {
  if (isPanelOver()) return togglePanel(false), true;
  const row = queue.openRow() ?? queue.current();
  if (!row || focused() === row) return false;
  queue.focusRow(row);
  return true;
}

function unread() {
  if (isOpen()) return press("i");
  const row = focused();
  if (row) post(`/conversations/${row.dataset.conversation}/unread`, row);
  return Boolean(row);
}

const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  o: () => openThen(() => find("#conversation")?.focus({ preventScroll: true })),
  u: backToQueue,
  Escape: backToQueue,
  e: () => andGoOn("e", "completion", "complete"),
  E: () => onTask("E", "reopening", "reopen"),
  "#": () => andGoOn("#", "deletion", "delete"),
  m: () => onTask("m", "claim", "claim"),
  a: () => (isOpen() ? press("a") : openThen(() => press("a"))),
  s: () => (isOpen() ? press("s") : click(focused() && find("[data-does=star]", focused()))),
  i: unread,
  r: () => (find("#reply")?.focus(), Boolean(find("#reply"))),
  z: undo,
  p: () => (togglePanel(), Boolean(find("#panel"))),
  c: () => click(find("[data-key=c]")),
  "/": () => (find("#f-q")?.focus(), click(find("#f-q") ?? find(".nav-find"))),
  "?": () => (find("#shortcuts").showModal(), true),
};

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing) return;
  if (event.key === "/" && event.target.id === "f-q" && !event.target.value) return event.preventDefault();
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
