// The open conversation: opened at the first new message, kept at its end, and never jumping.
import { find } from "./page.js";

const NEAR = 80;
let place = null;

const box = () => find("#thread-scroll");
const toEnd = () => box() && (box().scrollTop = box().scrollHeight);

function settle() {
  const rule = find("#new-rule");
  if (!box()) return;
  toEnd();
  if (rule && rule.offsetTop < box().scrollTop) box().scrollTop = rule.offsetTop - 24;
}

document.addEventListener("htmx:before:swap", ({ detail: { ctx, tasks } }) => {
  const touches = (id) => tasks.some(({ target }) => (typeof target === "string" ? find(target) : target)?.id === id);
  const area = box();
  place = null;
  if (touches("conversation") || touches("page")) place = { open: true };
  else if (area && (touches("thread") || touches("earlier"))) {
    if (touches("earlier")) find("#thread").dataset.extended = "yes";
    const rest = area.scrollHeight - area.scrollTop;
    const keeps = ctx.sourceElement?.matches?.("[data-keeps-place]");
    place = { rest, atEnd: !keeps && rest - area.clientHeight < NEAR, keeps };
  }
});

document.addEventListener("htmx:after:swap", () => {
  // Nobody stands beside a conversation that was closed.
  if (find("#conversation:not([data-open])")) find("#panel")?.remove();
  if (!place) return;
  const { open, atEnd, keeps, rest } = place;
  place = null;
  if (!keeps && (open || atEnd) && !document.hidden) seen();
  if (open) settle();
  else if (atEnd) toEnd();
  else if (keeps && box()) box().scrollTop = box().scrollHeight - rest;
});

/** What stands at the end of the thread has been seen: a reply is refused when something newer came since. */
function seen() {
  const newest = find("#thread")?.dataset.newest;
  const field = find("#composer input[name=last_seen_message_id]");
  if (newest && field) field.value = newest;
  const task = find("#composer input[name=task]")?.value;
  const header = task && find(`#task-${CSS.escape(task)}`);
  if (header) find("#composer input[name=version]").value = header.dataset.version;
}

settle();
document.fonts?.ready.then(() => location.hash || settle());

// ---- the patient panel, and how wide the navigation is ----

const isWide = () => matchMedia("(width >= 1240px)").matches;

export function togglePanel(force) {
  const shell = find("#app");
  const shown = isWide() ? shell.dataset.panel !== "closed" : shell.dataset.panel === "open";
  const show = force ?? !shown;
  if (!find("#panel")) return;
  shell.dataset.panel = show ? "open" : "closed";
  if (isWide()) keep("panel", show ? "" : "closed");
  if (show && !isWide()) find("#panel").focus({ preventScroll: true });
}

const keep = (name, value) => (document.cookie = `${name}=${value}; path=/; max-age=31536000; samesite=lax`);

export function toggleNav() {
  const { dataset } = find("#app");
  dataset.nav = dataset.nav ? "" : "narrow";
  keep("nav", dataset.nav);
}

export const isPanelOver = () => !isWide() && find("#app")?.dataset.panel === "open" && Boolean(find("#panel"));

document.addEventListener("click", ({ target }) => {
  if (target.closest?.("[data-toggle-nav]")) toggleNav();
  if (target.closest?.("[data-toggle-panel]")) {
    target.closest("[popover]")?.hidePopover();
    togglePanel();
  } else if (isPanelOver() && !target.closest?.("#panel")) togglePanel(false);
});
