// Fingers on rows: a long press chooses, to the right is mine, to the left is done. The row's menu has the same.
import { act, can } from "./actions.js";
import { find } from "./page.js";
import * as queue from "./rows.js";
import * as selection from "./selection.js";

const LONG = 500;
const SLACK = 10;
const FAR = 96;
const WORDS = { right: ["claim", "Assign to me"], left: ["complete", "Complete"] };

let touch = null;
let wasUsed = false;

const isStill = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

document.addEventListener("pointerdown", ({ target, pointerType, clientX, clientY }) => {
  const row = pointerType === "touch" && queue.rowOf(target);
  wasUsed = false;
  if (!row || target.closest("button, input")) return;
  touch = { row, x: clientX, y: clientY, timer: setTimeout(press, LONG) };
});

function press() {
  const { row } = touch;
  end();
  wasUsed = selection.toggle(row);
  if (wasUsed) navigator.vibrate?.(10);
}

document.addEventListener("pointermove", ({ clientX, clientY }) => {
  if (!touch) return;
  const [across, down] = [clientX - touch.x, clientY - touch.y];
  if (Math.hypot(across, down) > SLACK) clearTimeout(touch.timer);
  if (!touch.side && Math.abs(down) > SLACK && Math.abs(down) > Math.abs(across)) return end();
  if (isStill() || selection.isOn() || Math.abs(across) < SLACK * 2) return;
  const side = across > 0 ? "right" : "left";
  if (!can(WORDS[side][0], touch.row) || (side === "right" && touch.row.dataset.mine !== undefined)) return end();
  draw(side, across);
});

function draw(side, across) {
  const { row } = touch;
  touch.side = side;
  touch.isFar = Math.abs(across) > FAR;
  row.dataset.swipe = side;
  row.classList.toggle("is-far", touch.isFar);
  row.style.setProperty("--swipe", `${across}px`);
  const words = find(".row-swipe", row) ?? row.appendChild(Object.assign(document.createElement("span"), { className: "row-swipe" }));
  words.ariaHidden = "true";
  words.textContent = WORDS[side][1];
}

function end() {
  if (!touch) return;
  clearTimeout(touch.timer);
  const { row } = touch;
  touch = null;
  delete row.dataset.swipe;
  row.classList.remove("is-far");
  row.style.removeProperty("--swipe");
  find(".row-swipe", row)?.remove();
}

document.addEventListener("pointerup", () => {
  if (!touch) return;
  const { row, side, isFar } = touch;
  wasUsed = Boolean(side);
  end();
  if (side && isFar) act(side === "right" ? "claim" : "complete", row);
});
document.addEventListener("pointercancel", end);

/** The click that ends a press or a swipe opens nothing; while rows are chosen, a touch chooses. */
document.addEventListener("click", (event) => {
  const row = event.target.closest?.(".row-link") && queue.rowOf(event.target);
  if (!row) return;
  const chooses = selection.isOn() && event.pointerType === "touch" && !wasUsed;
  if (!wasUsed && !chooses) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (chooses) selection.toggle(row);
  wasUsed = false;
}, true);
document.addEventListener("contextmenu", (event) => event.pointerType === "touch" && queue.rowOf(event.target) && event.preventDefault());
