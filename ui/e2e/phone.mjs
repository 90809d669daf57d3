// A whole incident with one thumb: 390 × 844, touch, nothing else, against a real node (NINES_URL). Two people take part,
// each with a browser of their own (NINES_PEOPLE: two cookies as JSON); NINES_INCIDENT is what somebody was just called about.
// Whatever can be pressed is large enough, nothing is wider than the screen, nothing waits for a pointer that hovers.
// Pictures of each step are kept in test-results/phone.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { stage } from "./stage.mjs";

const out = new URL("../test-results/phone/", import.meta.url).pathname;
mkdirSync(out, { recursive: true });
const TOUCH = 44;
const s = await stage();
const id = process.env.NINES_INCIDENT;
const people = JSON.parse(process.env.NINES_PEOPLE ?? "[]");
assert.ok(id && people.length === 2, "NINES_INCIDENT and the cookies of two people are needed");

async function phone(cookie, theme) {
  const context = await s.browser.newContext({
    viewport: { width: 390, height: 844 },
    deviceScaleFactor: 2,
    isMobile: true,
    hasTouch: true,
    locale: "en",
    timezoneId: "Asia/Taipei",
    colorScheme: theme,
  });
  const [name, ...value] = cookie.split("=");
  await context.addCookies([{ name, value: value.join("="), url: s.base }]);
  await context.addInitScript((theme) => localStorage.setItem("nines-theme", theme), theme);
  const page = await context.newPage();
  page.complaints = [];
  page.on("pageerror", (error) => page.complaints.push(String(error)));
  page.on("console", (message) => message.type() === "error" && page.complaints.push(message.text()));
  page.setDefaultTimeout(10_000);
  return page;
}

/** What a thumb cannot hit, and what is wider than the screen. */
const faults = (page) =>
  page.evaluate((least) => {
    const found = [];
    const wide = document.scrollingElement.scrollWidth - innerWidth;
    if (wide > 0) {
      const widest = [...document.querySelectorAll("main *")]
        .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
        .slice(0, 3)
        .map((one) => `${one.tagName.toLowerCase()}.${one.className}`);
      found.push(`${wide} px wider than the screen: ${widest.join(", ")}`);
    }
    // A link inside a sentence may be as high as its line.
    const pressed =
      "button, select, textarea, summary, [role=tab], [role=button], input:not([type=hidden]), nav a, main a.panel, main a.chip";
    for (const one of document.querySelectorAll(pressed)) {
      const style = getComputedStyle(one);
      // Of a box to tick, its words are pressed as well.
      const target = one.matches("[type=checkbox], [type=radio]")
        ? (one.closest("label, .mantine-Checkbox-root") ?? one)
        : one;
      const box = target.getBoundingClientRect();
      const isHidden =
        style.visibility === "hidden" || style.opacity === "0" || box.width <= 1 || box.height <= 1;
      if (isHidden || one.disabled || one.closest("[inert], [aria-hidden=true]")) continue;
      if (box.height < least - 0.5 || box.width < least - 0.5)
        found.push(
          `${one.tagName.toLowerCase()} "${(one.ariaLabel || one.textContent || one.name || "").trim().slice(0, 40)}" is ${box.width.toFixed(0)} × ${box.height.toFixed(0)}`,
        );
    }
    return found;
  }, TOUCH);

let n = 0;
const wrong = [];
async function seen(page, step) {
  n += 1;
  await page.waitForTimeout(250);
  await page.screenshot({ path: `${out}${String(n).padStart(2, "0")}-${step}.png` });
  for (const fault of await faults(page)) wrong.push(`${step}: ${fault}`);
}
const press = (page, name) => page.getByRole("button", { name, exact: true }).tap();

