// The queue: which row is open or has the focus, rows that leave, and new ones that wait behind a pill.
import { debounce, find, findAll, fragment, refetch, settings } from "./page.js";

const STAYS = 10000;
const SLOW = 300;
// Of more new rows than this the list is fetched as a whole.
const MOST = 50;
const waiting = new Map();

export const rows = () => findAll("#rows > .row");
/** Fetched again, the open row is not marked for a moment; the conversation names it. */
export const openRow = () => find("#rows .row:has(> .row-link[aria-current=true])") ?? rowsOf(find("#conversation[data-open]")?.dataset.task)[0];
export const rowOf = (element) => element?.closest?.("#rows > .row");
export const rowsOf = (task) => (task ? findAll(`#rows > .row[data-task="${CSS.escape(task)}"]`) : []);
export const current = () => rowOf(document.activeElement) ?? openRow() ?? find("#rows .row:has(> .row-link[tabindex='0'])") ?? rows()[0];
const link = (row) => find(".row-link", row);
const isGone = (row) => row.dataset.gone !== undefined;

/** One row can be reached with Tab, with all that is in it; the others with J, K and the arrows. */
function rove(row) {
  for (const other of rows()) {
    for (const part of findAll(".row-link, .row-check input, .row-tools button", other)) part.tabIndex = other === row ? 0 : -1;
  }
}

export function focusRow(row) {
  if (!row) return find("#queue")?.focus({ preventScroll: true });
  rove(row);
  link(row).focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

export function open(row) {
  link(row)?.click();
}

/** The row beside it; `stays` passes over rows that are about to leave. */
export function neighbour(row, step, stays = false) {
  const all = rows();
  let at = all.indexOf(row) + step;
  while (stays && all[at] && isGone(all[at])) at += step;
  return all[at];
}

/** After work on it: the next one that still waits, at the end the one before. */
export const after = (row) => row && (neighbour(row, 1, true) ?? neighbour(row, -1, true));

function settle() {
  const opened = find("#conversation")?.dataset ?? {};
  const all = rows();
  const isOfMessages = (row) => row.id.startsWith("r-");
  const clicked = all.find((row) => isOfMessages(row) && link(row).hasAttribute("aria-current"));
  for (const row of all) {
    const isSame = isOfMessages(row) ? row.dataset.conversation === opened.conversation : row.dataset.task === opened.task;
    const isOpen = Boolean(opened.conversation) && isSame && (!clicked || row === clicked);
    link(row).ariaCurrent = isOpen ? "true" : null;
    if (isGone(row)) scheduleLeave(row);
    else delete row.dataset.leaves;
  }
  rove(rowOf(document.activeElement) ?? openRow() ?? all.find((row) => link(row).getAttribute("tabindex") === "0") ?? all[0]);
  say();
  document.dispatchEvent(new CustomEvent("rows:settled"));
}

/** "50 of 214" above the list. */
function say() {
  const shown = find("#shown");
  if (!shown) return;
  const total = Number(shown.dataset.total);
  const words = total > 999 ? "999+" : String(total || "");
  shown.textContent = find("#older") ? `${rows().length} of ${words}` : words;
}

/** A row that no longer belongs here says why, and goes when nobody is on it. */
function scheduleLeave(row) {
  if (row.dataset.leaves) return;
  row.dataset.leaves = "soon";
  setTimeout(() => leaveWhenFree(row), STAYS);
}

let isPointing = false;
document.addEventListener("pointermove", ({ target, pointerType }) => (isPointing = pointerType === "mouse" && Boolean(target.closest?.("#queue-scroll"))));
document.addEventListener("keydown", () => (isPointing = false));

/** While the mouse is on the list nothing moves under it. */
function leaveWhenFree(row) {
  if (!row.isConnected || !isGone(row)) return;
  if (row.contains(document.activeElement) || openRow() === row) return delete row.dataset.leaves;
  if (isPointing) return setTimeout(() => leaveWhenFree(row), 1000);
  row.classList.add("is-leaving");
  setTimeout(() => {
    row.remove();
    if (!rows().length) reload();
  }, 180);
}

const othersLeave = (row) => findAll("#rows .row[data-gone]").forEach((other) => other !== row && leaveWhenFree(other));

document.addEventListener("focusin", ({ target }) => {
  const row = rowOf(target);
  if (row) othersLeave(row);
});

document.addEventListener("click", (event) => {
  const opened = event.target.closest?.(".row-link");
  if (opened && !event.defaultPrevented && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    for (const other of findAll("#rows .row-link[aria-current]")) other.ariaCurrent = null;
    opened.ariaCurrent = "true";
    focusRow(rowOf(opened));
    othersLeave(rowOf(opened));
  }
  if (event.target.closest?.("#new-pill button")) reveal();
}, true);

// ---- what a swap must not lose: the focus, and rows that came twice ----

let had = null;
let place = null;
const touches = (tasks, id) => tasks.some(({ target }) => (typeof target === "string" ? find(target) : target)?.id === id);

document.addEventListener("htmx:before:swap", ({ detail: { tasks } }) => {
  had = document.activeElement?.id;
  const row = rowOf(document.activeElement);
  place = row ? rows().indexOf(row) : -1;
  if (touches(tasks, "page")) waiting.clear();
});

function refocus() {
  if (document.activeElement && document.activeElement !== document.body) return;
  if (had && document.getElementById(had)?.checkVisibility()) return document.getElementById(had).focus({ preventScroll: true });
  if (place >= 0) return focusRow(rows()[Math.min(place, rows().length - 1)]);
  if (had) find("#queue")?.focus({ preventScroll: true });
}

function onlyOnce() {
  const seen = new Set();
  for (const row of rows()) seen.has(row.id) ? row.remove() : seen.add(row.id);
}

document.addEventListener("htmx:after:swap", () => {
  onlyOnce();
  refocus();
  navigate();
});

/** The folders beside the list keep its filters, and count with them. */
const filters = () => {
  const kept = new URLSearchParams(location.search);
  for (const name of ["task", "full", "after", "patient"]) kept.delete(name);
  return kept.toString();
};
let filtered = filters();

function navigate() {
  if (!find("#queue") || filters() === filtered) return;
  filtered = filters();
  refetch(`${settings().counts}?${filtered}&active=${find("#queue").dataset.folder}`, "#counts");
}
document.addEventListener("htmx:after:swap", debounce(10, settle));
settle();

// ---- a list that takes its time, or does not come ----

let slow = 0;
const ofPage = ({ target, select }) => select === "#page" || target?.id === "page";
const calm = () => (clearTimeout(slow), queue()?.classList.remove("is-loading"));

document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
  if (!ofPage(ctx) || !queue()) return;
  queue().classList.remove("is-broken");
  find(".is-problem")?.remove();
  slow = setTimeout(() => queue()?.classList.add("is-loading"), SLOW);
});
document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => ofPage(ctx) && calm());
for (const name of ["htmx:error", "htmx:response:error"]) {
  document.addEventListener(name, ({ detail: { ctx } }) => {
    const template = find("#list-problem");
    if (!ctx || !ofPage(ctx) || !template || find(".is-problem") || ctx.request.method !== "GET") return;
    const box = template.content.firstElementChild.cloneNode(true);
    find("a", box).href = ctx.request.action;
    template.before(box);
    queue().classList.add("is-broken");
  });
}

