// Writing a reply: how many texts it becomes, sending by key, the bubble that stands there at once.
import * as drafts from "./drafts.js";
import { find, say, settings } from "./page.js";

const BASIC = new Set("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà");
const DOUBLE = new Set("^{}\\[~]|€\f");
const LONGEST = 1600;

/** As the server counts, and the carrier bills: 160 or 153 letters of the basic alphabet, 70 or 67 once one is outside it. */
export function measure(text) {
  const signs = [...text];
  const odd = signs.find((sign) => !BASIC.has(sign) && !DOUBLE.has(sign)) ?? "";
  const units = signs.map((sign) => (odd ? sign.length : DOUBLE.has(sign) ? 2 : 1));
  const length = units.reduce((sum, unit) => sum + unit, 0);
  const [single, part] = odd ? [70, 67] : [160, 153];
  if (length <= single) return { length, odd, texts: length ? 1 : 0 };
  let texts = 1;
  let room = part;
  for (const unit of units) {
    if (unit > room) [texts, room] = [texts + 1, part];
    room -= unit;
  }
  return { length, odd, texts };
}

/** What can be seen is shown as it is; of the others only the number helps to find them. */
const named = (sign) => (/[^\p{C}\p{Z}\p{M}]/u.test(sign) ? `"${sign}"` : `U+${sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`);

function counter(area) {
  const output = find("#counter");
  if (!output) return;
  const words = area.value.trim();
  const text = words && words + area.dataset.signature;
  const { length, odd, texts } = measure(text);
  const parts = texts ? [length, texts === 1 ? "1 text" : `${texts} texts`] : [];
  if (odd) parts.push(`70 a text because of ${named(odd)}`);
  const signs = [...text].length;
  const isLong = signs > LONGEST;
  output.textContent = isLong ? `${signs.toLocaleString("en")} of 1,600 characters: too long` : parts.join(" · ");
  output.classList.toggle("is-danger", isLong);
  output.classList.toggle("is-warn", !isLong && texts > 3);
}

function grow(area) {
  if (CSS.supports("field-sizing", "content")) return;
  area.rows = Math.min(10, Math.max(2, area.value.split("\n").length));
}

document.addEventListener("input", ({ target }) => {
  if (target.id !== "reply") return;
  drafts.write(target.form, target.value);
  find(".composer-problem.is-danger", target.form)?.remove();
  counter(target);
  grow(target);
});
document.addEventListener("composer:measure", () => find("#reply") && counter(find("#reply")));

document.addEventListener("keydown", (event) => {
  if (event.target.id !== "reply" || event.isComposing) return;
  if (event.key === "Escape") return event.target.blur();
  if (event.key !== "Enter") return;
  const withControl = event.ctrlKey || event.metaKey;
  const sends = settings().enterSends === "yes" ? !withControl && !event.shiftKey : withControl;
  if (!sends && !(withControl && event.shiftKey)) {
    if (withControl) event.target.setRangeText("\n", event.target.selectionStart, event.target.selectionEnd, "end");
    return;
  }
  event.preventDefault();
  const button = find(withControl && event.shiftKey ? "[data-send-complete]" : "[data-send]", event.target.form);
  event.target.form.requestSubmit(button ?? undefined);
});

const sent = ({ ctx }) => ctx?.sourceElement?.matches?.("form[data-composer]") && ctx.sourceElement;

document.addEventListener("htmx:before:request", ({ detail }) => {
  const form = sent(detail);
  if (!form) return;
  drafts.pause(form.dataset.conversation);
  showSending(find("textarea", form).value);
});

/** Whoever has moved on is told that the text did not leave; it waits where it was written. */
document.addEventListener("htmx:after:request", ({ detail }) => {
  const form = sent(detail);
  if (!form) return;
  const { status } = detail.ctx.response ?? {};
  if (status < 400) {
    failed = null;
    drafts.sent(form.dataset.conversation);
    if (detail.ctx.request.submitter?.name === "then") document.dispatchEvent(new CustomEvent("composer:done"));
    return;
  }
  drafts.goOn(form.dataset.conversation);
  if (!form.isConnected) sayKept(form);
  else if (status >= 500) notSent("The server failed");
  else {
    failed = null;
    find("#sending")?.remove();
  }
});

const sayKept = (form) => say(`Not sent: ${find("label", form).textContent.toLowerCase()}. Your text is kept there.`, "danger", 12000);

document.addEventListener("htmx:error", ({ detail }) => {
  const form = sent(detail);
  if (!form) return;
  drafts.goOn(form.dataset.conversation);
  if (!form.isConnected) return sayKept(form);
  notSent(navigator.onLine ? "The server did not answer" : "You are offline");
});

let wasWriting = false;
let failed = null;
document.addEventListener("htmx:before:swap", () => (wasWriting = Boolean(document.activeElement?.closest("#composer"))));
document.addEventListener("htmx:after:swap", () => {
  arrive();
  if (failed && !failed.isConnected && document.getElementById(find("button", failed).getAttribute("form"))) find("#thread .thread")?.append(failed);
});

/** It stands in the thread at once; the answer replaces it. */
function showSending(text) {
  const list = find("#thread .thread");
  if (!text.trim() || !list) return;
  find("#sending")?.remove();
  failed = null;
  const item = find("#sending-template").content.cloneNode(true);
  find(".bubble", item).textContent = text.trim();
  list.append(item);
  find("#thread-scroll").scrollTop = find("#thread-scroll").scrollHeight;
}

/** The form keeps its id: sending again sends once, whether or not the first try arrived. */
function notSent(why) {
  const item = find("#sending");
  if (!item) return;
  item.classList.replace("is-sending", "is-failed");
  find(".meta-state", item).classList.add("is-danger");
  find(".sending-word", item).textContent = `Not sent: ${why.toLowerCase()}.`;
  find("button", item).hidden = false;
  failed = item;
}

function arrive() {
  const area = find("#reply");
  if (!area || area.dataset.ready) return;
  area.dataset.ready = "yes";
  drafts.restore(area.form, area);
  counter(area);
  grow(area);
  if (wasWriting && (!document.activeElement || document.activeElement === document.body)) area.focus({ preventScroll: true });
}

arrive();
