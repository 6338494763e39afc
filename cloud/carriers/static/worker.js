// Keeps the page of a carrier, so that it opens without a line. VERSION and FILES stand in front, as the city serves this.
//
// All of a version or nothing of it: pages and files come from the cache of this worker's own version alone.

const CACHE = `manyi page ${VERSION} ${self.registration.scope}`;
const PAGE = new URL(self.registration.scope).pathname;

self.addEventListener("install", (event) => {
  const fetched = [PAGE, ...FILES].map((path) => new Request(path, { cache: "reload", credentials: "omit" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(fetched)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(forget().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const { pathname, origin } = new URL(event.request.url);
  if (event.request.method !== "GET" || origin !== self.location.origin) return;
  if (pathname === PAGE || FILES.includes(pathname)) event.respondWith(kept(pathname, event.request));
});

async function kept(path, request) {
  const cache = await caches.open(CACHE);
  return (await cache.match(path)) ?? fetch(request);
}

// Older versions of this page; others here have caches of their own.
async function forget() {
  const own = (await caches.keys()).filter((name) => name.endsWith(` ${self.registration.scope}`));
  await Promise.all(own.filter((name) => name !== CACHE).map((name) => caches.delete(name)));
}
