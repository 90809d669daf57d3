// Dashboards: the documents, the values of their variables, and what their panels ask. Keys of the documents begin with
// `dashboards`, which is what the event stream says.
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import {
  ALL,
  type Document,
  interpolate,
  type Line,
  languageOf,
  nameOf,
  type Panel,
  type PanelQuery,
  picked,
  type Span,
  tellingLabels,
  textOf,
  type Value,
  type Values,
  type Variable,
} from "../lib/dashboard";
import { type Heat, heatOf } from "../lib/heatmap";
import { gridOf, labelKey } from "../lib/promql";
import { drawable } from "../lib/sql";
import { iso } from "../lib/time";
import { api } from "./client";
import type { RangeSeries } from "./metrics";
import type { components } from "./schema";
import type { EventRow, HistogramResponse, SearchResponse, Slo, SqlResponse } from "./types";
import type { ProbeStatus, UptimeResponse } from "./uptime";

type Schemas = components["schemas"];
export type Dashboard = Schemas["Dashboard"];
export type DashboardSummary = Schemas["DashboardSummary"];
export type DashboardImport = Schemas["DashboardImport"];

const path = (name: string) => `/dashboards/${encodeURIComponent(name)}`;

export const useDashboards = (enabled = true) =>
  useQuery({
    queryKey: ["dashboards"],
    queryFn: ({ signal }) => api<Schemas["DashboardsResponse"]>("/dashboards", { signal }),
    enabled,
  });

export const useDashboard = (name: string | undefined) =>
  useQuery({
    queryKey: ["dashboards", "one", name],
    queryFn: ({ signal }) => api<Dashboard>(path(name ?? ""), { signal }),
    enabled: name !== undefined,
    retry: false,
  });

export const useServiceDashboard = (service: string | undefined) =>
  useQuery({
    queryKey: ["dashboards", "of", service],
    queryFn: ({ signal }) =>
      api<Dashboard>(`/services/${encodeURIComponent(service ?? "")}/dashboard`, { signal }),
    enabled: service !== undefined,
    retry: false,
  });

export const useDashboardHistory = (name: string, enabled: boolean) =>
  useQuery({
    queryKey: ["dashboards", "history", name],
    queryFn: ({ signal }) => api<Schemas["DashboardHistory"]>(`${path(name)}/history`, { signal }),
    enabled,
    retry: false,
  });

export const useDashboardVersion = (name: string, version: number | undefined) =>
  useQuery({
    queryKey: ["dashboards", "version", name, version],
    queryFn: ({ signal }) => api<Dashboard>(path(name), { query: { version }, signal }),
    enabled: version !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
  });

export function usePutDashboard() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (ask: { document: Document; version?: number; note?: string }) =>
      api<Dashboard>(path(ask.document.metadata.name), { method: "PUT", body: ask }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["dashboards"] }),
  });
}

export function useRemoveDashboard() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => api<void>(path(name), { method: "DELETE" }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["dashboards"] }),
  });
}

export const useImportDashboard = () =>
  useMutation({
    mutationFn: (text: string) =>
      api<DashboardImport>("/dashboards/import", { method: "POST", body: { text } }),
  });

export const exportDashboard = (name: string, format: string) =>
  api<Schemas["DashboardExport"]>(`${path(name)}/export`, { query: { format } });

// ---- Variables ------------------------------------------------------------------------------------------------------

const PROMETHEUS = "/prometheus/api/v1";
type Envelope<T> = { data: T };
type Instant = { resultType: string; result: { metric: Record<string, string>; value?: [number, string] }[] };

export type Resolved = { values: Values; options: ReadonlyMap<string, string[]>; faults: string[] };

