// What several modules need: finding parts of the page, asking the server, saying something.

export const find = (selector, root = document) => root.querySelector(selector);
export const findAll = (selector, root = document) => [...root.querySelectorAll(selector)];
export const settings = () => find("#app")?.dataset ?? {};

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

/** A fragment's elements, unless it is gone. */
export async function fragment(url) {
  const answer = await fetch(url, { headers: { "HX-Request": "true", "HX-Request-Type": "partial", "HX-Current-URL": location.href, "X-Background": "1" } });
  if (!answer.ok) return null;
  const holder = document.createElement("template");
  holder.innerHTML = await answer.text();
  return holder.content;
}

const hands = new Map();

/** Asks in its place: of an element's requests the third is dropped, which must never be a person's. */
function handOf({ id }) {
  const hand = hands.get(id) ?? Object.assign(document.createElement("span"), { hidden: true });
  hands.set(id, hand);
  hand.isConnected || find("#app").append(hand);
  return hand;
}

/** Fetches a fragment again because something changed, not because a person did something. */
export function refetch(url, target, swap = "outerMorph") {
  const element = typeof target === "string" ? find(target) : target;
  if (!element) return Promise.resolve();
  return htmx.ajax("GET", url, { source: handOf(element), target: element, swap, headers: { "X-Background": "1" } });
}

export function say(text, tone = "neutral", milliseconds = 5000) {
  const toast = document.createElement("div");
  Object.assign(toast, { className: `toast is-${tone}`, role: tone === "danger" ? "alert" : "status" });
  toast.dataset.toast = milliseconds;
  toast.append(Object.assign(document.createElement("span"), { className: "toast-text", textContent: text }));
  find("#toasts")?.append(toast);
  return toast;
}

export const isTyping = (element) =>
  Boolean(element?.closest?.("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]"));
