// A mock of the API for working on the pages without a server: `npm run mock`, then `npm run dev`.
// It serves one of every state. `MOCK_PORT` sets the port (default 9998); `dist/` is served too, with the server's
// content security policy, so that the journeys run against what is shipped. The key to sign in is `demo`.
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import * as apm from "./apm.mjs";
import { around, compare, patterns } from "./explore.mjs";
import { compile, FIELDS, FilterFault } from "./filter.mjs";
import * as incidents from "./incidents.mjs";
import { prometheus } from "./metrics.mjs";
import * as promises from "./promises.mjs";
import { random } from "./random.mjs";
import { replay } from "./replay.mjs";
import { BOOT, changes, dataset, FAULT_START, SERVICES, spans, stats, trace } from "./telemetry.mjs";
import { uptime } from "./uptime.mjs";

const DIST = fileURLToPath(new URL("../dist", import.meta.url));
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};
/** As the server sends it. */
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const iso = (ms) => new Date(ms).toISOString();
const streams = new Set();
let signedIn = process.env.MOCK_SIGNED_OUT !== "1";
let revision = 1;
const keys = [
  {
    id: "key-1",
    name: "owner",
    role: "owner",
    prefix: "nin_own_4f",
    created_at: iso(BOOT - 9e7),
    created_by: "first-run",
    last_used_at: iso(BOOT - 4e3),
    revoked: false,
  },
  {
    id: "key-2",
    name: "collector",
    role: "ingest",
    prefix: "nin_ing_a1",
    created_at: iso(BOOT - 9e7),
    created_by: "owner",
    last_used_at: iso(BOOT - 900),
    revoked: false,
  },
  {
    id: "key-3",
    name: "old laptop",
    role: "editor",
    prefix: "nin_edi_77",
    created_at: iso(BOOT - 9e9),
    created_by: "owner",
    expires_at: iso(BOOT - 9e8),
    revoked: true,
  },
];

export function announce(kind, id) {
  const text = `id: ${++revision}\nevent: ${kind}\ndata: ${JSON.stringify({ kind, id, at: iso(Date.now()) })}\n\n`;
  for (const stream of streams) stream.write(text);
}

const problem = (status, code, detail, hint, extra = {}) => ({
  __status: status,
  type: `https://nines.invalid/problems/${code}`,
  code,
  status,
  title: code.replace("_", " "),
  detail,
  hint,
  request_id: "req-mock",
  ...extra,
});

function select(body, notices) {
  const rows = dataset(body.dataset ?? "logs");
  const keep = compile(body.filter ?? "", notices);
  const start = body.start ?? iso(Date.now() - 3600e3);
  const end = body.end ?? iso(Date.now());
  return rows.filter((row) => row.timestamp >= start && row.timestamp < end && keep(row));
}
const fieldsOf = (name) => {
  const names = new Set(
    dataset(name)
      .slice(0, 500)
      .flatMap((row) => Object.keys(clean(row))),
  );
  return [...names].sort().map((field) => ({ name: field, kind: FIELDS[field] ?? "string" }));
};

/** Two answers are enough for the page: a table over time, and what every other query gets. */
function sql(query) {
  if (!/^\s*(select|with)\b/i.test(query))
    return problem(
      400,
      "invalid_query",
      "only questions are answered at line 1, column 1",
      "begin with select",
    );
  const rows = [];
  if (/date_bin/i.test(query)) {
    for (let i = 0; i < 60; i++)
      rows.push([iso(BOOT - (60 - i) * 60e3), 200 + ((i * 37) % 90), i > 52 ? 40 + i : 2]);
    const columns = [
      { name: "minute", kind: "time" },
      { name: "requests", kind: "int" },
      { name: "failures", kind: "int" },
    ];
    return { columns, rows, stats: stats(rows.length, 12) };
  }
  for (const name of SERVICES)
    rows.push([
      name,
      dataset("logs").filter((row) => row["service.name"] === name && row.severity_number >= 17).length,
    ]);
  rows.sort((a, b) => b[1] - a[1]);
  const columns = [
    { name: "service.name", kind: "string" },
    { name: "errors", kind: "int" },
  ];
  return { columns, rows, stats: stats(rows.length, 9) };
}

