// What all requests share: the form protection header, stale answers, and failures in words.
import { find, findAll, say } from "./page.js";

const WORDS = {
  403: "Your role does not allow that.",
  404: "It is gone, or not yours to see.",
  429: "Too many tries. Wait a moment, then try again.",
};

document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
  const token = find("meta[name=csrf-token]")?.content;
  if (token && ctx.request.method !== "GET") ctx.request.headers["X-CSRFToken"] = token;
  // What was left open stands in no address.
  if (ctx.sourceElement.matches?.("[data-filters]")) for (const [name, value] of [...ctx.request.body]) if (!value) ctx.request.body.delete(name);
});

document.addEventListener("htmx:before:swap", (event) => {
  const { ctx, tasks } = event.detail;
  const status = ctx.response?.status ?? 200;
  if (status >= 400 && !isForPage(ctx)) {
    event.preventDefault();
    refuse(ctx, status);
    return;
  }
  for (let i = tasks.length - 1; i >= 0; i--) if (isStale(tasks[i])) tasks.splice(i, 1);
});

document.addEventListener("htmx:error", ({ detail: { ctx, error } }) => {
  if (!ctx || error?.name === "AbortError") return;
  // So does a list that did not come.
  if (ctx.target?.id === "page" && find("#list-problem")) return;
  // A text that could not be handed over says so itself, where it stands.
  if (ctx.request?.headers["X-Background"] || ctx.sourceElement?.matches?.("form[data-composer]")) return;
  say(navigator.onLine ? "The server did not answer. Nothing was changed; try again." : "Offline. Try again when you are connected.", "danger", 8000);
});

document.addEventListener("htmx:after:swap", markPlace);

/** An error answer is swapped only when it holds parts of this page; a whole page never is. */
const isForPage = ({ text }) => /<hx-partial/.test(text);

/** A refusal is shown as a notice; what it was about is fetched again, since the page was behind. */
function refuse(ctx, status) {
  if (status === 401) return document.dispatchEvent(new CustomEvent("session:ended"));
  if (status === 423) return document.dispatchEvent(new CustomEvent("session:locked"));
  if (ctx.request.headers["X-Background"]) return;
  const holder = document.createElement("template");
  holder.innerHTML = ctx.text;
  const notice = holder.content.firstElementChild;
  if (notice?.classList.contains("toast")) find("#toasts")?.append(notice);
  else say(WORDS[status] ?? "That did not work. Nothing was changed; try again.", "danger", 8000);
  const row = ctx.sourceElement?.closest?.("[data-task]");
  if (status === 409 && row) document.dispatchEvent(new CustomEvent("page:behind", { detail: { task: row.dataset.task } }));
}

/** Answers can overtake each other: what is older than the page, or of another conversation, is dropped. */
function isStale({ fragment, target }) {
  const fresh = fragment?.firstElementChild;
  const shown = typeof target === "string" ? find(target) : target;
  if (!fresh || !shown) return false;
  const { conversation, version } = fresh.dataset;
  const pane = conversation && shown.parentElement?.closest("#conversation");
  return (pane && pane.dataset.conversation !== conversation) || (fresh.id === shown.id && Number(version) < Number(shown.dataset.version));
}

/** Keeps the navigation pointing at the address the page shows. */
function markPlace() {
  for (const link of findAll(".nav-list a.nav-link")) {
    const path = new URL(link.href).pathname;
    const here = location.pathname === path || location.pathname.startsWith(`${path}/`);
    link.ariaCurrent = here ? "page" : null;
  }
}
