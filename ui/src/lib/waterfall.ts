// Layout of a trace as rows of a waterfall. Pure; linear in the number of spans (10 000 at most).
// Spans whose parent is missing are roots; a cycle of parents is cut at the span seen first. What has to be computed of
// a trace (self times, the critical path, clocks) comes from the server.
import type { CriticalSection, TraceSpan } from "../api/types";

export type Row = {
  span: TraceSpan;
  depth: number;
  /** Spans below it in the tree, hidden or not. */
  descendants: number;
  /** Index of the row above it in the tree, among all rows; −1 for roots. */
  parent: number;
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
  const place = (first: TraceSpan) => {
    // An explicit stack: a trace may be thousands of spans deep.
    const stack = [{ span: first, depth: 0, parent: -1 }];
    for (let top = stack.pop(); top; top = stack.pop()) {
      const { span, depth, parent } = top;
      if (placed.has(span.span_id)) continue;
      placed.add(span.span_id);
      const below = children.get(span.span_id) ?? [];
      const index = rows.length;
      rows.push({
        span,
        depth,
        descendants: 0,
        parent,
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
    const parent = rows[row?.parent ?? -1];
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

/** Stretches of the critical path by the span that they belong to, in order of time. */
export function sectionsBySpan(path: readonly CriticalSection[]): Map<string, CriticalSection[]> {
  const sections = new Map<string, CriticalSection[]>();
  for (const section of path) {
    const list = sections.get(section.span_id);
    if (list) list.push(section);
    else sections.set(section.span_id, [section]);
  }
  return sections;
}

/** What is drawn of the stretches within a view: neighbours closer than `gap` ns become one, so that a span with
 * thousands of them costs no more than the screen is wide. */
export function drawn(
  sections: readonly CriticalSection[],
  view: { from: number; to: number },
  gap: number,
): { from: number; to: number }[] {
  const shown: { from: number; to: number }[] = [];
  for (const { start_ns, end_ns } of sections) {
    const from = Math.max(start_ns, view.from);
    const to = Math.min(end_ns, view.to);
    if (to <= from) continue;
    const last = shown.at(-1);
    if (last && from - last.to < gap) last.to = to;
    else shown.push({ from, to });
  }
  return shown;
}

/** Indices of the rows that hold every word, in any case: in name, service, status message, events or attributes. */
export function find(rows: readonly Row[], text: string): number[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [];
  const found: number[] = [];
  rows.forEach(({ span }, i) => {
    const hay = haystack(span);
    if (words.every((word) => hay.includes(word))) found.push(i);
  });
  return found;
}

const haystacks = new WeakMap<TraceSpan, string>();

/** All the text of a span, made once. */
function haystack(span: TraceSpan): string {
  const known = haystacks.get(span);
  if (known !== undefined) return known;
  const parts = [span.service, span.name, span.span_id, span.kind, span.status_message ?? ""];
  for (const [name, value] of Object.entries(span.attributes))
    parts.push(`${name}: ${typeof value === "object" ? JSON.stringify(value) : value}`);
  if (span.events.length) parts.push(JSON.stringify(span.events));
  const made = parts.join("\n").toLowerCase();
  haystacks.set(span, made);
  return made;
}

/** The spans above a row, which must be unfolded for it to be seen. */
export function ancestors(rows: readonly Row[], index: number): string[] {
  const above: string[] = [];
  for (let at = rows[index]?.parent ?? -1; at >= 0; at = rows[at]?.parent ?? -1) {
    const row = rows[at];
    if (row) above.push(row.span.span_id);
  }
  return above;
}
