// A pop-up of the system: it says that there is something new, never from whom or what.
import { find } from "./page.js";

/** What became of a question for a birth date. */
export const STEPS = { enabled: "A birth date was confirmed: texting is enabled", failed: "A birth date was not confirmed", opted_out: "Somebody who was asked for a birth date has opted out" };

/** One pop-up takes the place of the one before. The sound is ours, so the system makes none. */
export async function show(words) {
  const options = { tag: "triage", renotify: true, silent: true, icon: find("link[rel=apple-touch-icon]")?.href };
  const worker = await navigator.serviceWorker?.getRegistration();
  if (worker?.active) await worker.showNotification(words, options);
  else {
    const notice = new Notification(words, options);
    notice.onclick = () => {
      window.focus();
      notice.close();
    };
  }
  document.dispatchEvent(new CustomEvent("notify:popped"));
}
