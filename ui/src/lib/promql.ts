// From what somebody picks to PromQL, and from its answers to lines. Pure.
import type { Labels, Metadata, RangeSeries } from "../api/metrics";

export type MetricKind = "counter" | "gauge" | "histogram" | "native" | "summary";
export type Metric = { name: string; kind: MetricKind; help: string; unit: string; known: boolean };

/** How a metric is looked at. `rate` is summed up, `p95` and its like are of a distribution. */
export type View =
  | "rate"
  | "increase"
  | "sum"
  | "avg"
  | "max"
  | "min"
  | "count"
  | "p50"
  | "p95"
  | "p99"
  | "heatmap";

export const VIEWS: Record<MetricKind, readonly View[]> = {
  counter: ["rate", "increase", "sum", "count"],
  gauge: ["avg", "sum", "max", "min", "count"],
  histogram: ["p95", "p50", "p99", "avg", "rate", "heatmap"],
  native: ["p95", "p50", "p99", "avg", "rate", "heatmap"],
  summary: ["max", "avg"],
};

export type Condition = { label: string; op: "=" | "!=" | "=~" | "!~"; value: string };
export type Question = {
  metric: Metric;
  view: View;
  by: readonly string[];
  where: readonly Condition[];
  /** Labels that only `target_info` has: what the sender says of itself. */
  fromSender: ReadonlySet<string>;
  /** Seconds that a rate looks back. */
  window: number;
};

const PARTS = ["_bucket", "_sum", "_count"] as const;