/** Values of all variables, one after the other, because one may be asked with what another is. */
async function resolve(
  variables: readonly Variable[],
  asked: ReadonlyMap<string, string[]>,
  span: Span,
  signal: AbortSignal,
): Promise<Resolved> {
  const values = new Map<string, Value>();
  const options = new Map<string, string[]>();
  const faults: string[] = [];
  for (const variable of variables) {
    const put = (text: string) => interpolate(text, values, span, "promql");
    let listed: string[] = variable.options ?? [];
    try {
      if (variable.kind === "label") {
        const match = variable.of ? put(variable.of) : undefined;
        const query = {
          start: Math.floor(span.start / 1000),
          end: Math.ceil(span.end / 1000),
          "match[]": match,
        };
        const label = encodeURIComponent(variable.label ?? "");
        const { data } = await api<Envelope<string[]>>(`/label/${label}/values`, {
          base: PROMETHEUS,
          query,
          signal,
        });
        listed = picked(data, variable.regex);
      } else if (variable.kind === "query") {
        const query = { query: put(variable.promql ?? ""), time: Math.ceil(span.end / 1000) };
        const { data } = await api<Envelope<Instant>>("/query", { base: PROMETHEUS, query, signal });
        const texts = data.result.map(
          ({ metric, value }) =>
            `${metric.__name__ ?? ""}{${labelKey(metric).replace(/, /g, ",")}} ${value?.[1] ?? ""}`,
        );
        listed = picked(texts, variable.regex);
      }
    } catch (error) {
      if (signal.aborted) throw error;
      faults.push(`${variable.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
    options.set(variable.name, listed);
    const wanted = asked.get(variable.name) ?? variable.default ?? [];
    if (variable.kind === "constant")
      values.set(variable.name, { chosen: [variable.value ?? ""], all: false });
    else if (variable.kind === "text") values.set(variable.name, { chosen: [wanted[0] ?? ""], all: false });
    else if (variable.all && (wanted.length === 0 || wanted.includes(ALL)))
      values.set(variable.name, { chosen: variable.allValue ? [variable.allValue] : listed, all: true });
    else {
      const first = wanted.length ? wanted : listed.slice(0, 1);
      values.set(variable.name, { chosen: variable.multiple ? first : first.slice(0, 1), all: false });
    }
  }
  return { values, options, faults };
}

export const useVariables = (
  variables: readonly Variable[],
  asked: ReadonlyMap<string, string[]>,
  span: Span,
  enabled: boolean,
) =>
  useQuery({
    // Catalogues are asked for whole minutes, so that a clock that ticks does not ask again each time.
    queryKey: [
      "variables",
      variables,
      [...asked],
      Math.floor(span.start / 60_000),
      Math.ceil(span.end / 60_000),
    ],
    queryFn: ({ signal }) => resolve(variables, asked, span, signal),
    placeholderData: keepPreviousData,
    staleTime: 60_000,
    enabled,
    retry: false,
  });

// ---- Panels ---------------------------------------------------------------------------------------------------------

export type Answer = {
  /** Seconds. */
  xs: number[];
  lines: Line[];
  /** Of the first histogram, for heatmaps. */
  heat?: Heat;
  table?: { columns: { name: string; kind: string }[]; rows: unknown[][] };
  records?: { dataset: string; rows: EventRow[] };
  slos: Slo[];
  probes: ProbeStatus[];
  /** What of several queries failed; the rest is shown. */
  faults: string[];
  notes: string[];
};
type Part = Partial<Answer> & { xs?: number[]; lines?: Line[] };

/** Lines of one panel: beyond, they cannot be told apart, and a note says that there are more. */
export const LINES_MAX = 60;
const RECORDS_MAX = 100;
const ROWS_MAX = 500;

export const usePanel = (panel: Panel, values: Values, span: Span, enabled: boolean) => {
  const asks = (panel.queries ?? [])
    .filter((query) => !query.hidden)
    .map((query) => ({
      ...query,
      legend: interpolate(query.legend ?? "", values, span, "promql"),
      put: interpolate(textOf(query), values, span, languageOf(query)),
    }));
  return useQuery({
    queryKey: [
      "panel",
      panel.view,
      asks,
      Math.round(span.start / 1000),
      Math.round(span.end / 1000),
      span.step,
    ],
    queryFn: ({ signal }) => answer(panel, asks, span, signal),
    placeholderData: keepPreviousData,
    enabled: enabled && asks.length > 0,
    staleTime: 10_000,
    retry: false,
  });
};

type Asked = PanelQuery & { put: string };

async function answer(
  panel: Panel,
  asks: readonly Asked[],
  span: Span,
  signal: AbortSignal,
): Promise<Answer> {
  const parts = await Promise.allSettled(asks.map((ask, index) => part(panel, ask, index, span, signal)));
  const good = parts.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const bad = parts.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
  if (good.length === 0 && bad.length > 0) throw bad[0];
  const xs = [...new Set(good.flatMap((one) => one.xs ?? []))].sort((a, b) => a - b);
  const place = new Map(xs.map((x, index) => [x, index]));
  const lines = good.flatMap((one) => {
    const own = one.xs ?? [];
    const is = own.length === xs.length;
    return (one.lines ?? []).map((line) => {
      if (is) return line;
      const spread = new Array<number | null>(xs.length).fill(null);
      line.values.forEach((value, index) => {
        spread[place.get(own[index] ?? 0) ?? 0] = value;
      });
      return { ...line, values: spread };
    });
  });
  const notes = good.flatMap((one) => one.notes ?? []);
  return {
    xs,
    lines: lines.slice(0, LINES_MAX),
    heat: good.find((one) => one.heat)?.heat,
    table: good.find((one) => one.table)?.table,
    records: good.find((one) => one.records)?.records,
    slos: good.flatMap((one) => one.slos ?? []),
    probes: good.flatMap((one) => one.probes ?? []),
    faults: bad.map((error) => (error instanceof Error ? error.message : String(error))),
    notes: lines.length > LINES_MAX ? [...notes, `+${lines.length - LINES_MAX}`] : notes,
  };
}

function part(panel: Panel, ask: Asked, query: number, span: Span, signal: AbortSignal): Promise<Part> {
  switch (languageOf(ask)) {
    case "sql":
      return ofSql(ask, query, signal);
    case "search":
      return panel.view === "logs" || panel.view === "table"
        ? ofRows(ask, span, signal)
        : ofHistogram(ask, query, span, signal);
    case "slo":
      return api<Slo>(`/slos/${encodeURIComponent(ask.put)}`, { signal }).then((slo) =>
        ofSlo(slo, query, span),
      );
    case "uptime":
      return api<UptimeResponse>("/uptime", { signal }).then(({ probes }) => {
        const found = probes.filter((probe) => probe.name === ask.put);
        if (found.length === 0) throw new Error(`there is no probe \`${ask.put}\``);
        return { probes: found };
      });
    default:
      return ofSeries(panel, ask, query, span, signal);
  }
}

