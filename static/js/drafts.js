// What was begun stays: saved a second after the typing stops and whenever one leaves. While the server is away it
// waits in this window, under ids alone, until it was saved, sent, or somebody signed out.
import { find, findAll, say, settings } from "./page.js";
import { refresh } from "./rows.js";

const AFTER = 1000;
const AGAIN = 10000;
const FRESH = 10000;
const PREFIX = "draft:";
const states = new Map();
const place = (id) => `${PREFIX}${settings().member}:${id}`;
const area = (id) => find(`form[data-conversation="${CSS.escape(id)}"] #reply`);

/** The words to show in a composer that has just come: what is not saved yet goes before what the server keeps. */
export function restore(form, box) {
  const id = form.dataset.conversation;
  const server = { text: box.defaultValue, version: Number(form.elements.draft_version.value) };
  const before = states.get(id);
  const local = stored(id);
  const state = { ...server, saved: server.text, form: fields(form), timer: 0 };
  clearTimeout(before?.timer);
  states.set(id, state);
  if (box.dataset.problem !== undefined) return later(id, box.value);
  if (before && before.text === before.saved && before.version > server.version && Date.now() - before.savedAt < FRESH) {
    // The page was on its way while the words were being saved: it cannot know them yet.
    Object.assign(state, { text: before.text, saved: before.saved, version: before.version });
    form.elements.draft_version.value = before.version;
    box.value = before.text;
    return;
  }
  const unsaved = before && before.text !== before.saved ? before : local;
  // Somebody began before the scripts had come.
  if (!before && box.value !== server.text) return later(id, box.value);
  if (!unsaved || unsaved.text === server.text) return forget(id);
  if (box.dataset.returned !== undefined) {
    // What was taken back stands before what has been written since.
    box.value = `${server.text}\n\n${unsaved.text}`;
    return later(id, box.value, 0);
  }
  if (server.version > unsaved.version + 1) return offer(id, unsaved.text);
  box.value = unsaved.text;
  later(id, unsaved.text, 0);
}

export function write(form, text) {
  const id = form.dataset.conversation;
  if (!states.has(id)) states.set(id, { text: "", saved: "", version: 0, timer: 0 });
  Object.assign(states.get(id), { form: fields(form) });
  later(id, text);
}

/** It is on its way, or has left: nothing of it is to be kept. */
export const pause = (id) => clearTimeout(states.get(id)?.timer);
export function sent(id) {
  pause(id);
  states.delete(id);
  forget(id);
}
export const goOn = (id) => states.has(id) && later(id, states.get(id).text);

const fields = (form) => ({ url: form.dataset.draft, form_id: form.elements.form_id.value });

function later(id, text, wait = AFTER) {
  const state = states.get(id);
  state.text = text;
  clearTimeout(state.timer);
  if (text === state.saved) return;
  tell(id, "");
  state.timer = setTimeout(() => save(id), wait);
}

function asked(state) {
  const form = new FormData();
  const given = { csrf_token: find("meta[name=csrf-token]").content, form_id: state.form.form_id, body: state.text, draft_version: state.version, quietly: 1 };
  for (const [name, value] of Object.entries(given)) form.set(name, value);
  return form;
}

async function save(id) {
  const state = states.get(id);
  if (!state || state.text === state.saved) return;
  const { text } = state;
  try {
    const answer = await fetch(state.form.url, { method: "POST", body: asked(state), headers: { Accept: "application/json" } });
    if (answer.status === 401) document.dispatchEvent(new CustomEvent("session:ended"));
    if (answer.status >= 500 || answer.status === 401 || answer.status === 403) throw new Error("not saved");
    if (!answer.ok) return tell(id, "");
    const { version, replaced } = await answer.json();
    if (states.get(id) !== state) return;
    Object.assign(state, { version, saved: text, savedAt: Date.now() });
    const form = area(id)?.form;
    if (form) form.elements.draft_version.value = version;
    if (replaced) offer(id, replaced);
    if (state.text !== text) return later(id, state.text);
    forget(id);
    tell(id, text.trim() && "Draft saved");
  } catch {
    if (states.get(id) !== state) return;
    remember(id, state);
    tell(id, "Draft kept in this window");
    state.timer = setTimeout(() => save(id), AGAIN);
  }
}

/** Now, since nobody knows whether the page comes back. */
function leave() {
  for (const [id, state] of states) {
    if (state.text === state.saved) continue;
    remember(id, state);
    navigator.sendBeacon(state.form.url, asked(state));
  }
}

const flush = () => [...states.keys()].forEach((id) => (pause(id), save(id)));
const tell = (id, words) => {
  const shown = area(id) && find("#draft-state");
  if (shown) shown.textContent = words;
};

/** The last that was written is kept; what stood there is one press away. */
function offer(id, text) {
  const toast = say("Another window of yours held a different draft here. This one is kept.", "neutral", 15000);
  const button = Object.assign(document.createElement("button"), { type: "button", className: "text-button", textContent: "Use the other" });
  button.addEventListener("click", () => {
    const box = area(id);
    toast.remove();
    if (!box) return;
    box.value = text;
    box.focus();
    box.dispatchEvent(new Event("input", { bubbles: true }));
  });
  toast.append(button);
}

// ---- in this window, while the server cannot be reached ----

function remember(id, { text, version }) {
  try {
    sessionStorage.setItem(place(id), JSON.stringify({ text, version }));
  } catch {
    // A browser that keeps nothing: the page itself still holds the words.
  }
}
const forget = (id) => sessionStorage.removeItem(place(id));
function stored(id) {
  try {
    return JSON.parse(sessionStorage.getItem(place(id)));
  } catch {
    return null;
  }
}

// What somebody else left here is not for this member.
for (const key of Object.keys(sessionStorage)) if (key.startsWith(PREFIX) && !key.startsWith(place(""))) sessionStorage.removeItem(key);
document.addEventListener("submit", ({ target }) => {
  if (!target.action?.endsWith("/sign-out")) return;
  leave();
  states.clear();
  sessionStorage.clear();
});
window.addEventListener("pagehide", leave);
document.addEventListener("visibilitychange", () => document.hidden && flush());
document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => ctx.request?.method === "GET" && !ctx.request.headers["X-Background"] && flush());
window.addEventListener("online", flush);
document.addEventListener("session:resumed", flush);
window.addEventListener("beforeunload", (event) => {
  const isLost = [...states.entries()].some(([id, { text, saved }]) => text !== saved && stored(id));
  if (isLost) event.preventDefault();
});

/** Another window of this member began, emptied or sent a draft: the row is marked, a composer nobody has touched follows. */
document.addEventListener("live:draft", async ({ detail: { conversation } }) => {
  for (const row of findAll(`#rows > .row[data-conversation="${CSS.escape(conversation)}"]`)) if (row.dataset.task) refresh(row.dataset.task);
  const state = states.get(conversation);
  const box = area(conversation);
  if (!box || !state || state.text !== state.saved) return;
  const answer = await fetch(box.form.dataset.draft, { headers: { Accept: "application/json", "X-Background": "1" } }).catch(() => null);
  if (!answer?.ok || state.text !== state.saved || states.get(conversation) !== state || !box.isConnected) return;
  const { body, version } = await answer.json();
  Object.assign(state, { text: body, saved: body, version });
  box.form.elements.draft_version.value = version;
  if (box.value === body) return;
  box.value = body;
  document.dispatchEvent(new CustomEvent("composer:measure"));
});
