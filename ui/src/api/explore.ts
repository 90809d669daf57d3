// Hooks of the pages that search: rows as they are found, differences, neighbours, tails, saved questions, SQL, replay.
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import { readLines } from "../lib/ndjson";
import { type ApiError, api, open } from "./client";
import type { Query } from "./hooks";
import type * as T from "./types";

/** Rows of one page; the first hundred of them come before the others are found. */
const PAGE_ROWS = 500;
/** Rows of one export; the server takes no more. */
export const EXPORT_ROWS_MAX = 100_000;
/** Rows that a live tail keeps on screen. */
export const TAIL_ROWS_MAX = 2_000;

type About = {
  notices?: T.Notice[];
  next_cursor?: string;
  stats?: T.QueryStats;
  problem?: string;
};

export type RowsState = {
  rows: T.EventRow[];
  /** Of the first page. */
  stats?: T.QueryStats;
  notices: readonly T.Notice[];
  next?: string;
  /** `first`: nothing is here yet. `more`: further rows are on their way. */
  running: false | "first" | "more";
  error?: unknown;
  /** The answer ended early, and why. */
  cut?: string;
  /** The question that the rows answer. */
  of?: Query;
};

const NOTHING: RowsState = { rows: [], notices: [], running: "first" };

/** Rows of a search, shown as they arrive. `run` asks the same question anew; `enabled` false keeps what is there. */
export function useRows(query: Query, run: number, enabled = true) {
  const [state, setState] = useState<RowsState>(NOTHING);
  const abort = useRef<AbortController | undefined>(undefined);

  const ask = useCallback(async (question: Query, cursor?: string) => {
    abort.current?.abort();
    const mine = new AbortController();
    abort.current = mine;
    const mineStill = () => abort.current === mine;
    // Rows of the question before stay in sight until the first ones of this one are here.
    let fresh = cursor === undefined;
    setState((old) => ({ ...old, running: fresh ? "first" : "more", error: undefined, cut: undefined }));
    try {
      const response = await open("/search", {
        method: "POST",
        body: { ...question, limit: PAGE_ROWS, cursor },
        accept: "application/x-ndjson",
        signal: mine.signal,
      });
      const add = (rows: T.EventRow[]) => {
        if (!mineStill()) return;
        const start = fresh;
        fresh = false;
        setState((old) => ({
          ...old,
          rows: start ? rows : [...old.rows, ...rows],
          running: "more",
          ...(start ? { of: question, next: undefined, notices: [], stats: undefined } : {}),
        }));
      };
      const about = await readLines<T.EventRow, About>(response, add);
      if (!mineStill()) return;
      const first = cursor === undefined;
      setState((old) => ({
        ...old,
        rows: fresh ? [] : old.rows,
        of: question,
        notices: first ? (about?.notices ?? []) : old.notices,
        stats: first ? about?.stats : old.stats,
        next: about?.next_cursor,
        running: false,
        cut: about ? about.problem : "the connection was cut",
      }));
    } catch (error) {
      if (!mineStill()) return;
      // Cancelled by hand: what is here stays.
      const problem = mine.signal.aborted ? undefined : error;
      setState((old) => ({
        ...old,
        ...(problem && cursor === undefined ? { rows: [], notices: [], next: undefined } : {}),
        of: question,
        running: false,
        error: problem,
      }));
    }
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: each run asks anew
  useEffect(() => {
    if (enabled) ask(query);
    return () => abort.current?.abort();
  }, [query, run, enabled, ask]);

  const cancel = useCallback(() => {
    abort.current?.abort();
    setState((old) => ({ ...old, running: false }));
  }, []);
  const more = useCallback(() => {
    if (!state.running && state.next && state.of) ask(state.of, state.next);
  }, [ask, state.running, state.next, state.of]);
  return { ...state, cancel, more };
}

/** Everything that a search finds, as a file. Gives how many rows there were, and whether the limit cut it. */
export async function exportRows(
  query: Query,
  kind: "csv" | "ndjson",
  columns: readonly string[],
  signal?: AbortSignal,
): Promise<{ blob: Blob; cut: boolean }> {
  const response = await open("/search", {
    method: "POST",
    query: { columns: columns.join(",") },
    body: { ...query, limit: EXPORT_ROWS_MAX },
    accept: kind === "csv" ? "text/csv" : "application/x-ndjson",
    signal,
  });
  const blob = await response.blob();
  const end = await blob.slice(Math.max(0, blob.size - 4096)).text();
  const last = end.trimEnd().split("\n").at(-1) ?? "";
  if (kind === "csv") return { blob, cut: last.startsWith("# ") };
  // The last line is about the answer and not a row of it.
  const about = new TextEncoder().encode(`${last}\n`).length;
  return { blob: blob.slice(0, blob.size - about), cut: /"next_cursor":|"problem":/.test(last) };
}

export type Explained = { query: Query; selected: T.Selection };

export const useCompare = (asked: Explained | undefined, run: number) =>
  useQuery({
    queryKey: ["search", "compare", asked, run],
    queryFn: ({ signal }) =>
      api<T.CompareResponse>("/search/compare", {
        method: "POST",
        body: { ...asked?.query, selected: asked?.selected },
        signal,
      }),
    enabled: asked !== undefined,
    placeholderData: keepPreviousData,
    retry: false,
  });

export const useAround = (dataset: string, at: string, stream: readonly T.FieldValue[], rows: number) =>
  useQuery({
    queryKey: ["search", "around", dataset, at, stream, rows],
    queryFn: ({ signal }) =>
      api<T.AroundResponse>("/search/around", {
        method: "POST",
        body: { dataset, at, stream, before: rows, after: rows },
        signal,
      }),
    placeholderData: keepPreviousData,
    retry: false,
  });

export const usePatterns = (query: Query, run: number) =>
  useQuery({
    queryKey: ["search", "patterns", query, run],
    queryFn: ({ signal }) =>
      api<T.PatternsResponse>("/patterns", {
        query: { start: query.start, end: query.end, filter: query.filter },
        signal,
      }),
    placeholderData: keepPreviousData,
    retry: false,
  });

export const useFields = (dataset: string) =>
  useQuery({
    queryKey: ["fields", dataset],
    queryFn: ({ signal }) =>
      api<T.FieldsResponse>(`/datasets/${encodeURIComponent(dataset)}/fields`, { signal }),
    staleTime: 60_000,
  });

export type Tail = {
  rows: T.EventRow[];
  /** Rows seen since the tail began, shown or not. */
  seen: number;
  skipped: number;
  unread: number;
  state: "connecting" | "live" | "lost" | "paused";
};

const QUIET: Tail = { rows: [], seen: 0, skipped: 0, unread: 0, state: "connecting" };

/** Rows as they come in, newest first. Pausing closes the stream: what comes meanwhile is found by searching. */
export function useTail(dataset: string, filter: string, on: boolean, paused: boolean): Tail {
  const [tail, setTail] = useState<Tail>(QUIET);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another question begins anew
  useEffect(() => setTail(QUIET), [dataset, filter, on]);
  useEffect(() => {
    if (!on) return;
    if (paused) return setTail((old) => ({ ...old, state: "paused" }));
    const source = new EventSource(`/api/v1/tail?${new URLSearchParams({ dataset, filter })}`);
    source.onopen = () => setTail((old) => ({ ...old, state: "live" }));
    source.onerror = () => setTail((old) => ({ ...old, state: "lost" }));
    source.addEventListener("rows", (message) => {
      const came = JSON.parse((message as MessageEvent<string>).data) as T.TailRows;
      setTail((old) => ({
        rows: [...came.rows.toReversed(), ...old.rows].slice(0, TAIL_ROWS_MAX),
        seen: old.seen + came.rows.length + came.skipped,
        skipped: old.skipped + came.skipped,
        unread: old.unread + came.unread,
        state: "live",
      }));
    });
    return () => source.close();
  }, [dataset, filter, on, paused]);
  return tail;
}

export const useSaved = (kind: "search" | "sql") =>
  useQuery({
    queryKey: ["saved", kind],
    queryFn: ({ signal }) => api<T.SavedResponse>("/saved", { query: { kind }, signal }),
    staleTime: 30_000,
  });

export function useSave() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: T.SavedRequest) => api<T.SavedQuestion>("/saved", { method: "POST", body }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["saved"] }),
  });
}

