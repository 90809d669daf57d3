// The telemetry of the mock: traces of a five-service shop with a fault that began a few minutes ago, and their logs.
import { random } from "./random.mjs";

export const BOOT = Date.now();
export const FAULT_START = BOOT - 7 * 60e3;
export const SERVICES = ["gateway", "checkout", "payment", "inventory", "recommendation"];
const MINUTE = 60e3;
const REGIONS = ["ap-northeast-1", "ap-southeast-1", "eu-central-1"];

const iso = (ms) => new Date(ms).toISOString();

/** One checkout or browse request as spans and logs. */
function request(at, r) {
  const traceId = r.hex(32);
  const region = r.pick(REGIONS);
  const version = at > FAULT_START - 3 * MINUTE && r.next() < 0.5 ? "2.4.1" : "2.4.0";
  const buying = r.next() < 0.45;
  const broken =
    buying && at >= FAULT_START && version === "2.4.1" && region === "ap-southeast-1" && r.next() < 0.62;
  const user = `u-${1000 + r.below(4000)}`;
  const spans = [];
  const logs = [];
  const resource = (service) => ({
    "service.name": service,
    "service.version":
      service === "checkout"
        ? version
        : { gateway: "5.2.0", payment: "1.9.3", inventory: "3.0.7", recommendation: "0.8.2" }[service],
    "service.instance.id": `${service}-${1 + r.below(3)}`,
    "deployment.environment.name": "production",
    "cloud.region": region,
  });
  const add = (parent, service, name, kind, offset, ms, extra = {}, status = "unset") => {
    const span = {
      timestamp: iso(at + offset),
      trace_id: traceId,
      span_id: r.hex(16),
      ...(parent ? { parent_span_id: parent.span_id } : {}),
      name,
      kind,
      duration_ns: Math.round(ms * 1e6),
      status_code: status,
      ...resource(service),
      ...extra,
      _offset: offset,
      _ms: ms,
    };
    spans.push(span);
    return span;
  };
  const log = (span, severity, body, extra = {}) =>
    logs.push({
      timestamp: iso(at + span._offset + span._ms * 0.8),
      severity_text: severity,
      severity_number: { DEBUG: 5, INFO: 9, WARN: 13, ERROR: 17 }[severity],
      body,
      trace_id: traceId,
      span_id: span.span_id,
      ...resource(span["service.name"]),
      ...extra,
    });
  const slow = Math.max(1, r.normal(1, 0.5));
  const http = (method, route, code) => ({
    "http.request.method": method,
    "http.route": route,
    "http.response.status_code": code,
  });
  if (buying) {
    const total = (broken ? 2080 : 190) * slow;
    const root = add(
      null,
      "gateway",
      "POST /checkout",
      "server",
      0,
      total,
      { ...http("POST", "/checkout", broken ? 502 : 200), "user.id": user },
      broken ? "error" : "unset",
    );
    const call = add(
      root,
      "gateway",
      "POST checkout",
      "client",
      3 * slow,
      total - 8 * slow,
      http("POST", "/orders", broken ? 500 : 201),
      broken ? "error" : "unset",
    );
    const order = add(
      call,
      "checkout",
      "POST /orders",
      "server",
      5 * slow,
      total - 14 * slow,
      { ...http("POST", "/orders", broken ? 500 : 201), "user.id": user },
      broken ? "error" : "unset",
    );
    const stock = add(order, "checkout", "reserve stock", "client", 9 * slow, 34 * slow);
    const inv = add(
      stock,
      "inventory",
      "POST /reservations",
      "server",
      11 * slow,
      28 * slow,
      http("POST", "/reservations", 201),
    );
    add(inv, "inventory", "UPDATE stock", "client", 14 * slow, 18 * slow, {
      "db.system.name": "postgresql",
      "db.query.text": "UPDATE stock SET reserved = reserved + $1 WHERE sku = $2",
    });
    const payMs = broken ? 2000 : 88 * slow;
    const pay = add(
      order,
      "checkout",
      "charge card",
      "client",
      48 * slow,
      payMs,
      {},
      broken ? "error" : "unset",
    );
    if (!broken) {
      const charge = add(
        pay,
        "payment",
        "POST /charges",
        "server",
        51 * slow,
        payMs - 6 * slow,
        http("POST", "/charges", 201),
      );
      add(charge, "payment", "POST bank", "client", 55 * slow, payMs - 18 * slow, {
        "server.address": "bank.example",
      });
      log(charge, "INFO", `charge accepted amount=${20 + r.below(400)} currency=TWD`);
      log(order, "INFO", `order ${r.hex(8)} placed by ${user}`);
    } else {
      pay._events = [
        {
          name: "exception",
          time: iso(at + 48 * slow + 1990),
          attributes: {
            "exception.type": "PoolTimeout",
            "exception.message": "timed out after 2000 ms waiting for a connection to payment (pool size 1)",
          },
        },
      ];
      log(
        pay,
        "ERROR",
        "payment call failed: timed out after 2000 ms waiting for a connection (pool size 1)",
        { "error.type": "PoolTimeout", "build.commit": "9f31c07" },
      );
      log(root, "WARN", `upstream checkout answered 500 for ${user}`, { "error.type": "500" });
    }
  } else {
    const total = 46 * slow;
    const root = add(null, "gateway", "GET /products", "server", 0, total, {
      ...http("GET", "/products", 200),
      "user.id": user,
    });
    const reco = add(
      root,
      "recommendation",
      "GET /recommendations",
      "server",
      4 * slow,
      30 * slow,
      http("GET", "/recommendations", 200),
    );
    add(reco, "recommendation", "SELECT items", "client", 8 * slow, 19 * slow, {
      "db.system.name": "postgresql",
    });
    if (r.next() < 0.3) log(reco, "DEBUG", `scored ${40 + r.below(60)} items for ${user}`);
    if (r.next() < 0.02) log(reco, "WARN", "model cache miss, reading 4.1 MB from disk");
    if (r.next() < 0.2) log(root, "INFO", `GET /products 200 in ${total.toFixed(0)} ms`);
  }
  return { spans, logs };
}

