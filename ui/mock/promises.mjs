// Promises, alerts, pages and incidents of the mock: one of every state that the pages must show.

import { random } from "./random.mjs";
import { BOOT, changes, FAULT_START, spans } from "./telemetry.mjs";

const iso = (ms) => new Date(ms).toISOString();
const DAY = 86_400e3;

const SENTENCES = {
  en: {
    engineer: (b) =>
      b.remaining_minutes > 0
        ? `${b.remaining_minutes.toFixed(1)} minutes of total failure are left of ${b.total_minutes.toFixed(0)}${b.exhausted_in_secs ? `; at this burn they are gone in ${Math.round(b.exhausted_in_secs / 60)} minutes` : ", and nothing burns now"}.`
        : `The budget is overspent by ${(-b.remaining_minutes).toFixed(1)} minutes.`,
    leader: (b) =>
      b.remaining_fraction <= 0
        ? "The promise of this period is broken."
        : b.remaining_fraction < 0.2
          ? "The promise holds, but one more fault like this breaks it."
          : "The promise holds with room to spare.",
  },
  "zh-TW": {
    engineer: (b) =>
      b.remaining_minutes > 0
        ? `${b.total_minutes.toFixed(0)} 分鐘的錯誤預算還剩 ${b.remaining_minutes.toFixed(1)} 分鐘${b.exhausted_in_secs ? `;照目前的消耗,${Math.round(b.exhausted_in_secs / 60)} 分鐘後用完` : ",目前沒有消耗"}。`
        : `錯誤預算已超支 ${(-b.remaining_minutes).toFixed(1)} 分鐘。`,
    leader: (b) =>
      b.remaining_fraction <= 0
        ? "本期承諾已經跳票。"
        : b.remaining_fraction < 0.2
          ? "承諾還守得住,但再一次這樣的故障就守不住了。"
          : "承諾穩穩守住。",
  },
  "zh-CN": {
    engineer: (b) =>
      b.remaining_minutes > 0
        ? `${b.total_minutes.toFixed(0)} 分钟的错误预算还剩 ${b.remaining_minutes.toFixed(1)} 分钟${b.exhausted_in_secs ? `;按当前消耗,${Math.round(b.exhausted_in_secs / 60)} 分钟后耗尽` : ",当前没有消耗"}。`
        : `错误预算已超支 ${(-b.remaining_minutes).toFixed(1)} 分钟。`,
    leader: (b) =>
      b.remaining_fraction <= 0
        ? "本期承诺已经失守。"
        : b.remaining_fraction < 0.2
          ? "承诺仍可兑现,但再来一次这样的故障就守不住了。"
          : "承诺稳稳兑现。",
  },
};

const WINDOWS = [
  ["60s/5s", "page", 60, 5, null],
  ["1h/5m", "page", 3600, 300, 13.44],
  ["6h/30m", "page", 21600, 1800, 5.6],
  ["1d/2h", "ticket", 86400, 7200, 2.8],
  ["3d/6h", "ticket", 259200, 21600, 0.93],
];

