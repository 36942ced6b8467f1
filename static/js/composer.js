// Writing a reply: how many texts it becomes, sending by key, drafts that survive moving between conversations.
import { find, say, settings } from "./page.js";

const BASIC = /[\n\r -Z_a-z¡£¤¥§¿ÄÅÆÇÉÑÖØÜßàäåæèéìñòöøùüΓΔΘΛΞΠΣΦΨΩ]/;
const DOUBLE = /[\f^{}\\[~\]|€]/;
const LONGEST = 1600;
const drafts = new Map();

/** Segments as carriers count them: 160 or 153 letters of the basic alphabet, 70 or 67 as soon as one letter is outside it. */
export function measure(text) {
  let length = 0;
  let odd = "";
  for (const letter of text) {
    if (BASIC.test(letter)) length += 1;
    else if (DOUBLE.test(letter)) length += 2;
    else {
      odd = letter;
      break;
    }
  }
  if (odd) length = text.length;
  const [single, joined] = odd ? [70, 67] : [160, 153];
  return { length, odd, texts: length === 0 ? 0 : length <= single ? 1 : Math.ceil(length / joined) };
}

function counter(area) {
  const output = find("#counter");
  if (!output) return;
  const { length, odd, texts } = measure(area.value.trim());
  const parts = texts ? [length, texts === 1 ? "1 text" : `${texts} texts`] : [];
  if (odd) parts.push(`“${odd}” makes texts shorter`);
  const signs = [...area.value.trim()].length;
  const isLong = signs > LONGEST;
  output.textContent = isLong ? `${signs.toLocaleString("en")} of 1,600 characters: too long` : parts.join(" · ");
  output.classList.toggle("is-danger", isLong);
  output.classList.toggle("is-warn", texts > 3);
}

function grow(area) {
  if (CSS.supports("field-sizing", "content")) return;
  area.rows = Math.min(10, Math.max(2, area.value.split("\n").length));
}

document.addEventListener("input", ({ target }) => {
  if (target.id !== "reply") return;
  drafts.set(target.form.dataset.conversation, target.value);
  find(".composer-problem.is-danger", target.form)?.remove();
  counter(target);
  grow(target);
});

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

document.addEventListener("htmx:before:request", ({ detail }) => sent(detail) && showSending(find("textarea", sent(detail)).value));

/** Whoever has moved on is told that the text did not leave; it waits where it was written. */
document.addEventListener("htmx:after:request", ({ detail }) => {
  const form = sent(detail);
  if (!form) return;
  if (detail.ctx.response?.status < 400) {
    drafts.delete(form.dataset.conversation);
    if (detail.ctx.request.submitter?.name === "then") document.dispatchEvent(new CustomEvent("composer:done"));
  } else if (form.isConnected) find("#sending")?.remove();
  else say(`Not sent: ${find("label", form).textContent.toLowerCase()}. Your text is kept there.`, "danger", 12000);
});

document.addEventListener("htmx:error", ({ detail }) => sent(detail) && find("#sending")?.remove());

document.addEventListener("htmx:after:swap", arrive);
window.addEventListener("beforeunload", (event) => {
  if ([...drafts.values()].some((text) => text.trim())) event.preventDefault();
});

/** It stands in the thread at once; the answer replaces it. */
function showSending(text) {
  const list = find("#thread .thread");
  if (!text.trim()) return;
  const item = find("#sending-template").content.cloneNode(true);
  find(".bubble", item).textContent = text;
  list.append(item);
  find("#thread-scroll").scrollTop = find("#thread-scroll").scrollHeight;
}

function arrive() {
  const area = find("#reply");
  const conversation = area?.form.dataset.conversation;
  if (!area || area.dataset.ready === conversation) return;
  area.value = drafts.get(conversation) ?? (area.dataset.ready ? area.defaultValue : area.value);
  area.dataset.ready = conversation;
  counter(area);
  grow(area);
}

arrive();
