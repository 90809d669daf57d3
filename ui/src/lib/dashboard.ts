// What a dashboard's panels ask once variables and time are put in, where they lie, and how numbers of them are said. Pure.
import type { components } from "../api/schema";
import { valueText } from "./promql";

type Schemas = components["schemas"];
export type Document = Schemas["DashboardDocument"];
export type Panel = Schemas["DashboardPanel"];
export type PanelQuery = Schemas["DashboardQuery"];
export type Variable = Schemas["DashboardVariable"];
export type Threshold = Schemas["DashboardThreshold"];

export const COLUMNS = 24;
export const HEIGHT_MAX = 100;
/** Stands for "all" in the URL and in what is chosen. */
export const ALL = "$__all";
/** Copies of a repeated panel; more cannot be compared by eye. */
const REPEATS_MAX = 24;

export const VIEWS = [
  "timeSeries",
  "stat",
  "gauge",
  "bars",
  "table",
  "heatmap",
  "stateTimeline",
  "logs",
  "text",
] as const;
export const LANGUAGES = ["promql", "sql", "search", "slo", "uptime"] as const;
export type Language = (typeof LANGUAGES)[number];

export const languageOf = (query: PanelQuery): Language =>
  LANGUAGES.find((language) => query[language] != null) ?? "promql";
export const textOf = (query: PanelQuery): string => query[languageOf(query)] ?? "";

// ---- Variables ------------------------------------------------------------------------------------------------------

export type Value = { chosen: string[]; all: boolean };
export type Values = ReadonlyMap<string, Value>;
export type Span = { start: number; end: number; step: number };

const escapeRegex = (text: string) => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");

/** One value as a query has it; several as the language of the query joins them. */
export function written(value: Value, format: string, language: Language): string {
  const { chosen } = value;
  switch (format) {
    case "raw":
    case "csv":
      return chosen.join(",");
    case "pipe":
      return chosen.join("|");
    case "regex":
      return chosen.length === 1 ? escapeRegex(chosen[0] ?? "") : `(${chosen.map(escapeRegex).join("|")})`;
    case "json":
      return JSON.stringify(chosen);
    case "doublequote":
      return chosen.map((one) => `"${one.replaceAll('"', '\\"')}"`).join(",");
    case "singlequote":
    case "sqlstring":
      return chosen.map((one) => `'${one.replaceAll("'", "''")}'`).join(",");
    case "percentencode":
      return encodeURIComponent(chosen.join(","));
  }
  if (language === "sql")
    return chosen.length === 1 && !value.all
      ? (chosen[0] ?? "").replaceAll("'", "''")
      : chosen.map((one) => `'${one.replaceAll("'", "''")}'`).join(",");
  if (language === "search")
    return chosen.length === 1
      ? (chosen[0] ?? "")
      : `(${chosen.map((one) => JSON.stringify(one)).join(" or ")})`;
  // As Grafana does for PromQL: one as it is, several as alternatives whose text stands for itself within a string.
  return chosen.length === 1
    ? (chosen[0] ?? "")
    : `(${chosen.map((one) => escapeRegex(one).replaceAll("\\", "\\\\")).join("|")})`;
}

const seconds = (secs: number, language: Language) =>
  language === "sql" ? `${secs} seconds` : `${Math.max(1, Math.round(secs))}s`;

/** Words of Grafana that stand for times; `$name` of them is offered where queries are written. */
export const BUILT_IN = ["__interval", "__rate_interval", "__range"] as const;

const REFERENCES = /\$__timeFilter\(([^()]*)\)|\$\{(\w+)(?::(\w+))?\}|\$(\w+)/g;

/** The text with `$name`, `${name}`, `${name:format}` and the words of Grafana put in; unknown names stay as they are. */
export function interpolate(text: string, values: Values, span: Span, language: Language): string {
  return interpolated(text, values, span, language).text;
}

