// Notifications of this browser: what it can do, its permission, and its subscription at its own push service.

/** The only script that a service worker may be made from; the policy of the page names the same one. */
export const WORKER = "/sw.js";
/** Which of the person's browsers this one is: its address is a secret that the node does not show. */
const STORAGE_KEY = "nines-browser";

/** `insecure`: browsers give notifications to pages that came over TLS, and to those of this very machine. */
export type Ability = "insecure" | "unsupported" | "home-screen" | "default" | "granted" | "denied";

export function ability(): Ability {
  if (!window.isSecureContext) return "insecure";
  const has = "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;
  if (has) return Notification.permission;
  return /iPhone|iPad/.test(navigator.userAgent) ? "home-screen" : "unsupported";
}

/** Calls back whenever the permission changes, in the browser's own settings too. */
export function watchPermission(changed: () => void): () => void {
  let status: PermissionStatus | undefined;
  let stopped = false;
  navigator.permissions
    ?.query({ name: "notifications" })
    .then((found) => {
      if (stopped) return;
      status = found;
      status.addEventListener("change", changed);
    })
    .catch(() => {});
  return () => {
    stopped = true;
    status?.removeEventListener("change", changed);
  };
}

type ScriptUrls = { createScriptURL(url: string): string };
type Factory = { createPolicy(name: string, rules: ScriptUrls): ScriptUrls };

/** Permits one address and nothing else: of what a page may run, a worker is the part that outlives it. */
export const onlyTheWorker: ScriptUrls = {
  createScriptURL(url) {
    if (url !== WORKER) throw new TypeError(`${url} is no service worker of this application`);
    return url;
  },
};
let policy: ScriptUrls | undefined;

async function worker(): Promise<ServiceWorkerRegistration> {
  const factory = (window as { trustedTypes?: Factory }).trustedTypes;
  policy ??= factory?.createPolicy("nines-worker", onlyTheWorker) ?? onlyTheWorker;
  await navigator.serviceWorker.register(policy.createScriptURL(WORKER), { scope: "/" });
  return navigator.serviceWorker.ready;
}

export type Keys = { endpoint: string; p256dh: string; auth: string };

/** Asks for the permission if need be. `undefined`: it was not given. */
export async function subscribe(publicKey: string): Promise<Keys | undefined> {
  if ((await Notification.requestPermission()) !== "granted") return undefined;
  const registration = await worker();
  let subscription = await registration.pushManager.getSubscription();
  const key = subscription?.options.applicationServerKey;
  // It was made for another node, or for this one before it had to make a new key.
  if (subscription && key && base64url(key) !== publicKey) {
    await subscription.unsubscribe();
    subscription = null;
  }
  subscription ??= await registration.pushManager.subscribe({
    userVisibleOnly: true,
    applicationServerKey: publicKey,
  });
  const { endpoint, keys } = subscription.toJSON();
  if (!endpoint || !keys?.p256dh || !keys.auth) throw new Error("the browser gave no keys");
  return { endpoint, p256dh: keys.p256dh, auth: keys.auth };
}

/** Best effort: the node has forgotten it already. */
export async function unsubscribe(): Promise<void> {
  remember(undefined);
  const registration = await navigator.serviceWorker?.getRegistration("/");
  const subscription = await registration?.pushManager.getSubscription();
  await subscription?.unsubscribe();
}

export const base64url = (bytes: ArrayBuffer) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");

export function remembered(): string | undefined {
  try {
    return localStorage.getItem(STORAGE_KEY) ?? undefined;
  } catch {
    return undefined;
  }
}

export function remember(id: string | undefined): void {
  try {
    if (id) localStorage.setItem(STORAGE_KEY, id);
    else localStorage.removeItem(STORAGE_KEY);
  } catch {
    // Storage may be forbidden; the list then does not mark this browser.
  }
}

/** Everybody claims to be Chrome and Safari, and Android to be Linux: who says more comes first. */
const PROGRAMS: [string, string][] = [
  ["Edg", "Edge"],
  ["OPR", "Opera"],
  ["FxiOS", "Firefox"],
  ["Firefox", "Firefox"],
  ["CriOS", "Chrome"],
  ["Chrome", "Chrome"],
  ["Safari", "Safari"],
];
const MACHINES: [string, string][] = [
  ["iPhone", "iPhone"],
  ["iPad", "iPad"],
  ["Android", "Android"],
  ["Windows", "Windows"],
  ["Macintosh", "Mac"],
  ["CrOS", "ChromeOS"],
  ["Linux", "Linux"],
];

/** What a browser is called until its owner says otherwise. */
export function usualName(agent: string): string {
  const named = (words: [string, string][]) => words.find(([word]) => agent.includes(word))?.[1];
  return [named(PROGRAMS), named(MACHINES)].filter(Boolean).join(", ");
}
