// Typed hooks, one per route. Keys begin with the word that the event stream uses, so that an event names what to read again.
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { language } from "../lib/i18n";
import type { DatasetName } from "../lib/url";
import { api, setCsrfToken } from "./client";
import type * as T from "./types";

/** Live figures are read again this often even when the stream is silent. */
export const LIVE_MS = 5_000;

const enc = encodeURIComponent;

export function useSession() {
  return useQuery({
    queryKey: ["session"],
    queryFn: async ({ signal }) => {
      const session = await api<T.Session>("/session", { signal });
      setCsrfToken(session.csrf_token);
      return session;
    },
    retry: false,
    staleTime: 60_000,
  });
}

export function useSignIn() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (proof: T.SignInRequest) => api<T.Session>("/session", { method: "POST", body: proof }),
    onSuccess: (session) => {
      setCsrfToken(session.csrf_token);
      client.setQueryData(["session"], session);
      client.invalidateQueries();
    },
  });
}

export function useSignOut() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => api<void>("/session", { method: "DELETE" }),
    onSettled: () => {
      setCsrfToken(undefined);
      client.clear();
      location.assign("/sign-in");
    },
  });
}

export const useSlos = () =>
  useQuery({
    queryKey: ["slos", "list", language()],
    queryFn: ({ signal }) => api<T.SlosResponse>("/slos", { query: { lang: language() }, signal }),
    refetchInterval: LIVE_MS,
  });

export const useSlo = (name: string) =>
  useQuery({
    queryKey: ["slos", "one", name, language()],
    queryFn: ({ signal }) => api<T.Slo>(`/slos/${enc(name)}`, { query: { lang: language() }, signal }),
    refetchInterval: LIVE_MS,
  });

export const useSloSeries = (name: string, start: string, end: string) =>
  useQuery({
    queryKey: ["slos", "series", name, start, end],
    queryFn: ({ signal }) =>
      api<T.SloSeriesResponse>(`/slos/${enc(name)}/series`, { query: { start, end }, signal }),
    placeholderData: keepPreviousData,
  });

export const useSuspects = (name: string, windowSecs: number) =>
  useQuery({
    queryKey: ["slos", "suspects", name, windowSecs],
    queryFn: ({ signal }) =>
      api<T.SuspectsResponse>(`/slos/${enc(name)}/suspects`, { query: { window_secs: windowSecs }, signal }),
    refetchInterval: 15_000,
    placeholderData: keepPreviousData,
  });

export const useAlerts = (state?: string) =>
  useQuery({
    queryKey: ["alert", "list", state ?? ""],
    queryFn: ({ signal }) => api<T.AlertsResponse>("/alerts", { query: { state }, signal }),
    refetchInterval: LIVE_MS,
  });

export const usePages = () =>
  useQuery({
    queryKey: ["page", "list"],
    queryFn: ({ signal }) => api<T.PagesResponse>("/pages", { signal }),
    refetchInterval: LIVE_MS,
  });

export const useIncidents = (state?: string) =>
  useQuery({
    queryKey: ["incident", "list", state ?? ""],
    queryFn: ({ signal }) => api<T.IncidentsResponse>("/incidents", { query: { state }, signal }),
    refetchInterval: LIVE_MS,
  });

export const useIncident = (id: string) =>
  useQuery({
    queryKey: ["incident", "one", id, language()],
    queryFn: ({ signal }) =>
      api<T.IncidentDetail>(`/incidents/${enc(id)}`, { query: { lang: language() }, signal }),
    refetchInterval: LIVE_MS,
  });

export type Step =
  | "acknowledge"
  | "escalate"
  | "confirm"
  | "assign"
  | "update"
  | "note"
  | "mitigate"
  | "resolve"
  | "review"
  | "cancel"
  | "reopen";

export function useStep(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ step, body }: { step: Step; body: T.StepRequest }) =>
      api<T.Incident>(`/incidents/${enc(id)}/${step}`, { method: "POST", body }),
    onSettled: () => client.invalidateQueries({ queryKey: ["incident"] }),
  });
}

