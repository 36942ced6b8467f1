// The palette: everything the table of commands holds, and patients and colleagues that the server finds.
import { debounce, find, findAll } from "./page.js";
import { COMMANDS, isPossible, run } from "./keys.js";

const MOST = 20;
const KEPT = 5;
const RECENT = "palette-recent";
const HIDDEN = ["palette"];
const ORDER = ["Actions on this message", "Go to", "Anywhere", "Settings", "The queue"];
let dialog = null;
let from = null;
let found = [];
let every = [];
let asked = 0;

const field = () => find("input", dialog);
const list = () => find("#palette-list", dialog);
const options = () => findAll("[role=option]", dialog);
const active = () => find("[role=option][aria-selected=true]", dialog);

/** Names of commands and nothing else: no patient is remembered in a browser. */
function recent() {
  try {
    return JSON.parse(localStorage.getItem(RECENT) ?? "[]").filter((name) => typeof name === "string");
  } catch {
    return [];
  }
}

function remember(name) {
  localStorage.setItem(RECENT, JSON.stringify([name, ...recent().filter((other) => other !== name)].slice(0, KEPT)));
}

function commands() {
  return findAll("#shortcuts [data-command]")
    .filter(({ dataset }) => !HIDDEN.includes(dataset.command) && (dataset.url || (COMMANDS[dataset.command] && isPossible(dataset.command))))
    .map(({ dataset }) => ({ ...dataset, name: dataset.command, elsewhere: dataset.elsewhere !== undefined, key: dataset.keys.split("  ")[0] }))
    .sort((one, other) => ORDER.indexOf(one.group) - ORDER.indexOf(other.group));
}

/** Every word must begin a word of the label. */
function fits(label, typed) {
  const words = label.toLowerCase().split(/[\s,]+/);
  return typed.toLowerCase().split(/\s+/).every((part) => words.some((word) => word.startsWith(part)));
}

function element(tag, className, text = "") {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}

function line({ name, label, key, url = "", note = "", elsewhere = false }, at) {
  const option = element("li", "palette-option");
  Object.assign(option, { id: `palette-${at}`, role: "option", ariaSelected: "false" });
  Object.assign(option.dataset, { url });
  if (name) option.dataset.name = name;
  if (elsewhere) option.dataset.elsewhere = "";
  const words = element("span", "truncate");
  words.append(Object.assign(document.createElement("bdi"), { textContent: label }));
  option.append(words);
  if (note) option.append(element("span", "palette-note truncate", note));
  const caps = element("span", "palette-keys");
  for (const cap of key ? key.split(/[ +]/) : []) caps.append(element("kbd", "", { mod: "Ctrl", Escape: "Esc", ArrowDown: "↓", ArrowUp: "↑" }[cap] ?? (cap.length === 1 ? cap.toUpperCase() : cap)));
  option.append(caps);
  return option;
}

function draw() {
  const typed = field().value.trim();
  const last = recent();
  const some = typed ? every.filter(({ label }) => fits(label, typed)) : every;
  const groups = new Map();
  const put = (group, one) => groups.set(group, [...(groups.get(group) ?? []), one]);
  if (!typed) for (const name of last) every.filter((one) => one.name === name).forEach((one) => put("Last used", one));
  for (const one of some) if (typed || !last.includes(one.name)) put(one.group, one);
  for (const one of typed.length >= 2 ? found : []) put(one.group, one);
  // People and patients are what somebody typed a name for: commands leave them room.
  const room = MOST - Math.min(found.length && typed ? found.length : 0, MOST / 2);
  let count = 0;
  list().replaceChildren();
  for (const [group, members] of groups) {
    const isFound = members[0].isFound;
    const shown = members.slice(0, Math.max(0, (isFound ? MOST : room) - count));
    if (!shown.length) continue;
    const holder = Object.assign(document.createElement("li"), { role: "presentation" });
    const inner = Object.assign(document.createElement("ul"), { role: "group", ariaLabel: group });
    holder.append(element("span", "palette-group", group), inner);
    inner.append(...shown.map((one) => line(one, count++)));
    list().append(holder);
  }
  find(".palette-none", dialog).hidden = count > 0;
  find("[role=status]", dialog).textContent = typed ? `${count} found` : "";
  choose(options()[0]);
}

