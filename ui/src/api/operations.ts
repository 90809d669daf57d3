// Operations and the audit log: typed hooks. Runs hang on the word `run` of the event stream.
import {
  keepPreviousData,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { api } from "./client";
import { LIVE_MS } from "./hooks";
import type * as T from "./types";

const enc = encodeURIComponent;
/** A run on its way is looked at this often even when the stream is silent. */
const RUN_MS = 1_500;

export const useActions = () =>
  useQuery({
    queryKey: ["run", "catalogue"],
    queryFn: ({ signal }) => api<T.ActionsResponse>("/actions", { signal }),
    staleTime: 10_000,
  });

export const useInventory = (everyMs = LIVE_MS) =>
  useQuery({
    queryKey: ["run", "inventory"],
    queryFn: ({ signal }) => api<T.CloudInventory>("/actions/inventory", { signal }),
    refetchInterval: everyMs,
  });

export const useRuns = (incident?: string) =>
  useQuery({
    queryKey: ["run", "list", incident ?? ""],
    queryFn: ({ signal }) => api<T.RunsResponse>("/actions/runs", { query: { incident }, signal }),
    refetchInterval: LIVE_MS,
  });

export const useRun = (id: string) =>
  useQuery({
    queryKey: ["run", "one", id],
    queryFn: ({ signal }) => api<T.ActionRun>(`/actions/runs/${enc(id)}`, { signal }),
    refetchInterval: (query) => (query.state.data?.is_over ? LIVE_MS : RUN_MS),
  });

export const useRunHistory = (id: string) =>
  useQuery({
    queryKey: ["run", "history", id],
    queryFn: ({ signal }) => api<T.RunEventsResponse>(`/actions/runs/${enc(id)}/history`, { signal }),
    refetchInterval: LIVE_MS,
  });

export const usePlan = (action: string, values: T.ActionArguments | undefined) =>
  useQuery({
    queryKey: ["plan", action, values],
    queryFn: ({ signal }) =>
      api<T.ActionPlan>("/actions/plan", { method: "POST", body: { action, arguments: values }, signal }),
    enabled: values !== undefined,
    // The world moves: a plan that is looked at for long is made again.
    refetchInterval: LIVE_MS,
    placeholderData: keepPreviousData,
    retry: false,
  });

export const useRead = (action: string, values: T.ActionArguments | undefined) =>
  useQuery({
    queryKey: ["run", "read", action, values],
    queryFn: ({ signal }) =>
      api<{ seen: Record<string, unknown> }>("/actions/read", {
        method: "POST",
        body: { action, arguments: values },
        signal,
      }),
    enabled: values !== undefined,
    refetchInterval: LIVE_MS,
    retry: false,
  });

export type RunStart = {
  action: string;
  arguments: T.ActionArguments;
  plan_hash: string;
  idempotency_key: string;
  incident?: string;
};

export function useStartRun() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: RunStart) => api<T.ActionRun>("/actions/runs", { method: "POST", body }),
    onSettled: () => client.invalidateQueries({ queryKey: ["run"] }),
  });
}

export type RunCommand = "approve" | "start" | "cancel" | "answer";

export function useStepRun(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ step, body = {} }: { step: RunCommand; body?: T.RunStepRequest }) =>
      api<T.ActionRun>(`/actions/runs/${enc(id)}/${step}`, { method: "POST", body }),
    onSettled: () => client.invalidateQueries({ queryKey: ["run"] }),
  });
}

export function useStop() {
  const client = useQueryClient();
  return useMutation({
    /** No reason lifts the stop. */
    mutationFn: (reason: string | undefined): Promise<unknown> =>
      reason === undefined
        ? api<void>("/actions/stop", { method: "DELETE" })
        : api<T.GlobalStop>("/actions/stop", { method: "POST", body: { reason } }),
    onSettled: () => client.invalidateQueries({ queryKey: ["run"] }),
  });
}

export type AuditFilter = { result: string; action: string; text: string };
const AUDIT_PAGE = 100;

export const auditPage = (
  filter: AuditFilter,
  before: number | undefined,
  limit: number,
  signal?: AbortSignal,
) => api<T.AuditResponse>("/audit", { query: { newest: 1, before, limit, ...filter }, signal });

export const useAudit = (filter: AuditFilter, enabled: boolean) =>
  useInfiniteQuery({
    queryKey: ["audit", "list", filter],
    queryFn: ({ pageParam, signal }) => auditPage(filter, pageParam, AUDIT_PAGE, signal),
    initialPageParam: undefined as number | undefined,
    getNextPageParam: (last) => last.next_before ?? undefined,
    placeholderData: keepPreviousData,
    enabled,
  });

export const useAuditVerdict = (enabled: boolean) =>
  useQuery({
    queryKey: ["audit", "verdict"],
    queryFn: ({ signal }) => api<T.AuditVerdict>("/audit/verify", { signal }),
    enabled,
    staleTime: 60_000,
  });
