// A conversation in a small window that stays while one moves through the pages. This tab remembers its id, and nothing else.
import { find, settings } from "./page.js";

const KEY = "dock";

function kept() {
  try {
    const found = JSON.parse(sessionStorage.getItem(KEY));
    return found?.member === settings().member ? found : null;
  } catch {
    return null;
  }
}

function keep(change) {
  if (change === null) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, JSON.stringify({ ...kept(), member: settings().member, ...change }));
  draw();
}

/** Where the page itself shows the conversation, a second one beside it would only confuse. */
function draw() {
  const at = kept();
  const box = find("#dock");
  const shownBeside = find(`#conversation[data-conversation="${CSS.escape(at?.id ?? "")}"]`);
  if (!at || shownBeside) return box?.remove();
  const dock = box ?? add();
  dock.classList.toggle("is-small", Boolean(at.small));
  find("[data-dock-fold]", dock).ariaExpanded = String(!at.small);
  find("[data-dock-open]", dock).href = at.url.replace("/window", "");
  const frame = find("iframe", dock);
  // Folded, it is not looked at: nothing in it is read by anybody.
  if (at.small) frame.removeAttribute("src");
  else if (frame.getAttribute("src") !== at.url) frame.src = at.url;
}

function add() {
  document.body.append(find("#dock-template").content.cloneNode(true));
  const dock = find("#dock");
  find("iframe", dock).addEventListener("load", ({ target }) => {
    try {
      target.contentDocument.addEventListener("keydown", (event) => event.key === "Escape" && !event.defaultPrevented && leave(event));
    } catch {
      // It shows something that is not ours; the cross beside it still closes it.
    }
  });
  return dock;
}

/** Escape leaves a field or a menu first, and the window only after that. */
function leave(event) {
  if (event.target.closest("input, textarea, select, [popover]:popover-open, dialog")) return;
  if (event.target.ownerDocument.querySelector("[popover]:popover-open, dialog[open]")) return;
  close();
}

function close() {
  keep(null);
  (find("#conversation") ?? find("#main"))?.focus({ preventScroll: true });
}

export function dock(id, url) {
  keep({ id, url, small: false });
  if (!find("#dock")) return false;
  find("#dock iframe").addEventListener("load", ({ target }) => target.contentWindow.focus(), { once: true });
  return true;
}

document.addEventListener("click", ({ target }) => {
  if (target.closest?.("[data-dock-close]")) close();
  else if (target.closest?.("[data-dock-fold]")) keep({ small: !kept()?.small });
});
document.addEventListener("keydown", (event) => event.key === "Escape" && event.target.closest?.("#dock") && leave(event));
document.addEventListener("htmx:after:swap", draw);
draw();