function choose(option) {
  if (active()) active().ariaSelected = "false";
  if (option) option.ariaSelected = "true";
  option?.scrollIntoView({ block: "nearest" });
  option ? field().setAttribute("aria-activedescendant", option.id) : field().removeAttribute("aria-activedescendant");
}

/** What is typed travels in a form: a name stands in no address. */
const ask = debounce(200, async () => {
  const url = find("[data-palette]")?.dataset.palette;
  const typed = field().value.trim();
  if (!url || typed.length < 2) return (found = []), draw();
  const mine = ++asked;
  const body = new URLSearchParams({ q: typed, csrf_token: find("meta[name=csrf-token]").content });
  try {
    const answer = await fetch(url, { method: "POST", body, headers: { "HX-Request": "true", "HX-Request-Type": "partial" } });
    if (mine !== asked || !dialog.open) return;
    const holder = document.createElement("template");
    holder.innerHTML = answer.ok ? await answer.text() : "";
    found = findAll("[data-found]", holder.content).map(({ dataset }) => ({ group: dataset.group, label: dataset.label, note: dataset.note, url: dataset.url, isFound: true }));
  } catch {
    found = [];
  }
  draw();
});

/** Back where one was, so that a command finds the row that it is about. */
function close() {
  dialog.close();
  if (from?.isConnected) from.focus({ preventScroll: true });
}

function take(option, isElsewhere) {
  if (!option) return;
  const { name, url } = option.dataset;
  if (name) remember(name);
  close();
  if (url && (isElsewhere || option.dataset.elsewhere !== undefined)) window.open(url, "_blank", "noopener");
  else if (name) run(name);
  else location.href = url;
}

function onKey(event) {
  const all = options();
  const at = all.indexOf(active());
  const to = { ArrowDown: at + 1, ArrowUp: at - 1 + all.length, Home: 0, End: all.length - 1 }[event.key];
  if (to !== undefined && all.length && !(["Home", "End"].includes(event.key) && field().value)) {
    event.preventDefault();
    choose(all[to % all.length]);
  } else if (event.key === "Enter") {
    event.preventDefault();
    take(active(), event.ctrlKey || event.metaKey);
  } else if (event.key === "Escape" || ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k")) {
    event.preventDefault();
    close();
  }
}

function build() {
  dialog = Object.assign(document.createElement("dialog"), { id: "palette", className: "palette", ariaLabel: "Find anything" });
  dialog.setAttribute("closedby", "any");
  const input = Object.assign(document.createElement("input"), { type: "search", autocomplete: "off", placeholder: "Type a command or a name", ariaLabel: "Type a command or a name", ariaExpanded: "true", role: "combobox", maxLength: 100 });
  input.setAttribute("aria-controls", "palette-list");
  input.setAttribute("aria-autocomplete", "list");
  const results = Object.assign(document.createElement("ul"), { id: "palette-list", role: "listbox", ariaLabel: "Found" });
  const none = element("p", "palette-none", "Nothing by that name");
  const status = Object.assign(element("p", "visually-hidden"), { role: "status" });
  dialog.append(input, results, none, status);
  document.body.append(dialog);
  input.addEventListener("input", () => (draw(), ask()));
  dialog.addEventListener("keydown", onKey);
  results.addEventListener("click", ({ target, ctrlKey, metaKey }) => take(target.closest("[role=option]"), ctrlKey || metaKey));
  results.addEventListener("pointermove", ({ target }) => target.closest("[role=option]") && choose(target.closest("[role=option]")));
}

export function open() {
  if (!dialog?.isConnected) build();
  if (dialog.open) return;
  from = document.activeElement;
  found = [];
  field().value = "";
  // While the row still has the focus: what can be done depends on it.
  every = commands();
  dialog.showModal();
  draw();
}