async function ofSeries(
  panel: Panel,
  ask: Asked,
  query: number,
  span: Span,
  signal: AbortSignal,
): Promise<Part> {
  const end = span.end / 1000;
  let series: RangeSeries[];
  let xs: number[];
  let notes: string[] = [];
  if (ask.instant || panel.view === "table") {
    const found = await api<Envelope<Instant> & { warnings?: string[] }>("/query", {
      base: PROMETHEUS,
      query: { query: ask.put, time: end, limit: ROWS_MAX },
      signal,
    });
    xs = [Math.floor(end)];
    const scalar =
      found.data.resultType === "scalar" ? (found.data.result as unknown as [number, string]) : undefined;
    const result = scalar ? [{ metric: {}, value: scalar }] : found.data.result;
    series = result.map(({ metric, value }) => ({ metric, values: value ? [[xs[0] ?? 0, value[1]]] : [] }));
    notes = found.warnings ?? [];
  } else {
    const { step } = span;
    const found = await api<Envelope<{ result: RangeSeries[] }> & { warnings?: string[] }>("/query_range", {
      base: PROMETHEUS,
      query: {
        query: ask.put,
        start: Math.floor(span.start / 1000 / step) * step,
        end: Math.floor(end / step) * step,
        step,
        limit: 200,
      },
      signal,
    });
    xs = gridOf(span.start, span.end, step);
    series = found.data.result;
    notes = found.warnings ?? [];
  }
  const place = new Map(xs.map((x, index) => [x, index]));
  const telling = tellingLabels(series.map(({ metric }) => metric));
  const lines = series.map(({ metric, values }): Line => {
    const row = new Array<number | null>(xs.length).fill(null);
    for (const [at, text] of values ?? []) {
      const index = place.get(at);
      const value = Number(text);
      if (index !== undefined && Number.isFinite(value)) row[index] = value;
    }
    const name = nameOf(metric, ask.legend ?? "", telling) || ask.put;
    return { key: `${query} ${labelKey(metric)}`, name, labels: metric, values: row, query };
  });
  const heat = panel.view === "heatmap" ? heatOf(series, xs) : undefined;
  return { xs, lines, heat, notes };
}

