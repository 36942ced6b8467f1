// Who else is here: this page says which conversation it shows and whether somebody writes; others' names stand above
// the thread, and a pencil on the row.
import { debounce, find, findAll } from "./page.js";

const BEAT = 20000;
const PAUSE = 6000;
const mine = crypto.randomUUID?.() ?? "";
let at = "";
let doing = "";
let quiet = 0;
let here = {};

async function note(id, does) {
  const form = new FormData();
  const fields = { csrf_token: find("meta[name=csrf-token]").content, window: mine, doing: does };
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  const url = `/conversations/${id}/presence`;
  if (does === "gone") return navigator.sendBeacon(url, form);
  hear(await fetch(url, { method: "POST", body: form, headers: { Accept: "application/json", "X-Background": "1" } }).catch(() => null));
}

async function hear(answer) {
  if (!answer?.ok) return;
  here = (await answer.json()).conversations;
  draw();
}

const ask = async () => hear(await fetch("/presence", { headers: { Accept: "application/json", "X-Background": "1" } }).catch(() => null));

function does(what) {
  if (!at || doing === what) return;
  doing = what;
  note(at, what);
}

function look(isLeaving = document.hidden) {
  const id = isLeaving === true ? "" : (find("#conversation")?.dataset.conversation ?? "");
  if (id === at) return;
  if (at) note(at, "gone");
  [at, doing] = [id, ""];
  does("viewing");
}

const names = (people) => (people.length > 2 ? `${people[0].name} and ${people.length - 1} others` : people.map(({ name }) => name).join(" and "));
function sentence(people) {
  const writers = people.filter(({ writes }) => writes);
  const [who, verb] = writers.length ? [writers, "writing…"] : [people, "viewing"];
  return who.length ? `${names(who)} ${who.length > 1 ? "are" : "is"} ${verb}` : "";
}

function draw() {
  const banner = find("#presence");
  const people = here[find("#conversation")?.dataset.conversation] ?? [];
  if (banner) {
    // What is read stays where it is: the thread is held at its foot while the line above it comes and goes.
    const thread = find("#thread-scroll");
    const rest = thread.scrollHeight - thread.scrollTop - thread.clientHeight;
    banner.hidden = !people.length;
    banner.dataset.doing = people.some(({ writes }) => writes) ? "writing" : "viewing";
    find("span", banner).textContent = sentence(people);
    thread.scrollTop = thread.scrollHeight - thread.clientHeight - rest;
  }
  for (const row of findAll("#rows > .row")) {
    const writers = (here[row.dataset.conversation] ?? []).filter(({ writes }) => writes);
    const mark = find(".row-writing", row);
    if (!writers.length) {
      mark?.remove();
      delete row.dataset.writing;
    } else if (!mark || row.dataset.writing === undefined) {
      row.dataset.writing = "";
      const fresh = find("#writing-template")?.content.cloneNode(true);
      if (fresh && !mark) find(".row-name", row)?.after(fresh);
    }
    const shown = writers.length && find(".row-writing", row);
    if (shown) find("span", shown).textContent = shown.title = sentence(writers);
  }
}

document.addEventListener("input", ({ target }) => {
  if (target.id !== "reply") return;
  clearTimeout(quiet);
  does(target.value.trim() ? "writing" : "viewing");
  quiet = setTimeout(() => does("viewing"), PAUSE);
});
document.addEventListener("htmx:after:swap", debounce(20, () => {
  look();
  if (at && !find("#reply")?.value) does("viewing");
  draw();
}));
document.addEventListener("visibilitychange", () => look());
document.addEventListener("live:presence", debounce(150, ask));
document.addEventListener("live:resync", debounce(1000, ask));
window.addEventListener("pagehide", () => look(true));
window.addEventListener("pageshow", () => look());
setInterval(() => at && note(at, doing), BEAT);
look();
if (!at && find("#rows")) ask();
