// A histogram over time as rows of buckets: classic ones (series with `le` that count everything up to it) and native ones,
// whose buckets may be finer at one time than at another. Pure.
import type { RangeSeries } from "../api/metrics";

export type Row = {
  /** Above this, up to and with `high`. */
  low: number;
  high: number;
  /** By the place on the grid of times; null where there is no histogram. */
  values: (number | null)[];
};
export type Heat = {
  /** Seconds. */
  xs: number[];
  /** From the lowest bucket up. */
  rows: Row[];
  /** The largest value of all. */
  most: number;
};

/** Rows that can be told apart in a panel; neighbours are put together until they fit. */
export const ROWS_MAX = 64;

type Bucket = { low: number; high: number; value: number };
type Column = Bucket[] | undefined;

/** What a range query answered, if there is a histogram in it. Several of them are added up. */
export function heatOf(series: readonly RangeSeries[], xs: readonly number[]): Heat | undefined {
  const columns = xs.map((): Column => undefined);
  const place = new Map(xs.map((x, index) => [Math.round(x), index]));
  const add = (at: number, found: readonly Bucket[]) => {
    const index = place.get(Math.round(at));
    if (index !== undefined) columns[index] = [...(columns[index] ?? []), ...found];
  };
  for (const { histograms = [] } of series)
    for (const [at, histogram] of histograms) add(at, nativeBuckets(histogram));
  for (const [at, found] of classic(series)) add(at, found);
  if (columns.every((column) => column === undefined)) return undefined;
  return layOut(columns, xs);
}

function nativeBuckets(histogram: unknown): Bucket[] {
  const { buckets = [] } = histogram as { buckets?: [number, string, string, string][] };
  return buckets.map(([, low, high, count]) => ({
    low: numberOf(low),
    high: numberOf(high),
    value: numberOf(count),
  }));
}

const numberOf = (text: string) => Number(text.replace("Inf", "Infinity"));

/** Each bucket of a classic histogram less the one below it, by time. */
function classic(series: readonly RangeSeries[]): Map<number, Bucket[]> {
  const upTo = new Map<number, Map<number, number>>();
  for (const { metric, values = [] } of series) {
    const le = metric.le === undefined ? Number.NaN : numberOf(metric.le);
    if (Number.isNaN(le)) continue;
    for (const [at, text] of values) {
      const value = numberOf(text);
      if (!Number.isFinite(value)) continue;
      const column = upTo.get(at) ?? new Map<number, number>();
      upTo.set(at, column.set(le, (column.get(le) ?? 0) + value));
    }
  }
  const found = new Map<number, Bucket[]>();
  for (const [at, column] of upTo) {
    const sorted = [...column].sort(([a], [b]) => a - b);
    found.set(
      at,
      sorted.map(([high, count], index) => {
        const [low, below] = sorted[index - 1] ?? [high > 0 ? 0 : Number.NEGATIVE_INFINITY, 0];
        // Scrapes of one histogram's series may be of different moments: less than nothing is nothing.
        return { low, high, value: Math.max(0, count - below) };
      }),
    );
  }
  return found;
}

/** Rows that every time's buckets fit into: where one is finer than another, the coarser counts. */
function layOut(columns: readonly Column[], xs: readonly number[]): Heat {
  const spans = new Map<string, { low: number; high: number }>();
  for (const column of columns)
    for (const { low, high } of column ?? []) spans.set(`${low} ${high}`, { low, high });
  let rows: { low: number; high: number }[] = [];
  for (const span of [...spans.values()].sort((a, b) => a.low - b.low || b.high - a.high)) {
    const last = rows.at(-1);
    if (last && span.low < last.high) last.high = Math.max(last.high, span.high);
    else rows.push({ ...span });
  }
  while (rows.length > ROWS_MAX)
    rows = rows.flatMap((row, index) =>
      index % 2 ? [] : [{ low: row.low, high: rows[index + 1]?.high ?? row.high }],
    );
  const made = rows.map(
    (row): Row => ({ ...row, values: columns.map((column) => (column === undefined ? null : 0)) }),
  );
  let most = 0;
  columns.forEach((column, x) => {
    for (const { low, value } of column ?? []) {
      const row = made[rowAt(rows, low)];
      if (!row) continue;
      const sum = (row.values[x] ?? 0) + value;
      row.values[x] = sum;
      most = Math.max(most, sum);
    }
  });
  return { xs: [...xs], rows: made, most };
}

/** The last row that begins at or below this. */
function rowAt(rows: readonly { low: number }[], low: number): number {
  let [from, to] = [0, rows.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((rows[middle]?.low ?? 0) <= low) from = middle + 1;
    else to = middle;
  }
  return from - 1;
}

/** Blue to yellow by way of grey, told apart by brightness alone (cividis; Nuñez, Anderton, Renslow 2018). */
const SCALE = [
  [0, 34, 78],
  [18, 53, 112],
  [59, 73, 108],
  [87, 93, 109],
  [112, 113, 115],
  [138, 134, 120],
  [165, 156, 116],
  [195, 179, 105],
  [225, 204, 85],
  [254, 232, 56],
] as const;

/** What is much stands out against the page: bright in the dark, dark in the light. `share` is from 0 to 1. */
export function heatColour(share: number, scheme: "light" | "dark"): [number, number, number] {
  const at = (scheme === "dark" ? share : 1 - share) * (SCALE.length - 1);
  const index = Math.min(Math.max(0, Math.floor(at)), SCALE.length - 2);
  const part = Math.min(1, Math.max(0, at - index));
  const mix = (channel: 0 | 1 | 2) => {
    const [a, b] = [SCALE[index]?.[channel] ?? 0, SCALE[index + 1]?.[channel] ?? 0];
    return Math.round(a + (b - a) * part);
  };
  return [mix(0), mix(1), mix(2)];
}

/** How much of the scale a value takes: by the root, so that few among many are seen. */
export const heatShare = (value: number, most: number) => (most > 0 ? Math.sqrt(value / most) : 0);
