import { describe, expect, test } from "vitest";
import { examplesOf, isAtValue } from "./exemplars";

const trace = "4bf92f3577b34da6a3ce929d0e0e4736";

describe("examplesOf", () => {
  test("greatest first, once each, without buckets and names, and only what names a trace", () => {
    const one = { labels: { trace_id: trace, span_id: "00f067aa0ba902b7" }, value: "0.7", timestamp: 100.5 };
    const found = examplesOf([
      { seriesLabels: { __name__: "d_bucket", le: "1", job: "shop" }, exemplars: [one] },
      { seriesLabels: { __name__: "d_bucket", le: "+Inf", job: "shop" }, exemplars: [one] },
      {
        seriesLabels: { job: "cart" },
        exemplars: [
          { labels: { traceID: trace.toUpperCase() }, value: "3", timestamp: 90 },
          { labels: { user: "7" }, value: "9", timestamp: 90 },
          { labels: { trace_id: "nonsense" }, value: "9", timestamp: 90 },
          { labels: { trace_id: trace }, value: "+Inf", timestamp: 90 },
        ],
      },
    ]);
    expect(found.map(({ value, at, labels, span }) => [value, at, labels, span])).toEqual([
      [3, 90, { job: "cart" }, undefined],
      [0.7, 100.5, { job: "shop" }, "00f067aa0ba902b7"],
    ]);
    expect(found[0]?.trace).toBe(trace);
  });
});

test("a mark is at its value only where the chart has the same measure", () => {
  const metric = { name: "d", kind: "histogram" as const, unit: "seconds", help: "", known: true };
  expect(isAtValue(metric, "p95")).toBe(true);
  expect(isAtValue(metric, "rate")).toBe(false);
  expect(isAtValue({ ...metric, kind: "gauge" }, "max")).toBe(true);
  expect(isAtValue({ ...metric, kind: "counter" }, "rate")).toBe(false);
});
