// The service worker: shows what the node pushes, and leads to the page of it. It answers no request and keeps nothing, so
// the application is loaded as if it were not there.

const WORDS = { en: "Acknowledge", "zh-TW": "接手", "zh-CN": "接手" };
/** As long as a notification of any system may be; the node sends less. */
const TEXT_MAX = 2_000;

const textOf = (value, instead) =>
  typeof value === "string" && value !== "" ? value.slice(0, TEXT_MAX) : instead;

/** The address of a path of this origin. Whatever else is named becomes the list of incidents. */
function here(path) {
  const { origin } = self.location;
  try {
    const url = new URL(path, origin);
    if (typeof path === "string" && path.startsWith("/") && url.origin === origin) return url.href;
  } catch {
    // No path at all.
  }
  return `${origin}/incidents`;
}

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => {
  let told = {};
  try {
    told = event.data?.json() ?? {};
  } catch {
    // A push must show something, or the browser shows words of its own.
  }
  const over = told.over === true;
  const answer = over ? undefined : textOf(told.answer);
  event.waitUntil(
    self.registration.showNotification(textOf(told.title, "Nines"), {
      body: textOf(told.body, ""),
      // One notification for each incident: what is newer takes its place.
      tag: textOf(told.tag, "nines"),
      renotify: !over,
      silent: over,
      requireInteraction: told.urgent === true && !over,
      data: { path: textOf(told.path), answer },
      actions: answer ? [{ action: "acknowledge", title: WORDS[self.navigator.language] ?? WORDS.en }] : [],
    }),
  );
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const { path, answer } = event.notification.data ?? {};
  const acknowledges = event.action === "acknowledge" && answer;
  const url = here(acknowledges ? answer : path);
  const open = async () => {
    const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
    const shown = windows.find((window) => new URL(window.url).pathname === new URL(url).pathname);
    // A page with words that somebody is typing is never loaded anew.
    if (shown && !acknowledges) await shown.focus();
    else await self.clients.openWindow(url);
  };
  event.waitUntil(open());
});