const saved = [
  {
    name: "Checkout failures",
    kind: "search",
    team: "shop",
    dataset: "spans",
    text: "service.name: checkout and status_code: error",
    description: "",
    columns: ["service.version", "cloud.region", "error.type"],
    created_by: "mei",
    created_at: iso(BOOT - 9e7),
    updated_by: "mei",
    updated_at: iso(BOOT - 9e6),
  },
];

const clean = ({ _offset, _ms, _events, ...row }) => row;

function histogram(body) {
  const rows = select(body);
  const start = Date.parse(body.start ?? iso(Date.now() - 3600e3));
  const end = Date.parse(body.end ?? iso(Date.now()));
  const widths = [0.1, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 10800, 21600, 86400];
  const wanted = (end - start) / 1000 / (body.buckets ?? 60);
  const bucket = widths.find((w) => w >= wanted) ?? 86400;
  const first = Math.floor(start / bucket / 1000) * bucket * 1000;
  const starts = [];
  for (let at = first; at < end; at += bucket * 1000) starts.push(iso(at));
  const series = new Map();
  for (const row of rows) {
    const name = body.split_by ? String(row[body.split_by] ?? "none") : "all";
    if (!series.has(name)) series.set(name, new Array(starts.length).fill(0));
    series.get(name)[
      Math.min(starts.length - 1, Math.floor((Date.parse(row.timestamp) - first) / bucket / 1000))
    ]++;
  }
  return {
    bucket_secs: bucket,
    starts,
    series: [...series].map(([name, counts]) => ({ name, counts })),
    total: rows.length,
    stats: stats(rows.length, 0.2),
  };
}

function facets(body) {
  const rows = select(body);
  const fields =
    body.fields ??
    (body.dataset === "spans"
      ? [
          "service.name",
          "name",
          "status_code",
          "http.response.status_code",
          "service.version",
          "cloud.region",
          "kind",
          "service.instance.id",
        ]
      : [
          "service.name",
          "severity_text",
          "error.type",
          "service.version",
          "cloud.region",
          "service.instance.id",
          "build.commit",
        ]);
  return {
    facets: fields.map((field) => {
      const counts = new Map();
      for (const row of rows)
        if (row[field] !== undefined)
          counts.set(String(row[field]), (counts.get(String(row[field])) ?? 0) + 1);
      const present = [...counts.values()].reduce((a, b) => a + b, 0);
      return {
        field,
        kind: FIELDS[field] ?? "string",
        values: [...counts]
          .sort((a, b) => b[1] - a[1])
          .slice(0, 10)
          .map(([value, count]) => ({ value, count })),
        present,
        total: rows.length,
      };
    }),
    stats: stats(rows.length, 0.3),
  };
}

