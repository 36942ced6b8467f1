// Small things that several modules need: finding parts of the page, asking the server, saying something.

export const find = (selector, root = document) => root.querySelector(selector);
export const findAll = (selector, root = document) => [...root.querySelectorAll(selector)];
export const app = () => document.getElementById("app");
export const settings = () => app()?.dataset ?? {};

export function debounce(wait, work) {
  let timer;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...given), wait);
  };
}

/** Posts as the page's own forms do; the answer brings the changed pieces. */
export function post(url, source, values = {}) {
  return htmx.ajax("POST", url, {
    source,
    target: "#toasts",
    swap: "none",
    values: { form_id: crypto.randomUUID(), back: location.pathname + location.search, ...values },
  });
}

/** Fetches a fragment again because something changed, not because a person did something. */
export function refetch(url, target, swap = "outerMorph") {
  const element = typeof target === "string" ? find(target) : target;
  if (!element) return Promise.resolve();
  return htmx.ajax("GET", url, { source: element, target: element, swap, headers: { "X-Background": "1" } });
}

export function say(text, tone = "neutral", milliseconds = 5000) {
  const toast = document.createElement("div");
  toast.className = `toast is-${tone}`;
  toast.setAttribute("role", tone === "danger" ? "alert" : "status");
  toast.dataset.toast = milliseconds;
  const words = document.createElement("span");
  words.className = "toast-text";
  words.textContent = text;
  toast.append(words);
  document.getElementById("toasts")?.append(toast);
  return toast;
}

export const isTyping = (element) =>
  Boolean(element?.closest?.("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]"));