export function useDeleteSaved() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => api<void>(`/saved/${encodeURIComponent(name)}`, { method: "DELETE" }),
    onSettled: () => client.invalidateQueries({ queryKey: ["saved"] }),
  });
}

/** One question at a time; asking again or `cancel` stops the one before, on the server too. */
export function useSql() {
  const [state, setState] = useState<{
    answer?: T.SqlResponse;
    error?: unknown;
    running: boolean;
    of?: string;
  }>({
    running: false,
  });
  const abort = useRef<AbortController | undefined>(undefined);
  const run = useCallback(async (query: string, limit: number) => {
    abort.current?.abort();
    const mine = new AbortController();
    abort.current = mine;
    setState((old) => ({ ...old, running: true, error: undefined }));
    try {
      const answer = await api<T.SqlResponse>("/sql", {
        method: "POST",
        body: { query, limit },
        signal: mine.signal,
      });
      if (abort.current === mine) setState({ answer, running: false, of: query });
    } catch (error) {
      if (abort.current === mine)
        setState((old) => ({
          ...old,
          running: false,
          error: mine.signal.aborted ? undefined : error,
        }));
    }
  }, []);
  const cancel = useCallback(() => abort.current?.abort(), []);
  useEffect(() => () => abort.current?.abort(), []);
  return { ...state, run, cancel };
}

export function useReplay() {
  return useMutation<
    T.ReplayResponse,
    ApiError,
    { slo?: string; documents?: string; start: string; end?: string }
  >({
    mutationFn: (body) => api<T.ReplayResponse>("/replay", { method: "POST", body }),
  });
}