function slo(seed, o) {
  const r = random(seed);
  const target = o.target;
  const total = o.total ?? 4_800_000;
  const allowed = total * (1 - target);
  const spent = allowed * (1 - o.left);
  const minutes = 28 * 1440 * (1 - target);
  const budget = {
    allowed_events: allowed,
    spent_events: spent,
    remaining_fraction: o.left,
    remaining_minutes: minutes * o.left,
    total_minutes: minutes,
    ...(o.exhausted ? { exhausted_in_secs: o.exhausted } : {}),
  };
  const measured = o.measurement === undefined;
  const burning = o.now > 1 - target;
  return {
    name: o.name,
    display_name: o.title,
    description: o.description,
    service: o.service,
    owner: o.owner ?? "payments-team",
    runbook: "https://wiki.example/runbooks/checkout",
    category: o.category,
    measurement: o.measurement ?? "measured",
    ...(o.reason ? { measurement_reason: o.reason } : {}),
    ...(measured ? { status: o.left <= 0 ? "exhausted" : o.left <= 0.2 ? "at_risk" : "healthy" } : {}),
    target,
    ...(o.sla ? { sla_target: o.sla } : {}),
    window: o.window ?? "28d rolling",
    window_start: iso(BOOT - 28 * DAY),
    window_end: iso(BOOT),
    ...(o.measurement === "invalid" ? {} : { sli: 1 - spent / total }),
    good: Math.round(total - spent),
    total,
    budget,
    ...(o.sla
      ? {
          sla_budget: {
            ...budget,
            allowed_events: total * (1 - o.sla),
            remaining_fraction: 1 - spent / (total * (1 - o.sla)),
            remaining_minutes: 28 * 1440 * (1 - o.sla) * (1 - spent / (total * (1 - o.sla))),
            total_minutes: 28 * 1440 * (1 - o.sla),
          },
        }
      : {}),
    burns: WINDOWS.map(([name, severity, long_secs, short_secs, threshold], i) => {
      const rate = (o.now / (1 - target)) * [1, 0.45, 0.11, 0.04, 0.02][i];
      const limit = threshold ?? Math.max(10, 0.4 / (1 - target));
      return {
        name,
        severity,
        long_secs,
        short_secs,
        threshold: limit,
        ...(measured ? { long_rate: rate * 0.8, short_rate: rate } : {}),
        enough_events: o.measurement !== "too_few",
        firing: measured && burning && rate * 0.8 > limit,
      };
    }),
    ...(measured ? { error_rate_now: o.now, error_rate_normal: o.normal ?? 0.0004 } : {}),
    events_per_second: o.eps ?? 18.4,
    ...(o.measurement === "invalid"
      ? {}
      : { last_event_at: iso(o.measurement === "stale" ? BOOT - 11 * 60e3 : BOOT - 400) }),
    coverage: o.coverage ?? 1,
    ...(o.alert ? { alert_id: o.alert, incident_id: o.incident } : {}),
    sparkline: Array.from({ length: 60 }, (_, i) =>
      o.measurement === "invalid" ||
      (o.measurement === "stale" && i > 48) ||
      (o.measurement === "too_few" && i % 7)
        ? null
        : i >= 53 && burning
          ? o.now * (0.7 + 0.5 * r.next())
          : Math.max(0, (o.normal ?? 0.0004) * (0.4 + 1.4 * r.next())),
    ),
    indicator: {
      dataset: "spans",
      total_filter: `service.name: ${o.service} and kind: server`,
      bad_filter: o.bad ?? `service.name: ${o.service} and kind: server and http.response.status_code >= 500`,
    },
  };
}

const base = [
  slo(1, {
    name: "checkout-availability",
    title: "Checkout works",
    description: "Share of checkout requests that do not fail",
    service: "checkout",
    category: "availability",
    target: 0.999,
    sla: 0.99,
    left: 0.118,
    now: 0.041,
    exhausted: 6720,
    alert: "alr-7f3a",
    incident: "INC-2026-0042",
  }),
  slo(2, {
    name: "payment-errors",
    title: "Payments are booked right",
    description: "Charges that end in the ledger",
    service: "payment",
    category: "errors",
    target: 0.9995,
    left: -0.24,
    now: 0.0009,
    window: "calendar month, Asia/Taipei",
  }),
  slo(3, {
    name: "checkout-latency",
    title: "Checkout answers within 800 ms",
    description: "",
    service: "checkout",
    category: "latency",
    target: 0.99,
    sla: 0.95,
    left: 0.43,
    now: 0.028,
    exhausted: 41_000,
    bad: "service.name: checkout and kind: server and duration_ns > 800000000",
  }),
  slo(4, {
    name: "gateway-availability",
    title: "Shop front answers",
    description: "",
    service: "gateway",
    category: "availability",
    target: 0.9995,
    sla: 0.995,
    left: 0.71,
    now: 0.0003,
    total: 22_400_000,
    eps: 96.2,
    owner: "edge-team",
  }),
  slo(5, {
    name: "inventory-saturation",
    title: "Stock pool has room",
    description: "",
    service: "inventory",
    category: "saturation",
    target: 0.995,
    left: 0.94,
    now: 0.0001,
    owner: "stock-team",
    coverage: 0.31,
  }),
  slo(6, {
    name: "recommendation-latency",
    title: "Recommendations within 200 ms",
    description: "",
    service: "recommendation",
    category: "latency",
    target: 0.99,
    left: 0.88,
    now: 0.0006,
    owner: "discovery-team",
  }),
  slo(7, {
    name: "refund-availability",
    title: "Refunds work",
    description: "",
    service: "payment",
    category: "availability",
    target: 0.999,
    left: 0.9,
    now: 0,
    total: 212,
    eps: 0.02,
    measurement: "too_few",
    reason: "14 events in the last 5 minutes, 25 are needed",
  }),
  slo(8, {
    name: "export-freshness",
    title: "Partner export is fresh",
    description: "",
    service: "inventory",
    category: "custom",
    target: 0.99,
    left: 0.6,
    now: 0,
    measurement: "stale",
    reason: "no event for 11 minutes; the sender may be down",
    eps: 0,
  }),
  slo(9, {
    name: "search-errors",
    title: "Search finds things",
    description: "",
    service: "search",
    category: "errors",
    target: 0.99,
    left: 1,
    now: 0,
    total: 0,
    eps: 0,
    measurement: "invalid",
    reason: "no dataset has the field search.hits",
  }),
  slo(10, {
    name: "mail-delivery",
    title: "Order mails arrive",
    description: "",
    service: "mail",
    category: "availability",
    target: 0.995,
    left: 0.8,
    now: 0,
    measurement: "paused",
    reason: "paused by mei until Monday 09:00 for the provider change",
  }),
];

