// Notices at the foot of the page: they leave by themselves, wait for who looks, and carry Undo.
import { find, findAll } from "./page.js";

const MOST = 3;
const timers = new WeakMap();

/** What can be taken back until a moment is offered until then, whoever looks. */
const isExact = (toast) => toast.dataset.exactly !== undefined;

function start(toast) {
  if (isExact(toast) && timers.has(toast)) return;
  clearTimeout(timers.get(toast));
  timers.set(toast, setTimeout(() => leave(toast), Number(toast.dataset.toast) || 5000));
}

export function leave(toast) {
  if (!toast?.isConnected) return;
  clearTimeout(timers.get(toast));
  toast.classList.add("is-leaving");
  setTimeout(() => toast.remove(), 180);
}

/** What has moved on since cannot be taken back by this any more. */
function expire(task, version) {
  for (const toast of findAll(`#toasts > [data-task="${CSS.escape(task)}"]`)) if (Number(toast.dataset.version) < version) leave(toast);
}
document.addEventListener("live:task", ({ detail: { task, version } }) => task && expire(task, Number(version)));

export function undo() {
  const form = findAll("#toasts > :not(.is-leaving) form[data-undo]").at(-1);
  form?.requestSubmit();
  return Boolean(form);
}

function adopt() {
  const toasts = findAll("#toasts > .toast:not(.is-leaving)");
  toasts.forEach((toast, at) => {
    if (toast.dataset.task) expire(toast.dataset.task, Number(toast.dataset.version));
    // Out of sight, their Undo still counts until their time is over.
    toast.classList.toggle("is-behind", at < toasts.length - MOST);
    if (!timers.has(toast)) start(toast);
  });
}

const region = () => document.getElementById("toasts");
const watch = new MutationObserver(adopt);
function begin() {
  if (!region()) return;
  watch.disconnect();
  watch.observe(region(), { childList: true });
  adopt();
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest?.("[data-dismiss]");
  if (button) leave(button.closest(".toast"));
});
for (const [event, pauses] of [["pointerover", true], ["pointerout", false], ["focusin", true], ["focusout", false]]) {
  document.addEventListener(event, ({ target }) => {
    if (!target.closest?.("#toasts")) return;
    for (const toast of findAll("#toasts > .toast")) isExact(toast) || (pauses ? clearTimeout(timers.get(toast)) : start(toast));
  });
}
document.addEventListener("htmx:after:request", ({ target }) => {
  if (target.matches?.("form[data-undo]")) leave(target.closest(".toast"));
});
document.addEventListener("htmx:after:settle", () => find("#toasts") && begin());
begin();
