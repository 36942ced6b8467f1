// The session as the page sees it: ended, locked, or back again. What is needed then is fetched then.

const cover = () => import("./cover.js");
const channel = new BroadcastChannel("triage-session");

export const show = async (kind) => (await cover()).show(kind);
export const lockNow = async () => (await cover()).lock();

document.addEventListener("session:ended", () => show("ended"));
document.addEventListener("session:locked", () => show("locked"));
channel.onmessage = ({ data }) => {
  if (data === "locked") show("locked");
  if (data === "left") show("ended");
};

/** Whoever signs out leaves nothing in this tab, and covers the others. */
document.addEventListener("submit", ({ target }) => {
  if (!target.action?.endsWith("/sign-out")) return;
  sessionStorage.clear();
  channel.postMessage("left");
});

document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || !event.shiftKey || event.key.toLowerCase() !== "l" || document.querySelector("#cover")?.open) return;
  event.preventDefault();
  lockNow();
});
document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-lock-now]")) return;
  event.preventDefault();
  event.target.closest("[popover]")?.hidePopover();
  lockNow();
});

// Nobody is idle in the first seconds of a page.
const watch = () => import("./idle.js").catch(() => setTimeout(watch, 30000));
setTimeout(watch, 10000);
