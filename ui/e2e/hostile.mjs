// Hostile text in every field that is rendered, in a real browser under the real policy: `NINES_URL=… NINES_KEY=… node
// e2e/hostile.mjs`. Counts what runs (a canary that only the payloads call, dialogs, requests to elsewhere) and what the
// policy reports. `node e2e/hostile.mjs mails FOLDER` opens HTML files instead, without any policy to save them.
import assert from "node:assert/strict";
import { createECDH } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { grouped, PAYLOADS } from "./payloads.mjs";
import { stage } from "./stage.mjs";

const s = await stage();
const found = { executions: [], reports: [], elsewhere: [] };
let at = "";
const note = (kind) => (_, what) => found[kind].push(`${at}: ${what}`);
/** Prints the ledger and ends; 1 if anything ran, was reported or went elsewhere. */
const end = async (what) => {
  await s.close();
  console.log(
    `F4 ${what}: ${found.executions.length} executed, ${found.reports.length} reports of the policy, ${found.elsewhere.length} requests to elsewhere`,
  );
  for (const kind of Object.keys(found))
    for (const one of [...new Set(found[kind])].slice(0, 20)) console.log(`  ${kind}: ${one}`);
  process.exit(Object.values(found).every((list) => list.length === 0) ? 0 : 1);
};
/** The canary works: without it the rest would prove nothing. */
const selfCheck = async (page) => {
  at = "self-check";
  await page.setContent("<img src=data:, onerror=nines_canary(1)>");
  await page.waitForTimeout(300);
  assert.equal(found.executions.length, 1, "the canary does not sing");
  found.executions.length = 0;
};

if (process.argv[2] === "mails") {
  // Mail programs have no policy of ours: scripts are on, and nothing but the escaping stands in the way.
  const folder = process.argv[3];
  const page = await s.open();
  await page.context().exposeBinding("nines_canary", note("executions"));
  await selfCheck(page);
  const files = readdirSync(folder).filter((file) => file.endsWith(".html"));
  let shown = 0;
  for (const file of files) {
    at = file;
    await page.setContent(readFileSync(`${folder}/${file}`, "utf8"));
    await page.waitForTimeout(60);
    shown += await page.evaluate(() => document.body.textContent.split("nines_canary").length - 1);
  }
  assert.ok(shown > 0, "no mail shows a payload");
  await end(`${files.length} mails, payloads shown ${shown} times`);
}

const headers = { authorization: `Bearer ${process.env.NINES_KEY}`, "content-type": "application/json" };
const send = async (path, body, expected = true) => {
  const answer = await fetch(s.base + path, { method: "POST", headers, body: JSON.stringify(body) });
  const text = await answer.text();
  if (expected) assert.ok(answer.ok, `${path} answered ${answer.status}: ${text.slice(0, 400)}`);
  return answer.ok && text ? JSON.parse(text) : {};
};
const get = async (path) => (await fetch(s.base + path, { headers })).json();
const nanos = () => `${Date.now()}000000`;
const attribute = (key, value) => ({ key, value: { stringValue: value } });
const resource = (service) => ({ attributes: [attribute("service.name", service)] });
/** Payloads that fit where the node takes a line of so many characters. */
const lines = (max) =>
  PAYLOADS.filter((text) => text.length <= max && !/[\p{Cc}]/u.test(text) && text.trim() === text);

