// Hooks of on call, silences and escalations. Keys begin with `oncall`, which is what the event stream says.
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "./client";
import { LIVE_MS } from "./hooks";
import type { components } from "./schema";

type Schemas = components["schemas"];
export type OncallResponse = Schemas["OncallResponse"];
export type OncallTeam = Schemas["OncallTeam"];
export type ScheduleNow = Schemas["ScheduleNow"];
export type ShiftsResponse = Schemas["ShiftsResponse"];
export type Shift = Schemas["Shift"];
export type Override = Schemas["Override"];
export type Escalation = Schemas["Escalation"];
export type ForeignAlert = Schemas["ForeignAlert"];
export type Silence = Schemas["Silence"];
export type SilenceRequest = Schemas["SilenceRequest"];
type OverridesResponse = Schemas["OverridesResponse"];
type SilenceResponse = Schemas["SilenceResponse"];

const enc = encodeURIComponent;

export const useOncall = () =>
  useQuery({
    queryKey: ["oncall", "now"],
    queryFn: ({ signal }) => api<OncallResponse>("/oncall", { signal }),
    refetchInterval: 30_000,
  });

export const useShifts = (schedule: string | undefined, start: string, end: string) =>
  useQuery({
    queryKey: ["oncall", "shifts", schedule, start, end],
    queryFn: ({ signal }) =>
      api<ShiftsResponse>(`/schedules/${enc(schedule ?? "")}/shifts`, { query: { start, end }, signal }),
    enabled: Boolean(schedule),
    placeholderData: keepPreviousData,
  });

/** One change of a schedule: which call, and what it takes. */
export type ShiftChange =
  | { call: "take"; body: Schemas["TakeRequest"] }
  | { call: "overrides"; body: Schemas["OverrideRequest"] }
  | { call: "swap"; body: Schemas["SwapRequest"] };

export function useShiftChange(schedule: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ call, body }: ShiftChange) =>
      api<OverridesResponse>(`/schedules/${enc(schedule)}/${call}`, { method: "POST", body }),
    onSettled: () => client.invalidateQueries({ queryKey: ["oncall"] }),
  });
}

export function useRemoveOverride(schedule: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) =>
      api<void>(`/schedules/${enc(schedule)}/overrides/${enc(id)}`, { method: "DELETE" }),
    onSettled: () => client.invalidateQueries({ queryKey: ["oncall"] }),
  });
}

export const useCreateCalendar = (schedule: string) =>
  useMutation({
    mutationFn: () =>
      api<Schemas["CalendarCreated"]>(`/schedules/${enc(schedule)}/calendars`, { method: "POST", body: {} }),
  });

export const useSilences = () =>
  useQuery({
    queryKey: ["oncall", "silences"],
    queryFn: ({ signal }) => api<Schemas["SilencesResponse"]>("/silences", { signal }),
    refetchInterval: LIVE_MS,
  });

/** What a silence would hold back, while it is being written. */
export const useSilencePreview = (request: SilenceRequest | undefined) =>
  useQuery({
    queryKey: ["alert", "silence-preview", request],
    queryFn: ({ signal }) =>
      api<SilenceResponse>("/silences", {
        method: "POST",
        query: { dry_run: "true" },
        body: request,
        signal,
      }),
    enabled: Boolean(request),
    retry: false,
    placeholderData: keepPreviousData,
  });

export function useSetSilence() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: SilenceRequest) => api<SilenceResponse>("/silences", { method: "POST", body }),
    onSettled: () => client.invalidateQueries({ queryKey: ["oncall"] }),
  });
}

export function useEndSilence() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => api<void>(`/silences/${enc(id)}`, { method: "DELETE" }),
    onSettled: () => client.invalidateQueries({ queryKey: ["oncall"] }),
  });
}

export function useSeparate() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ fingerprint, label }: { fingerprint: string; label: string }) =>
      api<Schemas["SeparateResponse"]>(`/alerts/${enc(fingerprint)}/separate`, {
        method: "POST",
        body: { labels: [label] },
      }),
    onSettled: () => client.invalidateQueries({ queryKey: ["alert"] }),
  });
}