/** The same, with the way back: where a place of the result stood in what was written. */
export function interpolated(
  text: string,
  values: Values,
  span: Span,
  language: Language,
): { text: string; back: (offset: number) => number } {
  const from = new Date(span.start).toISOString();
  const to = new Date(span.end).toISOString();
  const whole = (span.end - span.start) / 1000;
  const built: Record<string, string> = {
    __interval: seconds(span.step, language),
    __interval_ms: String(span.step * 1000),
    __rate_interval: seconds(Math.max(120, span.step * 2), language),
    __range: seconds(whole, language),
    __range_s: String(Math.round(whole)),
    __range_ms: String(span.end - span.start),
    __from: language === "sql" ? from : String(span.start),
    __to: language === "sql" ? to : String(span.end),
  };
  const putFor = ([found, column, braced, format, plain]: RegExpExecArray): string => {
    if (column !== undefined) return `(${column} >= '${from}' and ${column} < '${to}')`;
    const name = braced ?? plain ?? "";
    const value = values.get(name);
    return value ? written(value, format ?? "", language) : (built[name] ?? found);
  };
  let made = "";
  let done = 0;
  const places: { at: number; end: number; written: number; writtenEnd: number }[] = [];
  for (const found of text.matchAll(REFERENCES)) {
    made += text.slice(done, found.index);
    const put = putFor(found);
    done = found.index + found[0].length;
    places.push({ at: made.length, end: made.length + put.length, written: found.index, writtenEnd: done });
    made += put;
  }
  made += text.slice(done);
  const back = (offset: number) => {
    const last = places.findLast(({ at }) => at <= offset);
    if (!last) return offset;
    return offset < last.end ? last.written : last.writtenEnd + (offset - last.end);
  };
  return { text: made, back };
}

/** `a,b` of the URL, each encoded, as values hold anything. */
export const valuesTo = (chosen: readonly string[]) => chosen.map(encodeURIComponent).join(",") || null;
export const valuesFrom = (text: string | null) =>
  text ? text.split(",").map(decodeURIComponent) : undefined;

/** What of listed values a variable's expression keeps; its first group is the value, if it has one. */
export function picked(options: readonly string[], regex: string | undefined | null): string[] {
  if (!regex) return [...new Set(options)];
  let expression: RegExp;
  try {
    expression = new RegExp(regex);
  } catch {
    return [...new Set(options)];
  }
  const kept = options.flatMap((option) => {
    const found = expression.exec(option);
    return found ? [found[1] ?? found[0]] : [];
  });
  return [...new Set(kept)];
}

// ---- Layout ---------------------------------------------------------------------------------------------------------

type Cell = Pick<Panel, "x" | "y" | "w" | "h">;
export const overlap = (a: Cell, b: Cell) =>
  a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

/** Panels moved up as far as they go, in the order of reading; `first` wins where two would have the same place. */
export function settle(panels: readonly Panel[], first?: string): Panel[] {
  const rank = (panel: Panel) => (panel.id === first ? panel.y - 0.5 : panel.y);
  const floor = new Array<number>(COLUMNS).fill(0);
  const placed = [...panels]
    .sort((a, b) => rank(a) - rank(b) || a.x - b.x)
    .map((panel) => {
      const w = panel.view === "row" ? COLUMNS : Math.min(COLUMNS, Math.max(1, panel.w));
      const h = panel.view === "row" ? 1 : Math.min(HEIGHT_MAX, Math.max(1, panel.h));
      const x = panel.view === "row" ? 0 : Math.min(Math.max(0, panel.x), COLUMNS - w);
      const y = Math.max(0, ...floor.slice(x, x + w));
      floor.fill(y + h, x, x + w);
      return { ...panel, x, y, w, h };
    });
  return placed.sort((a, b) => a.y - b.y || a.x - b.x);
}

/** One panel somewhere else or of another size; the rest makes room. */
export function moved(panels: readonly Panel[], id: string, cell: Partial<Cell>): Panel[] {
  return settle(
    panels.map((panel) => (panel.id === id ? { ...panel, ...cell } : panel)),
    id,
  );
}

/**
 * What is drawn: folded rows without what is below them, repeated rows with what is below them, and repeated panels, once for
 * each value. `turned` are the keys of rows that are not as the document has them, open or folded; `options` are what "all"
 * stands for.
 */
