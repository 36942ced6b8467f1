// The page for when there is no network: it leaves as soon as there is one.
window.addEventListener("online", () => location.reload());
