// Incidents of the mock, as a small state machine with a promise clock.
import { alerts, pages, slos } from "./promises.mjs";
import { BOOT, FAULT_START } from "./telemetry.mjs";

const iso = (ms) => new Date(ms).toISOString();
const CADENCE = { P0: 600, P1: 1200, P2: 3600 };
const HOUR = 3600e3;

const make = (o) => ({
  title: "",
  class: "S2",
  level: "P1",
  preliminary_level: "P1",
  state: "reported",
  source: "alert",
  service: "checkout",
  scope: "",
  status: "",
  progress: "",
  started_at: iso(FAULT_START),
  reported_by: "nines",
  marks: {},
  alert_ids: [],
  revision: 1,
  timeline: [],
  updates: 0,
  late: 0,
  late_secs: 0,
  ...o,
});

const first = make({
  id: "INC-2026-0042",
  title: "Checkout fails for 4.1 % of requests",
  scope: "buyers in ap-southeast-1 on checkout 2.4.1",
  status: "4.1 % of checkouts fail with a time-out towards payment",
  progress: "alert sent to duty",
  alert_ids: ["alr-7f3a"],
  marks: { fault_start_at: iso(FAULT_START), detected_at: iso(FAULT_START + 3900) },
  lastUpdate: FAULT_START + 4000,
  next: BOOT + 110e3,
});
let clockOf = 0;
const entry = (incident, source, actor, kind, text, link, at = Date.now()) =>
  incident.timeline.push({
    sequence: incident.timeline.length + 1,
    at: iso(at),
    source,
    actor,
    kind,
    text,
    ...(link ? { link } : {}),
  });
entry(
  first,
  "change",
  "lin",
  "change",
  "checkout 2.4.1 deployed: payment client with its own pool",
  "/changes",
  FAULT_START - 150e3,
);
entry(
  first,
  "alert",
  "checkout-availability",
  "opened",
  "Checkout fails for 4.1 % of requests (60s/5s burns at 41×)",
  "/slo/checkout-availability",
  FAULT_START + 3900,
);
entry(first, "page", "oncall-webhook", "page", "delivered in 280 ms", null, FAULT_START + 4380);
entry(first, "page", "#shop-alerts", "page", "delivered on the second attempt", null, FAULT_START + 6240);
entry(
  first,
  "page",
  "duty@shop.example",
  "page",
  "third attempt failed: connection refused by smtp.shop.example:587",
  null,
  FAULT_START + 61e3,
);

const old = make({
  id: "INC-2026-0041",
  title: "Payments booked twice",
  level: "P0",
  preliminary_level: "P1",
  confirmed_level: "P0",
  confirmed_by: "mei",
  class: "S1",
  state: "resolved",
  source: "person",
  service: "payment",
  reported_by: "bizops",
  started_at: iso(BOOT - 26 * HOUR),
  commander: "mei",
  updates: 6,
  late: 1,
  late_secs: 95,
  marks: {
    fault_start_at: iso(BOOT - 26 * HOUR),
    detected_at: iso(BOOT - 26 * HOUR + 62e3),
    acknowledged_at: iso(BOOT - 26 * HOUR + 140e3),
    confirmed_at: iso(BOOT - 26 * HOUR + 200e3),
    mitigated_at: iso(BOOT - 25.6 * HOUR),
    resolved_at: iso(BOOT - 25 * HOUR),
  },
});
entry(
  old,
  "human",
  "bizops",
  "reported",
  "Two customers were charged twice for one order",
  null,
  BOOT - 26 * HOUR + 62e3,
);
entry(
  old,
  "human",
  "mei",
  "resolved",
  "Idempotency key restored, 88 charges refunded",
  null,
  BOOT - 25 * HOUR,
);
const third = make({
  id: "INC-2026-0040",
  title: "Partner export late",
  level: "P2",
  preliminary_level: "P2",
  class: "P4",
  state: "mitigated",
  source: "person",
  service: "inventory",
  reported_by: "chen",
  started_at: iso(BOOT - 5 * HOUR),
  updates: 3,
  late: 1,
  late_secs: 410,
  next: BOOT - 200e3,
  marks: {
    fault_start_at: iso(BOOT - 5 * HOUR),
    detected_at: iso(BOOT - 4.6 * HOUR),
    acknowledged_at: iso(BOOT - 4.5 * HOUR),
    mitigated_at: iso(BOOT - 1 * HOUR),
  },
});
entry(
  third,
  "human",
  "chen",
  "reported",
  "Export of 09:00 is missing at two partners",
  null,
  BOOT - 4.6 * HOUR,
);

export const all = [first, third, old];

const secs = (a, b) => (a && b ? (Date.parse(b) - Date.parse(a)) / 1000 : null);

