// Signals from the server: one tab listens, the others hear it from there. What changed is fetched again through its
// ordinary address; when the stream is away, every 15 seconds.
import { debounce, find, findAll, fragment, refetch, say, settings } from "./page.js";
import { refresh, reload } from "./rows.js";

const SIGNALS = ["task", "message", "delivery", "verification", "presence", "draft", "counts", "settings", "reminder", "deploy", "resync", "alive", "away", "back", "bye"];
const LATE = 10000;
const POLLS = 60000;
const EVERY = 15000;
// The server says every 15 seconds that it is there.
const SILENT = 40000;
const TICK = 5000;

// Signals are dated by another clock than pages.
const SKEW = 1000;

const MADE = Number(settings().live?.split("from=")[1]);
const msOf = (id) => Number(id?.split("-")[0]);

const me = String(Math.random());
const channel = new BroadcastChannel("triage-live");
let stream = null;
let lastId = "";
let tries = 0;
let lostAt = 0;
let polling = 0;
let isEnded = false;
let heardAt = 0;
let state = "live";

function hear(name, id, data) {
  if (id) lastId = id;
  const isOld = msOf(id) <= MADE;
  document.dispatchEvent(new CustomEvent(`live:${name}`, { detail: { ...data, isOld } }));
}

function pass(name, id, data) {
  hear(name, id, data);
  channel.postMessage({ name, id, data });
}

/** Followers hear what the leader hears; who has just come asks how things stand, and what came since. */
channel.onmessage = ({ data }) => {
  if (data.asks) return stream && channel.postMessage({ state, to: data.asks, isBehind: msOf(lastId) > data.from - SKEW });
  if (data.isBehind && data.to === me) hear("resync");
  data.state ? show(data.state) : hear(data.name, data.id, data.data);
};

function connect() {
  if (isEnded) return;
  stream?.close();
  clearTimeout(retrying);
  heardAt = Date.now();
  const line = (stream = new EventSource(lastId ? `${settings().live.split("?")[0]}?after=${encodeURIComponent(lastId)}` : settings().live));
  line.onopen = () => {
    heardAt = Date.now();
    if (lostAt) pass("resync");
    tries = lostAt = 0;
    tell("live");
  };
  line.onerror = () => {
    if (line !== stream) return;
    lost();
    if (line.readyState === line.CLOSED) again(), poll();
  };
  for (const name of SIGNALS) {
    line.addEventListener(name, ({ data, lastEventId }) => {
      heardAt = Date.now();
      if (name === "bye") {
        line.close();
        lost();
        retrying = setTimeout(connect, 500 + Math.random() * 2000);
      } else if (name === "away" || name === "back") {
        tell(name === "away" ? "late" : "live");
        pass("resync");
      } else if (name !== "alive") pass(name, lastEventId, data ? JSON.parse(data) : {});
    });
  }
}

let retrying = 0;
let reporting = 0;
function again() {
  const wait = Math.min(30000, 1000 * 2 ** tries++) * (0.5 + Math.random() / 2);
  clearTimeout(retrying);
  retrying = setTimeout(connect, wait);
}

function lost() {
  lostAt ||= Date.now();
  reporting ||= setTimeout(report, LATE);
}

/** After the laptop slept, or on a dead line. */
setInterval(() => {
  if (!stream || isEnded || Date.now() - heardAt < SILENT) return;
  lost();
  connect();
}, TICK);

function report() {
  reporting = 0;
  if (!lostAt || isEnded) return;
  const away = Date.now() - lostAt;
  tell(away > POLLS ? "late" : "reconnecting");
  if (away > POLLS && !polling) poll();
  reporting = setTimeout(report, LATE);
}

async function poll() {
  clearTimeout(polling);
  polling = 0;
  if (!lostAt || isEnded) return;
  polling = setTimeout(poll, EVERY);
  try {
    const answer = await fetch(`/live/since?after=${encodeURIComponent(lastId)}`, { headers: { "X-Background": "1" } });
    if (answer.status === 401) return end();
    if (answer.status === 423) return document.dispatchEvent(new CustomEvent("session:locked"));
    const { last, signals, version } = await answer.json();
    if (version) pass("deploy", "", { version });
    if (!lastId) pass("resync");
    for (const { kind, ids } of signals) kind === "away" ? pass("resync") : pass(kind, "", ids);
    lastId = last || lastId;
  } catch {
    // The strip says so, and the next try is scheduled.
  }
}

