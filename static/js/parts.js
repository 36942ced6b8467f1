// Behaviours that come with the part of a page that they are for, when it is first there.
import { find, settings } from "./page.js";

// The composer comes right after the page, before anybody can have opened a conversation in it.
const waiting = new Map([
  ["#queue, #conversation", () => import("./composer.js")],
  [".print-head", () => import("./print.js")],
  ["form[data-dirty]", () => import("./forms.js")],
  ["#rows, #conversation[data-open]", () => import("./presence.js")],
]);

/** What did not come, on a bad line, is asked for again with the next part; links and forms do the work meanwhile. */
function look() {
  for (const [part, load] of waiting) {
    if (!find(part)) continue;
    waiting.delete(part);
    load().catch(() => waiting.set(part, load));
  }
}

document.addEventListener("htmx:after:swap", look);
look();

// ---- the small window ----

const isWindow = () => settings().window !== undefined;
if (!isWindow() && sessionStorage.getItem("dock")) import("./dock.js").catch(() => {});

document.addEventListener("click", async (event) => {
  const link = event.target.closest?.("[data-dock]");
  if (!link || isWindow() || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const { dock } = await import("./dock.js").catch(() => ({}));
  if (!dock) location.assign(link.href);
  else if (!dock(link.dataset.dock, link.getAttribute("href"))) find(".conversation-back")?.click();
});
