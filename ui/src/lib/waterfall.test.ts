import { describe, expect, it } from "vitest";
import type { TraceSpan } from "../api/types";
import { criticalShare, layout, visible } from "./waterfall";

/** `id parent start duration [error] [critical] [service]`, times in ns. */
const span = (
  id: string,
  parent: string | undefined,
  offset: number,
  duration: number,
  extra: Partial<TraceSpan> = {},
): TraceSpan => ({
  span_id: id,
  parent_span_id: parent,
  name: id,
  service: "s",
  kind: "internal",
  start: "2026-11-21T06:00:00Z",
  offset_ns: offset,
  duration_ns: duration,
  status: "unset",
  critical: false,
  attributes: {},
  events: [],
  ...extra,
});

const shape = (spans: TraceSpan[]) =>
  layout(spans).rows.map((row) => `${"  ".repeat(row.depth)}${row.span.span_id}`);

describe("the tree", () => {
  it("puts children below their parent, by start, whatever order they came in", () => {
    expect(
      shape([span("c", "a", 5, 2), span("d", "b", 2, 1), span("b", "a", 1, 3), span("a", undefined, 0, 10)]),
    ).toEqual(["a", "  b", "    d", "  c"]);
  });
  it("shows a span whose parent was not received as a root, and says so", () => {
    const { rows } = layout([span("a", undefined, 0, 10), span("x", "lost", 3, 1)]);
    expect(rows.map((row) => [row.span.span_id, row.orphan])).toEqual([
      ["a", false],
      ["x", true],
    ]);
  });
  it("cuts a cycle instead of hanging", () => {
    expect(shape([span("a", "b", 0, 1), span("b", "a", 1, 1)])).toHaveLength(2);
    expect(shape([span("a", "a", 0, 1)])).toEqual(["a"]);
  });
  it("counts what is below and passes errors up", () => {
    const { rows } = layout([
      span("a", undefined, 0, 9),
      span("b", "a", 0, 5),
      span("c", "b", 0, 2, { status: "error" }),
      span("d", "a", 6, 1),
    ]);
    expect(rows.map((row) => [row.span.span_id, row.descendants, row.errorBelow])).toEqual([
      ["a", 3, true],
      ["b", 1, true],
      ["c", 0, true],
      ["d", 0, false],
    ]);
  });
  it("folds", () => {
    const { rows } = layout([
      span("a", undefined, 0, 9),
      span("b", "a", 0, 5),
      span("c", "b", 0, 2),
      span("d", "a", 6, 1),
    ]);
    expect(visible(rows, new Set(["b"])).map((row) => row.span.span_id)).toEqual(["a", "b", "d"]);
    expect(visible(rows, new Set(["a", "b"])).map((row) => row.span.span_id)).toEqual(["a"]);
  });
});

describe("time", () => {
  it("self time leaves out the union of the children, clipped to the span", () => {
    const { rows } = layout([
      span("a", undefined, 0, 10),
      span("b", "a", 1, 4),
      span("c", "a", 3, 4),
      span("d", "a", 9, 5),
    ]);
    expect(rows[0]?.selfNs).toBe(10 - 6 - 1);
  });
  it("the whole lasts from the first start to the last end", () => {
    expect(layout([span("a", undefined, 5, 10), span("b", "a", 12, 20)])).toMatchObject({
      startNs: 5,
      durationNs: 27,
    });
    expect(layout([])).toEqual({ rows: [], startNs: 0, durationNs: 1 });
  });
  it("shares of the critical path sum to one", () => {
    const { rows } = layout([
      span("a", undefined, 0, 10, { critical: true }),
      span("b", "a", 2, 6, { critical: true, service: "t" }),
      span("c", "a", 2, 1),
    ]);
    expect(criticalShare(rows)).toEqual([
      { service: "t", ns: 6, share: 0.6 },
      { service: "s", ns: 4, share: 0.4 },
    ]);
  });
});

it("lays out a chain of ten thousand spans without recursion", () => {
  const chain = Array.from({ length: 10_000 }, (_, i) =>
    span(`${i}`, i ? `${i - 1}` : undefined, i, 20_000 - i),
  );
  const { rows } = layout(chain);
  expect(rows).toHaveLength(10_000);
  expect(rows[0]?.descendants).toBe(9_999);
  expect(rows.at(-1)?.depth).toBe(9_999);
});
