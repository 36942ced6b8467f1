// The page where a member chooses sound and pop-ups: hearing one, allowing them in this browser, seeing one.
import { find, findAll } from "./page.js";
import { show } from "./popup.js";
import { play } from "./sounds.js";

/** Which of the sentences about this browser is true. */
export function showState() {
  const state = window.Notification?.permission ?? "missing";
  for (const line of findAll("[data-permission]")) line.hidden = line.dataset.permission !== state;
}

document.addEventListener("click", async ({ target }) => {
  if (target.closest?.("[data-play]")) play(find("input[name=notify_tune]:checked")?.value);
  if (target.closest?.("[data-pop]")) show("New message assigned to you");
  if (target.closest?.("[data-allow]")) {
    await Notification.requestPermission();
    showState();
    find("[data-permission]:not([hidden]) button")?.focus();
  }
});
