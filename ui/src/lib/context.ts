// The context that goes with a person from page to page: a service, a time, a filter. Pure.
import { both, clause } from "./filter";

/** Whether the filter itself speaks of a field. */
export function mentions(filter: string, field: string): boolean {
  const outside = filter.replace(/"(?:\\.|[^"\\])*"/g, '""');
  const name = field.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`(?<![\\w.@-])${name}\\s*(?::|=|!=|>=|<=|>|<|~)`).test(outside);
}

/** What is asked: the filter within the service, unless the filter says of itself which services it means. */
export function effective(service: string | null | undefined, filter: string): string {
  if (!service || mentions(filter, "service.name")) return filter;
  return both(clause("service.name", service), filter);
}

/** The one service that a filter names, if it names exactly one. */
export function serviceOf(filter: string): string | undefined {
  const found = [
    ...filter.matchAll(/(?<![\w.@-])(not\s+)?service\.name\s*[:=]\s*("(?:\\.|[^"\\])*"|[\w.\-/]+)/gi),
  ];
  const only = found.length === 1 && !found[0]?.[1] ? found[0]?.[2] : undefined;
  return only?.startsWith('"') ? only.slice(1, -1).replace(/\\(.)/g, "$1") : only;
}

/** Columns of the URL, `a,b`; none means the usual ones. Names with commas are not made by anybody. */
export const columnsFrom = (text: string | null): string[] =>
  (text ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter(Boolean);

export type Selection = { id: string; label: string; filter: string };

/** What to explain, by dataset, where no promise says it better: what failed. */
export function failing(dataset: string): string | undefined {
  return { logs: "severity_number >= 17", spans: "status_code: error", probes: "status_code: error" }[
    dataset
  ];
}

/** Milliseconds as the filter language writes them: 1250 → `1250ms`, 2000 → `2s`. */
export const duration = (ms: number) =>
  ms >= 1000 && ms % 1000 === 0 ? `${ms / 1000}s` : `${Math.max(1, Math.round(ms))}ms`;