export function wire(i) {
  const over = ["resolved", "reviewed", "cancelled", "merged"].includes(i.state);
  const { timeline, lastUpdate, next, updates, late, late_secs, ...rest } = i;
  const overdueSecs = next && !over && Date.now() > next ? (Date.now() - next) / 1000 : 0;
  return {
    ...rest,
    times: {
      mttd_secs: secs(i.marks.fault_start_at, i.marks.detected_at),
      mtta_secs: secs(i.marks.detected_at, i.marks.acknowledged_at),
      mttr_secs: secs(i.marks.fault_start_at, i.marks.resolved_at),
    },
    clock: {
      cadence_secs: CADENCE[i.level],
      ...(over || !next ? {} : { next_update_at: iso(next) }),
      ...(lastUpdate ? { last_update_at: iso(lastUpdate) } : {}),
      overdue: overdueSecs > 0,
      updates,
      late_updates: late,
      late_secs: late_secs + overdueSecs,
    },
  };
}

export const list = () => ({
  incidents: all.map(wire),
  mean: { mttd_secs: 33, mtta_secs: 71, mttr_secs: 1930 },
  on_time_rate: 0.94,
});

export const detail = (id, lang) => {
  const i = all.find((x) => x.id === id);
  if (!i) return undefined;
  return {
    incident: wire(i),
    timeline: i.timeline,
    alerts: alerts
      .filter((a) => i.alert_ids.includes(a.id))
      .map((a) => ({ ...a, pages: pages.filter((p) => p.alert_id === a.id) })),
    slos: slos(lang).filter((s) => s.service === i.service && s.measurement === "measured"),
    draft_update: `${i.service}: 4.1 % of checkouts fail since ${iso(FAULT_START).slice(11, 16)} UTC, only version 2.4.1 in ap-southeast-1. 11.8 % of the budget is left. Rolling back to 2.4.0 is the next step.`,
  };
};

export function step(id, name, body, who) {
  const i = all.find((x) => x.id === id);
  if (!i)
    return { status: 404, code: "not_found", detail: `no incident ${id}`, hint: "see the incident list" };
  const now = Date.now();
  const arm = () => {
    i.lastUpdate = now;
    i.next = now + CADENCE[i.level] * 1000;
  };
  const needsText = () =>
    body.text
      ? null
      : { status: 400, code: "invalid_input", detail: `${name} needs a text`, hint: "write what happened" };
  const faults = { update: needsText, note: needsText, cancel: needsText };
  const fault = faults[name]?.();
  if (fault) return fault;
  switch (name) {
    case "acknowledge":
      i.marks.acknowledged_at ??= iso(now);
      if (i.state === "reported" || i.state === "confirmed") i.state = "responding";
      i.commander ??= who;
      entry(i, "human", who, "acknowledged", body.text ?? "acknowledged");
      break;
    case "confirm":
      i.confirmed_level = body.level;
      i.level = body.level;
      i.confirmed_by = who;
      i.class = body.class ?? i.class;
      i.marks.confirmed_at = iso(now);
      if (i.state === "reported") i.state = "confirmed";
      arm();
      entry(
        i,
        "human",
        who,
        "level_confirmed",
        `level ${body.level} confirmed${body.class ? `, class ${body.class}` : ""}`,
      );
      break;
    case "update":
      if (i.next && now > i.next) {
        i.late++;
        i.late_secs += (now - i.next) / 1000;
      }
      i.updates++;
      Object.assign(
        i,
        Object.fromEntries(["scope", "status", "progress"].filter((k) => body[k]).map((k) => [k, body[k]])),
      );
      arm();
      entry(i, "human", who, "update", body.text);
      break;
    case "note":
      entry(i, "human", who, "note", body.text);
      break;
    case "mitigate":
      i.marks.mitigated_at = iso(now);
      i.state = "mitigated";
      entry(i, "human", who, "mitigated", body.text ?? "mitigated");
      break;
    case "resolve":
      i.marks.resolved_at = iso(now);
      i.state = "resolved";
      entry(i, "human", who, "resolved", body.text ?? "resolved");
      break;
    case "assign":
      i.commander = body.commander;
      entry(i, "human", who, "assigned", `${body.commander} leads`);
      break;
    case "reopen":
      i.state = "responding";
      i.marks.resolved_at = undefined;
      arm();
      entry(i, "human", who, "reopened", body.text ?? "reopened");
      break;
    case "review":
      i.state = "reviewed";
      entry(i, "human", who, "reviewed", body.text ?? "reviewed");
      break;
    case "cancel":
      i.state = "cancelled";
      entry(i, "human", who, "cancelled", body.text);
      break;
    default:
      return {
        status: 404,
        code: "not_found",
        detail: `no step ${name}`,
        hint: "acknowledge, confirm, assign, update, note, mitigate, resolve, review, cancel, reopen",
      };
  }
  i.revision++;
  return wire(i);
}

export function report(body, who) {
  const id = `INC-2026-${String(43 + clockOf++).padStart(4, "0")}`;
  const now = Date.now();
  const next = body.next_update_at ? Date.parse(body.next_update_at) : now + CADENCE[body.level] * 1000;
  const i = make({
    ...body,
    id,
    title: body.title ?? `${body.service}: ${body.status}`,
    preliminary_level: body.level,
    source: "person",
    reported_by: who,
    marks: { fault_start_at: body.started_at, detected_at: iso(now) },
    lastUpdate: now,
    next,
  });
  delete i.next_update_at;
  entry(i, "human", who, "reported", `${body.status} (${body.scope})`);
  all.unshift(i);
  return { id, next_update_at: iso(next), incident: wire(i) };
}