// ---- Everything that somebody else may write ----
const TRACE = "c0ffee00c0ffee00c0ffee00c0ffee00";
await send("/v1/logs", {
  resourceLogs: PAYLOADS.map((text, index) => ({
    resource: resource(index % 14 ? "hostile" : text),
    scopeLogs: [
      {
        logRecords: [
          {
            timeUnixNano: nanos(),
            severityText: index % 9 ? "ERROR" : text,
            severityNumber: 17,
            body: { stringValue: text },
            attributes: [attribute("evil.value", text), ...(index % 10 ? [] : [attribute(text, text)])],
          },
        ],
      },
    ],
  })),
});
const span = (text, index) => ({
  traceId: TRACE,
  spanId: (index + 1).toString(16).padStart(16, "0"),
  parentSpanId: index ? "0000000000000001" : "",
  name: text,
  kind: 2,
  startTimeUnixNano: nanos(),
  endTimeUnixNano: `${BigInt(nanos()) + 5_000_000n}`,
  status: { code: 2, message: text },
  attributes: [attribute("evil.value", text), attribute("http.route", text), attribute("user.id", text)],
  events: [
    {
      name: "exception",
      timeUnixNano: nanos(),
      attributes: ["type", "message", "stacktrace"].map((part) => attribute(`exception.${part}`, text)),
    },
  ],
});
await send("/v1/traces", {
  resourceSpans: [
    { resource: resource("hostile"), scopeSpans: [{ spans: PAYLOADS.map(span) }] },
    ...lines(100)
      .slice(0, 30)
      .map((text, index) => ({
        resource: resource(text),
        scopeSpans: [{ spans: [span(text, 1_000 + index)] }],
      })),
  ],
});
await send("/v1/metrics", {
  resourceMetrics: [
    {
      resource: resource("hostile"),
      scopeMetrics: [
        {
          metrics: ["hostile", ...lines(100).slice(0, 20)].map((name, index) => ({
            name,
            gauge: {
              dataPoints: (index ? PAYLOADS.slice(0, 2) : PAYLOADS).map((text) => ({
                timeUnixNano: nanos(),
                asDouble: 1,
                attributes: [attribute("evil", text), attribute("le", text)],
              })),
            },
          })),
        },
      ],
    },
  ],
});
for (let at = 0; at < PAYLOADS.length; at += 100)
  await send(
    "/api/v1/alerts",
    PAYLOADS.slice(at, at + 100).map((text, index) => ({
      title: text,
      service: index % 20 ? "hostile" : text,
      level: "P2",
      dedup_key: `${at + index}`,
      labels: { evil: text, ...(index % 10 ? {} : { [text]: text }) },
      annotations: { summary: text, runbook: `javascript:nines_canary(1)//${text}` },
      links: [{ title: text, url: `https://example.com/?${encodeURIComponent(text)}` }],
    })),
  );
const incidents = [];
for (const [index, text] of grouped(40, 3_600).entries()) {
  const title = (lines(110)[index] ?? "x").replace(/\s+/g, " ");
  const { id } = await send("/api/v1/incidents", {
    level: index ? "P2" : "P0",
    class: "S2",
    service: index % 2 ? "hostile" : title,
    scope: text,
    status: text,
    progress: text,
    started_at: new Date(Date.now() - 60_000).toISOString(),
    title,
  });
  incidents.push(id);
  await send(`/api/v1/incidents/${id}/note`, { text });
  await send(`/api/v1/incidents/${id}/confirm`, { level: index ? "P2" : "P0" });
  await send(`/api/v1/incidents/${id}/update`, { text, scope: text, status: text, progress: text });
  await send(`/api/v1/incidents/${id}/assign`, { commander: title }, false);
  await send(`/api/v1/incidents/${id}/statements`, { text });
}
for (const text of lines(100).slice(0, 80)) {
  await send("/api/v1/changes", {
    title: text,
    kind: "deploy",
    service: "hostile",
    version: text,
    by: text,
    undo: text,
  });
  await send("/api/v1/saved", { name: text, kind: "search", text: "hostile", description: text }, false);
}
for (const text of lines(60).slice(0, 20)) await send("/api/v1/keys", { name: text, role: "viewer" }, false);
await send(
  "/api/v1/silences",
  {
    filter: "evil: no-such-thing",
    end: new Date(Date.now() + 3_600_000).toISOString(),
    reason: grouped(20, 400)[0],
  },
  false,
);
const names = lines(110);
await send("/api/v1/status-pages/hostile", {
  title: names[0],
  description: grouped(600, 7_000)[0],
  components: names.slice(0, 100).map((name) => ({ name, services: ["hostile", name] })),
});
const learnt = incidents[0];
await send(`/api/v1/incidents/${learnt}/resolve`, { text: PAYLOADS[0] });
await send(`/api/v1/postmortems/${learnt}/draft`, {}, false);
const draft = await get(`/api/v1/postmortems/${learnt}`);
const sections = [
  "overview",
  "what_happened",
  "contributing_factors",
  "resolution",
  "went_well",
  "went_badly",
  "lucky",
  "external_message",
  "internal_mail",
];
for (const [index, section] of sections.entries()) {
  const current = await get(`/api/v1/postmortems/${learnt}`);
  await send(
    `/api/v1/postmortems/${learnt}`,
    {
      version: current.version ?? draft.version,
      owner: names[1],
      sections: { [section]: grouped(80, 6_000)[index % grouped(80, 6_000).length] },
    },
    false,
  );
}
const meeting = await get("/api/v1/meetings/now");
await send(
  `/api/v1/meetings/${meeting.week}`,
  { version: 0, points: { decisions: { text: grouped(600, 3_000)[0], done: false } } },
  false,
);