export function unfolded(
  panels: readonly Panel[],
  values: Values,
  turned: ReadonlySet<string>,
  options: ReadonlyMap<string, readonly string[]> = new Map(),
): Drawn[] {
  const drawn: Drawn[] = [];
  const each = (name: string | null | undefined) => {
    const value = name ? values.get(name) : undefined;
    const all = value?.all ? (options.get(name ?? "") ?? value.chosen) : (value?.chosen ?? []);
    return all.length < 2 ? [] : all.slice(0, REPEATS_MAX);
  };
  const own = (name: string, one: string): Values => new Map([[name, { chosen: [one], all: false }]]);
  let lower = 0;
  for (const { row, below } of sections(panels)) {
    const copies = row ? each(row.repeat) : [];
    const height = Math.max((row?.y ?? 0) + 1, ...below.map((panel) => panel.y + panel.h)) - (row?.y ?? 0);
    const rounds = copies.length > 0 ? copies : [undefined];
    rounds.forEach((one, round) => {
      const mine: Values = one === undefined || !row?.repeat ? new Map() : own(row.repeat, one);
      const suffix = one === undefined ? "" : `:${one}`;
      if (round > 0) lower += height;
      if (row) {
        const key = `${row.id}${suffix}`;
        drawn.push({ ...row, key, own: mine, y: row.y + lower });
        if (Boolean(row.collapsed) !== turned.has(key)) return;
      }
      for (const panel of below)
        drawn.push(...repeated(panel, each(panel.repeat), own, mine, suffix, panel.y + lower));
    });
  }
  return settle(drawn) as Drawn[];
}

/** Headings with what is below each, in the order of reading. */
function sections(panels: readonly Panel[]) {
  const found: { row?: Panel; below: Panel[] }[] = [{ below: [] }];
  for (const panel of panels) {
    if (panel.view === "row") found.push({ row: panel, below: [] });
    else found.at(-1)?.below.push(panel);
  }
  return found;
}

function repeated(
  panel: Panel,
  each: readonly string[],
  own: (name: string, one: string) => Values,
  ofRow: Values,
  suffix: string,
  y: number,
): Drawn[] {
  // What the row is repeated for is one value within it.
  if (!panel.repeat || each.length === 0 || ofRow.has(panel.repeat))
    return [{ ...panel, key: `${panel.id}${suffix}`, own: ofRow, y }];
  const { repeat } = panel;
  const across = Math.min(each.length, Math.max(2, Math.floor(COLUMNS / Math.max(6, Math.min(panel.w, 8)))));
  const w = Math.floor(COLUMNS / across);
  return each.map((one, index) => ({
    ...panel,
    key: `${panel.id}${suffix}:${one}`,
    own: new Map([...ofRow, ...own(repeat, one)]),
    x: (index % across) * w,
    y: y + Math.floor(index / across) * 0.001,
    w,
  }));
}
export type Drawn = Panel & { key: string; own: Values };

/** An id that no panel has. */
export function freeId(panels: readonly Panel[], word = "panel"): string {
  let number = panels.length + 1;
  while (panels.some((panel) => panel.id === `${word}-${number}`)) number += 1;
  return `${word}-${number}`;
}

/** A new panel below all others. */
export function appended(panels: readonly Panel[], panel: Omit<Panel, "id" | "x" | "y">): Panel[] {
  const bottom = Math.max(0, ...panels.map((one) => one.y + one.h));
  return settle([...panels, { ...panel, id: freeId(panels), x: 0, y: bottom } as Panel]);
}

// ---- Numbers --------------------------------------------------------------------------------------------------------

export type Line = {
  key: string;
  name: string;
  labels: Record<string, string>;
  values: (number | null)[];
  query: number;
};

/** `{{label}}` filled in; without a pattern, the labels that differ between the lines. */
export function nameOf(
  labels: Record<string, string>,
  pattern: string,
  telling: ReadonlySet<string>,
): string {
  if (pattern)
    return pattern.replace(/\{\{\s*([\w.]+)\s*\}\}/g, (_, name: string) => labels[name] ?? "").trim();
  const rest = Object.entries(labels).filter(([name]) => telling.has(name));
  if (rest.length > 0)
    return rest.map(([name, value]) => (rest.length > 1 ? `${name}=${value}` : value)).join(" ");
  return labels.__name__ ?? "";
}

