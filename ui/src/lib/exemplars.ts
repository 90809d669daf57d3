// Exemplars as ways from a metric to the traces behind it. Pure.
import type { ExemplarSeries, Labels } from "../api/metrics";
import type { Metric, View } from "./promql";

export type Example = {
  key: string;
  /** Seconds. */
  at: number;
  value: number;
  trace: string;
  span?: string;
  /** Of its series, without the metric's name and the bucket. */
  labels: Labels;
};

/** Marks that can be told apart in one chart: the greatest of them. */
export const EXAMPLES_MAX = 100;

const TRACE = ["trace_id", "traceID", "traceId", "TraceID"];
const SPAN = ["span_id", "spanID", "spanId", "SpanID"];
const ID = /^(?:[0-9a-f]{16}|[0-9a-f]{32})$/i;

/** The greatest first. The same observation stands with several series when several answer; it is one. */
export function examplesOf(series: readonly ExemplarSeries[]): Example[] {
  const found = new Map<string, Example>();
  for (const { seriesLabels, exemplars } of series) {
    const { __name__, le, ...labels } = seriesLabels;
    for (const { labels: own, value, timestamp } of exemplars) {
      const trace = TRACE.map((name) => own[name]).find((id) => id && ID.test(id));
      const amount = Number(value.replace("Inf", "Infinity"));
      if (!trace || !Number.isFinite(amount)) continue;
      const span = SPAN.map((name) => own[name]).find((id) => id && ID.test(id));
      const key = `${trace}-${timestamp}-${value}`;
      found.set(key, { key, at: timestamp, value: amount, trace: trace.toLowerCase(), span, labels });
    }
  }
  return [...found.values()].sort((a, b) => b.value - a.value || b.at - a.at);
}

/** Whether what the chart draws is measured as the exemplars are, so that a mark belongs at its value. */
export const isAtValue = (metric: Metric, view: View) =>
  metric.kind === "gauge" ? view !== "count" && view !== "sum" : /^p\d+$|^avg$|^heatmap$/.test(view);
