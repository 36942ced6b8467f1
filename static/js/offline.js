// The page for when nothing can be reached: it leaves as soon as the server answers.
const EVERY = 4000;

async function look() {
  try {
    if ((await fetch("/healthz", { cache: "no-store" })).ok) location.reload();
  } catch {
    // Still away: the next look is scheduled.
  }
}

window.addEventListener("online", look);
setInterval(look, EVERY);