export function useReport() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: T.ReportRequest) => api<T.ReportResponse>("/incidents", { method: "POST", body }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["incident"] }),
  });
}

export type Query = { dataset: DatasetName; filter: string; start: string; end: string };

export const searchPage = (query: Query, cursor: string | undefined, signal: AbortSignal) =>
  api<T.SearchResponse>("/search", { method: "POST", body: { ...query, limit: 500, cursor }, signal });

export const useHistogram = (query: Query, splitBy: string | undefined, run: number) =>
  useQuery({
    queryKey: ["search", "histogram", query, splitBy, run],
    queryFn: ({ signal }) =>
      api<T.HistogramResponse>("/search/histogram", {
        method: "POST",
        body: { ...query, buckets: 90, split_by: splitBy },
        signal,
      }),
    placeholderData: keepPreviousData,
    retry: false,
  });

export const useFacets = (query: Query, run: number) =>
  useQuery({
    queryKey: ["search", "facets", query, run],
    queryFn: ({ signal }) => api<T.FacetsResponse>("/search/facets", { method: "POST", body: query, signal }),
    placeholderData: keepPreviousData,
    retry: false,
  });

export const suggest = (query: Query, text: string, cursor: number, signal: AbortSignal) =>
  api<T.SuggestResponse>("/search/suggest", {
    method: "POST",
    body: { dataset: query.dataset, text, cursor, start: query.start, end: query.end },
    signal,
  });

export const useTrace = (id: string) =>
  useQuery({
    queryKey: ["trace", id],
    queryFn: ({ signal }) => api<T.TraceResponse>(`/traces/${enc(id)}`, { signal }),
    staleTime: 30_000,
    retry: false,
  });

export const useServices = (start: string, end: string) =>
  useQuery({
    queryKey: ["services", start, end],
    queryFn: ({ signal }) => api<T.ServicesResponse>("/services", { query: { start, end }, signal }),
    placeholderData: keepPreviousData,
  });

export const useChanges = (start: string, end: string, service?: string) =>
  useQuery({
    queryKey: ["change", start, end, service ?? ""],
    queryFn: ({ signal }) => api<T.ChangesResponse>("/changes", { query: { start, end, service }, signal }),
    placeholderData: keepPreviousData,
  });

export const useStatus = () =>
  useQuery({
    queryKey: ["status"],
    queryFn: ({ signal }) => api<T.Status>("/status", { signal }),
    refetchInterval: LIVE_MS,
  });

export const useClocks = () =>
  useQuery({
    queryKey: ["clocks"],
    queryFn: ({ signal }) => api<T.ClocksResponse>("/clocks", { signal }),
    refetchInterval: LIVE_MS,
  });

export const useLimits = () =>
  useQuery({
    queryKey: ["limits"],
    queryFn: ({ signal }) => api<T.LimitsResponse>("/limits", { signal }),
    refetchInterval: LIVE_MS,
  });

export function useConfirmLimits() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (limits: string[]) =>
      api<T.LimitsResponse>("/limits/confirm", { method: "POST", body: { limits } }),
    onSuccess: (now) => client.setQueryData(["limits"], now),
  });
}

export const useKeys = (enabled: boolean) =>
  useQuery({
    queryKey: ["keys"],
    queryFn: ({ signal }) => api<T.KeysResponse>("/keys", { signal }),
    enabled,
  });

export function useCreateKey() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: T.KeyRequest) => api<T.KeyCreated>("/keys", { method: "POST", body }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["keys"] }),
  });
}

/** A key in the place of another, which goes on for a week. */
export function useReplaceKey() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => api<T.KeyCreated>(`/keys/${enc(id)}/replace`, { method: "POST", body: {} }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["keys"] }),
  });
}

export function useRevokeKey() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => api<void>(`/keys/${enc(id)}`, { method: "DELETE" }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["keys"] }),
  });
}
