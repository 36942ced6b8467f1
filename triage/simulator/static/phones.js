// Keeps the page of phones live: forms without a reload, new texts as they come, links that open inside a phone.

const LOST_AFTER = 2;
const root = document.documentElement;
const strip = document.querySelector("[data-strip]");
const calm = strip.textContent;
let version = Number(document.body.dataset.version);
const layout = document.body.dataset.layout;
const last = new Map();

root.classList.add("script");
document.addEventListener("submit", send);
document.addEventListener("change", (event) => event.target.form?.matches("[data-auto]") && event.target.form.requestSubmit());
document.addEventListener("click", open);
document.addEventListener("click", (event) => event.target.closest("[data-close]")?.closest(".browser").toggleAttribute("hidden", true));
document.addEventListener("keydown", (event) => event.key === "Escape" && document.querySelectorAll(".browser").forEach((b) => { b.hidden = true; }));
for (const thread of document.querySelectorAll(".thread")) toEnd(thread);
restore();
tick();
setInterval(tick, 5000);
listen();

async function send(event) {
  const form = event.target;
  if (!form.matches("[data-quiet]")) return;
  event.preventDefault();
  const button = event.submitter;
  const body = new URLSearchParams(new FormData(form, button));
  const field = form.querySelector("input[name=body]");
  const typed = field?.value;
  if (field && button?.name !== "photo" && !typed.trim()) return field.focus();
  if (field) field.value = "";
  try {
    const answer = await fetch(form.action, { method: "POST", body, headers: { "X-Quiet": "1" } });
    if (!answer.ok) throw new Error(String(answer.status));
    if (button?.dataset.busy) rest(button);
  } catch {
    if (field) field.value = typed;
    tell("The carrier did not take that. Try again.");
  }
}

function rest(button) {
  button.disabled = true;
  setTimeout(() => { button.disabled = false; }, Number(button.dataset.busy) * 1000);
}

function open(event) {
  const link = event.target.closest("a[data-inside]");
  if (!link || event.metaKey || event.ctrlKey) return;
  event.preventDefault();
  const browser = link.closest("[data-phone]").querySelector(".browser");
  browser.querySelector("iframe").src = link.href;
  browser.querySelector(".outside").href = link.href;
  browser.hidden = false;
  browser.querySelector("[data-close]").focus();
}

async function listen() {
  let misses = 0;
  for (;;) {
    try {
      const answer = await fetch(`/live?after=${misses ? 0 : version}`, { cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      const news = await answer.json();
      misses = 0;
      tell(null);
      if (news.layout !== layout) return renew();
      version = news.version;
      for (const [id, html] of Object.entries(news.parts)) show(id, html);
      await pause(150);
    } catch {
      misses += 1;
      if (misses >= LOST_AFTER) tell("The carrier does not answer. Trying again.");
      await pause(Math.min(500 * misses, 5000));
    }
  }
}

function show(id, html) {
  const list = document.getElementById(id);
  if (!list || last.get(id) === html) return;
  const known = new Set([...list.children].map((item) => item.dataset.key));
  const first = known.has("none");
  const held = list.contains(document.activeElement) ? document.activeElement.closest("[data-key]")?.dataset.key : null;
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  last.set(id, html);
  list.innerHTML = html;
  const fresh = [...list.children].filter((item) => item.dataset.key && !known.has(item.dataset.key));
  for (const item of fresh) item.classList.add("arrives");
  if (held) list.querySelector(`[data-key="${held}"] :is(a, button)`)?.focus({ preventScroll: true });
  if (!list.matches(".thread")) return;
  if (atEnd || first || fresh.some((item) => item.matches(".me"))) toEnd(list);
  if (fresh.some((item) => item.matches(".practice, .carrier"))) buzz(list.closest("[data-phone]").querySelector(".case"));
}

// Another set of phones is another page; what was being typed comes along.
function renew() {
  const typed = [...document.querySelectorAll("input[name=body]")].map((field) => [field.id, field.value]);
  sessionStorage.setItem("typed", JSON.stringify(typed));
  location.reload();
}

function restore() {
  for (const [id, value] of JSON.parse(sessionStorage.getItem("typed") ?? "[]")) {
    const field = document.getElementById(id);
    if (field) field.value = value;
  }
  sessionStorage.removeItem("typed");
}

function buzz(phone) {
  phone.classList.remove("buzz");
  void phone.offsetWidth;
  phone.classList.add("buzz");
}

function toEnd(list) {
  list.scrollTop = list.scrollHeight;
  for (const picture of list.querySelectorAll("img")) if (!picture.complete) picture.onload = () => { list.scrollTop = list.scrollHeight; };
}

function tick() {
  const now = new Date().toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  for (const clock of document.querySelectorAll("[data-clock]")) clock.textContent = now;
}

function tell(trouble) {
  strip.textContent = trouble ?? calm;
  strip.parentElement.classList.toggle("lost", trouble !== null);
}

function pause(milliseconds) {
  return new Promise((done) => { setTimeout(done, milliseconds); });
}
