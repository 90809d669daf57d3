// Hooks of status pages and of statements for the public.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "./client";
import type { components } from "./schema";

type Schemas = components["schemas"];
export type PublicPage = Schemas["StatusPage"];
export type PublicPageRequest = Schemas["StatusPageRequest"];
export type Statement = Schemas["Statement"];

const enc = encodeURIComponent;

export const useStatusPages = () =>
  useQuery({
    queryKey: ["statuspages"],
    queryFn: ({ signal }) => api<Schemas["StatusPagesResponse"]>("/status-pages", { signal }),
  });

export function usePutStatusPage() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ name, body }: { name: string; body: PublicPageRequest }) =>
      api<PublicPage>(`/status-pages/${enc(name)}`, { method: "POST", body }),
    onSettled: () => client.invalidateQueries({ queryKey: ["statuspages"] }),
  });
}

export function useRemoveStatusPage() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => api<void>(`/status-pages/${enc(name)}`, { method: "DELETE" }),
    onSettled: () => client.invalidateQueries({ queryKey: ["statuspages"] }),
  });
}

export const useStatements = (id: string) =>
  useQuery({
    queryKey: ["incident", "statements", id],
    queryFn: ({ signal }) =>
      api<Schemas["StatementsResponse"]>(`/incidents/${enc(id)}/statements`, { signal }),
  });

export function useStatement(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ number, body }: { number?: number; body: { text: string } | { role: string } }) =>
      api<Statement>(`/incidents/${enc(id)}/statements${number ? `/${number}` : ""}`, {
        method: "POST",
        body,
      }),
    onSettled: () => client.invalidateQueries({ queryKey: ["incident"] }),
  });
}

/** A viewer's key for a screen that nobody signs in at. */
export const useWallLink = () =>
  useMutation({
    mutationFn: () =>
      api<Schemas["KeyCreated"]>("/keys", { method: "POST", body: { name: "wall", role: "viewer" } }),
  });
