// How long nobody was here: the page hides itself, warns before it signs out, and stays as long as somebody is there.
import { find, findAll, say, settings } from "./page.js";
import { lockNow, show } from "./session.js";

const channel = new BroadcastChannel("triage-session");
const MINUTE = 60000;
const RENEWS = 2 * MINUTE;
let active = Date.now();
let renewed = Date.now();
let told = 0;
let isWarned = false;

const isCovered = () => Boolean(find("#cover")?.open);
const minutes = (name) => Number(settings()[name] ?? 0) * MINUTE;

document.addEventListener("session:resumed", () => (active = renewed = Date.now()));

/** Keys and clicks in any tab count for all of them. */
function touched() {
  active = Date.now();
  if (isCovered()) return;
  if (isWarned) renew();
  if (active - told < 5000) return;
  told = active;
  channel.postMessage("active");
}

channel.onmessage = ({ data }) => {
  if (data === "active") active = Date.now();
};

/** What is typed or read asks the server nothing: without this, a long answer would end the session. */
function renew() {
  renewed = Date.now();
  isWarned = false;
  findAll("#toasts [data-idle-warning]").forEach((toast) => toast.remove());
  const body = new URLSearchParams({ csrf_token: find("meta[name=csrf-token]").content });
  fetch("/session/renewal", { method: "POST", body, headers: { "HX-Request": "true", "HX-Request-Type": "partial" } }).then(({ status }) => {
    if (status === 401) show("ended");
    if (status === 423) show("locked");
  }, () => {});
}

function look() {
  const alone = Date.now() - active;
  if (isCovered() || !find("#cover")) return;
  if (minutes("lock") && alone >= minutes("lock")) return lockNow();
  if (active > renewed && Date.now() - renewed > RENEWS) return renew();
  if (minutes("idle") && !isWarned && alone >= minutes("idle") - MINUTE) {
    isWarned = true;
    say("You are signed out in one minute. Press a key or move to stay.", "neutral", MINUTE);
    find("#toasts").lastElementChild.dataset.idleWarning = "yes";
  }
}

for (const event of ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"]) document.addEventListener(event, touched, { passive: true, capture: true });
document.addEventListener("visibilitychange", () => document.hidden || look());
setInterval(look, 5000);
// At hand before it is needed: a page must be hidden also while the server is away.
if (find("#cover")) import("./cover.js").catch(() => {});
