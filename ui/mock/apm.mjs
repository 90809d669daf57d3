// Services, endpoints, the map, error groups and comparisons, counted from the mock's own spans.
import { SERVICES, spans, stats } from "./telemetry.mjs";

const POINTS = 48;
const iso = (ms) => new Date(ms).toISOString();
const rangeOf = (q) => {
  const end = Date.parse(q.get("end") ?? iso(Date.now()));
  return { start: Date.parse(q.get("start") ?? iso(end - 3600e3)), end };
};
const within = ({ start, end }) =>
  spans.filter((span) => {
    const at = Date.parse(span.timestamp);
    return at >= start && at < end;
  });
const isEntry = (span) => span.kind === "server" || span.kind === "consumer" || !span.parent_span_id;
const failed = (span) => span.status_code === "error";

function figures(list, { start, end }) {
  const sorted = list.map((span) => span.duration_ns / 1e6).sort((a, b) => a - b);
  const at = (q) =>
    sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))] ?? null;
  const errors = list.filter(failed).length;
  return {
    requests: list.length,
    errors,
    error_ratio: list.length ? errors / list.length : null,
    per_second: list.length / ((end - start) / 1000),
    p50_ms: at(0.5),
    p95_ms: at(0.95),
    p99_ms: at(0.99),
    total_ms: sorted.reduce((sum, ms) => sum + ms, 0),
  };
}

function spark(list, { start, end }) {
  const requests = new Array(POINTS).fill(0);
  const errors = new Array(POINTS).fill(0);
  for (const span of list) {
    const slot = Math.min(
      POINTS - 1,
      Math.floor(((Date.parse(span.timestamp) - start) / (end - start)) * POINTS),
    );
    requests[slot]++;
    if (failed(span)) errors[slot]++;
  }
  return { requests, errors };
}

const group = (list, key) => {
  const groups = new Map();
  for (const one of list) {
    const name = key(one);
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(one);
  }
  return groups;
};
const frame = (range) => ({
  start: iso(range.start),
  end: iso(range.end),
  step_secs: (range.end - range.start) / 1000 / POINTS,
});

export function services(q) {
  const range = rangeOf(q);
  const entries = within(range).filter(isEntry);
  const total = entries.reduce((sum, span) => sum + span.duration_ns, 0);
  const rows = [...group(entries, (span) => span["service.name"])].map(([name, list]) => ({
    name,
    figures: figures(list, range),
    share: list.reduce((sum, span) => sum + span.duration_ns, 0) / total,
    spark: spark(list, range),
    endpoints: new Set(list.map((span) => span.name)).size,
    versions: [...group(list, (span) => span["service.version"])]
      .map(([version, own]) => ({
        version,
        figures: figures(own, range),
        first_seen: own.map((span) => span.timestamp).sort()[0],
        last_seen: own
          .map((span) => span.timestamp)
          .sort()
          .at(-1),
      }))
      .sort((a, b) => b.first_seen.localeCompare(a.first_seen)),
    last_seen: list
      .map((span) => span.timestamp)
      .sort()
      .at(-1),
  }));
  rows.sort((a, b) => b.figures.total_ms - a.figures.total_ms);
  return { services: rows, ...frame(range), left_out: 0, stats: stats(entries.length) };
}

export function endpoints(q) {
  const range = rangeOf(q);
  const entries = within(range).filter(
    (span) => isEntry(span) && (!q.get("service") || span["service.name"] === q.get("service")),
  );
  const total = entries.reduce((sum, span) => sum + span.duration_ns, 0);
  const rows = [...group(entries, (span) => `${span["service.name"]}\n${span.name}`)].map(([key, list]) => {
    const [service, name] = key.split("\n");
    const own = list.reduce((sum, span) => sum + span.duration_ns, 0);
    return { service, name, figures: figures(list, range), share: own / total, spark: spark(list, range) };
  });
  rows.sort((a, b) => b.figures.total_ms - a.figures.total_ms);
  return { endpoints: rows, ...frame(range), stats: stats(entries.length) };
}