/** One entry a metric: the parts of a histogram or summary are folded into it. */
export function catalogue(names: readonly string[], metadata: ReadonlyMap<string, Metadata>): Metric[] {
  const there = new Set(names);
  const bases = new Set(
    names.filter((name) => name.endsWith("_bucket")).map((name) => name.slice(0, -"_bucket".length)),
  );
  for (const [name, known] of metadata)
    if (known.type === "summary" && there.has(`${name}_count`)) bases.add(name);
  const isPart = (name: string) =>
    PARTS.some((part) => name.endsWith(part) && bases.has(name.slice(0, -part.length)));
  const list: Metric[] = [];
  for (const name of new Set([...names.filter((name) => !isPart(name)), ...bases])) {
    const known = metadata.get(name);
    list.push({
      name,
      kind: kindOf(name, known?.type, there),
      help: known?.help ?? "",
      unit: known?.unit || unitOf(name),
      known: known !== undefined,
    });
  }
  return list.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function kindOf(name: string, type: string | undefined, there: ReadonlySet<string>): MetricKind {
  if (there.has(`${name}_bucket`)) return "histogram";
  if (type === "histogram" || type === "gaugehistogram") return "native";
  if (type === "summary") return "summary";
  if (type === "counter") return "counter";
  if (type && type !== "unknown") return "gauge";
  return /_(total|count|sum|bucket)$/.test(name) ? "counter" : "gauge";
}

/** The unit in the name, as Prometheus writes it last, before `_total`. */
export function unitOf(name: string): string {
  const found =
    /_(seconds|milliseconds|microseconds|nanoseconds|bytes|kilobytes|megabytes|kibibytes|mebibytes|ratio|percent|celsius|volts|amperes|joules|watts|hertz|meters)(?:_total)?$/.exec(
      name,
    );
  return found?.[1] ?? "";
}

export const isPlainName = (name: string) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
const isPlainMetric = (name: string) => /^[A-Za-z_:][A-Za-z0-9_:]*$/.test(name);
export const quoted = (text: string) =>
  `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
const labelText = (name: string) => (isPlainName(name) ? name : quoted(name));

export function selector(name: string, where: readonly Condition[]): string {
  const conditions = where.map(({ label, op, value }) => `${labelText(label)}${op}${quoted(value)}`);
  if (isPlainMetric(name)) return conditions.length ? `${name}{${conditions.join(", ")}}` : name;
  return `{${[quoted(name), ...conditions].join(", ")}}`;
}

const QUANTILES: Partial<Record<View, string>> = { p50: "0.5", p95: "0.95", p99: "0.99" };

/** What somebody who knows PromQL would have typed. */
export function build({ metric, view, by, where, fromSender, window }: Question): string {
  const own = where.filter((one) => !fromSender.has(one.label));
  const senders = where.filter((one) => fromSender.has(one.label));
  const wanted = new Set([
    ...by.filter((label) => fromSender.has(label)),
    ...senders.map((one) => one.label),
  ]);
  const joined = (inner: string) => {
    if (wanted.size === 0) return inner;
    const conditions = [
      ...senders,
      ...[...wanted]
        .filter((label) => !senders.some((one) => one.label === label))
        .map((label): Condition => ({ label, op: "=~", value: ".+" })),
    ];
    return `info(${inner}, {${conditions.map(({ label, op, value }) => `${labelText(label)}${op}${quoted(value)}`).join(", ")}})`;
  };
  const over = (name: string) => `${selector(name, own)}[${duration(window)}]`;
  const grouped = (op: string, inner: string, more: readonly string[] = []) => {
    const labels = [...more, ...by];
    return labels.length ? `${op} by (${labels.map(labelText).join(", ")}) (${inner})` : `${op}(${inner})`;
  };
  const rate = (name: string) => joined(`rate(${over(name)})`);
  const quantile = QUANTILES[view];
  // All series in one: rows are buckets, so there is no place for groups.
  if (view === "heatmap")
    return metric.kind === "native"
      ? `sum(${rate(metric.name)})`
      : `sum by (le) (${rate(`${metric.name}_bucket`)})`;
  if (metric.kind === "histogram") {
    if (quantile)
      return `histogram_quantile(${quantile}, ${grouped("sum", rate(`${metric.name}_bucket`), ["le"])})`;
    if (view === "avg")
      return `${grouped("sum", rate(`${metric.name}_sum`))} / ${grouped("sum", rate(`${metric.name}_count`))}`;
    return grouped("sum", rate(`${metric.name}_count`));
  }
  if (metric.kind === "native") {
    const summed = grouped("sum", rate(metric.name));
    if (quantile) return `histogram_quantile(${quantile}, ${summed})`;
    return view === "avg" ? `histogram_avg(${summed})` : `histogram_count(${summed})`;
  }
  if (view === "rate") return grouped("sum", rate(metric.name));
  if (view === "increase") return grouped("sum", joined(`increase(${over(metric.name)})`));
  return grouped(view, joined(selector(metric.name, own)));
}

/** `2m`, `1h30m`: whole seconds as PromQL writes them. */
export function duration(seconds: number): string {
  let rest = Math.max(1, Math.round(seconds));
  let text = "";
  for (const [unit, size] of [
    ["d", 86_400],
    ["h", 3_600],
    ["m", 60],
    ["s", 1],
  ] as const) {
    const whole = Math.floor(rest / size);
    if (whole) text += `${whole}${unit}`;
    rest -= whole * size;
  }
  return text;
}

/** Steps that people think in. */
const STEPS = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400];
const POINTS = 240;

/** Seconds between two points: about one for every few pixels. */
export function stepFor(spanMs: number): number {
  const fine = spanMs / 1000 / POINTS;
  return STEPS.find((step) => step >= fine) ?? Math.ceil(fine / 86_400) * 86_400;
}

/** A rate looks back over at least four points of a sender that exports every half minute, and over each step whole. */
export const windowFor = (step: number) => Math.max(120, step * 2);

export type Line = {
  key: string;
  labels: Labels;
  /** By the place on the common grid; null where there is nothing. */
  values: (number | null)[];
  last: number | null;
  min: number | null;
  max: number | null;
  mean: number | null;
  /** Seconds; set if the line ends before the range does. */
  endedAt?: number;
};

/** Steps without a value at the end after which a line counts as ended: one may just not be there yet. */
const SILENT_STEPS = 3;

/** The lines of an answer on one grid, the largest first. `shift` moves them in time, for comparisons. */
export function lines(result: readonly RangeSeries[], xs: readonly number[], shift = 0): Line[] {
  const place = new Map(xs.map((x, index) => [Math.round(x), index]));
  const made = result.map(({ metric, values = [] }) => {
    const row: (number | null)[] = new Array(xs.length).fill(null);
    for (const [at, text] of values) {
      const index = place.get(Math.round(at + shift));
      const value = Number(text.replace("Inf", "Infinity"));
      if (index !== undefined && Number.isFinite(value)) row[index] = value;
    }
    return lineOf(metric, row, xs);
  });
  return made
    .filter((line) => line.last !== null)
    .sort((a, b) => Math.abs(b.mean ?? 0) - Math.abs(a.mean ?? 0));
}

function lineOf(labels: Labels, values: (number | null)[], xs: readonly number[]): Line {
  const there = values.filter((value): value is number => value !== null);
  let lastAt = values.length - 1;
  while (lastAt >= 0 && values[lastAt] === null) lastAt -= 1;
  return {
    key: labelKey(labels),
    labels,
    values,
    last: values[lastAt] ?? null,
    min: there.length ? Math.min(...there) : null,
    max: there.length ? Math.max(...there) : null,
    mean: there.length ? there.reduce((sum, value) => sum + value, 0) / there.length : null,
    endedAt: lastAt >= 0 && lastAt < values.length - SILENT_STEPS ? xs[lastAt] : undefined,
  };
}

export const labelKey = (labels: Labels) =>
  Object.entries(labels)
    .map(([name, value]) => `${name}=${quoted(value)}`)
    .sort()
    .join(", ");

/** The times of a range query with this step, in seconds. */
export function gridOf(startMs: number, endMs: number, step: number): number[] {
  const first = Math.floor(startMs / 1000 / step) * step;
  const last = Math.floor(endMs / 1000 / step) * step;
  return Array.from(
    { length: Math.max(1, Math.round((last - first) / step) + 1) },
    (_, i) => first + i * step,
  );
}

/** Labels with their values by how many series have them, the most telling first: few values before many. */
export function breakdown(series: readonly Labels[]): { label: string; values: Map<string, number> }[] {
  const found = new Map<string, Map<string, number>>();
  for (const labels of series)
    for (const [label, value] of Object.entries(labels)) {
      if (label === "__name__" || label === "le" || label === "quantile") continue;
      const values = found.get(label) ?? new Map<string, number>();
      values.set(value, (values.get(value) ?? 0) + 1);
      found.set(label, values);
    }
  return [...found]
    .map(([label, values]) => ({ label, values }))
    .sort(
      (a, b) => Number(a.values.size === 1) - Number(b.values.size === 1) || a.values.size - b.values.size,
    );
}

/** A value with its unit, short enough for an axis. */
export function valueText(value: number | null | undefined, unit: string, perSecond: boolean): string {
  if (value == null) return "–";
  const per = perSecond ? "/s" : "";
  const factor = { seconds: 1, milliseconds: 1e-3, microseconds: 1e-6, nanoseconds: 1e-9 }[unit];
  if (factor !== undefined && !perSecond) return timeText(value * factor);
  if (unit === "ratio") return `${trim(value * 100)}%${per}`;
  if (unit === "percent") return `${trim(value)}%${per}`;
  const bytes = { bytes: 1, kilobytes: 1e3, megabytes: 1e6, kibibytes: 1024, mebibytes: 1_048_576 }[unit];
  if (bytes !== undefined) return `${scaled(value * bytes, ["", "k", "M", "G", "T", "P"])}B${per}`;
  return `${scaled(value, ["", "k", "M", "G", "T"])}${per}`.replace(/ (?=\/|$)/, "");
}

function timeText(seconds: number): string {
  const size = Math.abs(seconds);
  if (size === 0) return "0s";
  if (size < 1e-6) return `${trim(seconds * 1e9)}ns`;
  if (size < 1e-3) return `${trim(seconds * 1e6)}µs`;
  if (size < 0.9995) return `${trim(seconds * 1e3)}ms`;
  if (size < 120) return `${trim(seconds)}s`;
  if (size < 7_200) return `${trim(seconds / 60)}min`;
  if (size < 172_800) return `${trim(seconds / 3_600)}h`;
  return `${trim(seconds / 86_400)}d`;
}

function scaled(value: number, prefixes: readonly string[]): string {
  let rest = value;
  let index = 0;
  while (Math.abs(rest) >= 999.5 && index < prefixes.length - 1) {
    rest /= 1000;
    index += 1;
  }
  return `${trim(rest)} ${prefixes[index]}`;
}

/** Three digits that say something. */
function trim(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 0.001) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
}

/** `region=eu` of a URL, several with a comma between them; the value may hold anything but a comma. */
export const conditionsFrom = (text: string | null): Condition[] =>
  (text ?? "").split(",").flatMap((part) => {
    const found = /^([^=!~]+)(=~|!~|!=|=)(.*)$/.exec(part);
    return found
      ? [
          {
            label: found[1] ?? "",
            op: found[2] as Condition["op"],
            value: decodeURIComponent(found[3] ?? ""),
          },
        ]
      : [];
  });
export const conditionsTo = (where: readonly Condition[]) =>
  where.map(({ label, op, value }) => `${label}${op}${encodeURIComponent(value)}`).join(",") || null;

export const AGGREGATIONS =
  "sum avg count min max group stddev stdvar topk bottomk count_values quantile limitk limit_ratio".split(
    " ",
  );
export const FUNCTIONS =
  "abs absent absent_over_time acos acosh asin asinh atan atanh avg_over_time ceil changes clamp clamp_max clamp_min cos cosh count_over_time day_of_month day_of_week day_of_year days_in_month deg delta deriv double_exponential_smoothing exp first_over_time floor histogram_avg histogram_count histogram_fraction histogram_quantile histogram_quantiles histogram_stddev histogram_stdvar histogram_sum hour idelta increase info irate label_join label_replace last_over_time ln log10 log2 mad_over_time max_over_time min_over_time minute month pi predict_linear present_over_time quantile_over_time rad rate resets round scalar sgn sin sinh sort sort_by_label sort_by_label_desc sort_desc sqrt stddev_over_time stdvar_over_time sum_over_time tan tanh time timestamp ts_of_max_over_time ts_of_min_over_time vector year".split(
    " ",
  );
export const KEYWORDS =
  "by without on ignoring group_left group_right bool offset and or unless start end".split(" ");

export type Place = {
  kind: "name" | "label" | "value" | "window";
  from: number;
  word: string;
  metric?: string;
  label?: string;
};

/** What could stand at the cursor. */
export function placeAt(text: string, position: number): Place {
  const before = text.slice(0, position);
  const word = /[\w:.]*$/.exec(before)?.[0] ?? "";
  const value = /([A-Za-z_][\w.]*)\s*(?:=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)$/.exec(before);
  const open = Math.max(before.lastIndexOf("{"), -1);
  const inside = open > before.lastIndexOf("}");
  const metric = inside ? /([A-Za-z_:][\w:]*)\s*$/.exec(before.slice(0, open))?.[1] : undefined;
  if (inside && value)
    return {
      kind: "value",
      from: position - (value[2] ?? "").length,
      word: value[2] ?? "",
      metric,
      label: value[1],
    };
  if (inside) return { kind: "label", from: position - word.length, word, metric };
  if (/\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*$/.test(before))
    return { kind: "label", from: position - word.length, word };
  const range = /\[([\dsmhdwy]*)$/.exec(before);
  if (range) return { kind: "window", from: position - (range[1] ?? "").length, word: range[1] ?? "" };
  return { kind: "name", from: position - word.length, word };
}

/** Where a message of the parser points to, such as `1:5: parse error: …`: the word there, as offsets into the text. */
export function faultAt(message: string, text: string): { from: number; to: number } {
  const found = /^(?:invalid parameter "query": )?(\d+):(\d+): /.exec(message);
  if (!found) return { from: 0, to: text.length };
  const lines = text.split("\n");
  const line = Math.min(Number(found[1]), lines.length);
  const before = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  const from = Math.min(before + Number(found[2]) - 1, text.length);
  const word = /^(?:"(?:[^"\\]|\\.)*"?|[\w:.]+|\S)/.exec(text.slice(from))?.[0].length ?? 0;
  return { from, to: from + word };
}
