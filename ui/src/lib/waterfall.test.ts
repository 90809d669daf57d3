import { describe, expect, it } from "vitest";
import type { TraceSpan } from "../api/types";
import { ancestors, drawn, find, layout, sectionsBySpan, visible } from "./waterfall";

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
  self_ns: 0,
  critical_ns: 0,
  shifted_ns: 0,
  lost_parent: false,
  links: [],
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
  it("shows a span whose parent was not received as a root", () => {
    const { rows } = layout([span("a", undefined, 0, 10), span("x", "lost", 3, 1)]);
    expect(rows.map((row) => [row.span.span_id, row.depth])).toEqual([
      ["a", 0],
      ["x", 0],
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
  it("the whole lasts from the first start to the last end", () => {
    expect(layout([span("a", undefined, 5, 10), span("b", "a", 12, 20)])).toMatchObject({
      startNs: 5,
      durationNs: 27,
    });
    expect(layout([])).toEqual({ rows: [], startNs: 0, durationNs: 1 });
  });
});

describe("the critical path", () => {
  const section = (span_id: string, start_ns: number, end_ns: number) => ({ span_id, start_ns, end_ns });
  it("is gathered by span, in order", () => {
    const path = [section("a", 0, 2), section("b", 2, 5), section("a", 5, 9)];
    expect(sectionsBySpan(path).get("a")).toEqual([path[0], path[2]]);
  });
  it("is clipped to the view, and what the eye cannot tell apart is one", () => {
    const many = Array.from({ length: 5_000 }, (_, i) => section("a", i * 10, i * 10 + 9));
    expect(drawn(many, { from: 0, to: 50_000 }, 50)).toEqual([{ from: 0, to: 49_999 }]);
    expect(drawn(many, { from: 12, to: 25 }, 0.1)).toEqual([
      { from: 12, to: 19 },
      { from: 20, to: 25 },
    ]);
    expect(drawn(many, { from: 60_000, to: 70_000 }, 1)).toEqual([]);
  });
});

describe("finding", () => {
  const { rows } = layout([
    span("a", undefined, 0, 9, { service: "gateway", name: "POST /buy" }),
    span("b", "a", 0, 5, { attributes: { "db.query.text": "SELECT 1", "retry.count": 3 } }),
    span("c", "b", 0, 2, { status_message: "Pool exhausted", events: [{ name: "exception" }] }),
  ]);
  it("looks at names, attributes, messages and events, in any case, for every word", () => {
    expect(find(rows, "GATEWAY buy")).toEqual([0]);
    expect(find(rows, "select")).toEqual([1]);
    expect(find(rows, "retry.count: 3")).toEqual([1]);
    expect(find(rows, "exhausted exception")).toEqual([2]);
    expect(find(rows, "gateway select")).toEqual([]);
    expect(find(rows, "  ")).toEqual([]);
  });
  it("knows what to unfold", () => {
    expect(ancestors(rows, 2)).toEqual(["b", "a"]);
    expect(ancestors(rows, 0)).toEqual([]);
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