function end() {
  isEnded = true;
  stream?.close();
  document.dispatchEvent(new CustomEvent("session:ended"));
}

document.addEventListener("session:resumed", () => {
  if (isEnded) isEnded = false;
  if (settings().live && (!stream || stream.readyState === EventSource.CLOSED)) connect();
  everything();
});

// ---- the strip that says how fresh the page is ----

const STATES = {
  reconnecting: ["refresh-cw", "Reconnecting…"],
  late: ["triangle-alert", "Not live. Updating every 15 s"],
  offline: ["wifi-off", "Offline. Drafts are kept."],
};

function tell(now) {
  show(now);
  channel.postMessage({ state: now });
}

function show(now) {
  state = now;
  const strip = find("#strip");
  if (!strip) return;
  const [icon, words] = STATES[navigator.onLine ? state : "offline"] ?? [];
  strip.hidden = !words;
  strip.dataset.state = state;
  if (!words) return;
  find(".strip-text", strip).textContent = words;
  strip.title = words;
  const sprite = find("svg.icon use").getAttribute("href").split("#")[0];
  find(".strip-icon", strip).innerHTML = `<svg class="icon" aria-hidden="true"><use href="${sprite}#${icon}"></use></svg>`;
}

window.addEventListener("offline", () => show("offline"));
window.addEventListener("online", () => {
  show(lostAt ? "reconnecting" : state);
  if (stream && lostAt && !isEnded) connect();
});

// ---- what the page does about it ----

let counting = 0;
let countedAt = 0;
/** Soon, not later because more happens meanwhile, and under a stream of signals every other second. */
function counts() {
  counting ||= setTimeout(() => {
    counting = 0;
    countedAt = Date.now();
    refetch(`${settings().counts}${location.search || "?"}&active=${find("#queue")?.dataset.folder ?? ""}`, "#counts");
  }, Math.max(500, countedAt + 2000 - Date.now()));
}
const thread = debounce(150, () => {
  const open = find("#thread");
  if (!open) return;
  open.dataset.extended === undefined ? refetch(open.dataset.source, "#thread") : extend(open.dataset.source);
});

/** With earlier messages loaded above, only what is new or changed is put in. */
async function extend(source) {
  const list = find("#thread .thread");
  const fresh = await fragment(source);
  if (find("#thread")?.dataset.source !== source) return;
  for (const item of fresh?.querySelectorAll(".thread > [id^=m-]") ?? []) {
    const shown = document.getElementById(item.id);
    shown ? shown.replaceWith(item) : list.append(item);
    htmx.process(item);
  }
}
const isOpen = (id) => Boolean(id) && find("#conversation")?.dataset.conversation === id;

function everything() {
  counts();
  thread();
  reload();
}

document.addEventListener("live:task", ({ detail }) => {
  if (!detail.task) return findAll(`#rows > .row[data-conversation="${CSS.escape(detail.conversation ?? "")}"]`).forEach((row) => refresh(row.dataset.task));
  refresh(detail.task, Number(detail.version));
  const header = find(`#task-${CSS.escape(detail.task)}`);
  if (isOpen(detail.conversation) && !(header && Number(header.dataset.version) >= Number(detail.version))) thread();
});
document.addEventListener("page:behind", ({ detail }) => {
  refresh(detail.task);
  thread();
});
document.addEventListener("live:message", ({ detail }) => {
  if (detail.gone) document.getElementById(`m-${detail.gone}`)?.remove();
  if (isOpen(detail.conversation)) thread();
  if (detail.task) refresh(detail.task, Number(detail.version));
});
document.addEventListener("live:delivery", ({ detail }) => isOpen(detail.conversation) && thread());
document.addEventListener("live:verification", thread);
for (const name of ["task", "message", "delivery", "reminder", "counts"]) document.addEventListener(`live:${name}`, counts);
document.addEventListener("live:resync", debounce(200, everything));
document.addEventListener("live:settings", () => say("Settings changed. Reload to use them."));

let hiddenAt = 0;
document.addEventListener("visibilitychange", () => {
  if (document.hidden) hiddenAt = Date.now();
  else if (hiddenAt && Date.now() - hiddenAt > 30000) everything();
});

if (settings().live) {
  if (navigator.locks) navigator.locks.request("triage-live", () => new Promise(connect));
  else connect();
  channel.postMessage({ asks: me, from: MADE });
}