export function map(q) {
  const range = rangeOf(q);
  const seen = within(range);
  const byId = new Map(seen.map((span) => [span.span_id, span]));
  const called = new Set(seen.map((span) => span.parent_span_id));
  const calls = [];
  for (const span of seen) {
    const parent = byId.get(span.parent_span_id);
    if (parent && parent["service.name"] !== span["service.name"])
      calls.push([
        `service:${parent["service.name"]}`,
        `service:${span["service.name"]}`,
        parent.kind === "client" ? parent : span,
      ]);
    const system = span["db.system.name"] ?? span["db.system"];
    if (system && !called.has(span.span_id))
      calls.push([`service:${span["service.name"]}`, `database:${system}`, span]);
  }
  const of = q.get("service");
  const wanted = calls.filter(([a, b]) => !of || a === `service:${of}` || b === `service:${of}`);
  const edges = [...group(wanted, ([a, b]) => `${a}\n${b}`)].map(([key, list]) => {
    const [source, target] = key.split("\n");
    return {
      source,
      target,
      figures: figures(
        list.map(([, , span]) => span),
        range,
      ),
      unanswered: 0,
      is_async: false,
    };
  });
  const ids = new Set(edges.flatMap((edge) => [edge.source, edge.target]));
  if (!of) for (const name of SERVICES) ids.add(`service:${name}`);
  const nodes = [...ids].map((id) => {
    const [kind, name] = id.split(/:(.*)/);
    const own =
      kind === "service"
        ? seen.filter((span) => isEntry(span) && span["service.name"] === name)
        : calls.filter(([, b]) => b === id).map(([, , span]) => span);
    return { id, name, kind, figures: figures(own, range) };
  });
  return { nodes, edges, sampled: 1, lost_callers: 0, stats: stats(seen.length) };
}

const FRAMES = [
  { function: "checkout::currency::convert", file: "src/currency.rs", line: 88, in_app: true },
  { function: "checkout::orders::place", file: "src/orders.rs", line: 143, in_app: true },
  {
    function: "axum::handler::call",
    file: "/home/ci/.cargo/registry/src/axum/src/handler/mod.rs",
    line: 232,
    in_app: false,
  },
  {
    function: "tokio::runtime::task::poll",
    file: "/home/ci/.cargo/registry/src/tokio/src/runtime/task/core.rs",
    line: 331,
    in_app: false,
  },
];
const PRINT = { exception: "9c1f0a5be2d34470", echo: "41d7e6c80b92a3f5" };

function groups(q) {
  const range = rangeOf(q);
  const bad = within(range).filter((span) => failed(span) && isEntry(span));
  const made = [];
  for (const [service, list] of group(bad, (span) => span["service.name"])) {
    const main = service === "checkout";
    const sorted = list.toSorted((a, b) => b.timestamp.localeCompare(a.timestamp));
    const last = sorted[0].timestamp;
    const first = sorted.at(-1).timestamp;
    made.push({
      fingerprint: main
        ? PRINT.exception
        : `${PRINT.echo.slice(0, 12)}${service.length.toString(16).padStart(4, "0")}`,
      service,
      source: main ? "exception" : "status",
      kind: main ? "CurrencyError" : "502",
      message: main ? "no rate from TWD to SGD in table of 2026-11-20" : "",
      culprit: main ? FRAMES[0] : undefined,
      count: list.length,
      is_new: main,
      before: main ? 0 : 2,
      first_seen: first,
      last_seen: last,
      users: new Set(list.map((span) => span["user.id"])).size,
      users_at_least: false,
      versions: [...group(list, (span) => span["service.version"])].map(([version, own]) => ({
        version,
        count: own.length,
        first_seen: first,
        last_seen: last,
      })),
      commits: main ? [{ version: "b81f6d2", count: list.length, first_seen: first, last_seen: last }] : [],
      places: [...group(list, (span) => span.name)].map(([name, own]) => ({ name, count: own.length })),
      examples: sorted
        .slice(0, 5)
        .map((span) => ({ at: span.timestamp, trace_id: span.trace_id, span_id: span.span_id })),
      spark: spark(list, range),
      follows: main ? undefined : { fingerprint: PRINT.exception, share: 1 },
    });
  }
  const of = q.get("service");
  return made
    .filter((one) => !of || one.service === of)
    .sort((a, b) => Number(Boolean(a.follows)) - Number(Boolean(b.follows)) || b.count - a.count);
}

export function errors(q) {
  const range = rangeOf(q);
  return { groups: groups(q), ...frame(range), left_out: 0, stats: stats(400) };
}

export function error(fingerprint, q) {
  const found = groups(new URLSearchParams([...q].filter(([name]) => name !== "service"))).find(
    (one) => one.fingerprint === fingerprint,
  );
  if (!found) return undefined;
  const main = found.source === "exception";
  return {
    group: found,
    stack: main ? FRAMES.map((one) => `${one.function} at ${one.file}:${one.line}`).join("\n") : undefined,
    frames: main ? FRAMES : [],
    ...frame(rangeOf(q)),
    stats: stats(400),
  };
}

