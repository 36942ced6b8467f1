// Passkeys: asks the browser for one, or for a new one, and sends its answer with an ordinary form.

const all = (selector) => [...document.querySelectorAll(selector)];
const canAsk = Boolean(globalThis.PublicKeyCredential?.parseRequestOptionsFromJSON);
let waiting = null;

async function question(form, address) {
  const body = new URLSearchParams({ csrf_token: form.elements.csrf_token.value });
  const answer = await fetch(address, { method: "POST", body, headers: { Accept: "application/json" } });
  if (answer.status === 403) {
    const { confirm } = await answer.json().catch(() => ({}));
    if (confirm) location.href = `${confirm}?next=${encodeURIComponent(location.pathname)}`;
  }
  if (!answer.ok) throw new Error("no question");
  return answer.json();
}

async function ask(form, mediation) {
  waiting?.abort();
  waiting = new AbortController();
  const { signal } = waiting;
  if (form.dataset.newPasskey) {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(await question(form, form.dataset.newPasskey));
    return navigator.credentials.create({ publicKey, signal });
  }
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(await question(form, form.dataset.passkey));
  return navigator.credentials.get({ publicKey, signal, ...(mediation ? { mediation } : {}) });
}

function send(form, credential) {
  form.elements.answer.value = JSON.stringify(credential.toJSON());
  form.dataset.answered = "yes";
  form.requestSubmit();
}

function tell(form, error) {
  const line = form.querySelector("[data-passkey-problem]");
  const words = {
    InvalidStateError: "This device has a passkey for you already.",
    NotAllowedError: "No passkey was chosen.",
  };
  line.textContent = words[error.name] ?? "The passkey could not be used. Try again.";
  line.hidden = false;
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("[data-passkey], [data-new-passkey]") || form.dataset.answered) return;
  event.preventDefault();
  const line = form.querySelector("[data-passkey-problem]");
  line.hidden = true;
  try {
    send(form, await ask(form));
  } catch (error) {
    if (error.name !== "AbortError") tell(form, error);
  }
}, true);

/** Shown only where the browser can do it; without this script nobody sees a button that does nothing. */
async function look() {
  if (!canAsk) return;
  for (const form of all("[data-passkey], [data-new-passkey]")) form.hidden = false;
  const form = document.querySelector("[data-passkey][data-fills-in]");
  if (!form || !(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
  try {
    send(form, await ask(form, "conditional"));
  } catch {
    // Nobody chose one in the login field: password and button are there.
  }
}

document.addEventListener("passkeys:look", look);
look();