export function slos(lang = "en") {
  const words = SENTENCES[lang] ?? SENTENCES.en;
  const jitter = 1 + 0.04 * Math.sin(Date.now() / 4000);
  return base.map((s) => ({
    ...s,
    ...(s.error_rate_now !== undefined ? { error_rate_now: s.error_rate_now * jitter } : {}),
    ...(s.last_event_at && s.measurement === "measured" ? { last_event_at: iso(Date.now() - 300) } : {}),
    sentence_engineer: words.engineer(s.budget),
    sentence_leader: words.leader(s.budget),
  }));
}

export const suspects = [
  {
    field: "service.version",
    value: "2.4.1",
    bad: 412,
    total: 1310,
    share_of_bad: 0.998,
    share_of_total: 0.16,
    lift: 41.2,
    rate: 0.314,
  },
  {
    field: "cloud.region",
    value: "ap-southeast-1",
    bad: 412,
    total: 2730,
    share_of_bad: 0.998,
    share_of_total: 0.33,
    lift: 24.8,
    rate: 0.151,
  },
  {
    field: "error.type",
    value: "PoolTimeout",
    bad: 409,
    total: 409,
    share_of_bad: 0.991,
    share_of_total: 0.05,
    lift: 22.3,
    rate: 1,
  },
  {
    field: "service.instance.id",
    value: "checkout-2",
    bad: 171,
    total: 2710,
    share_of_bad: 0.414,
    share_of_total: 0.33,
    lift: 1.3,
    rate: 0.063,
  },
];

const sampleTraces = () =>
  [
    ...new Set(
      spans
        .filter((s) => s["service.name"] === "checkout" && s.status_code === "error")
        .map((s) => s.trace_id),
    ),
  ].slice(0, 5);
export const suspectsResponse = (window_secs) => ({
  window_secs,
  suspects,
  users_hit: 3204,
  users_hit_at_least: false,
  sample_trace_ids: sampleTraces(),
});

export const pages = [
  {
    id: "pg-1",
    alert_id: "alr-7f3a",
    purpose: "trigger",
    channel: "oncall-webhook",
    channel_type: "webhook",
    state: "delivered",
    attempts: 1,
    queued_at: iso(FAULT_START + 4100),
    delivered_at: iso(FAULT_START + 4380),
  },
  {
    id: "pg-2",
    alert_id: "alr-7f3a",
    purpose: "trigger",
    channel: "#shop-alerts",
    channel_type: "slack",
    state: "delivered",
    attempts: 2,
    queued_at: iso(FAULT_START + 4100),
    delivered_at: iso(FAULT_START + 6240),
  },
  {
    id: "pg-3",
    alert_id: "alr-7f3a",
    purpose: "trigger",
    channel: "duty@shop.example",
    channel_type: "email",
    state: "queued",
    attempts: 3,
    queued_at: iso(FAULT_START + 4100),
    next_attempt_at: iso(BOOT + 40e3),
    last_error: "connection refused by smtp.shop.example:587",
  },
];

