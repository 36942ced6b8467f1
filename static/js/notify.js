// What is new, told without words that others could read: the count in the title, a soft sound, a notice on the page.
import { find, findAll, say, settings } from "./page.js";

const QUIET = 5000;
let sound = null;
let last = 0;
let wasTouched = false;

function title() {
  if (!find("#counts")) return;
  const total = Number(find("#counts").dataset.total ?? 0);
  const words = document.title.replace(/^\(\d+\+?\) /, "");
  document.title = total ? `(${total > 999 ? "999+" : total}) ${words}` : words;
  navigator.setAppBadge?.(total).catch(() => {});
}

const concerns = (wish, isMine) => wish === "all" || (wish === "mine" && isMine);

/** Two soft tones, made here; browsers allow them after the first click or key. */
function ring() {
  if (!wasTouched || Date.now() - last < QUIET) return;
  last = Date.now();
  sound ??= new AudioContext();
  [659, 880].forEach((pitch, at) => {
    const start = sound.currentTime + at * 0.12;
    const tone = sound.createOscillator();
    const volume = sound.createGain();
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0.0001, start);
    volume.gain.exponentialRampToValueAtTime(0.06, start + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, start + 0.3);
    tone.connect(volume).connect(sound.destination);
    tone.start(start);
    tone.stop(start + 0.32);
  });
}

document.addEventListener("live:message", ({ detail }) => {
  if (detail.direction === "out" || detail.gone) return;
  const isMine = detail.mine ?? findAll(`#rows > .row[data-task="${CSS.escape(detail.task ?? "")}"][data-mine]`).length > 0;
  if (concerns(settings().sound, isMine)) ring();
  const isRead = !document.hidden && find(`#conversation[data-conversation="${CSS.escape(detail.conversation ?? "")}"]`);
  if (concerns(settings().popup, isMine) && !isRead) say(isMine ? "New message for you" : "New message");
});

for (const event of ["pointerdown", "keydown"]) document.addEventListener(event, () => (wasTouched = true), { once: true });
document.addEventListener("htmx:after:swap", title);
