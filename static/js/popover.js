// Popovers that fetch their content when opened, and menus with arrow keys.
import { find, findAll, say } from "./page.js";

const opener = (box) => find(`[data-opens="${CSS.escape(box.id)}"], [popovertarget="${CSS.escape(box.id)}"]`);

async function openFrom(link) {
  const box = document.getElementById(link.dataset.opens);
  if (!box) return (location.href = link.href);
  if (box.matches(":popover-open")) return box.hidePopover();
  link.closest("[popover]")?.hidePopover();
  await htmx.ajax("GET", box.dataset.source, { target: box, swap: "innerHTML" });
  await prepare(box);
  if (!box.isConnected) return;
  box.showPopover();
  arrive(box);
}

/** Nobody types before somebody listens. Without the module the boxes and the button do the work. */
async function prepare(box) {
  const form = find("form[data-assign]", box);
  if (form) await import("./assign.js").then(({ begin }) => begin(form), () => {});
}

function arrive(box) {
  (find("[autofocus]", box) ?? find("select, button, a, input", box))?.focus();
}

/** A popover beside an element that is not its button. */
export function stand(box, beside) {
  for (const other of findAll(".is-anchor")) other.classList.remove("is-anchor");
  beside.classList.add("is-anchor");
  box.showPopover();
}

/** The list of colleagues for a row, or for all that are chosen; gives back its popover. */
export async function chooseFor(beside, url) {
  const box = find("#row-assign");
  if (!box) return null;
  const from = document.activeElement;
  await htmx.ajax("GET", url, { target: box, swap: "innerHTML" });
  await prepare(box);
  if (!box.isConnected || !find("form", box)) return null;
  stand(box, beside);
  arrive(box);
  box.addEventListener("toggle", () => document.activeElement === document.body && from?.isConnected && from.focus({ preventScroll: true }), { once: true });
  return box;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-opens]");
  if (link && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    openFrom(link);
  }
  const copy = event.target.closest?.("[data-copy-link]");
  if (copy) {
    copy.closest("[popover]")?.hidePopover();
    navigator.clipboard?.writeText(location.href).then(() => say("Link copied"));
  }
  const copies = event.target.closest?.("[data-copy-message]");
  if (copies) {
    const bubble = find(".bubble", copies.closest(".message")).cloneNode(true);
    findAll(".link-open, [popover], .bubble-media", bubble).forEach((one) => one.remove());
    navigator.clipboard?.writeText(bubble.textContent.trim()).then(() => say("Message copied"));
  }
  const item = event.target.closest?.(".menu .menu-item");
  if (item && !item.dataset.opens) item.closest("[popover]")?.hidePopover();
});

document.addEventListener("toggle", ({ target, newState }) => {
  if (!target.matches?.("[popover]")) return;
  opener(target)?.setAttribute("aria-expanded", String(newState === "open"));
  if (newState === "open" && target.classList.contains("menu")) find(".menu-item", target)?.focus({ focusVisible: false });
}, true);

document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.(".menu:popover-open");
  if (menu && ["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key)) {
    event.preventDefault();
    const items = findAll(".menu-item", menu).filter((item) => item.checkVisibility());
    const at = items.indexOf(document.activeElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1 + items.length, Home: 0, End: items.length - 1 }[event.key];
    items[next % items.length]?.focus();
  }
  if (event.key === " " && event.target.matches?.("a[data-opens]")) {
    event.preventDefault();
    event.target.click();
  }
});