export const alerts = [
  {
    id: "alr-7f3a",
    fingerprint: "checkout-availability/60s",
    slo: "checkout-availability",
    service: "checkout",
    state: "firing",
    severity: "page",
    reason: "1h/5m burns at 14.8 times the allowed rate (threshold 13.4) over 10 050 events",
    started_at: iso(FAULT_START),
    detected_at: iso(FAULT_START + 3900),
    incident_id: "INC-2026-0042",
    message: {
      title: "Checkout fails for 4.1 % of requests",
      severity: "P1",
      explanation:
        "3 204 users could not pay in the last 5 minutes; at the usual basket that is about 2.1 orders lost each second.",
      observed: "4.1 % of checkout requests fail, 412 of 10 050 in 5 minutes",
      ideal: "at most 0.1 % fail (promise 99.9 % over 28 days); normal is 0.04 %",
      context: [
        { label: "began", value: iso(FAULT_START) },
        { label: "cloud.region", value: "ap-southeast-1" },
        { label: "service.version", value: "2.4.1" },
        { label: "deployment.environment.name", value: "production" },
        { label: "process", value: "checkout-2" },
      ],
      links: [
        { rel: "incident", label: "Incident room", url: "/incident/INC-2026-0042" },
        { rel: "slo", label: "Promise", url: "/slo/checkout-availability" },
        {
          rel: "search",
          label: "Failing requests",
          url: "/search?dataset=spans&q=service.name%3A+checkout+and+http.response.status_code+%3E%3D+500",
        },
        { rel: "runbook", label: "Runbook", url: "https://wiki.example/runbooks/checkout" },
      ],
      incomplete: [],
      users_hit: 3204,
      exhausted_in_secs: 6720,
      suspects: suspects.slice(0, 3),
      last_change: changes[0],
      sample_trace_ids: sampleTraces(),
    },
    pages,
  },
  {
    id: "alr-55c0",
    fingerprint: "checkout-latency/6h",
    slo: "checkout-latency",
    service: "checkout",
    state: "pending",
    severity: "ticket",
    reason: "1d/2h burns at 2.6 times the allowed rate (threshold 2.8)",
    started_at: iso(FAULT_START + 20e3),
    detected_at: iso(FAULT_START + 95e3),
    message: {
      title: "Checkout slower than promised for 2.8 % of requests",
      severity: "P2",
      explanation: "Buyers wait more than 800 ms; none has failed because of it.",
      observed: "2.8 % above 800 ms",
      ideal: "at most 1 % above 800 ms",
      context: [],
      links: [{ rel: "slo", label: "Promise", url: "/slo/checkout-latency" }],
      incomplete: ["users hit: the spans carry no user.id"],
      users_hit: null,
      exhausted_in_secs: 41_000,
      suspects: suspects.slice(0, 1),
      last_change: changes[0],
      sample_trace_ids: [],
    },
    pages: [],
  },
  {
    id: "alr-31bb",
    fingerprint: "payment-errors/1h",
    slo: "payment-errors",
    service: "payment",
    state: "resolved",
    severity: "page",
    reason: "below the threshold for two evaluations",
    started_at: iso(BOOT - 26 * 3600e3),
    detected_at: iso(BOOT - 26 * 3600e3 + 4200),
    resolved_at: iso(BOOT - 25 * 3600e3),
    incident_id: "INC-2026-0041",
    message: {
      title: "Payments booked twice for 0.9 % of charges",
      severity: "P0",
      explanation: "Money was taken twice.",
      observed: "0.9 %",
      ideal: "at most 0.05 %",
      context: [],
      links: [],
      incomplete: [],
      users_hit: 88,
      exhausted_in_secs: null,
      suspects: [],
      last_change: null,
      sample_trace_ids: [],
    },
    pages: [
      {
        id: "pg-0",
        alert_id: "alr-31bb",
        purpose: "trigger",
        channel: "pager-gateway",
        channel_type: "webhook",
        state: "undeliverable",
        attempts: 40,
        queued_at: iso(BOOT - 26 * 3600e3),
        last_error: "410 Gone",
      },
    ],
  },
];
