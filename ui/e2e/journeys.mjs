// The few journeys that must never break, in a real browser against the built application: `npm run journeys`.
// With NINES_URL (and NINES_KEY) they run against a real server; steps that need the mock's own data are then left out.
// Pictures of each step are kept in test-results/journeys.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dashboards } from "./dashboards.mjs";
import { stage } from "./stage.mjs";

const out = new URL("../test-results/journeys/", import.meta.url).pathname;
mkdirSync(out, { recursive: true });
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const s = await stage();
const failures = [];
let n = 0;

async function journey(name, { mockOnly = false, realOnly = false, ...options }, run) {
  if (realOnly && s.mocked)
    return console.log(`skipped: ${name} (needs a node with the stories of the demo)`);
  if (mockOnly && !s.mocked) return console.log(`skipped: ${name} (needs the mock's data)`);
  if (process.argv[2] && !name.includes(process.argv[2])) return;
  const page = await s.open(options);
  page.setDefaultTimeout(10_000);
  const started = Date.now();
  n += 1;
  try {
    await run(page, async (step) =>
      page.screenshot({ path: `${out}${String(n).padStart(2, "0")}-${step}.png` }),
    );
    // A refused filter and a stream that is cut are part of journeys; nothing else may complain.
    assert.deepEqual(
      page.complaints.filter((text) => !/status of 4\d\d|ERR_FAILED/.test(text)),
      [],
    );
    console.log(`ok       ${name} (${Date.now() - started} ms)`);
  } catch (error) {
    await page.screenshot({ path: `${out}failed-${n}.png` }).catch(() => {});
    failures.push(name);
    console.log(`FAILED   ${name}\n${error.stack}`);
  }
  await page.context().close();
}

const WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
const violations = async (page, rules) => {
  await page.evaluate(axe);
  const { violations } = await page.evaluate((runOnly) => window.axe.run(document, { runOnly }), rules);
  return violations.map(
    (v) =>
      `${v.id}: ${v.nodes
        .slice(0, 4)
        .map((node) => `${node.target.join(" ")} ${node.any[0]?.message ?? ""}`)
        .join(" | ")}`,
  );
};

await journey("from the page's link to the cause in three clicks", {}, async (page, shot) => {
  const board = await (await page.request.get(`${s.base}/api/v1/incidents`)).json();
  const incident = board.incidents.find((one) => one.alert_ids.length > 0);
  assert.ok(incident, "an incident that an alert opened");
  await page.goto(`${s.base}/incident/${incident.id}`);
  const suspect = page.locator("table a").first();
  await suspect.waitFor();
  await shot("1-incident");
  await suspect.click();
  const row = page.locator("[role=listitem] button").first();
  await row.waitFor();
  await shot("2-search");
  assert.match(page.url(), /dataset=spans/);
  assert.match(page.url(), /service=/, "the service is kept");
  await row.click();
  await page.getByRole("link", { name: "Open the trace" }).first().click();
  await page.locator("[role=treeitem]").first().waitFor();
  await shot("3-trace");
  assert.match(page.url(), /\/trace\/[0-9a-f]{32}/);
  assert.match(page.url(), /from=.*service=|service=.*from=|q=/, "the context is kept");
});