async function ofSql(ask: Asked, query: number, signal: AbortSignal): Promise<Part> {
  const found = await api<SqlResponse>("/sql", {
    method: "POST",
    body: { query: ask.put, limit: ROWS_MAX },
    signal,
  });
  const table = { columns: found.columns, rows: found.rows as unknown as unknown[][] };
  const drawing = drawable(table.columns, table.rows);
  if (!drawing) {
    // One row of numbers is as many values.
    const row = table.rows.length === 1 ? (table.rows[0] ?? []) : [];
    const lines = table.columns.flatMap(({ name }, index): Line[] =>
      typeof row[index] === "number"
        ? [{ key: `${query} ${name}`, name, labels: {}, values: [row[index]], query }]
        : [],
    );
    return { table, xs: lines.length ? [0] : [], lines };
  }
  if (!drawing.time) {
    const y = drawing.ys[0] ?? 0;
    const lines = table.rows.slice(0, LINES_MAX).map(
      (row, index): Line => ({
        key: `${query} ${index}`,
        name: String(row[drawing.x] ?? ""),
        labels: {},
        values: [typeof row[y] === "number" ? row[y] : null],
        query,
      }),
    );
    return { table, xs: [0], lines };
  }
  const rows = table.rows
    .map((row) => ({ at: Date.parse(String(row[drawing.x])) / 1000, row }))
    .filter(({ at }) => Number.isFinite(at))
    .sort((a, b) => a.at - b.at);
  const lines = drawing.ys.map((y): Line => {
    const name = table.columns[y]?.name ?? "";
    const values = rows.map(({ row }) => (typeof row[y] === "number" ? row[y] : null));
    return { key: `${query} ${name}`, name, labels: {}, values, query };
  });
  return { table, xs: rows.map(({ at }) => at), lines };
}

const question = (ask: Asked, span: Span) => ({
  dataset: ask.dataset ?? "logs",
  filter: ask.put,
  start: iso(span.start),
  end: iso(span.end),
});

async function ofRows(ask: Asked, span: Span, signal: AbortSignal): Promise<Part> {
  const body = { ...question(ask, span), limit: RECORDS_MAX };
  const found = await api<SearchResponse>("/search", { method: "POST", body, signal });
  return { records: { dataset: body.dataset, rows: found.rows as EventRow[] } };
}

async function ofHistogram(ask: Asked, query: number, span: Span, signal: AbortSignal): Promise<Part> {
  const body = { ...question(ask, span), buckets: 120, split_by: ask.splitBy ?? undefined };
  const found = await api<HistogramResponse>("/search/histogram", { method: "POST", body, signal });
  const lines = found.series.map(
    (series): Line => ({
      key: `${query} ${series.name}`,
      name: series.name || ask.legend || "",
      labels: ask.splitBy ? { [ask.splitBy]: series.name } : {},
      values: series.counts.map((count) => count / Math.max(1, found.bucket_secs)),
      query,
    }),
  );
  return { xs: found.starts.map((at) => Date.parse(at) / 1000), lines };
}

function ofSlo(slo: Slo, query: number, span: Span): Part {
  const xs = slo.sparkline.map((_, index) => span.end / 1000 - (slo.sparkline.length - index) * 60);
  return {
    slos: [slo],
    xs,
    lines: [
      { key: `${query} ${slo.name}`, name: slo.display_name, labels: {}, values: slo.sparkline, query },
    ],
  };
}
