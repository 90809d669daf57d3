// The URL is the state of anything worth sharing. The context (time range, service, filter, dataset) survives every
// hop: links carry these parameters along unless they say otherwise.
import { DEFAULT_RANGE, type RangeExpression } from "./time";

export const CONTEXT_KEYS = ["from", "to", "service", "q", "dataset"] as const;

export const DATASETS = ["logs", "spans", "metrics", "probes", "beacons", "changes"] as const;
export type DatasetName = (typeof DATASETS)[number];

export const asDataset = (text: string | null): DatasetName =>
  DATASETS.find((dataset) => dataset === text) ?? "logs";

export function rangeFrom(params: URLSearchParams, fallback = DEFAULT_RANGE): RangeExpression {
  return { from: params.get("from") || fallback.from, to: params.get("to") || fallback.to };
}

export type Changes = Record<string, string | number | null | undefined>;

/** A copy with the changes; null, undefined and "" remove the key. Keys are kept in order so that equal states have equal URLs. */
export function patch(params: URLSearchParams, changes: Changes): URLSearchParams {
  const next = new URLSearchParams(params);
  for (const [key, value] of Object.entries(changes)) {
    if (value == null || value === "") next.delete(key);
    else next.set(key, String(value));
  }
  next.sort();
  return next;
}

/** A link that keeps the context of `current`. */
export function link(path: string, current: URLSearchParams, changes: Changes = {}): string {
  const kept = new URLSearchParams();
  for (const key of CONTEXT_KEYS) {
    const value = current.get(key);
    if (value) kept.set(key, value);
  }
  const query = patch(kept, changes).toString();
  return query ? `${path}?${query}` : path;
}

/** Turns an absolute link of the server (in an alert message) into one within the application, if it points here. */
export function localPath(url: string, origin: string): string | undefined {
  try {
    const parsed = new URL(url, origin);
    return parsed.origin === origin ? parsed.pathname + parsed.search + parsed.hash : undefined;
  } catch {
    return undefined;
  }
}