// ---- Looking at all of it ----
const errors = (await get("/api/v1/apm/errors")).groups ?? [];
const pages = [
  ["board", "/"],
  ["wall", "/wall"],
  ["search", "/search?from=now-1h&to=now"],
  ["open record", "/search?sel=failed&dataset=spans"],
  ["search with columns", "/search?columns=service.name,evil.value,body&wrap=1"],
  ["patterns", "/search?view=patterns"],
  ["a hostile filter", `/search?q=${encodeURIComponent(PAYLOADS[5])}`],
  ["sql", `/sql?sql=${encodeURIComponent('select body, "evil.value", "service.name" from logs')}`],
  ["trace", `/trace/${TRACE}`],
  ["alerts", "/alerts"],
  ["incidents", "/incidents?show=all"],
  ...incidents.map((id) => [`incident ${id}`, `/incident/${id}`]),
  ["postmortem", `/postmortem/${learnt}`],
  ["reviews", "/reviews"],
  ["status pages", "/status-pages"],
  ["status page", "/status/hostile"],
  ["atom", "/status/hostile/atom.xml"],
  ["rss", "/status/hostile/rss.xml"],
  ["services", "/services"],
  ["map", "/services?view=map"],
  ["errors", "/services?view=errors"],
  ["service", "/service/hostile"],
  ["service's errors", "/service/hostile?tab=errors"],
  [
    "a hostile service",
    `/service/${encodeURIComponent(lines(60).find((text) => !/[/\\;%.]/.test(text)) ?? "x")}`,
  ],
  ...errors.slice(0, 5).map((group) => ["error", `/error/${group.fingerprint}`]),
  ["metrics", "/explore/metrics"],
  ["metric", "/explore/metrics?metric=hostile&by=evil"],
  ["promql", `/explore/metrics?expr=${encodeURIComponent("hostile")}`],
  ["changes", "/changes"],
  ["oncall", "/oncall"],
  ["audit", "/audit"],
  ["keys", "/keys"],
  ["people", "/people"],
  ["you", "/you"],
  ["status", "/status"],
  ["rules", "/rules"],
  ["uptime", "/uptime"],
];
const page = await s.open();
await page.context().exposeBinding("nines_canary", note("executions"));
await page.context().exposeBinding("nines_report", note("reports"));
await page
  .context()
  .addInitScript(() =>
    document.addEventListener("securitypolicyviolation", (event) =>
      window.nines_report(
        `${event.violatedDirective} ${event.blockedURI} ${event.sample} ${event.sourceFile}:${event.lineNumber}`,
      ),
    ),
  );
page.on("dialog", (dialog) => {
  found.executions.push(`${at}: a dialog`);
  dialog.dismiss();
});
page.on("request", (request) => {
  const url = request.url();
  if (
    !url.startsWith(s.base) &&
    !url.startsWith("data:") &&
    !url.startsWith("blob:") &&
    url !== "about:blank"
  )
    found.elsewhere.push(`${at}: ${url}`);
});
await selfCheck(page);
// Browsers are registered by whoever is signed in, in a session of their own.
const { request } = page.context();
const { csrf_token } = await (await request.get(`${s.base}/api/v1/session`)).json();
for (const [index, label] of lines(80).slice(0, 8).entries()) {
  const registered = await request.post(`${s.base}/api/v1/me/browsers`, {
    headers: { "x-nines-csrf": csrf_token },
    data: {
      label,
      endpoint: `https://push.example/${index}`,
      p256dh: createECDH("prime256v1").generateKeys("base64url"),
      auth: Buffer.alloc(16).toString("base64url"),
    },
  });
  assert.ok(registered.ok(), `a browser called ${label}: ${await registered.text()}`);
}

let shown = 0;
for (const [name, path] of pages) {
  at = name;
  await page.goto(s.base + path, { waitUntil: "load" });
  await page
    .waitForFunction(
      () => document.querySelector("main") && !document.querySelector("[role=status][aria-label=Loading]"),
      null,
      { timeout: path.endsWith(".xml") ? 200 : 5_000 },
    )
    .catch(() => {});
  await page.waitForTimeout(250);
  if (name === "search" || name === "open record") {
    await page
      .locator("[role=listitem] button")
      .first()
      .click({ timeout: 3_000 })
      .catch(() => {});
    await page.waitForTimeout(300);
  }
  // What is folded away is rendered too, and what is below the first screen.
  for (const fold of await page.locator("details:not([open]) > summary").all())
    await fold.click({ timeout: 500 }).catch(() => {});
  await page.mouse.move(600, 400);
  await page.mouse.wheel(0, 4_000);
  const seen = await page.evaluate(
    () => (document.body ?? document.documentElement).textContent.split("nines_canary").length - 1,
  );
  shown += seen;
  if (process.env.NINES_TELL) console.log(`         ${name}: ${seen} (${Math.round(performance.now())} ms)`);
}
assert.ok(shown > PAYLOADS.length * 3, `payloads were shown ${shown} times: the pages do not render them`);
await end(`${PAYLOADS.length} payloads, ${pages.length} pages, shown ${shown} times`);
