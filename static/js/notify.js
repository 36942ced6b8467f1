// What is new, told without words that others could read: the count in the title and on the icon, a soft sound, a pop-up.
import { find, say, settings } from "./page.js";

const QUIET = 5000;
const WORDS = { mine: "New message assigned to you", patient: "New message of one of your patients", other: "New message" };
let last = 0;

/** The count stands in the title, as a dot on the icon, and on the installed app. */
function count() {
  if (!find("#counts")) return;
  const total = Number(find("#counts").dataset.total ?? 0);
  const words = document.title.replace(/^\(\d+\+?\) /, "");
  document.title = total ? `(${total > 999 ? "999+" : total}) ${words}` : words;
  const icon = find("#favicon");
  const wanted = total ? icon?.dataset.waiting : icon?.dataset.plain;
  if (icon && icon.getAttribute("href") !== wanted) icon.setAttribute("href", wanted);
  navigator.setAppBadge?.(total).catch(() => {});
}

/** Of all tabs of this browser one does it, and then none for a while. */
function once(name, work) {
  const rest = () => new Promise((free) => setTimeout(free, QUIET));
  if (navigator.locks) {
    return navigator.locks.request(`triage-${name}`, { ifAvailable: true }, async (lock) => {
      if (!lock) return;
      await work();
      await rest();
    });
  }
  if (Date.now() - last < QUIET) return;
  last = Date.now();
  work();
}

// ---- sound: browsers allow it after the first click or key, and a bell says so until then ----

const TOUCHES = ["pointerup", "keydown", "click"];
const mayRing = () => navigator.userActivation?.hasBeenActive ?? true;

function showMuted() {
  const hint = find("#mute");
  if (hint) hint.hidden = mayRing() || settings().sound === "none";
  if (mayRing()) for (const touch of TOUCHES) document.removeEventListener(touch, showMuted);
}
for (const touch of TOUCHES) document.addEventListener(touch, showMuted);

const ring = () => once("sound", async () => (await import("./sounds.js")).play(settings().tune));

// ---- pop-ups: on the page where somebody looks at one, else from the system ----

/** While this window has the focus the other tabs know that somebody looks. */
function look() {
  if (!document.hasFocus()) return;
  navigator.locks?.request("triage-looking", { mode: "shared" }, () => new Promise((leave) => addEventListener("blur", leave, { once: true })));
}
addEventListener("focus", look);
look();

async function somebodyLooks() {
  const { held } = (await navigator.locks?.query()) ?? { held: [] };
  return held.some(({ name }) => name === "triage-looking");
}

async function popUp(words) {
  if (document.hasFocus()) return say(words);
  if (await somebodyLooks()) return;
  if (window.Notification?.permission === "granted") return once("popup", async () => (await import("./popup.js")).show(words));
  if (!document.hidden) say(words);
}

/** Between two times by the practice's clock, "22:00-07:00", nothing sounds or pops up. */
function isQuiet() {
  const { quiet, zone } = settings();
  if (!quiet) return false;
  const [from, until] = quiet.split("-");
  const now = new Date().toLocaleTimeString("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit" });
  return from < until ? from <= now && now < until : from <= now || now < until;
}

/** How near it is: to whom it is assigned, whose patient it is of, or neither. */
const WISHES = { mine: ["mine"], patients: ["mine", "patient"], all: ["mine", "patient", "other"] };
const concerns = (wish, whose) => WISHES[wish]?.includes(whose);

document.addEventListener("live:message", ({ detail }) => {
  if (detail.isOld || detail.direction === "out" || detail.gone || isQuiet()) return;
  const whose = detail.mine ? "mine" : detail.patient ? "patient" : "other";
  if (concerns(settings().sound, whose) && mayRing()) ring();
  const isRead = document.hasFocus() && find(`#conversation[data-conversation="${CSS.escape(detail.conversation ?? "")}"]`);
  if (concerns(settings().popup, whose) && !isRead) popUp(WORDS[whose]);
});

/** The server reminds only whom it should, and once. */
document.addEventListener("live:reminder", () => {
  if (isQuiet()) return;
  if (settings().sound !== "none" && mayRing()) ring();
  popUp("Unread for a day: a patient's message");
});

document.addEventListener("live:verification", async ({ detail }) => {
  if (isQuiet() || !concerns(settings().verification, detail.mine ? "mine" : "other")) return;
  const { STEPS } = await import("./popup.js");
  if (STEPS[detail.state]) popUp(STEPS[detail.state]);
});

/** The page where all this is chosen has buttons to try it. */
function begin() {
  count();
  showMuted();
  if (find("[data-notices]")) import("./notices.js").then(({ showState }) => showState());
}

document.addEventListener("htmx:after:swap", begin);
begin();
