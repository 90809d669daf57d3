// Uptime as the mock has it: something up, something down, a runner that is cut off, a job that fell silent.
const DAY = 86_400_000;
const iso = (ms) => new Date(ms).toISOString();

const days = (now, bad = {}) =>
  Array.from({ length: 90 }, (_, index) => 89 - index)
    .filter((back) => back < 74)
    .map((back) => ({
      day: iso(now - back * DAY).slice(0, 10),
      good: 1440 - (bad[back] ?? 0),
      bad: bad[back] ?? 0,
      unknown: 0,
    }));

const location = (name, standing, now, more = {}) => ({
  location: name,
  standing,
  since: iso(now - 4 * 3600e3),
  measured_at: iso(now - 12e3),
  duration_ms: 84,
  reason: null,
  ...more,
});

const certificate = (subject, now, left) => ({
  subject,
  issuer: "R11",
  names: [subject],
  not_before: iso(now - 60 * DAY),
  not_after: iso(now + left * DAY),
  chain_not_after: iso(now + left * DAY),
  chain_length: 2,
});

const last = (probe, now, more) => ({
  sequence: 7,
  probe,
  location: "local",
  at: iso(now - 12e3),
  outcome: "success",
  duration_ms: 84.2,
  phases_ms: { resolve: 3.1, connect: 11.8, tls: 24.9, processing: 41.2, transfer: 3.2 },
  confirmation: false,
  redirects: 0,
  assertions: [
    { what: "status is 2xx", passed: true, saw: "200" },
    { what: "$.state is ok", passed: true, saw: "ok" },
  ],
  ...more,
});

const probe = (name, now, more) => ({
  name,
  description: null,
  service: "checkout",
  labels: { tier: "front" },
  kind: "http",
  target: `https://${name}.example.com/health`,
  level: "P1",
  runbook: null,
  interval_secs: 60,
  paused: false,
  quorum: 1,
  verdict: "up",
  since: iso(now - 19 * DAY),
  alerting: false,
  locations: [location("local", "up", now)],
  last: last(name, now, { certificate: certificate(`${name}.example.com`, now, 61) }),
  days: days(now, { 31: 9 }),
  availability: 0.99992,
  ...more,
});

export function uptime(now = Date.now()) {
  const refused = "cannot connect to 203.0.113.9:443: Connection refused (os error 111)";
  return {
    probes: [
      probe("payments", now, {
        verdict: "down",
        since: iso(now - 7 * 60e3 - 12e3),
        alerting: true,
        quorum: 2,
        level: "P0",
        locations: [
          location("local", "down", now, { reason: refused, since: iso(now - 7 * 60e3) }),
          location("taipei", "down", now, { reason: refused, since: iso(now - 7 * 60e3) }),
          location("tokyo", "runner_at_fault", now, { reason: "no answer within 10s, while connecting" }),
        ],
        last: last("payments", now, {
          outcome: "failure",
          error_type: "connect",
          reason: refused,
          duration_ms: 12,
          phases_ms: { resolve: 2.2, connect: 9.6 },
          certificate: certificate("payments.example.com", now, 9),
        }),
        days: days(now, { 0: 190, 12: 44, 13: 610 }),
        availability: 0.99208,
      }),
      probe("shop-home", now, {
        verdict: "degraded",
        since: iso(now - 26 * 60e3),
        quorum: 2,
        locations: [
          location("local", "up", now),
          location("taipei", "down", now, { reason: "not so: status is 2xx, saw 503" }),
          location("tokyo", "runner_at_fault", now),
        ],
        days: days(now, { 0: 11, 40: 3 }),
        availability: 0.99987,
      }),
      probe("api", now),
      probe("mail", now, {
        kind: "tls",
        target: "mail.example.com:993",
        service: null,
        last: last("mail", now, { certificate: certificate("*.example.com", now, 23), assertions: [] }),
      }),
      probe("gateway", now, {
        kind: "icmp",
        target: "192.0.2.1",
        paused: true,
        verdict: "unknown",
        last: null,
        days: [],
        availability: null,
      }),
    ],
    heartbeats: [
      {
        name: "nightly-backup",
        description: null,
        service: "checkout",
        labels: {},
        level: "P1",
        runbook: null,
        period: "0 3 * * *",
        grace_secs: 3600,
        standing: "missed",
        last_at: iso(now - 31 * 3600e3),
        due_at: iso(now - 7 * 3600e3),
        missed_at: iso(now - 6 * 3600e3),
        took_secs: 312,
        ping_url:
          "https://sre.example.com/api/v1/heartbeats/nightly-backup/ping?secret=0123456789abcdef0123456789abcdef",
      },
      {
        name: "invoices",
        description: null,
        service: null,
        labels: {},
        level: "P2",
        runbook: null,
        period: "every 1 h",
        grace_secs: 180,
        standing: "up",
        last_at: iso(now - 14 * 60e3),
        due_at: iso(now + 46 * 60e3),
        missed_at: iso(now + 49 * 60e3),
        took_secs: 41,
      },
    ],
    runners: [
      {
        location: "local",
        probes: 5,
        seen_at: iso(now - 3e3),
        standing: "ok",
        finding: "the runner reaches what it should",
      },
      {
        location: "taipei",
        probes: 2,
        seen_at: iso(now - 3e3),
        standing: "ok",
        finding: "the runner reaches what it should",
      },
      {
        location: "tokyo",
        probes: 2,
        seen_at: iso(now - 3e3),
        standing: "at_fault",
        finding: "the runner is at fault, not the targets: 0 of 2 references can be reached from here",
      },
    ],
  };
}
