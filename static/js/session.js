// Notices that the session has ended, and hides the page until its owner is back.

const show = async (kind) => (await import("./cover.js")).show(kind);

document.addEventListener("session:ended", () => show("ended"));
document.addEventListener("click", ({ target }) => target.closest?.("[data-print]") && print());