function suggest({ text, cursor = text.length, dataset: name }) {
  const before = text.slice(0, cursor);
  const value = /([\w.]+)\s*(?::|=|!=|>=|<=|>|<)\s*([^\s"()]*)$/.exec(before);
  if (value) {
    const counts = new Map();
    for (const row of dataset(name))
      if (row[value[1]] !== undefined)
        counts.set(String(row[value[1]]), (counts.get(String(row[value[1]])) ?? 0) + 1);
    return {
      replace_start: cursor - value[2].length,
      replace_end: cursor,
      suggestions: [...counts]
        .filter(([v]) => v.toLowerCase().startsWith(value[2].toLowerCase()))
        .sort((a, b) => b[1] - a[1])
        .slice(0, 12)
        .map(([v, count]) => ({ text: /^[\w.\-/]+$/.test(v) ? v : JSON.stringify(v), kind: "value", count })),
    };
  }
  const word = /([\w.]*)$/.exec(before)[1];
  const list = Object.entries(FIELDS)
    .filter(([f]) => f.includes(word.toLowerCase()))
    .map(([f, kind]) => ({ text: `${f}: `, kind: "field", detail: kind }));
  const keywords = ["and", "or", "not"]
    .filter((k) => before.trim() && k.startsWith(word))
    .map((k) => ({ text: `${k} `, kind: "keyword" }));
  return {
    replace_start: cursor - word.length,
    replace_end: cursor,
    suggestions: [...list, ...keywords].slice(0, 14),
  };
}

function series(name, start, end) {
  const slo = promises.slos().find((s) => s.name === name);
  if (!slo) return problem(404, "not_found", `no promise named ${name}`, "see the board for the names");
  const from = Date.parse(start ?? iso(Date.now() - 3600e3));
  const to = Date.parse(end ?? iso(Date.now()));
  const bucket = Math.max(1, Math.ceil((to - from) / 1000 / 180));
  const r = random(5);
  const out = {
    bucket_secs: bucket,
    starts: [],
    good: [],
    total: [],
    budget_remaining: [],
    changes: changes.filter((c) => c.service === slo.service),
  };
  let left = Math.min(1, slo.budget.remaining_fraction + 0.13);
  for (let at = from; at < to; at += bucket * 1000) {
    const total = Math.round(slo.events_per_second * bucket * (0.85 + 0.3 * r.next()));
    const rate =
      at > FAULT_START ? (slo.error_rate_now ?? 0) : (slo.error_rate_normal ?? 0) * (0.5 + r.next());
    if (at > FAULT_START) left -= 0.13 / Math.max(1, (to - FAULT_START) / bucket / 1000);
    out.starts.push(iso(at));
    out.total.push(total);
    out.good.push(Math.round(total * (1 - rate)));
    out.budget_remaining.push(left);
  }
  return out;
}

const routes = [
  [
    "GET",
    /^\/session$/,
    () =>
      signedIn
        ? { name: "lin", role: "owner", csrf_token: "mock-csrf", expires_at: iso(Date.now() + 8.64e7) }
        : problem(401, "unauthenticated", "no session", "sign in with a key"),
  ],
  [
    "POST",
    /^\/session$/,
    (_, __, body) => {
      if (body.key !== "demo")
        return problem(
          401,
          "unauthenticated",
          "the key is not known",
          "the owner key is in <data>/first-run/owner.key",
        );
      signedIn = true;
      return { name: "lin", role: "owner", csrf_token: "mock-csrf" };
    },
  ],
  [
    "DELETE",
    /^\/session$/,
    () => {
      signedIn = false;
      return null;
    },
  ],
  ["GET", /^\/slos$/, (_, q) => ({ at: iso(Date.now()), slos: promises.slos(q.get("lang") ?? "en") })],
  [
    "GET",
    /^\/slos\/([^/]+)$/,
    ([name], q) =>
      promises.slos(q.get("lang") ?? "en").find((s) => s.name === name) ??
      problem(404, "not_found", `no promise named ${name}`, "did you mean checkout-availability?"),
  ],
  ["GET", /^\/slos\/([^/]+)\/series$/, ([name], q) => series(name, q.get("start"), q.get("end"))],
  [
    "GET",
    /^\/slos\/([^/]+)\/suspects$/,
    (_, q) => promises.suspectsResponse(Number(q.get("window_secs") ?? 300)),
  ],
  [
    "GET",
    /^\/alerts$/,
    (_, q) => ({ alerts: promises.alerts.filter((a) => !q.get("state") || a.state === q.get("state")) }),
  ],
  ["GET", /^\/pages$/, () => ({ pages: promises.alerts.flatMap((a) => a.pages) })],
  ["GET", /^\/incidents$/, () => incidents.list()],
  [
    "POST",
    /^\/incidents$/,
    (_, __, body) => {
      const made = incidents.report(body, "lin");
      announce("incident", made.id);
      return made;
    },
  ],
  [
    "GET",
    /^\/incidents\/([^/]+)$/,
    ([id], q) =>
      incidents.detail(id, q.get("lang") ?? "en") ??
      problem(404, "not_found", `no incident ${id}`, "see the incident list"),
  ],
  [
    "POST",
    /^\/incidents\/([^/]+)\/([^/]+)$/,
    ([id, step], _, body) => {
      const made = incidents.step(id, step, body, "lin");
      if (made.code) return problem(made.status, made.code, made.detail, made.hint);
      announce("incident", id);
      return made;
    },
  ],
  [
    "POST",
    /^\/search$/,
    (_, __, body) => {
      const notices = [];
      const rows = select(body, notices);
      const from = Number(body.cursor ?? 0);
      const limit = body.limit ?? 100;
      const page = rows.slice(from, from + limit).map(clean);
      return {
        rows: page,
        notices,
        ...(from + limit < rows.length ? { next_cursor: String(from + limit) } : {}),
        stats: { ...stats(rows.length), rows_returned: page.length, truncated: from + limit < rows.length },
      };
    },
  ],
  ["GET", /^\/uptime$/, () => uptime()],
  ["GET", /^\/patterns$/, (_, q) => patterns(Object.fromEntries(q), select)],
  ["POST", /^\/search\/compare$/, (_, __, body) => compare(body, select)],
  ["POST", /^\/search\/around$/, (_, __, body) => around(body)],
  ["GET", /^\/datasets\/([^/]+)\/fields$/, ([name]) => ({ fields: fieldsOf(name) })],
  ["POST", /^\/sql$/, (_, __, body) => sql(body.query)],
  [
    "GET",
    /^\/saved$/,
    (_, q) => ({ questions: saved.filter((one) => !q.get("kind") || one.kind === q.get("kind")) }),
  ],
  [
    "POST",
    /^\/saved$/,
    (_, __, body) => {
      const at = iso(Date.now());
      const one = { ...body, created_by: "lin", created_at: at, updated_by: "lin", updated_at: at };
      const known = saved.findIndex((other) => other.name.toLowerCase() === body.name.toLowerCase());
      if (known >= 0) saved[known] = one;
      else saved.push(one);
      return one;
    },
  ],
  [
    "DELETE",
    /^\/saved\/([^/]+)$/,
    ([name]) => {
      const known = saved.findIndex((one) => one.name === name);
      if (known < 0) return problem(404, "not_found", `there is no saved question \`${name}\``);
      saved.splice(known, 1);
      return null;
    },
  ],
  ["POST", /^\/replay$/, (_, __, body) => replay(body, promises.slos())],
  ["POST", /^\/search\/histogram$/, (_, __, body) => histogram(body)],
  ["POST", /^\/search\/facets$/, (_, __, body) => facets(body)],
  ["POST", /^\/search\/suggest$/, (_, __, body) => suggest(body)],
  [
    "GET",
    /^\/traces\/([^/]+)$/,
    ([id]) => {
      const found = trace(id);
      return found
        ? apm.measured(found)
        : problem(404, "not_found", `no trace ${id}`, "it may be older than the retention of spans");
    },
  ],
  ["GET", /^\/apm\/services$/, (_, q) => apm.services(q)],
  ["GET", /^\/apm\/endpoints$/, (_, q) => apm.endpoints(q)],
  ["GET", /^\/apm\/map$/, (_, q) => apm.map(q)],
  ["GET", /^\/apm\/errors$/, (_, q) => apm.errors(q)],
  [
    "GET",
    /^\/apm\/errors\/([^/]+)$/,
    ([id], q) =>
      apm.error(id, q) ??
      problem(404, "not_found", `there is no error group ${id} in this time`, "widen the time range"),
  ],
  ["POST", /^\/apm\/compare$/, (_, __, body) => apm.compare(body)],
  [
    "GET",
    /^\/services$/,
    () => ({
      services: SERVICES.map((name) => {
        const own = spans.filter((s) => s["service.name"] === name);
        const sorted = own.map((s) => s.duration_ns / 1e6).sort((a, b) => a - b);
        return {
          name,
          spans: own.length,
          errors: own.filter((s) => s.status_code === "error").length,
          p50_ms: sorted[Math.floor(sorted.length * 0.5)],
          p95_ms: sorted[Math.floor(sorted.length * 0.95)],
          last_seen: own[0]?.timestamp ?? iso(BOOT),
        };
      }),
      stats: stats(spans.length),
    }),
  ],
  [
    "GET",
    /^\/changes$/,
    (_, q) => ({ changes: changes.filter((c) => !q.get("service") || c.service === q.get("service")) }),
  ],
  ["GET", /^\/keys$/, () => ({ keys })],
  [
    "POST",
    /^\/keys$/,
    (_, __, body) => {
      const key = {
        id: `key-${keys.length + 1}`,
        prefix: "nin_new_0c",
        created_at: iso(Date.now()),
        created_by: "lin",
        revoked: false,
        ...body,
      };
      keys.push(key);
      return { key, secret: "nin_new_0cb8e1f2d3c4b5a697887766554433221100" };
    },
  ],
  [
    "DELETE",
    /^\/keys\/([^/]+)$/,
    ([id]) => {
      const key = keys.find((k) => k.id === id);
      if (key) key.revoked = true;
      return null;
    },
  ],
  ["GET", /^\/limits$/, () => ({ limits: [], removals: [] })],
  [
    "GET",
    /^\/clocks$/,
    () => ({
      at: iso(Date.now()),
      window_secs: 600,
      ahead_min_secs: 2,
      behind_min_secs: 120,
      sources: 14,
      sources_max: 4096,
      ahead: 1,
      behind: 1,
      worst: [
        ["checkout", "web-3", 86_400],
        ["billing", "batch-1", -1_860],
      ].map(([service, place, ahead_secs]) => ({
        service,
        place_field: "host.name",
        place,
        ahead_secs,
        heard_at: iso(Date.now() - 4_000),
        dataset: "spans",
        filter: `service.name: ${service} and host.name: ${place}`,
        start: iso(Date.now() + ahead_secs * 1_000 - 600_000),
        end: iso(Date.now() + ahead_secs * 1_000 + 600_000),
      })),
    }),
  ],
  [
    "GET",
    /^\/status$/,
    () => ({
      version: "0.1.0",
      started_at: iso(BOOT - 3.2e6),
      now: iso(Date.now()),
      modes: ["paging_delayed"],
      durability: "fsync",
      ingest: {
        accepted_events: 18_423_551 + Math.floor((Date.now() - BOOT) / 5),
        accepted_bytes: 9_812_000_332,
        refused: [
          { reason: "over_quota", count: 0 },
          { reason: "malformed", count: 12 },
          { reason: "journal_full", count: 0 },
        ],
        scopes: [
          {
            scope: "organisation",
            name: "",
            accepted_requests: 91_000,
            accepted_events: 17_000_000,
            accepted_bytes: 9_100_000_000,
            stored_bytes: 1_400_000_000,
            refused: [],
            is_over: false,
          },
          {
            scope: "team",
            name: "shop",
            accepted_requests: 7_200,
            accepted_events: 1_423_551,
            accepted_bytes: 712_000_332,
            stored_bytes: 109_000_000,
            refused: [{ reason: "event_rate", count: 1_812 }],
            is_over: true,
            events_per_second: 5_000,
            stored_bytes_max: 2_000_000_000,
          },
        ],
        events_per_second: 214.5,
        fsync_p50_ms: 1.2,
        fsync_p99_ms: 6.8,
        last_event_at: iso(Date.now() - 200),
      },
      storage: [
        ["logs", 7_300_000],
        ["spans", 10_900_000],
        ["metrics", 220_000],
        ["changes", 3],
      ].map(([name, rows]) => ({
        dataset: name,
        rows,
        hot_rows: Math.min(rows, 41_000),
        segments: Math.ceil(rows / 600_000),
        bytes_on_disk: rows * 27,
        columns: 41,
        oldest: iso(BOOT - 6e8),
        newest: iso(Date.now()),
      })),
      series: {
        active_series: 41_200,
        series_max: 2_000_000,
        samples: 91_000_000,
        duplicates: 12,
        out_of_order: 410,
        rejected: [{ reason: "series_budget", count: 3_100 }],
        refused_metrics: [
          {
            metric: "http_requests_total",
            label: "user_id",
            label_values: 200_000,
            limit: 200_000,
            refused_samples: 3_100,
          },
        ],
        late_deltas: 0,
        points_left_out: 0,
        head_samples: 4_100_000,
        memory_bytes: 71_000_000,
        segments: 12,
        stored_samples: 88_000_000,
        bytes_on_disk: 71_000_000,
        journal_bytes: 11_000_000,
        failed_commits_in_a_row: 0,
      },
      journal_bytes: 41_233_000,
      disk_free_bytes: 88_000_000_000,
      memory_bytes: 412_000_000,
      paging: {
        rules: 50,
        firing: 1,
        queued: 1,
        undeliverable: 1,
        evaluated_secs_ago: 0.4,
        oldest_queued_secs: 340,
      },
      notices: [],
      damage: ["journal 00000012: torn tail of 212 bytes cut at offset 8 388 010 (never acknowledged)"],
    }),
  ],
];

const server = createServer(async (request, response) => {
  const url = new URL(request.url, "http://mock");
  if (url.pathname === "/api/v1/events") {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    response.write(`event: resync\ndata: ${JSON.stringify({ kind: "resync", at: iso(Date.now()) })}\n\n`);
    streams.add(response);
    request.on("close", () => streams.delete(response));
    return;
  }
  if (url.pathname === "/api/v1/tail") {
    const rows = () =>
      dataset(url.searchParams.get("dataset") ?? "logs").filter(
        compile(url.searchParams.get("filter") ?? "", []),
      );
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    let n = 0;
    const timer = setInterval(() => {
      const picked = rows()
        .slice(n, n + 3)
        .map((row) => ({ ...clean(row), timestamp: iso(Date.now()) }));
      n += 3;
      const body = { rows: picked, skipped: n % 30 === 0 ? 17 : 0, unread: 0 };
      if (picked.length) response.write(`event: rows\ndata: ${JSON.stringify(body)}\n\n`);
    }, 300);
    request.on("close", () => clearInterval(timer));
    return;
  }
  if (url.pathname.startsWith("/prometheus/api/v1/")) {
    const answer = prometheus(
      decodeURIComponent(url.pathname.slice("/prometheus/api/v1/".length)),
      url.searchParams,
    );
    response.writeHead(answer ? 200 : 404, { "content-type": "application/json" });
    return response.end(
      JSON.stringify(answer ?? { status: "error", errorType: "not_found", error: "no such path" }),
    );
  }
  if (url.pathname.startsWith("/api/v1/")) {
    let text = "";
    for await (const chunk of request) text += chunk;
    const path = url.pathname.slice("/api/v1".length);
    const route = routes.find(([method, pattern]) => method === request.method && pattern.test(path));
    let answer;
    try {
      const unsafe = request.method !== "GET" && path !== "/session";
      if (!signedIn && path !== "/session")
        answer = problem(401, "unauthenticated", "no session", "sign in with a key");
      else if (unsafe && request.headers["x-nines-csrf"] !== "mock-csrf")
        answer = problem(403, "forbidden", "the csrf token is missing", "reload the page");
      else
        answer = route
          ? await route[2](
              route[1].exec(path).slice(1).map(decodeURIComponent),
              url.searchParams,
              text ? JSON.parse(text) : {},
            )
          : problem(404, "not_found", `no route ${request.method} ${path}`);
    } catch (error) {
      if (error instanceof FilterFault)
        answer = problem(400, "invalid_filter", error.message, error.hint, { offset: error.offset });
      else answer = problem(500, "internal", String(error), "this is a fault of the mock");
    }
    if (answer === null) return response.writeHead(204).end();
    const { __status = 200, ...body } = answer;
    if (path === "/search" && __status === 200 && request.headers.accept === "application/x-ndjson") {
      response.writeHead(200, { "content-type": "application/x-ndjson" });
      const { rows, ...about } = body;
      const lines = [...rows, { $nines: about }].map((line) => `${JSON.stringify(line)}\n`);
      response.write(lines.slice(0, 100).join(""));
      return response.end(lines.slice(100).join(""));
    }
    if (path === "/search" && __status === 200 && request.headers.accept === "text/csv") {
      const names = (url.searchParams.get("columns") || "timestamp,service.name,body").split(",");
      const line = (cells) => `${cells.map((cell) => JSON.stringify(String(cell ?? ""))).join(",")}\r\n`;
      response.writeHead(200, { "content-type": "text/csv" });
      return response.end(
        line(names) + body.rows.map((row) => line(names.map((name) => row[name]))).join(""),
      );
    }
    response.writeHead(__status, {
      "content-type": __status === 200 ? "application/json" : "application/problem+json",
    });
    return response.end(JSON.stringify(body));
  }
  const file =
    existsSync(DIST + url.pathname) && statSync(DIST + url.pathname).isFile()
      ? DIST + url.pathname
      : `${DIST}/index.html`;
  if (!existsSync(file)) return response.writeHead(404).end("run npm run build first");
  response.writeHead(200, {
    "content-type": TYPES[extname(file)] ?? "application/octet-stream",
    "content-security-policy": CSP,
  });
  createReadStream(file).pipe(response);
});

const port = Number(process.env.MOCK_PORT ?? 9998);
server.listen(port, "127.0.0.1", () => console.log(`mock on http://127.0.0.1:${server.address().port}`));
const tick = setInterval(() => announce("slos"), 5000);
tick.unref();
export const close = () => {
  for (const stream of streams) stream.end();
  server.close();
};