export function compare(body) {
  const side = ({ start, end, version }) => {
    const range = {
      start: Date.parse(start ?? iso(Date.now() - 3600e3)),
      end: Date.parse(end ?? iso(Date.now())),
    };
    const list = within(range).filter(
      (span) =>
        isEntry(span) &&
        (!body.service || span["service.name"] === body.service) &&
        (!version || span["service.version"] === version),
    );
    return { range, list };
  };
  const a = side(body.baseline);
  const b = side(body.candidate);
  const one = (name, first, second) => {
    const baseline = figures(first, a.range);
    const candidate = figures(second, b.range);
    const few = Math.min(baseline.requests, candidate.requests) < 30;
    const change = (candidate.error_ratio ?? 0) - (baseline.error_ratio ?? 0);
    const ratio = baseline.p95_ms && candidate.p95_ms ? candidate.p95_ms / baseline.p95_ms : undefined;
    const verdict = (worse, better) =>
      baseline.requests === 0
        ? "added"
        : candidate.requests === 0
          ? "removed"
          : few
            ? "too_few"
            : worse
              ? "worse"
              : better
                ? "better"
                : "same";
    return {
      service: name ? body.service : undefined,
      name,
      baseline,
      candidate,
      error_change: few ? undefined : { low: change - 0.03, high: change + 0.03 },
      p50_ratio: ratio && !few ? { low: ratio * 0.8, high: ratio * 1.2 } : undefined,
      p95_ratio: ratio && !few ? { low: ratio * 0.8, high: ratio * 1.3 } : undefined,
      errors: verdict(change > 0.03, change < -0.03),
      latency: verdict(ratio > 1.25, ratio < 0.7),
    };
  };
  const names = [...new Set([...a.list, ...b.list].map((span) => span.name))];
  return {
    total: one(undefined, a.list, b.list),
    endpoints: names.map((name) =>
      one(
        name,
        a.list.filter((span) => span.name === name),
        b.list.filter((span) => span.name === name),
      ),
    ),
    confidence: 0.95,
    requests_min: 30,
    stats: stats(a.list.length + b.list.length),
  };
}

/** What the server computes of a trace: self times, the critical path, shares of services. */
export function measured(answer) {
  const spans = answer.spans;
  const byId = new Map(spans.map((span) => [span.span_id, span]));
  const children = group(
    spans.filter((span) => byId.has(span.parent_span_id)),
    (span) => span.parent_span_id,
  );
  const end = (span) => span.offset_ns + span.duration_ns;
  for (const span of spans) {
    let covered = 0;
    let upTo = span.offset_ns;
    for (const child of (children.get(span.span_id) ?? []).toSorted((a, b) => a.offset_ns - b.offset_ns)) {
      const from = Math.max(child.offset_ns, upTo);
      const to = Math.min(end(child), end(span));
      if (to > from) {
        covered += to - from;
        upTo = to;
      }
    }
    Object.assign(span, {
      self_ns: span.duration_ns - covered,
      critical_ns: 0,
      shifted_ns: 0,
      links: [],
      critical: false,
      lost_parent: Boolean(span.parent_span_id) && !byId.has(span.parent_span_id),
    });
  }
  const roots = spans.filter((span) => !byId.has(span.parent_span_id));
  const root = roots.toSorted((a, b) => b.duration_ns - a.duration_ns)[0];
  const path = [];
  const stack = root ? [{ span: root, start: root.offset_ns, moment: end(root) }] : [];
  while (stack.length) {
    const top = stack.at(-1);
    top.rest ??= (children.get(top.span.span_id) ?? [])
      .map((span) => ({
        span,
        from: Math.max(span.offset_ns, top.start),
        to: Math.min(end(span), top.moment),
      }))
      .filter(({ from, to }) => to > from)
      .sort((a, b) => a.to - b.to);
    let next = top.rest.pop();
    while (next && next.to > top.moment) next = top.rest.pop();
    const from = next ? next.to : top.start;
    if (top.moment > from) {
      path.push({ span_id: top.span.span_id, start_ns: from, end_ns: top.moment });
      top.span.critical_ns += top.moment - from;
      top.span.critical = true;
    }
    if (next) {
      top.moment = next.from;
      stack.push({ span: next.span, start: next.from, moment: next.to });
    } else stack.pop();
  }
  const shares = [...group(spans, (span) => span.service)].map(([name, list]) => ({
    name,
    spans: list.length,
    errors: list.filter((span) => span.status === "error").length,
    self_ns: list.reduce((sum, span) => sum + span.self_ns, 0),
    critical_ns: list.reduce((sum, span) => sum + span.critical_ns, 0),
  }));
  return {
    ...answer,
    duration_ns: Math.max(0, ...spans.map(end)),
    critical_path: path.reverse(),
    services: shares.sort((a, b) => b.critical_ns - a.critical_ns),
    lost_parents: spans.filter((span) => span.lost_parent).length,
    duplicates: 0,
    circles: 0,
  };
}
