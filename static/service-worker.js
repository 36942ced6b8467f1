// Keeps the product's own files at hand, and shows a page of its own when there is no network. No other answer is ever
// stored. `self.SHELL` (version, files, offline) is written above by the server.
const { version, files, offline } = self.SHELL;
const CACHE = `triage-${version}`;

self.addEventListener("install", (event) => event.waitUntil(fill()));
self.addEventListener("activate", (event) => event.waitUntil(takeOver()));

async function fill() {
  const cache = await caches.open(CACHE);
  await cache.addAll(files);
  await cache.add(new Request(offline, { credentials: "omit", cache: "reload" }));
  await self.skipWaiting();
}

/** What an older version kept goes; pages that still have it get what they lack from the server. */
async function takeOver() {
  const older = (await caches.keys()).filter((name) => name.startsWith("triage-") && name !== CACHE);
  await Promise.all(older.map((name) => caches.delete(name)));
  await self.clients.claim();
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin) return;
  if (request.mode === "navigate") event.respondWith(visit(request));
  else if (pathname.startsWith("/static/")) event.respondWith(take(request));
});

async function visit(request) {
  try {
    return await fetch(request);
  } catch {
    return (await kept(offline)) ?? Response.error();
  }
}

const kept = async (request) => (await caches.open(CACHE)).match(request, { ignoreVary: true });
const take = async (request) => (await kept(request)) ?? fetch(request);

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(comeForward());
});

async function comeForward() {
  const [page] = await self.clients.matchAll({ type: "window" });
  return page ? page.focus() : self.clients.openWindow("/");
}
