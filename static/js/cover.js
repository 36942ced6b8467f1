// Hides the page while nobody may see it, asks who is there, and lets the page go on with everything that was typed.
import { find, findAll, say } from "./page.js";
import "./passkeys.js";

const channel = new BroadcastChannel("triage-session");
const dialog = find("#cover");
let focused = null;
let isToLock = false;

const KINDS = {
  ended: { title: "Signed out for safety", lead: "Sign in to continue.", source: dialog.dataset.again },
  locked: { title: "Locked", lead: "", source: dialog.dataset.locked },
};

export async function show(kind) {
  if (dialog.dataset.kind === kind && dialog.open) return;
  dialog.dataset.kind = kind;
  find("#cover-title").textContent = KINDS[kind].title;
  find("[data-cover-lead]").textContent = KINDS[kind].lead;
  if (!dialog.open) {
    focused = document.activeElement;
    for (const open of findAll("[popover]:popover-open")) open.hidePopover();
    dialog.showModal();
  }
  await ask();
}

/** Hidden at once; locked on the server as soon as it answers. */
export function lock() {
  isToLock = true;
  return show("locked");
}

async function lockThere() {
  const body = new URLSearchParams({ csrf_token: find("meta[name=csrf-token]").content });
  await fetch("/lock", { method: "POST", body, headers: partial() });
  isToLock = false;
  channel.postMessage("locked");
}

/** The form is fetched when it is needed: its token belongs to the cookie as it is now. */
async function ask() {
  try {
    if (isToLock) await lockThere();
    const answer = await fetch(KINDS[dialog.dataset.kind].source, { headers: partial() });
    if (answer.status === 401) return show("ended");
    put(await answer.text());
  } catch {
    find("#cover-body").textContent = "The server does not answer. Trying again…";
    setTimeout(() => dialog.open && ask(), 3000);
  }
}

const partial = () => ({ "HX-Request": "true", "HX-Request-Type": "partial", "X-Background": "1" });

function put(text) {
  const holder = document.createElement("template");
  holder.innerHTML = text;
  const body = holder.content.querySelector("#cover-body");
  if (!body) return find("#cover-body").replaceChildren(Object.assign(document.createElement("p"), { textContent: "That did not work. Reload the page." }));
  if (body.dataset.inside) return goOn(body.dataset);
  for (const field of findAll("[name=member_id]", body)) field.value = dialog.dataset.member;
  for (const field of findAll("[name=login]", body)) field.value = dialog.dataset.login;
  find("#cover-body").replaceWith(body);
  document.dispatchEvent(new CustomEvent("passkeys:look"));
  (find("[autofocus]", body) ?? find("input:not([type=hidden]), button", body))?.focus();
}

/** The same person is back: every form gets a token that holds, and the focus returns to where it was. */
function goOn({ inside, csrf }) {
  if (inside !== dialog.dataset.member) return location.reload();
  find("meta[name=csrf-token]").content = csrf;
  for (const field of findAll("input[name=csrf_token]")) field.value = csrf;
  find("#cover-body").replaceChildren();
  dialog.close();
  focused?.isConnected && focused.focus();
  if (dialog.dataset.kind === "ended") say("Signed in again. Go on where you were.");
  dialog.dataset.kind = "";
  document.dispatchEvent(new CustomEvent("session:resumed"));
  channel.postMessage("resumed");
}

dialog.addEventListener("cancel", (event) => event.preventDefault());
dialog.addEventListener("submit", async (event) => {
  const form = event.target;
  if (event.defaultPrevented) return;
  event.preventDefault();
  if (form.matches("[data-leaves]")) return leave(form);
  const button = find("button[type=submit]", form);
  button.disabled = true;
  try {
    const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: partial() });
    // After too many wrong tries the session is over, and the answer asks for the password.
    const text = await answer.text();
    if (dialog.dataset.kind === "locked" && (answer.status === 401 || text.includes('name="member_id"'))) return show("ended");
    put(text);
  } catch {
    button.disabled = false;
    find(".field-error, [role=alert]", form)?.remove();
    form.append(Object.assign(document.createElement("p"), { className: "field-error", role: "alert", textContent: "The server did not answer. Try again." }));
  }
});

/** Somebody else sits down: this page goes, and with it what stands on it. */
async function leave(form) {
  await fetch(form.action, { method: "POST", body: new FormData(form), redirect: "manual" }).catch(() => {});
  channel.postMessage("left");
  location.href = dialog.dataset.signIn;
}

// Another tab let this person in again: the cookie is shared, only the tokens of this page are old.
channel.onmessage = ({ data }) => data === "resumed" && dialog.open && ask();
