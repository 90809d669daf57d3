// What the pages of services share: words and looks of verdicts, the sides of a comparison, the layout of the map. Pure.
import type { ApmService, Interval, Sides } from "../api/apm";
import { t } from "./i18n";
import type { Look } from "./states";
import type { Range } from "./time";
import { iso } from "./time";

export function verdictLook(verdict: string): Look {
  switch (verdict) {
    case "worse":
      return { tone: "bad", shape: "triangle", word: t("Worse") };
    case "better":
      return { tone: "good", shape: "check", word: t("Better") };
    case "same":
      return { tone: "none", shape: "ring", word: t("No difference found") };
    case "added":
      return { tone: "info", shape: "dot", word: t("Only after") };
    case "removed":
      return { tone: "none", shape: "dashed", word: t("Only before") };
    default:
      return { tone: "none", shape: "dashed", word: t("Too few") };
  }
}

/** `+1.2 to +3.4 points` of a hundred, from an interval of ratios. */
export function pointsText(interval: Interval | null | undefined): string {
  if (!interval) return "–";
  const points = (x: number) => `${x < 0 ? "−" : "+"}${Math.abs(x * 100).toFixed(Math.abs(x) < 0.1 ? 2 : 1)}`;
  return `${points(interval.low)} … ${points(interval.high)}`;
}

/** `×0.98 … ×1.31`, from an interval of factors. */
export function factorText(interval: Interval | null | undefined): string {
  if (!interval) return "–";
  const factor = (x: number) => `×${x >= 10 ? x.toFixed(0) : x.toFixed(2)}`;
  return `${factor(interval.low)} … ${factor(interval.high)}`;
}

/** Versions that serve now, the newest first; the pair that is worth comparing is the first two. */
export function defaultPair(service: ApmService | undefined): { before: string; after: string } | undefined {
  const [after, before] = service?.versions ?? [];
  return after && before ? { before: before.version, after: after.version } : undefined;
}

/** The value under which "the time before" is chosen in place of a version. */
export const EARLIER = "\u0000earlier";

/** What is put beside what: two versions in the same time, or the same requests in this time and the one before. */
export function sidesOf(service: string, range: Range, before: string, after: string | null): Sides {
  const now = { start: iso(range.start), end: iso(range.end) };
  const version = after ? { version: after } : {};
  if (before === EARLIER) {
    const width = range.end - range.start;
    const then = { start: iso(range.start - width), end: now.start };
    return { service, baseline: { filter: "", ...then }, candidate: { filter: "", ...version, ...now } };
  }
  return {
    service,
    baseline: { filter: "", version: before, ...now },
    candidate: { filter: "", ...version, ...now },
  };
}

/** Requests per second as people say them: `214/s`, `3.2/s`, `12/min`. */
export function rate(perSecond: number): string {
  if (perSecond >= 100) return `${Math.round(perSecond)}/s`;
  if (perSecond >= 1) return `${perSecond.toFixed(1)}/s`;
  const perMinute = perSecond * 60;
  if (perMinute >= 1) return `${perMinute.toFixed(perMinute < 10 ? 1 : 0)}/min`;
  return perSecond === 0 ? "0/s" : `${(perMinute * 60).toFixed(1)}/h`;
}

/** The share of failed requests from which a row is worth a colour: less is told by the number alone. */
export const FAILING = 0.01;

export const failing = (ratio: number | null | undefined) => (ratio ?? 0) >= FAILING;

/** A percentage that never hides a failure: what is not zero never reads as `0.00%`. */
export function errorText(ratio: number | null | undefined): string {
  if (ratio == null) return "–";
  if (ratio === 0) return "0%";
  if (ratio < 0.0001) return "<0.01%";
  return `${(ratio * 100).toFixed(ratio < 0.1 ? 2 : 1)}%`;
}

/** An SVG path through the points that bends softly and arrives level. */
export function softPath(points: readonly { x: number; y: number }[]): string {
  const [first] = points;
  if (!first) return "";
  let path = `M${first.x},${first.y}`;
  for (let i = 1; i < points.length; i++) {
    const from = points[i - 1] ?? first;
    const to = points[i] ?? from;
    const middle = (from.x + to.x) / 2;
    path += `C${middle},${from.y} ${middle},${to.y} ${to.x},${to.y}`;
  }
  return path;
}

/** Where changes lie within a range, for charts: 0 is its beginning, 1 its end. */
export function marksOf(
  changes: readonly { at: string; title: string }[] | undefined,
  range: Range,
): { at: number; title: string }[] {
  const width = Math.max(1, range.end - range.start);
  return (changes ?? [])
    .map(({ at, title }) => ({ at: (Date.parse(at) - range.start) / width, title }))
    .filter(({ at }) => at >= 0 && at < 1);
}

/** `src/titles.rs:52` and the function, of what there is. */
export function placeText(
  frame: { function: string; file?: string | null; line?: number | null } | null | undefined,
) {
  if (!frame) return undefined;
  const place = frame.file ? `${frame.file}${frame.line != null ? `:${frame.line}` : ""}` : undefined;
  return { place, name: frame.function || undefined };
}
