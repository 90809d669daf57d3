// Times and ranges. A range in the URL is a pair of expressions (`now-15m`, `now`, or an RFC 3339 instant);
// resolving it against a clock gives instants in milliseconds, half open: [start, end).

export type RangeExpression = { from: string; to: string };
export type Range = { start: number; end: number };

export const DEFAULT_RANGE: RangeExpression = { from: "now-1h", to: "now" };
export const PRESETS = ["5m", "15m", "1h", "6h", "24h", "3d", "7d", "28d"] as const;

const UNIT_MS: Record<string, number> = { s: 1e3, m: 60e3, h: 3600e3, d: 86_400e3, w: 604_800e3 };

/** Milliseconds of `90s`, `15m`, `6h`, `3d`, `2w`; undefined if it is none of these. */
export function parseSpan(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([smhdw])$/.exec(text.trim());
  return match ? Number(match[1]) * (UNIT_MS[match[2] ?? ""] ?? Number.NaN) : undefined;
}

/** An instant in milliseconds; undefined if the expression is not understood. */
export function resolveInstant(expression: string, now: number): number | undefined {
  const text = expression.trim();
  if (text === "now") return now;
  const back = /^now\s*-\s*(.+)$/.exec(text);
  if (back) {
    const span = parseSpan(back[1] ?? "");
    return span === undefined ? undefined : now - span;
  }
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}

/** Falls back to the default for what is not understood, and never returns an empty or reversed range. */
export function resolveRange({ from, to }: RangeExpression, now: number): Range {
  const end = resolveInstant(to, now) ?? now;
  const start = resolveInstant(from, now) ?? end - 3600e3;
  if (start === end) return { start, end: end + 1000 };
  return start < end ? { start, end } : { start: end, end: start };
}

export const isRelative = ({ to }: RangeExpression) => to.trim() === "now";

export const iso = (ms: number) => new Date(ms).toISOString();

/** The range around an instant, as absolute expressions, for links from a moment into search. */
export function around(at: string, beforeMs: number, afterMs: number): RangeExpression {
  const ms = Date.parse(at);
  return { from: iso(ms - beforeMs), to: iso(ms + afterMs) };
}

/** Moves or zooms a range: `shift` in widths, `zoom` < 1 narrows around the middle. */
export function adjust(range: Range, shift: number, zoom: number): Range {
  const width = range.end - range.start;
  const middle = range.start + width / 2 + shift * width;
  const half = Math.max((width * zoom) / 2, 500);
  return { start: Math.round(middle - half), end: Math.round(middle + half) };
}

/** The name of the zone that times are shown in, such as `UTC+8`. */
export function zoneName(at = new Date()): string {
  const minutes = -at.getTimezoneOffset();
  if (minutes === 0) return "UTC";
  const sign = minutes > 0 ? "+" : "−";
  const hours = Math.floor(Math.abs(minutes) / 60);
  const rest = Math.abs(minutes) % 60;
  return `UTC${sign}${hours}${rest ? `:${String(rest).padStart(2, "0")}` : ""}`;
}
