// Notifications of a browser, from the alert to the page that a click opens, against a real node (NINES_URL, NINES_KEY) and
// a push service of this script's own: it takes what the node sends, reads it with the browser's keys and hands the text to
// the service worker, as a browser does. NINES_COOKIE is whoever registers. Without a network a browser gets no subscription
// of its own, so that one answer is made up; and no script may click on a notification of the system, so the worker is told
// of the click and says which page it would open.
import assert from "node:assert/strict";
import { createDecipheriv, createECDH, hkdfSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { createServer } from "node:http";
import { stage } from "./stage.mjs";

const out = new URL("../test-results/push/", import.meta.url).pathname;
mkdirSync(out, { recursive: true });
const s = await stage();

// ---- The push service, and the browser's keys ----
const keys = createECDH("prime256v1");
keys.generateKeys();
const auth = randomBytes(16);
const pushed = [];
let status = 201;
const service = createServer(async (request, response) => {
  const body = Buffer.concat(await request.toArray());
  if (status === 201) pushed.push(JSON.parse(decrypted(body)));
  response.writeHead(status).end();
});
service.listen(0, "127.0.0.1");
await once(service, "listening");
const endpoint = `http://127.0.0.1:${service.address().port}/send/one`;

/** RFC 8291 with Node's own cryptography. */
function decrypted(body) {
  const [salt, sender, record] = [body.subarray(0, 16), body.subarray(21, 86), body.subarray(86)];
  const info = Buffer.concat([Buffer.from("WebPush: info\0"), keys.getPublicKey(), sender]);
  const material = Buffer.from(hkdfSync("sha256", keys.computeSecret(sender), auth, info, 32));
  const key = Buffer.from(hkdfSync("sha256", material, salt, "Content-Encoding: aes128gcm\0", 16));
  const nonce = Buffer.from(hkdfSync("sha256", material, salt, "Content-Encoding: nonce\0", 12));
  const decipher = createDecipheriv("aes-128-gcm", key, nonce);
  decipher.setAuthTag(record.subarray(-16));
  const plain = Buffer.concat([decipher.update(record.subarray(0, -16)), decipher.final()]);
  assert.equal(plain.at(-1), 2, "the last record");
  return plain.subarray(0, -1).toString();
}
async function until(what, ready) {
  const end = Date.now() + 20_000;
  for (;;) {
    const found = await ready();
    if (found) return found;
    assert.ok(Date.now() < end, `waited in vain for ${what}`);
    await new Promise((wake) => setTimeout(wake, 50));
  }
}

// ---- The browser ----
async function person(theme, permissions) {
  const context = await s.browser.newContext({
    viewport: { width: 390, height: 844 },
    locale: "en",
    timezoneId: "Asia/Taipei",
    colorScheme: theme,
  });
  if (permissions) await context.grantPermissions(permissions, { origin: s.base });
  const [name, ...value] = process.env.NINES_COOKIE.split("=");
  await context.addCookies([{ name, value: value.join("="), url: s.base }]);
  await context.addInitScript(
    ([theme, endpoint, p256dh, auth]) => {
      localStorage.setItem("nines-theme", theme);
      window.reports = [];
      document.addEventListener("securitypolicyviolation", (event) =>
        window.reports.push(`${event.effectiveDirective} ${event.sample}`),
      );
      const made = { options: {}, toJSON: () => ({ endpoint, keys: { p256dh, auth } }) };
      PushManager.prototype.subscribe = async (options) => {
        window.asked = options;
        return { ...made, unsubscribe: async () => true };
      };
    },
    [theme, endpoint, keys.getPublicKey("base64url"), auth.toString("base64url")],
  );
  const page = await context.newPage();
  page.complaints = [];
  page.on("pageerror", (error) => page.complaints.push(String(error)));
  page.on("console", (message) => message.type() === "error" && page.complaints.push(message.text()));
  page.setDefaultTimeout(15_000);
  return page;
}
let n = 0;
async function seen(page, step) {
  n += 1;
  await page.screenshot({ path: `${out}${String(n).padStart(2, "0")}-${step}.png`, fullPage: true });
  const wide = await page.evaluate(() => document.scrollingElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, `${step} is ${wide} px wider than the screen`);
}

try {
  // Refused: said so, with what to do, and nothing to press.
  const refused = await person("dark", []);
  await refused.addInitScript(() =>
    Object.defineProperty(Notification, "permission", { get: () => "denied" }),
  );
  await refused.goto(`${s.base}/you`);
  await refused.getByText("Notifications are refused for this address").waitFor();
  assert.equal(await refused.getByRole("button", { name: "Take notifications in this browser" }).count(), 0);
  await seen(refused, "refused");
  await refused.context().close();

  const page = await person("light", ["notifications"]);
  const cdp = await page.context().newCDPSession(page);
  const registrations = [];
  cdp.on("ServiceWorker.workerRegistrationUpdated", (event) => registrations.push(...event.registrations));
  await cdp.send("ServiceWorker.enable");
  await page.goto(`${s.base}/you`);
  await page.getByText("allowed here").waitFor();
  await page.getByLabel("What this browser is called").fill("<b>phone</b> of ann");
  await seen(page, "before");
  // By keyboard alone.
  await page.getByLabel("What this browser is called").press("Enter");
  await page.getByText("<b>phone</b> of ann").waitFor();
  await page.getByText("nothing sent yet").waitFor();
  const asked = await page.evaluate(() => ({
    userVisibleOnly: window.asked.userVisibleOnly,
    key: window.asked.applicationServerKey,
  }));
  assert.equal(asked.userVisibleOnly, true);
  assert.equal(Buffer.from(asked.key, "base64url").length, 65, "the node's key is a point of P-256");
  const worker = await until("the service worker", () => page.context().serviceWorkers()[0]);
  assert.equal(worker.url(), `${s.base}/sw.js`);
  await until("the worker to be active", () =>
    page.evaluate(async () => (await navigator.serviceWorker.ready).active?.state === "activated"),
  );
  const registration = await until("the registration", () =>
    registrations.find((one) => one.scopeURL === `${s.base}/` && !one.isDeleted),
  );

  /** Notifications of `tag` that are shown. */
  const shown = (tag) =>
    page.evaluate(async (tag) => {
      const registration = await navigator.serviceWorker.ready;
      return (await registration.getNotifications({ tag })).map((one) => ({
        title: one.title,
        body: one.body,
        tag: one.tag,
        silent: one.silent,
        stays: one.requireInteraction,
        actions: one.actions?.map((action) => action.title) ?? [],
      }));
    }, tag);
  /** Gives a push to the worker, as the browser would; again if the worker was not running yet and missed it. */
  const give = (told) =>
    until(`the notification ${told.tag}`, async () => {
      await cdp.send("ServiceWorker.deliverPushMessage", {
        origin: s.base,
        registrationId: registration.registrationId,
        data: JSON.stringify(told),
      });
      for (let turn = 0; turn < 40; turn += 1) {
        const found = (await shown(told.tag)).filter((one) => one.body === told.body);
        if (found.length > 0) {
          assert.equal(found.length, 1, "one notification for each incident");
          return found[0];
        }
        await new Promise((wake) => setTimeout(wake, 50));
      }
    });
  let given = 0;
  /** The next push of the node, shown. */
  const next = async (what) => {
    const told = await until(what, () => pushed[given]);
    given += 1;
    return give(told);
  };
  /** What a click on the notification of `tag` would open. */
  const click = (tag, action = "") =>
    worker.evaluate(
      async ([tag, action]) => {
        let opened;
        Clients.prototype.openWindow = async (url) => {
          opened = url;
        };
        WindowClient.prototype.focus = async function () {
          opened = `focused ${this.url}`;
        };
        const [notification] = await self.registration.getNotifications({ tag });
        self.dispatchEvent(new NotificationEvent("notificationclick", { notification, action }));
        for (let turn = 0; turn < 100 && !opened; turn += 1)
          await new Promise((wake) => setTimeout(wake, 20));
        return opened;
      },
      [tag, action],
    );

  await page.getByRole("button", { name: "Send a test to <b>phone</b> of ann" }).press("Enter");
  const test = await next("the test");
  assert.equal(test.title, "Nines: notifications work");
  await page.getByText(/^taken/).waitFor();
  await seen(page, "registered");
  assert.equal(
    await click(test.tag),
    `focused ${s.base}/you`,
    "a window that shows the page is not opened twice",
  );

  // A call, and what a click opens.
  const headers = { authorization: `Bearer ${process.env.NINES_KEY}`, "content-type": "application/json" };
  const alert = { title: "payments <img src=x onerror=alert(1)> fail", level: "P0", service: "checkout" };
  const sent = await fetch(`${s.base}/api/v1/alerts`, {
    method: "POST",
    headers,
    body: JSON.stringify(alert),
  });
  assert.ok(sent.ok, `${sent.status}`);
  const call = await next("the call");
  assert.match(call.title, /^\[P0\] INC-\S+: payments <img src=x onerror=alert\(1\)> fail$/);
  assert.deepEqual([call.stays, call.silent, call.actions], [true, false, ["Acknowledge"]]);
  const incident = call.title.match(/INC-[\w-]+/)[0];
  assert.equal(await click(call.tag), `${s.base}/incident/${incident}`);
  const evil = { ...pushed.at(-1), tag: "evil", path: "//evil.example/x", answer: "https://evil.example/" };
  for (const action of ["", "acknowledge"]) {
    await give(evil);
    assert.equal(await click("evil", action), `${s.base}/incidents`, "nothing leads to another origin");
  }

  // The action leads to the page that acknowledges; then the notification says so without a sound.
  await give(pushed.at(-1));
  const answer = await click(call.tag, "acknowledge");
  assert.equal(answer, `${s.base}/incident/${incident}?do=acknowledge`);
  await page.goto(answer);
  await page.getByText("ann has it").waitFor();
  const over = await next("the answer");
  assert.deepEqual([over.tag, over.silent, over.stays, over.actions], [call.tag, true, false, []]);
  assert.match(over.body, /ann has it in hand/);

  // Gone, by the word of its push service.
  await page.goto(`${s.base}/you`);
  status = 410;
  // One test each three seconds: the first was a moment ago.
  await until("another test", async () => {
    const answered = page.waitForResponse((response) => response.url().endsWith("/test"));
    await page.getByRole("button", { name: "Send a test to <b>phone</b> of ann" }).click();
    return (await answered).status() !== 429;
  });
  await page.getByText("takes nothing any more: register it again").waitFor();
  await page.getByRole("button", { name: "Take notifications in this browser" }).waitFor();
  await page.emulateMedia({ colorScheme: "dark" });
  await page.evaluate(() => localStorage.setItem("nines-theme", "dark"));
  await page.reload();
  await page.getByText("takes nothing any more: register it again").waitFor();
  await seen(page, "gone");
  await page.getByRole("button", { name: "Remove <b>phone</b> of ann" }).press("Enter");
  await page.getByText("<b>phone</b> of ann").waitFor({ state: "detached" });

  assert.deepEqual(await page.evaluate(() => window.reports), [], "reports of the policy");
  assert.deepEqual(
    page.complaints.filter((text) => !/status of 4\d\d|ERR_FAILED/.test(text)),
    [],
  );
  // The policy permits that one worker by that one way.
  const held = await page.evaluate(async () => {
    const tried = (run) =>
      Promise.resolve()
        .then(run)
        .then(
          () => "ran",
          (error) => error.name,
        );
    return [
      await tried(() => navigator.serviceWorker.register("/sw.js")),
      await tried(() => trustedTypes.createPolicy("mine", { createScriptURL: (url) => url })),
      await tried(() => trustedTypes.createPolicy("default", { createHTML: (text) => text })),
      await tried(() => {
        document.body.innerHTML = "<b>x</b>";
      }),
    ];
  });
  assert.deepEqual(held, ["TypeError", "TypeError", "TypeError", "TypeError"]);
  console.log(`ok       notifications of a browser: ${n} pictures, ${pushed.length} pushes read`);
} catch (error) {
  for (const context of s.browser.contexts())
    for (const page of context.pages())
      await page.screenshot({ path: `${out}failed.png`, fullPage: true }).catch(() => {});
  console.log(`FAILED   notifications of a browser\n${error.stack}`);
  process.exitCode = 1;
}
service.close();
service.closeAllConnections();
await s.close();
