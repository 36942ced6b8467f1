// Popovers that fetch their content when opened, the searchable list of colleagues, and menus with arrow keys.
import { find, findAll, say } from "./page.js";

const opener = (box) => find(`[data-opens="${CSS.escape(box.id)}"], [popovertarget="${CSS.escape(box.id)}"]`);

async function openFrom(link) {
  const box = document.getElementById(link.dataset.opens);
  if (!box) return (location.href = link.href);
  if (box.matches(":popover-open")) return box.hidePopover();
  link.closest("[popover]")?.hidePopover();
  await htmx.ajax("GET", box.dataset.source, { target: box, swap: "innerHTML" });
  if (!box.isConnected) return;
  box.showPopover();
  (find("[autofocus]", box) ?? find("button, a, input", box))?.focus();
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
  const copies = event.target.closest?.("[data-copy]");
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

document.addEventListener("input", ({ target }) => {
  if (!target.matches?.("[data-filter]")) return;
  const wanted = target.value.trim().toLowerCase();
  const form = target.closest("form");
  const options = findAll(".assign-option", form);
  for (const option of options) option.hidden = !option.dataset.name.includes(wanted);
  find("[data-nobody]", form).hidden = options.some((option) => !option.hidden);
  activate(options.find((option) => !option.hidden), form);
});

document.addEventListener("keydown", (event) => {
  const form = event.target.closest?.("form[data-assign]");
  if (form) return assignKeys(event, form);
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

/** In the list: arrows move, Enter on a name takes that one alone at once, Space adds to the choice. */
function assignKeys(event, form) {
  const shown = findAll(".assign-option", form).filter((option) => !option.hidden && !find("input", option).disabled);
  const at = shown.findIndex((option) => option.classList.contains("is-active"));
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    const step = event.key === "ArrowDown" ? 1 : -1 + shown.length;
    activate(shown[(at + step) % shown.length] ?? shown[0], form);
  } else if (event.key === "Enter" && event.target.matches("[data-filter]")) {
    event.preventDefault();
    const box = shown[at] && find("input", shown[at]);
    if (box && (event.target.value || !find("input[name=member_ids]:checked", form))) box.checked = true;
    form.requestSubmit();
  }
}

function activate(option, form) {
  for (const other of findAll(".assign-option.is-active", form)) other.classList.remove("is-active");
  option?.classList.add("is-active");
  option?.scrollIntoView({ block: "nearest" });
}

document.addEventListener("htmx:before:request", ({ target }) => {
  const form = target.closest?.("form[data-assign]");
  if (form) form.closest("[popover]")?.hidePopover();
});