/** Labels that do not have the same value on every line. */
export function tellingLabels(all: readonly Record<string, string>[]): Set<string> {
  const seen = new Map<string, Set<string>>();
  for (const labels of all)
    for (const name of new Set([...Object.keys(labels), ...seen.keys()]))
      seen.set(name, (seen.get(name) ?? new Set()).add(labels[name] ?? ""));
  return new Set([...seen].filter(([, values]) => values.size > 1).map(([name]) => name));
}

export function reduced(values: readonly (number | null)[], how: string | undefined | null): number | null {
  const there = values.filter((value): value is number => value !== null && Number.isFinite(value));
  if (there.length === 0) return null;
  const sum = there.reduce((total, value) => total + value, 0);
  switch (how) {
    case "mean":
      return sum / there.length;
    case "sum":
      return sum;
    case "max":
      return Math.max(...there);
    case "min":
      return Math.min(...there);
    default:
      return there.at(-1) ?? null;
  }
}

export const toneOf = (value: number | null, thresholds: readonly Threshold[] | undefined) =>
  value === null ? undefined : thresholds?.filter(({ from }) => value >= from).at(-1)?.tone;

const PER_SECOND: Record<string, string> = {
  perSecond: "",
  bytesPerSecond: "bytes",
  operationsPerSecond: "",
  requestsPerSecond: "",
};
const SUFFIX: Record<string, string> = {
  perMinute: "/min",
  celsius: " °C",
  hertz: " Hz",
  volts: " V",
  amperes: " A",
  watts: " W",
  rotationsPerMinute: " rpm",
  usDollars: " USD",
};

/** A value in the unit of a document. */
export function said(
  value: number | null | undefined,
  unit: string | undefined,
  decimals?: number | null,
): string {
  if (value == null) return "–";
  if (unit === "timestamp") return new Date(value < 1e11 ? value * 1000 : value).toLocaleString();
  if (decimals != null) {
    const plain = Number(unit === "ratio" ? value * 100 : value).toFixed(decimals);
    if (!unit) return plain;
    if (unit === "ratio" || unit === "percent") return `${plain}%`;
  }
  if (unit === "bits" || unit === "bitsPerSecond")
    return valueText(value, "bytes", unit !== "bits").replace("B", "b");
  if (unit && unit in PER_SECOND) return valueText(value, PER_SECOND[unit] ?? "", true);
  if (unit && unit in SUFFIX) return `${valueText(value, "", false)}${SUFFIX[unit]}`;
  return valueText(value, unit ?? "", false);
}

export type Mapping = Schemas["DashboardMapping"];

/** The first mapping that is about a value. */
export function mappingOf(
  value: number | string | null | undefined,
  mappings: readonly Mapping[] | undefined,
): Mapping | undefined {
  if (!mappings?.length) return undefined;
  const isMissing = value == null || value === "";
  return mappings.find((one) => {
    if (one.missing) return isMissing;
    if (isMissing) return false;
    if (one.value != null)
      return (
        one.value === String(value) ||
        (typeof value === "number" && one.value.trim() !== "" && Number(one.value) === value)
      );
    if (one.regex != null) {
      try {
        return new RegExp(one.regex).test(String(value));
      } catch {
        return false;
      }
    }
    if (typeof value !== "number") return false;
    return value >= (one.from ?? Number.NEGATIVE_INFINITY) && value <= (one.to ?? Number.POSITIVE_INFINITY);
  });
}

type Saying = Pick<Panel, "unit" | "decimals" | "mappings" | "thresholds">;

/** A value of a panel: in its own words if it has some, else in its unit. */
export const saidOf = (value: number | null | undefined, panel: Saying, unit = panel.unit): string =>
  mappingOf(value, panel.mappings)?.text ?? said(value, unit, panel.decimals);