const r = random(9);
export const spans = [];
export const logs = [];
for (let at = BOOT - 70 * MINUTE; at < BOOT; at += 700 + r.below(900)) {
  const made = request(at, r);
  spans.push(...made.spans);
  logs.push(...made.logs);
}
spans.sort((a, b) => b.timestamp.localeCompare(a.timestamp));
logs.sort((a, b) => b.timestamp.localeCompare(a.timestamp));

export const changes = [
  {
    id: "chg-3",
    at: iso(FAULT_START - 150e3),
    title: "checkout 2.4.1: payment client with its own pool",
    kind: "deploy",
    service: "checkout",
    version: "2.4.1",
    by: "lin",
    undo: "nines deploy checkout --rollback",
  },
  {
    id: "chg-2",
    at: iso(BOOT - 34 * MINUTE),
    title: "flag new-ranking on for 10 % in eu-central-1",
    kind: "feature_flag",
    service: "recommendation",
    by: "mei",
    undo: "nines ops flag new-ranking off",
  },
  {
    id: "chg-1",
    at: iso(BOOT - 55 * MINUTE),
    title: "payment: retry budget 3 → 2",
    kind: "config",
    service: "payment",
    by: "chen",
  },
];

export const dataset = (name) =>
  name === "spans"
    ? spans
    : name === "logs"
      ? logs
      : name === "changes"
        ? changes.map((c) => ({ timestamp: c.at, ...c, "service.name": c.service }))
        : [];

/** A trace as the API gives it. The id of all f's is a made-up batch job of 10 000 spans. */
export function trace(id) {
  if (/^f{32}$/.test(id)) return bigTrace(id);
  const found = spans
    .filter((span) => span.trace_id === id)
    .sort((a, b) => a._offset - b._offset || a.timestamp.localeCompare(b.timestamp));
  if (!found.length) return undefined;
  const known = new Set([
    "timestamp",
    "trace_id",
    "span_id",
    "parent_span_id",
    "name",
    "kind",
    "duration_ns",
    "status_code",
    "service.name",
    "_offset",
    "_ms",
    "_events",
  ]);
  const critical = new Set();
  let at = found.find((span) => !span.parent_span_id);
  while (at) {
    critical.add(at.span_id);
    at = found
      .filter((span) => span.parent_span_id === at.span_id)
      .sort((a, b) => b._offset + b._ms - (a._offset + a._ms))[0];
  }
  return {
    trace_id: id,
    spans: found.map((span) => ({
      span_id: span.span_id,
      parent_span_id: span.parent_span_id,
      name: span.name,
      service: span["service.name"],
      kind: span.kind,
      start: span.timestamp,
      offset_ns: Math.round(span._offset * 1e6),
      duration_ns: span.duration_ns,
      status: span.status_code,
      status_message: span.status_code === "error" ? "timed out after 2000 ms" : undefined,
      critical: critical.has(span.span_id),
      attributes: Object.fromEntries(Object.entries(span).filter(([key]) => !known.has(key))),
      events: span._events ?? [],
    })),
    logs: logs.filter((log) => log.trace_id === id).sort((a, b) => a.timestamp.localeCompare(b.timestamp)),
    truncated: false,
    stats: stats(found.length, 0.4),
  };
}

function bigTrace(id) {
  const g = random(77);
  const all = [
    {
      span_id: "0".repeat(16),
      name: "nightly settlement",
      service: "payment",
      kind: "internal",
      offset_ns: 0,
      duration_ns: 90e9,
    },
  ];
  while (all.length < 10_000) {
    const parent = all[Math.max(0, all.length - 1 - g.below(Math.min(60, all.length)))];
    const offset = parent.offset_ns + Math.floor(g.next() * parent.duration_ns * 0.8);
    const room = parent.offset_ns + parent.duration_ns - offset;
    all.push({
      span_id: g.hex(16),
      parent_span_id: parent.span_id,
      name: g.pick(["settle batch", "SELECT charges", "POST bank", "write ledger"]),
      service: g.pick(SERVICES),
      kind: "internal",
      offset_ns: offset,
      duration_ns: Math.max(2000, Math.floor(room * (0.2 + 0.7 * g.next()))),
    });
  }
  const base = BOOT - 20 * MINUTE;
  const out = all.map((span, i) => ({
    ...span,
    start: iso(base + span.offset_ns / 1e6),
    status: i % 997 === 5 ? "error" : "unset",
    critical: i < 12,
    attributes: { "batch.number": i },
    events: [],
  }));
  return {
    trace_id: id,
    spans: out.sort((a, b) => a.offset_ns - b.offset_ns),
    logs: [],
    truncated: true,
    stats: stats(10_000, 12),
  };
}

export const stats = (rows, factor = 1) => ({
  run_time_ms: 3 + rows * 0.004 * factor,
  rows_scanned: Math.round(rows * 1.3 + 200),
  bytes_scanned: Math.round(rows * 96 + 38_000),
  segments_scanned: 3,
  segments_pruned: 11,
  rows_returned: rows,
  truncated: false,
  partial: [],
});
