// The queue: which row is open, which has the focus, rows that leave, and new rows that wait behind a pill.
import { debounce, find, findAll, fragment, refetch } from "./page.js";

const STAYS = 10000;
const waiting = new Map();

export const rows = () => findAll("#rows > .row");
export const openRow = () => find("#rows .row:has(> .row-link[aria-current=true])");
export const rowOf = (element) => element?.closest?.("#rows > .row");
export const current = () => rowOf(document.activeElement) ?? openRow() ?? find("#rows .row:has(> .row-link[tabindex='0'])") ?? rows()[0];
const link = (row) => find(".row-link", row);

/** One row can be reached with Tab; the others with J, K and the arrows. */
export function focusRow(row) {
  if (!row) return;
  for (const other of findAll("#rows .row-link[tabindex='0']")) other.tabIndex = -1;
  link(row).tabIndex = 0;
  link(row).focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

export function open(row) {
  link(row)?.click();
}

export function neighbour(row, step) {
  const all = rows();
  return all[all.indexOf(row) + step];
}

function settle() {
  const opened = find("#conversation")?.dataset ?? {};
  const all = rows();
  const isOfMessages = (row) => row.id.startsWith("r-");
  const clicked = all.find((row) => isOfMessages(row) && link(row).hasAttribute("aria-current"));
  for (const row of all) {
    const isSame = isOfMessages(row) ? row.dataset.conversation === opened.conversation : row.dataset.task === opened.task;
    const isOpen = Boolean(opened.conversation) && isSame && (!clicked || row === clicked);
    link(row).ariaCurrent = isOpen ? "true" : null;
    if (row.dataset.gone !== undefined) scheduleLeave(row);
  }
  const focused = rowOf(document.activeElement) ?? openRow() ?? all.find((row) => link(row).getAttribute("tabindex") === "0") ?? all[0];
  for (const row of all) link(row).tabIndex = row === focused ? 0 : -1;
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
  if (!row.isConnected || row.dataset.gone === undefined) return;
  if (row.contains(document.activeElement) || openRow() === row) return;
  if (isPointing) return setTimeout(() => leaveWhenFree(row), 1000);
  row.classList.add("is-leaving");
  setTimeout(() => {
    row.remove();
    if (!rows().length) refetch(rowsUrl(), "#list");
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

document.addEventListener("htmx:after:swap", debounce(10, settle));
settle();

// ---- rows that change while the page is open ----

const queue = () => find("#queue");
const rowsUrl = (task = "") => `/inbox/${queue().dataset.folder}/rows${task ? `/${task}` : ""}${location.search}`;

/** Fetches a row again, or, when it is not in the list, finds out whether it belongs here now. */
export async function refresh(task, version) {
  if (!queue() || find("#rows > [id^=r-]")) return;
  const shown = findAll(`#rows > .row[data-task="${CSS.escape(task)}"]`);
  if (shown.length) {
    if (version && shown.every((row) => Number(row.dataset.version) >= version)) return;
    for (const row of shown) await refetch(rowsUrl(task), `#${CSS.escape(row.id)}`);
    return;
  }
  if (!find("#rows")) return refetch(rowsUrl(), "#list");
  const list = find("#rows");
  const row = (await fragment(rowsUrl(task)))?.querySelector(".row");
  if (!row || list !== find("#rows") || row.dataset.gone !== undefined || document.getElementById(row.id)) return;
  newestFirst() && isBusyReading() ? hold(row) : insert(row);
}

const moment = (row) => Date.parse(find("time", row)?.dateTime ?? "") || 0;
const newestFirst = () => queue().dataset.sort === "newest";
const isBusyReading = () => find("#queue-scroll").scrollTop > 8 || find("#rows").contains(document.activeElement);

function insert(row) {
  const after = rows().find((other) => (newestFirst() ? moment(other) < moment(row) : moment(other) > moment(row)));
  const older = find("#older");
  if (!after && older && !newestFirst()) return;
  row.classList.add("is-new");
  find("#rows").insertBefore(row, after ?? older ?? null);
  htmx.process(row);
  settle();
}

function hold(row) {
  waiting.set(row.id, row);
  const pill = find("#new-pill");
  pill.hidden = false;
  find("span", pill).textContent = `${waiting.size} new`;
}

function reveal() {
  for (const row of waiting.values()) if (!document.getElementById(row.id)) insert(row);
  waiting.clear();
  find("#new-pill").hidden = true;
  find("#queue-scroll").scrollTo({ top: 0, behavior: "smooth" });
  focusRow(rows()[0]);
}
