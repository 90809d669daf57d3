// The JavaScript client of Prometheus' API asks a node: node ask.mjs URL KEY QUERY. Prints what it was told, as JSON.
import prometheus from "prometheus-query";

const { PrometheusDriver } = prometheus;
const [url, key, query] = process.argv.slice(2);
const driver = new PrometheusDriver({ endpoint: url, baseURL: "/api/v1", auth: { username: "any", password: key } });

const instant = await driver.instantQuery(query);
const end = Date.now();
const range = await driver.rangeQuery(query, end - 30_000, end, 5);
const series = await driver.series(query, end - 60_000, end);
const labels = await driver.labelNames();
const jobs = await driver.labelValues("job");
const rules = await driver.rules();
const alerts = await driver.alerts();
const targets = await driver.targets("active");
const metadata = await driver.metadata();
const status = await driver.status();

console.log(
  JSON.stringify({
    value: instant.result[0]?.value?.value,
    points: range.result[0]?.values?.length ?? 0,
    series: series.length,
    labels: labels.length,
    jobs,
    groups: rules.map((group) => group.name),
    rules: rules.flatMap((group) => group.rules.map((rule) => rule.name)),
    alerts: alerts.map((alert) => `${alert.labels.alertname} ${alert.state}`),
    targets: targets.activeTargets.map((target) => `${target.scrapePool} ${target.health}`),
    metadata: Object.keys(metadata).length,
    status: status !== undefined,
  }),
);