await journey(
  "an operation is planned, done and on record without an id being typed",
  { realOnly: true },
  async (page, shot) => {
    await page.goto(`${s.base}/operations`);
    await page.keyboard.press("/");
    await page.keyboard.type("power machines on");
    await page.getByRole("link", { name: /ec2\.start/ }).click();
    await page.getByRole("checkbox", { name: /shop-web-6/ }).check();
    const plan = page.getByRole("complementary", { name: "Plan" });
    await plan.getByText("start instance shop-web-6").waitFor();
    await shot("1-plan");
    await page.keyboard.press("Control+Enter");
    await page.waitForURL(/\/operations\/run\//);
    await page.getByRole("heading", { name: /Done: ec2\.start|Running: ec2\.start/ }).waitFor();
    await shot("2-run");
    // Booting takes eight seconds, and the cloud is looked at every five.
    await page.getByRole("heading", { name: /Done: ec2\.start/ }).waitFor({ timeout: 60_000 });
    await shot("3-done");
    await page.getByRole("link", { name: "In the audit log" }).click();
    await page.getByRole("button", { name: /chain intact/ }).waitFor();
    await page.getByText("action.finished").waitFor();
    await shot("4-audit");
  },
);

await dashboards(journey, s);

await journey("a second browser sees a note within a second", {}, async (page, shot) => {
  const { incidents } = await (await page.request.get(`${s.base}/api/v1/incidents`)).json();
  const second = await s.open();
  const url = `${s.base}/incident/${incidents[0].id}`;
  await Promise.all([page.goto(url), second.goto(url)]);
  await second.getByText("Live", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Add a note" }).waitFor();
  await page.keyboard.press("n");
  const words = `pool size back to 20 (${Date.now()})`;
  await page.getByLabel("Note").fill(words);
  // The stream tells it; a page whose stream is late asks every five seconds.
  const seen = second.getByText(words).waitFor({ timeout: 12_000 });
  const at = Date.now();
  await page.keyboard.press("Enter");
  await seen;
  const took = Date.now() - at;
  console.log(`         the second browser had it after ${took} ms`);
  // That it comes by itself is the test; how soon is a figure, and on a busy machine says nothing.
  await shot("note");
  await second.context().close();
});

await journey("an incident is run by the keyboard", { mockOnly: true }, async (page, shot) => {
  await page.goto(`${s.base}/incident/INC-2026-0042`);
  await page.getByText("preliminary").first().waitFor();
  await page.keyboard.press("a");
  await page.getByText("led by lin").waitFor();
  await page.keyboard.press("c");
  await page.getByRole("radiogroup", { name: "Level" }).getByText("P0").click();
  await page.getByRole("button", { name: "Confirm P0" }).click();
  await page.getByText("level confirmed").first().waitFor();
  await page.keyboard.press("u");
  const draft = page.getByLabel(/drafted/);
  assert.match(await draft.inputValue(), /2\.4\.1/, "the update is drafted");
  await page.keyboard.press("Control+Enter");
  await page.locator("li[data-kind=update]").waitFor();
  assert.match(await page.getByRole("timer").textContent(), /^(9:5\d|10:00)$/, "P0 promises ten minutes");
  await page.keyboard.press("m");
  await page.keyboard.press("Enter");
  await page.getByText("Mitigated").first().waitFor();
  await shot("run");
});

await journey("a report demands the six fields and opens a room", {}, async (page) => {
  await page.goto(`${s.base}/incidents/new`);
  const send = page.getByRole("button", { name: /Report as/ });
  await send.waitFor();
  assert.equal(await send.isDisabled(), true);
  await page.getByLabel("Impacted service").fill("checkout");
  await page.getByLabel("Scope").fill("buyers in Singapore");
  await page.getByLabel("Current status").fill("payments time out");
  assert.equal(await send.isDisabled(), true, "progress is still missing");
  await page.getByLabel("Progress").fill("payment team called");
  await send.click();
  await page
    .getByText(/INC-\d{4}-\d{4}/)
    .first()
    .waitFor();
  await page.getByRole("timer").waitFor();
});

await journey("a mistyped field is underlined and mended by one click", {}, async (page, shot) => {
  await page.goto(`${s.base}/search?dataset=spans&q=${encodeURIComponent("servce.name: checkout")}`);
  await page.locator(".cm-lintRange-error").waitFor();
  await shot("notice");
  await page.getByRole("button", { name: "Use service.name" }).click();
  await page.locator("[role=listitem]").first().waitFor();
  assert.equal(new URL(page.url()).searchParams.get("q"), "service.name: checkout");
});

await journey("a filter that cannot be read is marked where it breaks", {}, async (page, shot) => {
  await page.goto(`${s.base}/search?dataset=spans&q=${encodeURIComponent("service.name: ")}`);
  await page.getByRole("alert").waitFor();
  await page.locator(".cm-lintRange-error").waitFor();
  await page.getByText("joined by and, or, not, and parentheses").waitFor();
  await shot("fault");
});

await journey("suggestions, facets and the permalink", {}, async (page, shot) => {
  await page.goto(`${s.base}/search?dataset=spans`);
  const line = page.getByRole("textbox", { name: "Filter" });
  await line.click();
  await page.keyboard.type("service.n", { delay: 30 });
  await page.locator(".cm-tooltip-autocomplete li").first().waitFor();
  await shot("suggest");
  await page.keyboard.press("Tab");
  await page.keyboard.type("che", { delay: 30 });
  await page.locator(".cm-tooltip-autocomplete li", { hasText: "checkout" }).waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.waitForURL(/q=service\.name/);
  assert.equal(new URL(page.url()).searchParams.get("q").trim(), "service.name: checkout");
  const value = page.locator("aside section", { hasText: "name" }).nth(1).locator("li button").first();
  await value.click();
  await page.waitForURL(/and/);
  const filter = new URL(page.url()).searchParams.get("q");
  await page.waitForFunction(() => !document.querySelector("[data-old]"));
  await page.getByRole("button", { name: "Run" }).waitFor();
  const total = await page.locator("strong", { hasText: /match/ }).textContent();
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.getByRole("button", { name: "Copy a link to exactly this view" }).click();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(link, /from=20.*to=20/, "a permalink holds instants");
  const other = await s.open();
  await other.goto(link);
  await other.locator("[role=listitem]").first().waitFor();
  assert.equal(new URL(other.url()).searchParams.get("q"), filter);
  assert.equal(await other.locator("strong", { hasText: /match/ }).textContent(), total);
  await other.context().close();
});

await journey("what is different about failures, narrowed by clicks alone", {}, async (page, shot) => {
  await page.goto(`${s.base}/search?dataset=spans`);
  await page.getByRole("button", { name: "failures", exact: true }).click();
  const panel = page.getByRole("region", { name: "What is different" });
  await panel.locator("li").first().waitFor();
  await shot("different");
  const value = panel.locator("li button").first();
  const words = await value.getAttribute("title");
  await value.click();
  await page.waitForFunction(() => /[?&](q|service)=/.test(location.search));
  const kept = new URL(page.url()).searchParams;
  assert.ok(words.includes(kept.get("q")?.split(":")[0] ?? "service.name"), `${words} became ${page.url()}`);
  assert.equal(kept.get("sel"), "failed", "the question stays");
  await page.getByRole("button", { name: "Close" }).click();
  await panel.waitFor({ state: "detached" });
});

await journey(
  "a record shows its neighbours and its JSON, and a cell becomes a column",
  {},
  async (page, shot) => {
    await page.goto(`${s.base}/search`);
    await page.locator("[role=listitem]").first().waitFor();
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    const record = page.locator("[role=listitem][data-open]");
    await record.waitFor();
    await record.getByText("Around it").click();
    await record.locator("li[aria-current=true]").waitFor();
    await shot("around");
    await record.getByText("JSON", { exact: true }).click();
    assert.match(await record.locator("pre").textContent(), /"timestamp": "20/);
    await page.keyboard.press("Escape");
    await page.locator("[role=listitem][data-open]").waitFor({ state: "detached" });
    await page.locator("[role=listitem]").nth(2).getByRole("button").nth(2).click();
    await page.getByRole("menuitem", { name: "Show as a column" }).click();
    await page.waitForURL(/columns=service\.name/);
    await page.getByRole("button", { name: "Remove the column service.name" }).waitFor();
    await shot("column");
  },
);

await journey("the patterns of the lines lead to their lines", { mockOnly: true }, async (page, shot) => {
  await page.goto(`${s.base}/search`);
  await page.getByText("Patterns", { exact: true }).click();
  const list = page.getByRole("list", { name: "Patterns" });
  await list
    .getByText(/surging/)
    .first()
    .waitFor();
  await shot("patterns");
  await list.locator("li button").first().click();
  await page.waitForFunction(() => location.search.includes("q=") && !location.search.includes("view="));
  await page.locator("[role=listitem]").first().waitFor();
});

await journey("rows are followed as they come, and paused", { mockOnly: true }, async (page, shot) => {
  await page.goto(`${s.base}/search`);
  await page.getByRole("button", { name: "Follow live" }).click();
  await page.locator("[role=listitem]").nth(5).waitFor();
  await page.getByText("17 skipped").waitFor();
  await shot("live");
  await page.getByRole("button", { name: "Pause" }).click();
  const seen = await page.getByText(/since the start/).textContent();
  await page.waitForTimeout(900);
  assert.equal(await page.getByText(/since the start/).textContent(), seen);
  await page.getByRole("button", { name: "Stop following" }).click();
  await page.locator("[role=img][tabindex='0']").first().waitFor();
});

await journey("a search is saved and opened again", {}, async (page) => {
  const name = `journey ${Date.now()}`;
  await page.goto(
    `${s.base}/search?dataset=spans&q=${encodeURIComponent("status_code: error")}&columns=name`,
  );
  await page.getByRole("button", { name: "Saved searches" }).click();
  await page.getByLabel("Save this one as").fill(name);
  await page.getByRole("button", { name: "Save", exact: true }).click();
  const saved = page.getByRole("button", { name: new RegExp(name) }).first();
  await saved.waitFor();
  await page.goto(`${s.base}/search`);
  await page.getByRole("button", { name: "Saved searches" }).click();
  await saved.click();
  await page.waitForURL(/q=status_code/);
  const kept = new URL(page.url()).searchParams;
  assert.deepEqual([kept.get("dataset"), kept.get("columns")], ["spans", "name"]);
  await page.getByRole("button", { name: "Saved searches" }).click();
  await page.getByRole("button", { name: `Delete ${name}` }).click();
  await saved.waitFor({ state: "detached" });
});

await journey("SQL is completed, answered, drawn and costs what it says", {}, async (page, shot) => {
  await page.goto(`${s.base}/sql`);
  await page.getByRole("textbox", { name: "SQL" }).click();
  await page.keyboard.type("select * from sp", { delay: 30 });
  await page.locator(".cm-tooltip-autocomplete li", { hasText: "spans" }).waitFor();
  await shot("complete");
  await page.keyboard.press("Escape");
  await page.getByText("Requests a minute, and how many fail").click();
  await page.getByText(/Run time .*, data scanned/).waitFor();
  await page.getByText("Chart", { exact: true }).click();
  await page.getByRole("img", { name: "The answer over time" }).waitFor();
  await shot("chart");
  assert.match(page.url(), /sql=select/, "the question is in the link");
});

await journey("a promise's rule is rehearsed on the past", {}, async (page, shot) => {
  const { slos } = await (await page.request.get(`${s.base}/api/v1/slos`)).json();
  const slo = slos.find((one) => one.indicator && one.alert_id) ?? slos.find((one) => one.indicator);
  await page.goto(`${s.base}/slo/${slo.name}`);
  await page.getByRole("button", { name: "Replay" }).click();
  const panel = page.locator("section", {
    has: page.getByRole("heading", { name: "What would have paged" }),
  });
  await panel.getByText(/evaluated every/).waitFor({ timeout: 60_000 });
  await panel.scrollIntoViewIfNeeded();
  await shot("rehearsal");
});

/** What names the cause of each story of the demo, and the service that suffers. */
const STORIES = {
  availability: { service: "checkout", slo: "checkout-availability", clues: ["2.4.1"] },
  latency: { service: "inventory", slo: "inventory-latency", clues: ["118"] },
  errors: { service: "recommendation", slo: "recommendation-errors", clues: ["5.2.0", "asia-southeast1"] },
  saturation: { service: "payment", slo: "payment-saturation", clues: ["on", "europe-west10"] },
};

/** The window of the story's fault, from what was reported as changed: the change and its undoing. */
async function faultOf(page, service) {
  const { changes } = await (await page.request.get(`${s.base}/api/v1/changes?service=${service}`)).json();
  const times = changes.map((change) => Date.parse(change.at)).sort((a, b) => a - b);
  assert.ok(times.length >= 2, `${service} was changed and changed back`);
  return { start: times[0], end: times.at(-1) };
}

/** The values that the panel names, the strongest first, with those that come along. */
async function named(page) {
  const panel = page.getByRole("region", { name: "What is different" });
  await panel.locator("li").first().waitFor();
  return await panel
    .locator("div", { has: page.getByText("Where it happens") })
    .last()
    .locator("li b")
    .allTextContents();
}

const chooseService = async (page, service) => {
  await page
    .getByRole("textbox", { name: "Service" })
    .or(page.getByRole("combobox", { name: "Service" }))
    .first()
    .click();
  await page.getByRole("option", { name: service, exact: true }).click();
  await page.waitForURL(new RegExp(`service=${service}`));
};

const firstNames = (found, clues) =>
  assert.ok(
    found.slice(0, 3).some((value) => clues.includes(value)),
    `the first values are ${found.slice(0, 5).join(", ")}; one of ${clues.join(", ")} was expected`,
  );

await journey("story availability: by the promise's chip", { realOnly: true }, async (page, shot) => {
  const { service, clues } = STORIES.availability;
  await page.goto(s.base);
  await page.getByRole("link", { name: "Search", exact: true }).click();
  await page.getByRole("link", { name: "Spans", exact: true }).click();
  await chooseService(page, service);
  await shot("1-service");
  await page
    .getByRole("button", { name: /what breaks/ })
    .first()
    .click();
  const found = await named(page);
  await shot("2-different");
  firstNames(found, clues);
  await page
    .getByRole("button", { name: new RegExp(`Only .*: ${clues[0].replaceAll(".", "\\.")}$`) })
    .first()
    .click();
  await page.waitForURL(/q=/);
  await page.locator("[role=listitem]").first().waitFor();
  await shot("3-narrowed");
});

await journey("story latency: from the promise's page", { realOnly: true }, async (page, shot) => {
  const { slo, clues } = STORIES.latency;
  await page.goto(s.base);
  await page.locator(`a[href*="/slo/${slo}"]`).first().click();
  await page.getByRole("link", { name: "what is different", exact: true }).click();
  const found = await named(page);
  await shot("different");
  firstNames(found, clues);
});

await journey("story errors: by suggestions, in the logs", { realOnly: true }, async (page, shot) => {
  const { service, clues } = STORIES.errors;
  await page.goto(s.base);
  await page.getByRole("link", { name: "Search", exact: true }).click();
  const line = page.getByRole("textbox", { name: "Filter" });
  await line.click();
  const offered = (text) => page.locator(".cm-tooltip-autocomplete li", { hasText: text }).first();
  await page.keyboard.type("serv", { delay: 30 });
  await offered("service.name").click();
  await offered(service).waitFor();
  await shot("1-suggested");
  await offered(service).click();
  await page.getByRole("button", { name: "Run" }).click();
  await page.waitForURL(/q=service/);
  await page.getByRole("button", { name: "error lines" }).click();
  // This service logs nothing but errors, and says where the rest is.
  await page.getByRole("button", { name: `Compare the spans of ${service} instead` }).click();
  const found = await named(page);
  await shot("2-different");
  firstNames(found, clues);
});

await journey("story saturation: by the time that stands out", { realOnly: true }, async (page, shot) => {
  const { service, clues } = STORIES.saturation;
  const fault = await faultOf(page, service);
  const from = new Date(fault.start - 240e3).toISOString();
  const to = new Date(fault.end + 60e3).toISOString();
  await page.goto(`${s.base}/search?dataset=spans&from=${from}&to=${to}`);
  await chooseService(page, service);
  const chart = page.locator("[role=img][tabindex='0']").first();
  await chart.waitFor();
  await page.waitForFunction(() => !document.querySelector("[data-old]"));
  await page.getByRole("button", { name: "Run" }).waitFor();
  const plot = await chart.locator(".u-over").boundingBox();
  const x = (at) => plot.x + ((at - Date.parse(from)) / (Date.parse(to) - Date.parse(from))) * plot.width;
  await page.mouse.move(x(fault.start + 2e3), plot.y + 40);
  await page.mouse.down();
  await page.mouse.move(x(fault.end - 1e3), plot.y + 40, { steps: 5 });
  await page.mouse.up();
  await page.waitForURL(/wide=/);
  await page.getByRole("button", { name: "this window" }).click();
  const found = await named(page);
  await shot("1-window");
  firstNames(found, clues);
  await page.getByRole("button", { name: "Back to the wider time" }).click();
  await page.waitForFunction(() => !location.search.includes("wide="));
});

await journey("the histogram zooms by keyboard and by drag", {}, async (page) => {
  await page.goto(`${s.base}/search?dataset=spans`);
  const chart = page.locator("[role=img][tabindex='0']").first();
  await chart.waitFor();
  await page.locator("[role=listitem]").first().waitFor();
  await chart.focus();
  await page.keyboard.press("ArrowUp");
  await page.waitForURL(/from=20/);
  const width = () => {
    const q = new URL(page.url()).searchParams;
    return Date.parse(q.get("to")) - Date.parse(q.get("from"));
  };
  const half = width();
  assert.ok(Math.abs(half - 1800e3) < 2000, `${half} ms is half an hour`);
  const box = await chart.boundingBox();
  await page.waitForTimeout(400);
  await page.mouse.move(box.x + box.width * 0.4, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, box.y + 40, { steps: 5 });
  await page.mouse.up();
  await page.waitForFunction((before) => {
    const q = new URL(location.href).searchParams;
    return Date.parse(q.get("to")) - Date.parse(q.get("from")) < before * 0.6;
  }, half);
});

await journey("from a service to the line of code, its commit and a trace of it", {}, async (page, shot) => {
  await page.goto(`${s.base}/services?from=now-1h&to=now`);
  await page
    .getByRole("button", { name: "Table" })
    .or(page.getByText("Table", { exact: true }))
    .first()
    .waitFor();
  await page.getByText("Map", { exact: true }).click();
  await page.locator(".react-flow__node").first().waitFor();
  await shot("map");
  await page.locator(".react-flow__node", { hasText: "checkout" }).first().click();
  await page.getByRole("heading", { name: "checkout" }).waitFor();
  assert.match(page.url(), /service\/checkout.*from=/, "the time is kept");
  await page.getByText("Compare", { exact: true }).click();
  await page.getByText("all endpoints").waitFor();
  await shot("compare");
  await page.getByText(/^Errors \(/).click();
  const group = page.locator("table a[href*='/error/']").first();
  const none = page.getByText("No errors in this time");
  await group.or(none).first().waitFor();
  if (await none.isVisible()) return;
  await group.click();
  await page.getByText("Traces to look at").waitFor();
  await shot("error");
  await page.locator("a[href*='/trace/']").first().click();
  await page.locator("[role=treeitem][aria-selected=true]").waitFor();
  await page.keyboard.press("f");
  await page.keyboard.type("checkout");
  await page.getByText(/^\d+ spans?$/).waitFor();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  await page.keyboard.press("c");
  assert.match(page.url(), /only=critical/);
  await shot("found");
});

await journey("ten thousand spans scroll smoothly", { mockOnly: true }, async (page, shot) => {
  await page.goto(`${s.base}/trace/${"f".repeat(32)}`);
  await page.locator("[role=treeitem]").first().waitFor();
  await page.getByRole("button", { name: "Unfold all" }).click();
  await page.getByText("10,000 spans in sight").or(page.getByText("10000 spans in sight")).waitFor();
  const slowest = await page.evaluate(async () => {
    const box = document.querySelector("[role=tree]");
    let slowest = 0;
    let last = performance.now();
    for (let i = 0; i < 60; i++) {
      box.scrollTop += 900;
      await new Promise((done) => requestAnimationFrame(done));
      slowest = Math.max(slowest, performance.now() - last);
      last = performance.now();
    }
    return slowest;
  });
  console.log(
    `         slowest of 60 frames: ${slowest.toFixed(0)} ms, rows in the page: ${await page.locator("[role=treeitem]").count()}`,
  );
  assert.ok((await page.locator("[role=treeitem]").count()) < 120);
  await shot("10k");
});

await journey("the palette jumps to a promise and to a trace", {}, async (page) => {
  await page.goto(s.base);
  await page.locator("main li").first().waitFor();
  await page.keyboard.press("Control+k");
  await page.getByPlaceholder(/trace id/).fill("0123456789abcdef0123456789abcdef");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/trace\/0123456789abcdef0123456789abcdef/);
});

await journey("language and theme change in place", {}, async (page, shot) => {
  await page.goto(s.base);
  await page.getByRole("button", { name: "Language" }).click();
  await page.getByRole("menuitem", { name: "繁體中文" }).click();
  await page.getByRole("heading", { name: "服務承諾" }).waitFor();
  assert.equal(await page.locator("html").getAttribute("lang"), "zh-TW");
  await page.getByRole("button", { name: "佈景主題" }).click();
  await page.getByRole("menuitem", { name: "深色" }).click();
  await page.locator("html[data-mantine-color-scheme=dark]").waitFor();
  await shot("zh-dark");
});

await journey("a lost stream greys the board", { mockOnly: true }, async (page, shot) => {
  await page.route("**/api/v1/events*", (route) => route.abort());
  await page.goto(s.base);
  await page.getByText(/Stream lost/).waitFor();
  await page.locator("ol.aged").waitFor();
  await shot("aged");
});

await journey("signing in with a key", { mockOnly: true }, async (page) => {
  await page.goto(s.base);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Key").fill("wrong");
  await page.keyboard.press("Enter");
  await page.getByText("the key is not known").waitFor();
  await page.getByLabel("Key").fill("demo");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Promises" }).waitFor();
});

if (s.mocked)
  await journey("a metric by its name, by region, beside last week, as PromQL", {}, async (page, shot) => {
    await page.goto(`${s.base}/explore/metrics`);
    await page.getByRole("heading", { name: "http_server_request_duration_seconds" }).waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("requests answered");
    await page.getByRole("option", { name: /http_server_requests_total/ }).click();
    await page.getByText("sum(rate(http_server_requests_total[2m]))").waitFor();
    await page.getByRole("button", { name: "cloud_region", exact: true }).click();
    await page.waitForURL(/by=cloud_region/);
    await page.getByText(/silent for 1\d/).waitFor();
    await page.getByRole("combobox", { name: "Compare with" }).click();
    await page.getByRole("option", { name: "last week" }).click();
    await page.getByText("against last week").waitFor();
    await shot("metrics");
    await page.getByRole("button", { name: "Edit as PromQL" }).click();
    await page.getByRole("textbox", { name: "PromQL" }).press("End");
    await page.keyboard.type(" * 2");
    await page.keyboard.press("Enter");
    await page.waitForURL(/expr=.*2/);
  });

const incidents = await (
  await fetch(`${s.base}/api/v1/incidents`, {
    headers: process.env.NINES_KEY ? { authorization: `Bearer ${process.env.NINES_KEY}` } : {},
  })
).json();
const group = (
  await (
    await fetch(`${s.base}/api/v1/apm/errors`, {
      headers: process.env.NINES_KEY ? { authorization: `Bearer ${process.env.NINES_KEY}` } : {},
    })
  ).json()
).groups?.[0];
for (const theme of ["light", "dark"]) {
  await journey(`accessibility of every page, ${theme}`, { theme }, async (page) => {
    const found = [];
    for (const path of [
      "/",
      "/search",
      "/search?dataset=spans&sel=failed",
      "/search?dataset=spans&columns=service.name,name&wrap=1",
      ...(s.mocked ? ["/search?view=patterns"] : []),
      "/sql",
      "/explore/metrics",
      "/incidents",
      `/incident/${incidents.incidents.at(-1).id}`,
      "/incidents/new",
      "/alerts",
      ...(s.mocked ? [] : ["/oncall"]),
      "/services",
      "/services?view=map",
      "/services?view=errors",
      "/service/checkout",
      "/service/checkout?tab=errors",
      "/service/checkout?tab=versions",
      ...(group ? [`/error/${group.fingerprint}`] : []),
      "/changes",
      "/status",
      "/keys",
      ...(s.mocked
        ? []
        : [
            "/dashboards",
            "/dashboards/new",
            "/service/checkout/dashboard",
            "/operations",
            "/operations/new?action=ec2.off_service&targetGroup=shop-blue",
            "/audit",
          ]),
      ...(s.mocked ? ["/slo/checkout-availability", `/trace/${"f".repeat(32)}`] : []),
    ]) {
      await page.goto(s.base + path);
      await page.waitForFunction(
        () =>
          document.querySelector("main h1, main h2, h1.sr") &&
          !document.querySelector("[aria-label=Loading]"),
      );
      await page.waitForTimeout(300);
      // The structure is the same in the dark: there, colours alone are looked at again.
      for (const one of await violations(page, theme === "dark" ? ["color-contrast"] : WCAG))
        found.push(`${path} ${one}`);
    }
    assert.deepEqual(found, []);
  });
}

await s.close();
console.log(
  failures.length ? `${failures.length} of ${n} journeys failed` : `${n} journeys, pictures in ${out}`,
);
process.exit(failures.length ? 1 : 0);