const mei = await phone(people[0], "dark");
const lin = await phone(people[1], "light");
const room = `${s.base}/incident/${id}`;
try {
  // From the page: its link acknowledges.
  await Promise.all([mei.goto(`${room}?do=acknowledge`), lin.goto(room)]);
  await mei.getByText("mei has it").waitFor();
  await seen(mei, "acknowledged");
  await lin.getByText("mei has it").waitFor();

  await press(mei, "Call the next now");
  await mei.getByText("nobody has answered yet").waitFor();
  await mei.getByText("bo", { exact: true }).first().waitFor();
  await seen(mei, "escalated");

  // Less than it looked like: one that needs no postmortem to be closed.
  await press(mei, "Confirm level");
  await mei.getByRole("radiogroup", { name: "Level" }).getByText("P2").tap();
  await seen(mei, "level");
  await press(mei, "Confirm P2");
  await mei.getByText("confirmed", { exact: true }).first().waitFor();

  await press(mei, "Post an update");
  await mei.getByLabel(/drafted/).fill("payments fail in Taipei; the last deploy is being taken back");
  await seen(mei, "update");
  const words = "payments fail in Taipei; the last deploy is being taken back";
  const at = Date.now();
  const arrived = lin.getByText(words).first().waitFor();
  await mei.getByRole("button", { name: /Post and promise the next one/ }).tap();
  await arrived;
  console.log(`         the other phone had the update after ${Date.now() - at} ms`);

  await press(mei, "Hand over");
  await mei.getByLabel("Who leads from now on").fill("lin");
  await seen(mei, "hand-over");
  await mei.getByRole("button", { name: "Hand over", exact: true }).last().tap();
  await lin.getByText("led by lin").waitFor();

  // Two people tell the public.
  await press(lin, "Draft a statement");
  await lin.getByLabel(/status pages/).fill("Some payments in Taipei fail. We are taking back a change.");
  await seen(lin, "statement");
  await press(lin, "Ask for approval");
  await press(lin, "Approve as Manager");
  await lin.getByText("Manager: lin").waitFor();
  await press(mei, "Approve as Public relations");
  await lin.getByText(/^published/).waitFor();
  await seen(lin, "published");
  await lin.goto(`${s.base}/status/shop`);
  await lin.getByText("Some payments in Taipei fail.").waitFor();
  await seen(lin, "public");
  await lin.goto(room);

  for (const [step, label, text] of [
    ["Mitigate", /What was done/, "the deploy was taken back"],
    ["Resolve", /What fixed it/, "a config of the last deploy"],
  ]) {
    await press(lin, step);
    await lin.getByLabel(label).fill(text);
    await seen(lin, step.toLowerCase());
    await lin.getByRole("button", { name: step, exact: true }).last().tap();
    await lin.getByText(text).first().waitFor();
  }
  await lin.getByText("No update is promised any more").waitFor();
  await seen(lin, "no-promise");
  await press(lin, "Mark as reviewed");
  await lin.getByLabel("Comment (optional)").fill("a canary would have caught it");
  await lin.getByRole("button", { name: "Mark as reviewed", exact: true }).last().tap();
  await lin.getByText("a canary would have caught it").first().waitFor();
  await seen(lin, "reviewed");

  // What else is opened at night.
  for (const [name, path] of [
    ["board", "/"],
    ["incidents", "/incidents?show=all"],
    ["alerts", "/alerts"],
    ["oncall", "/oncall"],
    ["report", "/incidents/new"],
    ["you", "/you"],
  ]) {
    await mei.goto(s.base + path);
    await mei.locator("main h1, main h2").first().waitFor();
    await seen(mei, name);
  }
  // A P2 has no postmortem until somebody asks for it: the page says so, and drafts it.
  await mei.goto(`${s.base}/postmortem/${id}`);
  await mei.getByRole("heading", { name: `Postmortem of ${id}` }).waitFor();
  await seen(mei, "no-postmortem");
  await press(mei, "Draft it from the timeline");
  await mei.getByRole("heading", { name: "Measures" }).waitFor();
  await seen(mei, "postmortem");
  for (const page of [mei, lin])
    assert.deepEqual(
      page.complaints.filter((text) => !/status of 4\d\d|ERR_FAILED/.test(text)),
      [],
    );
  assert.deepEqual(wrong, []);
  console.log(`ok       an incident from a phone: ${n} pictures`);
} catch (error) {
  await mei.screenshot({ path: `${out}failed-mei.png`, fullPage: true }).catch(() => {});
  await lin.screenshot({ path: `${out}failed-lin.png`, fullPage: true }).catch(() => {});
  for (const fault of wrong) console.log(`         ${fault}`);
  console.log(`FAILED   an incident from a phone\n${error.stack}`);
  process.exitCode = 1;
}
await s.close();
