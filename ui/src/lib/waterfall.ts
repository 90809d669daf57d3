// Layout of a trace as rows of a waterfall. Pure; linear in the number of spans (10 000 at most).
// Spans whose parent is missing are roots, marked as orphans; a cycle of parents is cut at the span seen first.
import type { TraceSpan } from "../api/types";

export type Row = {
  span: TraceSpan;
  depth: number;
  /** Spans below it in the tree, hidden or not. */
  descendants: number;
  orphan: boolean;
  /** Time of the span that no child covers, in ns. */
  selfNs: number;
  /** An error in itself or anywhere below. */
  errorBelow: boolean;
};

export type Layout = { rows: Row[]; durationNs: number; startNs: number };

/** All rows in tree order, children by start. */
export function layout(spans: readonly TraceSpan[]): Layout {
  const byId = new Map(spans.map((span) => [span.span_id, span]));
  const children = new Map<string, TraceSpan[]>();
  const roots: TraceSpan[] = [];
  for (const span of spans) {
    const parent = span.parent_span_id;
    if (parent && byId.has(parent) && parent !== span.span_id) {
      const list = children.get(parent);
      if (list) list.push(span);
      else children.set(parent, [span]);
    } else roots.push(span);
  }
  const byStart = (a: TraceSpan, b: TraceSpan) =>
    a.offset_ns - b.offset_ns || a.span_id.localeCompare(b.span_id);
  for (const list of children.values()) list.sort(byStart);
  roots.sort(byStart);

  const rows: Row[] = [];
  const placed = new Set<string>();
  /** Index of each row's parent row, −1 for roots. */
  const parents: number[] = [];
  const place = (first: TraceSpan) => {
    // An explicit stack: a trace may be thousands of spans deep.
    const stack = [{ span: first, depth: 0, parent: -1 }];
    for (let top = stack.pop(); top; top = stack.pop()) {
      const { span, depth, parent } = top;
      if (placed.has(span.span_id)) continue;
      placed.add(span.span_id);
      const below = children.get(span.span_id) ?? [];
      const index = rows.length;
      parents.push(parent);
      rows.push({
        span,
        depth,
        descendants: 0,
        orphan: Boolean(span.parent_span_id) && !byId.has(span.parent_span_id ?? ""),
        selfNs: selfTime(span, below),
        errorBelow: span.status === "error",
      });
      for (const child of below.toReversed()) stack.push({ span: child, depth: depth + 1, parent: index });
    }
  };
  for (const root of roots) place(root);
  for (const span of spans) if (!placed.has(span.span_id)) place(span);

  // From the leaves up: a row comes after its parent, so one pass backwards sums everything below.
  for (let i = rows.length - 1; i >= 0; i--) {
    const row = rows[i];
    const parent = rows[parents[i] ?? -1];
    if (!row || !parent) continue;
    parent.descendants += row.descendants + 1;
    parent.errorBelow ||= row.errorBelow;
  }

  let startNs = Number.POSITIVE_INFINITY;
  let endNs = Number.NEGATIVE_INFINITY;
  for (const span of spans) {
    startNs = Math.min(startNs, span.offset_ns);
    endNs = Math.max(endNs, span.offset_ns + span.duration_ns);
  }
  return spans.length
    ? { rows, startNs, durationNs: Math.max(1, endNs - startNs) }
    : { rows, startNs: 0, durationNs: 1 };
}

/** Time of `span` outside the union of its children, clipped to the span. */
function selfTime(span: TraceSpan, sortedChildren: readonly TraceSpan[]): number {
  const end = span.offset_ns + span.duration_ns;
  let covered = 0;
  let upTo = span.offset_ns;
  for (const child of sortedChildren) {
    const from = Math.max(child.offset_ns, upTo);
    const to = Math.min(child.offset_ns + child.duration_ns, end);
    if (to > from) {
      covered += to - from;
      upTo = to;
    }
  }
  return Math.max(0, span.duration_ns - covered);
}

/** The rows that are left when the spans in `collapsed` hide what is below them. */
export function visible(rows: readonly Row[], collapsed: ReadonlySet<string>): Row[] {
  if (collapsed.size === 0) return rows.slice();
  const shown: Row[] = [];
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i];
    if (!row) break;
    shown.push(row);
    if (collapsed.has(row.span.span_id)) i += row.descendants;
  }
  return shown;
}

/** Services in order of first appearance with their number, for stable colours. */
export function services(spans: readonly TraceSpan[]): Map<string, number> {
  const seen = new Map<string, number>();
  for (const span of spans) if (!seen.has(span.service)) seen.set(span.service, seen.size);
  return seen;
}

/** Share of the critical path that each service holds, largest first. */
export function criticalShare(layoutRows: readonly Row[]): { service: string; ns: number; share: number }[] {
  const sums = new Map<string, number>();
  let total = 0;
  for (const { span, selfNs } of layoutRows) {
    if (!span.critical) continue;
    sums.set(span.service, (sums.get(span.service) ?? 0) + selfNs);
    total += selfNs;
  }
  return [...sums]
    .map(([service, ns]) => ({ service, ns, share: total ? ns / total : 0 }))
    .sort((a, b) => b.ns - a.ns);
}