// ---- rows that change while the page is open ----

const queue = () => find("#queue");
const rowsUrl = (task = "") => `/inbox/${queue().dataset.folder}/rows${task ? `/${task}` : ""}${location.search}`;

/** The whole list again, as long as it is now. */
export function reload() {
  if (!queue()) return Promise.resolve();
  const size = `size=${rows().length}`;
  return refetch(`${rowsUrl()}${location.search ? "&" : "?"}${size}`, "#list");
}

const changed = new Map();
let fetching = 0;

/** Fetches a row again, or finds out whether it belongs here now; those of a moment together. */
export function refresh(task, version) {
  changed.set(task, Math.max(version || Infinity, changed.get(task) ?? 0));
  fetching ||= setTimeout(bring, 50 + Math.random() * 100);
}

async function bring() {
  const tasks = [...changed];
  changed.clear();
  fetching = 0;
  if (!queue() || find("#rows > [id^=r-]")) return;
  const missing = tasks.filter(([task]) => !rowsOf(task).length).map(([task]) => task);
  if (missing.length && (!find("#rows") || missing.length > MOST)) return reload();
  for (const [task, version] of tasks) {
    for (const row of rowsOf(task)) if (Number(row.dataset.version) < version) refetch(rowsUrl(task), `#${CSS.escape(row.id)}`);
  }
  if (missing.length) add(missing);
}

async function add(tasks) {
  const list = find("#rows");
  const asked = `${location.search ? "&" : "?"}only=${tasks}`;
  const found = await fragment(rowsUrl() + asked);
  if (!found || list !== find("#rows")) return;
  const isBusy = isBusyReading();
  for (const row of findAll(".row", found)) {
    if (isGone(row) || document.getElementById(row.id)) continue;
    const before = placeOf(row);
    before && isBusy ? hold(row) : insert(row, before);
  }
  settle();
}

const moment = (row) => Date.parse(find("time", row)?.dateTime ?? "") || 0;
const newestFirst = () => queue().dataset.sort === "newest";
const isBusyReading = () => find("#queue-scroll").scrollTop > 8 || find("#rows").contains(document.activeElement);
/** As the server sorts: by time, and within one instant by id, which grows with time. */
const isEarlier = (one, other) => moment(one) - moment(other) || (one.dataset.task < other.dataset.task ? -1 : 1);
const placeOf = (row) => rows().find((other) => isEarlier(other, row) * (newestFirst() ? 1 : -1) < 0);

/** What lies beyond the end comes when it is asked for. */
function insert(row, before = placeOf(row)) {
  const older = find("#older");
  if (!before && older) return;
  row.classList.add("is-new");
  find("#rows").insertBefore(row, before ?? null);
  htmx.process(row);
}

function hold(row) {
  waiting.set(row.id, row);
  count();
}

function count() {
  const pill = find("#new-pill");
  pill.hidden = !waiting.size;
  find("span", pill).textContent = `${waiting.size} new`;
}

/** Who took a step back sees the row where it was, at once. */
document.addEventListener("htmx:before:swap", ({ detail: { ctx } }) => {
  if (!ctx.sourceElement?.matches?.("form[data-undo]") || ctx.response.status >= 400 || !find("#queue")) return;
  if (!find("#rows")) return void reload();
  const answer = document.createElement("template");
  answer.innerHTML = ctx.text;
  for (const row of findAll(".row", answer.content)) {
    waiting.delete(row.id);
    if (!isGone(row) && !document.getElementById(row.id)) insert(row);
  }
  count();
});

function reveal() {
  const fresh = [...waiting.values()].filter((row) => !document.getElementById(row.id));
  for (const row of fresh) insert(row);
  settle();
  waiting.clear();
  find("#new-pill").hidden = true;
  const first = rows().find((row) => fresh.includes(row)) ?? rows()[0];
  focusRow(first);
}
