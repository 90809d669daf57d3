// Hooks of Prometheus' API: which metrics there are, their series, and queries over a range.
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { api } from "./client";

const BASE = "/prometheus/api/v1";

type Envelope<T> = { status: string; data: T; warnings?: string[]; infos?: string[] };
export type Labels = Record<string, string>;
export type Metadata = { type: string; help: string; unit: string };
export type RangeSeries = { metric: Labels; values?: [number, string][]; histograms?: [number, unknown][] };
export type ExemplarSeries = {
  seriesLabels: Labels;
  /** Times in seconds. */
  exemplars: { labels: Labels; value: string; timestamp: number }[];
};
export type RangeAnswer = { resultType: "matrix"; result: RangeSeries[] };

/** Series looked at to learn a metric's labels; beyond, the counts are "at least". */
export const SERIES_LOOKED_AT = 3_000;
/** Series of an answer. More cannot be read, and the table says that there are more. */
export const SERIES_SHOWN_MAX = 200;

function ask<T>(path: string, query: Record<string, string | number | undefined>, signal: AbortSignal) {
  return api<Envelope<T>>(path, { base: BASE, query, signal });
}

const seconds = (ms: number) => ms / 1000;
/** Catalogues are asked for whole minutes, so that a clock that ticks does not ask again each time. */
const minutes = ({ start, end }: { start: number; end: number }) => ({
  start: Math.floor(start / 60_000) * 60,
  end: Math.ceil(end / 60_000) * 60,
});

type Window = { start: number; end: number };

export const useMetricNames = (window: Window) => {
  const range = minutes(window);
  return useQuery({
    queryKey: ["metrics", "names", range],
    queryFn: async ({ signal }) => (await ask<string[]>("/label/__name__/values", range, signal)).data,
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  });
};

export const useMetricMetadata = () =>
  useQuery({
    queryKey: ["metrics", "metadata"],
    queryFn: async ({ signal }) => {
      const { data } = await ask<Record<string, Metadata[]>>("/metadata", {}, signal);
      return new Map(Object.entries(data).flatMap(([name, [first]]) => (first ? [[name, first]] : [])));
    },
    staleTime: 60_000,
  });

/** Label sets that match, up to a bound. */
export const useSeries = (match: string | undefined, window: Window) => {
  const range = minutes(window);
  return useQuery({
    queryKey: ["metrics", "series", match, range],
    queryFn: async ({ signal }) =>
      (await ask<Labels[]>("/series", { "match[]": match, ...range, limit: SERIES_LOOKED_AT }, signal)).data,
    enabled: match !== undefined,
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  });
};

export const useRangeQuery = (query: string, window: Window, step: number, enabled = true) =>
  useQuery({
    queryKey: [
      "metrics",
      "range",
      query,
      Math.round(window.start / 1000),
      Math.round(window.end / 1000),
      step,
    ],
    queryFn: ({ signal }) =>
      ask<RangeAnswer>(
        "/query_range",
        // On the step's own grid, so that points stay where they are while time goes on.
        {
          query,
          start: Math.floor(seconds(window.start) / step) * step,
          end: Math.floor(seconds(window.end) / step) * step,
          step,
          limit: SERIES_SHOWN_MAX,
        },
        signal,
      ),
    enabled: enabled && query.trim() !== "",
    placeholderData: keepPreviousData,
    retry: false,
  });

/** Exemplars of whatever series the query selects. */
export const useExemplars = (query: string, window: Window) =>
  useQuery({
    queryKey: ["metrics", "exemplars", query, Math.round(window.start / 1000), Math.round(window.end / 1000)],
    queryFn: async ({ signal }) => {
      const range = { start: seconds(window.start), end: seconds(window.end) };
      return (await ask<ExemplarSeries[]>("/query_exemplars", { query, ...range }, signal)).data;
    },
    enabled: query.trim() !== "",
    // Of the same question only: traces of another metric must not stand below this one.
    placeholderData: (before, asked) => (asked?.queryKey[2] === query ? before : undefined),
    retry: false,
  });
