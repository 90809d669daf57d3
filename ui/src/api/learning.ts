// Hooks of postmortems, reviews, meetings and takeovers. Keys begin with `postmortem` and `sheet`, as the event stream says.
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "./client";
import type { components } from "./schema";

type Schemas = components["schemas"];
export type Postmortem = Schemas["Postmortem"];
export type PostmortemSummary = Schemas["PostmortemSummary"];
export type PostmortemEdit = Schemas["PostmortemEdit"];
export type FrozenChart = Schemas["FrozenChart"];
export type Measure = Schemas["Measure"];
export type Review = Schemas["ReviewResponse"];
export type Meeting = Schemas["MeetingResponse"];
export type Sheet = Schemas["Sheet"];
export type ReviewReport = Schemas["ReviewReport"];
export type SheetEdit = Schemas["SheetEdit"];

const enc = encodeURIComponent;

export const usePostmortems = () =>
  useQuery({
    queryKey: ["postmortem", "list"],
    queryFn: ({ signal }) => api<Schemas["PostmortemsResponse"]>("/postmortems", { signal }),
  });

export const usePostmortem = (id: string) =>
  useQuery({
    queryKey: ["postmortem", "one", id],
    queryFn: ({ signal }) => api<Postmortem>(`/postmortems/${enc(id)}`, { signal }),
    retry: false,
  });

export function useEditPostmortem(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: PostmortemEdit) =>
      api<Postmortem>(`/postmortems/${enc(id)}`, { method: "POST", body }),
    onSuccess: (answer) => client.setQueryData(["postmortem", "one", id], answer),
    onSettled: () => client.invalidateQueries({ queryKey: ["postmortem", "list"] }),
  });
}

export function useStepPostmortem(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ step, version }: { step: "draft" | "close" | "reopen"; version: number }) =>
      api<Postmortem>(`/postmortems/${enc(id)}/${step}`, { method: "POST", body: { version } }),
    onSuccess: (answer) => client.setQueryData(["postmortem", "one", id], answer),
    onSettled: () => client.invalidateQueries({ queryKey: ["postmortem", "list"] }),
  });
}

export const useReview = (start: string, end: string) =>
  useQuery({
    queryKey: ["postmortem", "review", start, end],
    queryFn: ({ signal }) => api<Review>("/review", { query: { start, end }, signal }),
    placeholderData: keepPreviousData,
  });

export const useReports = () =>
  useQuery({
    queryKey: ["postmortem", "reports"],
    queryFn: ({ signal }) => api<Schemas["ReviewReportsResponse"]>("/review/reports", { signal }),
  });

export const useReport = (name: string) =>
  useQuery({
    queryKey: ["postmortem", "report", name],
    queryFn: ({ signal }) => api<Schemas["ReportPreview"]>(`/review/reports/${enc(name)}`, { signal }),
  });

export function useSendReport(name: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () =>
      api<Schemas["ReportPreview"]>(`/review/reports/${enc(name)}/send`, { method: "POST", body: {} }),
    onSettled: () => client.invalidateQueries({ queryKey: ["postmortem", "reports"] }),
  });
}

export const useMeeting = (week: string) =>
  useQuery({
    queryKey: ["sheet", "meeting", week],
    queryFn: ({ signal }) => api<Meeting>(`/meetings/${enc(week)}`, { signal }),
    placeholderData: keepPreviousData,
  });

export const useTakeover = (service: string) =>
  useQuery({
    queryKey: ["sheet", "takeover", service],
    queryFn: ({ signal }) => api<Sheet>(`/takeovers/${enc(service)}`, { signal }),
    enabled: service !== "",
  });

export function useEditSheet(kind: "meetings" | "takeovers", key: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: SheetEdit) => api<Sheet>(`/${kind}/${enc(key)}`, { method: "POST", body }),
    onSettled: () => client.invalidateQueries({ queryKey: ["sheet"] }),
  });
}
