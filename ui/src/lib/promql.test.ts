import { describe, expect, it } from "vitest";
import {
  breakdown,
  build,
  catalogue,
  conditionsFrom,
  conditionsTo,
  duration,
  faultAt,
  gridOf,
  lines,
  type Metric,
  placeAt,
  type Question,
  selector,
  stepFor,
  valueText,
} from "./promql";

const metric = (name: string, kind: Metric["kind"]): Metric => ({
  name,
  kind,
  help: "",
  unit: "",
  known: true,
});
const ask = (question: Partial<Question> & Pick<Question, "metric" | "view">) =>
  build({ by: [], where: [], fromSender: new Set(), window: 120, ...question });

describe("what is picked becomes PromQL", () => {
  it.each([
    [ask({ metric: metric("a_total", "counter"), view: "rate" }), "sum(rate(a_total[2m]))"],
    [
      ask({
        metric: metric("a_total", "counter"),
        view: "rate",
        by: ["job"],
        where: [{ label: "code", op: "!=", value: '5"0' }],
      }),
      'sum by (job) (rate(a_total{code!="5\\"0"}[2m]))',
    ],
    [ask({ metric: metric("mem", "gauge"), view: "max", by: ["pod", "a.b"] }), 'max by (pod, "a.b") (mem)'],
    [
      ask({ metric: metric("lat", "histogram"), view: "p95", by: ["route"] }),
      "histogram_quantile(0.95, sum by (le, route) (rate(lat_bucket[2m])))",
    ],
    [
      ask({ metric: metric("lat", "histogram"), view: "avg" }),
      "sum(rate(lat_sum[2m])) / sum(rate(lat_count[2m]))",
    ],
    [ask({ metric: metric("lat", "native"), view: "p50" }), "histogram_quantile(0.5, sum(rate(lat[2m])))"],
    [
      ask({
        metric: metric("a_total", "counter"),
        view: "rate",
        by: ["cloud_region"],
        where: [{ label: "host_name", op: "=", value: "h1" }],
        fromSender: new Set(["cloud_region", "host_name"]),
      }),
      'sum by (cloud_region) (info(rate(a_total[2m]), {host_name="h1", cloud_region=~".+"}))',
    ],
    [selector("http.requests", []), '{"http.requests"}'],
  ])("%s", (made, expected) => expect(made).toBe(expected));
});

it("parts of histograms are one metric, and kinds are guessed where nobody said them", () => {
  const names = [
    "lat_bucket",
    "lat_count",
    "lat_sum",
    "up",
    "requests_total",
    "size",
    "rpc",
    "rpc_sum",
    "rpc_count",
  ];
  const said = (type: string) => ({ type, help: "", unit: "" });
  const list = catalogue(
    names,
    new Map([
      ["size", said("histogram")],
      ["rpc", said("summary")],
    ]),
  );
  expect(list.map(({ name, kind }) => [name, kind])).toEqual([
    ["lat", "histogram"],
    ["requests_total", "counter"],
    ["rpc", "summary"],
    ["size", "native"],
    ["up", "gauge"],
  ]);
});

it("lines lie on one grid, and one that fell silent says when", () => {
  const xs = gridOf(0, 120_000, 15);
  expect(xs).toHaveLength(9);
  const [long, short] = lines(
    [
      {
        metric: { pod: "b" },
        values: [
          [0, "1"],
          [15, "NaN"],
          [30, "1"],
        ],
      },
      { metric: { pod: "a" }, values: xs.map((x) => [x, "4"]) },
    ],
    xs,
  );
  expect(long?.labels.pod).toBe("a");
  expect(long?.endedAt).toBeUndefined();
  expect(short?.values.slice(0, 3)).toEqual([1, null, 1]);
  expect(short?.endedAt).toBe(30);
  const [shifted] = lines([{ metric: {}, values: [[-604_800, "7"]] }], xs, 604_800);
  expect(shifted?.values[0]).toBe(7);
});

it("steps are round and durations are short", () => {
  expect(stepFor(3_600_000)).toBe(15);
  expect(stepFor(7 * 86_400_000)).toBe(3_600);
  expect([duration(120), duration(5_400), duration(86_400)]).toEqual(["2m", "1h30m", "1d"]);
});

it("values carry their unit", () => {
  expect(valueText(0.0123, "seconds", false)).toBe("12.3ms");
  expect(valueText(0.99999, "seconds", false)).toBe("1s");
  expect(valueText(1_500_000, "bytes", true)).toBe("1.5 MB/s");
  expect(valueText(0.421, "ratio", false)).toBe("42.1%");
  expect(valueText(12_345, "", true)).toBe("12.3 k/s");
  expect(valueText(7, "", false)).toBe("7");
});

it("labels with few values come first, constant ones last", () => {
  const series = ["1", "2", "3"].map((pod) => ({
    __name__: "up",
    pod,
    job: "x",
    zone: pod === "3" ? "b" : "a",
  }));
  expect(breakdown(series).map(({ label }) => label)).toEqual(["zone", "pod", "job"]);
});

it("conditions survive the URL", () => {
  const where = [
    { label: "path", op: "=~" as const, value: "/a,b.*" },
    { label: "code", op: "!=" as const, value: "" },
  ];
  expect(conditionsFrom(conditionsTo(where))).toEqual(where);
});

it.each([
  ["su", 2, { kind: "name", word: "su" }],
  ["rate(up{jo", 10, { kind: "label", word: "jo", metric: "up" }],
  ['up{job="che', 11, { kind: "value", word: "che", metric: "up", label: "job" }],
  ["sum by (po", 10, { kind: "label", word: "po" }],
  ["rate(up[", 8, { kind: "window", word: "" }],
  ['up{job="x"} + su', 16, { kind: "name", word: "su" }],
])("what can stand at the cursor of %s", (text, position, expected) => {
  expect(placeAt(text, position)).toMatchObject(expected);
});

describe("faultAt", () => {
  it("covers the word that the parser points to", () => {
    const text = "sum(\n  rate(a[5x]))";
    const at = faultAt("2:10: parse error: bad number or duration", text);
    expect(text.slice(at.from, at.to)).toBe("5x");
    expect(faultAt('invalid parameter "query": 1:2: parse error: x', "a )")).toEqual({ from: 1, to: 1 });
    expect(faultAt("something else", "abc")).toEqual({ from: 0, to: 3 });
  });
});
