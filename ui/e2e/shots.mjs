// Pictures of every page, to be looked at by people: `npm run shots [name…]` writes test-results/shots/*.png.
import { mkdirSync } from "node:fs";
import { stage } from "./stage.mjs";

const out = new URL("../test-results/shots/", import.meta.url).pathname;
mkdirSync(out, { recursive: true });
const wanted = process.argv.slice(2);
const s = await stage();
const get = async (path) =>
  await (
    await fetch(`${s.base}/api/v1${path}`, {
      headers: process.env.NINES_KEY ? { authorization: `Bearer ${process.env.NINES_KEY}` } : {},
    })
  ).json();
const slo = (await get("/slos")).slos[0];
const incident = (await get("/incidents")).incidents[0];
const trace = slo && (await get(`/slos/${slo.name}/suspects`)).sample_trace_ids[0];
const group = (await get("/apm/errors")).groups?.[0];
const runs = s.mocked ? [] : ((await get("/actions/runs")).runs ?? []);
const waiting = runs.find((run) => run.state === "waiting_for_approval");

const PAGES = {
  board: "/",
  wall: "/?wall=1",
  search: "/search",
  spans: `/search?dataset=spans&q=${encodeURIComponent("status_code: error")}`,
  explain: `/search?dataset=spans&sel=failed`,
  columns: `/search?dataset=spans&columns=service.name,service.version,cloud.region,error.type&wrap=1`,
  live: "/search?live=1",
  sql: "/sql",
  sqlchart: `/sql?sql=${encodeURIComponent("select date_bin(interval '1 minute', timestamp) as minute, count(*) as requests from spans group by 1 order by 1")}`,
  fault: `/search?q=${encodeURIComponent("servce.name: checkout")}`,
  ...(trace ? { trace: `/trace/${trace}` } : {}),
  ...(s.mocked ? { bigtrace: `/trace/${"f".repeat(32)}` } : {}),
  ...(slo ? { slo: `/slo/${slo.name}` } : {}),
  incidents: "/incidents?show=all",
  ...(incident ? { incident: `/incident/${incident.id}` } : {}),
  report: "/incidents/new",
  alerts: "/alerts",
  oncall: "/oncall",
  uptime: "/uptime",
  probe: "/uptime?probe=payments",
  services: "/services",
  map: "/services?view=map",
  errors: "/services?view=errors",
  ...(slo
    ? {
        service: `/service/${slo.service}`,
        serviceerrors: `/service/${slo.service}?tab=errors`,
        versions: `/service/${slo.service}?tab=versions`,
        calls: `/service/${slo.service}?tab=calls`,
      }
    : {}),
  ...(group ? { error: `/error/${group.fingerprint}` } : {}),
  metrics: "/explore/metrics",
  metricsby: `/explore/metrics?metric=http_server_request_duration_seconds&by=cloud_region&past=1h&from=now-1h&to=now`,
  promql: `/explore/metrics?expr=${encodeURIComponent("topk(5, rate(prometheus_http_requests_total[2m]))")}`,
  ...(s.mocked ? {} : { rules: "/rules", targets: "/rules?view=targets", brokenrules: "/rules?show=broken" }),
  changes: "/changes",
  ...(s.mocked
    ? {}
    : {
        operations: "/operations",
        operation:
          "/operations/new?action=ec2.off_service&targetGroup=shop-blue&instanceIds=i-00000000000000002",
        weights: "/operations/new?action=asg.set_weight&listener=shop",
        audit: "/audit",
        policies: "/policies",
        secrets: "/secrets",
        people: "/people",
        inventory: "/inventory",
        credit: "/operations/credit",
        creditaddress: "/operations/credit?address=203.0.113.66",
        creditsettings: "/operations/credit?view=settings",
        infrastructure: "/infrastructure",
        infrastructureby: "/infrastructure?by=cloud_region",
        infrastructuretable: "/infrastructure?view=table&by=cloud_region",
        saturation: "/saturation",
        dashboards: "/dashboards",
        "service-dashboard": "/service/checkout/dashboard?from=now-30m&to=now",
        reviews: "/reviews",
        reviewmail: "/reviews?view=mail",
        "status-pages": "/status-pages",
        you: "/you",
        device: "/device",
      }),
  ...(runs[0] ? { run: `/operations/run/${runs.find((run) => run.started_at)?.id ?? runs[0].id}` } : {}),
  ...(waiting ? { approval: `/operations/run/${waiting.id}` } : {}),
  status: "/status",
  keys: "/keys",
};
const VARIANTS = [
  ["light", { theme: "light" }],
  ["dark", { theme: "dark" }],
  ["zh-TW", { theme: "light", language: "zh-TW" }],
  ["phone", { theme: "light", width: 390, height: 844 }],
];
for (const [variant, options] of VARIANTS) {
  if (process.env.VARIANT && !process.env.VARIANT.split(",").includes(variant)) continue;
  const page = await s.open(options);
  for (const [name, path] of Object.entries(PAGES)) {
    if (wanted.length && !wanted.includes(name)) continue;
    await page.goto(s.base + path);
    await page.waitForLoadState("load");
    await page.waitForFunction(
      () => !document.querySelector("[role=status][aria-label=Loading]") && document.querySelector("main"),
    );
    await page.waitForTimeout(700);
    await page.screenshot({
      path: `${out}${name}-${variant}.png`,
      fullPage: variant === "phone" && !name.includes("trace"),
    });
  }
  if (page.complaints.length) console.log(variant, [...new Set(page.complaints)]);
  await page.context().close();
}
await s.close();
console.log(out);