/** What a value means: as its words say, else by the thresholds. */
export const meaningOf = (value: number | null, panel: Saying): string | undefined =>
  mappingOf(value, panel.mappings)?.tone ?? toneOf(value, panel.thresholds);

export type DressedLine = Line & { unit?: string; negative: boolean; colour?: string };

/** Lines with what overrides say of them, without those that are hidden. The first override that says a thing says it. */
export function dressed(lines: readonly Line[], overrides: Panel["overrides"]): DressedLine[] {
  return lines.flatMap((line) => {
    const about = (overrides ?? []).filter(({ series }) => isAbout(series, line.name));
    if (about.some(({ hidden }) => hidden)) return [];
    return [
      {
        ...line,
        name: about.find(({ name }) => name)?.name ?? line.name,
        unit: about.find(({ unit }) => unit)?.unit ?? undefined,
        negative: about.some(({ negative }) => negative),
        colour: about.find(({ color }) => color)?.color ?? undefined,
      },
    ];
  });
}

/** A row for each set of labels, with a column for the value of each query: `value`, or `value A`, `value B` of several. */
export function tableOf(lines: readonly Line[]) {
  const names = [...new Set(lines.flatMap(({ labels }) => Object.keys(labels)))].filter(
    (name) => name !== "__name__",
  );
  const queries = [...new Set(lines.map(({ query }) => query))].sort((a, b) => a - b);
  const rows = new Map<string, unknown[]>();
  for (const { labels, values, query } of lines) {
    const texts = names.map((name) => labels[name] ?? "");
    const key = JSON.stringify(texts);
    const column = names.length + queries.indexOf(query);
    let row = rows.get(key);
    // Two series of one query that differ in their metric alone are two rows.
    if (row && row[column] != null) {
      row = undefined;
      rows.set(`${key} ${rows.size}`, rows.get(key) ?? []);
    }
    if (!row) row = [...texts, ...queries.map(() => null)];
    row[column] = reduced(values, "last");
    rows.set(key, row);
  }
  const columnOf = (query: number) =>
    queries.length === 1 ? "value" : `value ${String.fromCharCode(65 + (query % 26))}`;
  return {
    columns: [
      ...names.map((name) => ({ name, kind: "string" })),
      ...queries.map((query) => ({ name: columnOf(query), kind: "float" })),
    ],
    rows: [...rows.values()],
  };
}

/** Whether an override is about a line: by its name, or by a regular expression between slashes. */
export function isAbout(series: string, name: string): boolean {
  const expression = /^\/(.*)\/\w*$/.exec(series)?.[1];
  if (expression === undefined) return series === name;
  try {
    return new RegExp(expression).test(name);
  } catch {
    return false;
  }
}

// ---- Versions -------------------------------------------------------------------------------------------------------

export type DiffLine = { kind: "same" | "added" | "removed"; text: string };
/** Lines that are compared one by one; longer texts are shown as replaced. */
const DIFF_CELLS_MAX = 4_000_000;

/** The shortest way from one text to the other, line by line. */
export function difference(before: string, after: string): DiffLine[] {
  const a = before.split("\n");
  const b = after.split("\n");
  if (a.length * b.length > DIFF_CELLS_MAX)
    return [
      ...a.map((text) => ({ kind: "removed" as const, text })),
      ...b.map((text) => ({ kind: "added" as const, text })),
    ];
  const width = b.length + 1;
  const common = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      common[i * width + j] =
        a[i] === b[j]
          ? (common[(i + 1) * width + j + 1] ?? 0) + 1
          : Math.max(common[(i + 1) * width + j] ?? 0, common[i * width + j + 1] ?? 0);
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ kind: "same", text: a[i] ?? "" });
      i++;
      j++;
    } else if (
      j >= b.length ||
      (i < a.length && (common[(i + 1) * width + j] ?? 0) >= (common[i * width + j + 1] ?? 0))
    ) {
      lines.push({ kind: "removed", text: a[i] ?? "" });
      i++;
    } else {
      lines.push({ kind: "added", text: b[j] ?? "" });
      j++;
    }
  }
  return lines;
}
