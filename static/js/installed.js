// The product as an app: its own files kept at hand, and a word when there is a newer version.
import { find } from "./page.js";

const version = import.meta.url.split("/static/")[1]?.split("/")[0];
let isTold = false;

/** Never forced: somebody may be in the middle of a sentence. */
function offerReload() {
  if (isTold) return;
  isTold = true;
  const toast = Object.assign(document.createElement("div"), { className: "toast is-neutral", role: "status" });
  toast.dataset.toast = 24 * 60 * 60 * 1000;
  toast.append(Object.assign(document.createElement("span"), { className: "toast-text", textContent: "Updated." }));
  const button = Object.assign(document.createElement("button"), { className: "text-button", type: "button", textContent: "Reload" });
  button.addEventListener("click", () => location.reload());
  toast.append(button, find("#dismiss").content.cloneNode(true));
  find("#toasts")?.append(toast);
}

document.addEventListener("live:deploy", ({ detail }) => detail.version && detail.version !== version && offerReload());

// Who has signed out leaves no number behind on a shared desk.
document.addEventListener("submit", ({ target }) => {
  if (target.getAttribute("action")?.endsWith("/sign-out")) navigator.clearAppBadge?.().catch(() => {});
});

const worker = find("#app")?.dataset.worker;
if (worker) navigator.serviceWorker?.register(worker).catch(() => {});
