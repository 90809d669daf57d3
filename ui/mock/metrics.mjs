// Prometheus' API over three made-up metrics: a counter, a gauge and a classic histogram of two routes in three regions.
// It knows no PromQL: a query is told by the metric and the `by (…)` that occur in it.

const REGIONS = ["ap-east-2", "eu-west-1", "us-east-1"];
const ROUTES = ["/cart", "/checkout"];
const METRICS = {
  http_server_requests_total: { type: "counter", help: "Requests that were answered", unit: "" },
  http_server_request_duration_seconds: {
    type: "histogram",
    help: "How long requests took",
    unit: "seconds",
  },
  process_memory_usage_bytes: { type: "gauge", help: "Resident memory of the process", unit: "bytes" },
};
const NAMES = [
  "http_server_requests_total",
  "http_server_request_duration_seconds_bucket",
  "http_server_request_duration_seconds_sum",
  "http_server_request_duration_seconds_count",
  "process_memory_usage_bytes",
  "target_info",
];
const instances = REGIONS.flatMap((region) => [0, 1].map((n) => ({ region, instance: `${region}-${n}` })));

function series(match) {
  if (match === "target_info")
    return instances.map(({ region, instance }) => ({
      __name__: match,
      job: "checkout",
      instance,
      cloud_region: region,
    }));
  const routes = match.startsWith("http") ? ROUTES : [undefined];
  return instances.flatMap(({ instance }) =>
    routes.map((http_route) => ({
      __name__: match,
      job: "checkout",
      instance,
      ...(http_route && { http_route }),
    })),
  );
}

/** Phases of a probe, in seconds. */
const PHASES = { resolve: 0.003, connect: 0.012, tls: 0.025, processing: 0.041, transfer: 0.003 };

function phases(start, end, step) {
  return Object.entries(PHASES).map(([phase, base], index) => ({
    metric: { phase },
    values: Array.from({ length: Math.floor((end - start) / step) + 1 }, (_, i) => {
      const at = start + i * step;
      const wave = 1 + 0.3 * Math.sin(at / 900 + index) + 0.15 * Math.sin(at / 37 + index);
      return [at, String(base * wave)];
    }),
  }));
}

function range(query, start, end, step) {
  if (query.includes("probe_")) return phases(start, end, step);
  const by = (/by \(([^)]*)\)/.exec(query)?.[1] ?? "").split(", ").filter((label) => label && label !== "le");
  const choices = { cloud_region: REGIONS, http_route: ROUTES, job: ["checkout"] };
  let groups = [{}];
  for (const label of by)
    groups = groups.flatMap((group) =>
      (choices[label] ?? instances.map(({ instance }) => instance)).map((value) => ({
        ...group,
        [label]: value,
      })),
    );
  const scale = query.includes("bytes") ? 3e8 : query.includes("quantile") ? 0.2 : 40;
  return groups.map((metric, index) => {
    const values = [];
    for (let at = start; at <= end; at += step) {
      // One of them fell silent a while ago.
      if (groups.length > 2 && index === 1 && at > end - 900) break;
      const wave = 1 + 0.25 * Math.sin(at / 700 + index) + 0.05 * Math.sin(at / 45);
      values.push([at, String(scale * wave * (1 + index * 0.4))]);
    }
    return { metric, values };
  });
}

/** What `/prometheus/api/v1/<path>` answers; undefined if there is no such path. */
export function prometheus(path, query) {
  const success = (data) => ({ status: "success", data });
  if (path === "label/__name__/values") return success(NAMES);
  if (path === "metadata")
    return success(Object.fromEntries(Object.entries(METRICS).map(([name, one]) => [name, [one]])));
  if (path === "labels") return success(["__name__", "cloud_region", "http_route", "instance", "job"]);
  if (path.startsWith("label/")) return success(REGIONS);
  if (path === "series") return success(series(query.get("match[]") ?? ""));
  if (path !== "query_range") return undefined;
  const [start, end, step] = ["start", "end", "step"].map((name) => Number(query.get(name)));
  const result = range(query.get("query") ?? "", start, end, step);
  return success({ resultType: "matrix", result });
}
