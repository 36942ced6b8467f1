// Hides the page while nobody may see it, asks who is there, and lets the page go on with everything that was typed.
import { find, findAll, say } from "./page.js";
import "./passkeys.js";

const channel = new BroadcastChannel("triage-session");
const dialog = find("#cover");
let focused = null;

const KINDS = {
  ended: { title: "Signed out for safety", lead: "Sign in to continue.", source: dialog.dataset.again },
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

/** The form is fetched when it is needed: its token belongs to the cookie as it is now. */
async function ask() {
  try {
    const answer = await fetch(KINDS[dialog.dataset.kind].source, { headers: partial() });
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
  say("Signed in again. Go on where you were.");
  document.dispatchEvent(new CustomEvent("session:resumed"));
  channel.postMessage("resumed");
}

dialog.addEventListener("cancel", (event) => event.preventDefault());
dialog.addEventListener("submit", async (event) => {
  const form = event.target;
  if (event.defaultPrevented) return;
  event.preventDefault();
  const button = find("button[type=submit]", form);
  button.disabled = true;
  try {
    const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: partial() });
    put(await answer.text());
  } catch {
    button.disabled = false;
    find(".field-error, [role=alert]", form)?.remove();
    form.append(Object.assign(document.createElement("p"), { className: "field-error", role: "alert", textContent: "The server did not answer. Try again." }));
  }
});

// Another tab let this person in again: the cookie is shared, only the tokens of this page are old.
channel.onmessage = () => dialog.open && ask();
