// What a service has by itself, and documents that are applied as they are.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "./client";
import type { components } from "./schema";

type Schemas = components["schemas"];

export const useServiceDefaults = (service: string) =>
  useQuery({
    queryKey: ["slos", "defaults", service],
    queryFn: ({ signal }) =>
      api<Schemas["ServiceDefaults"]>(`/services/${encodeURIComponent(service)}/defaults`, { signal }),
    enabled: service !== "",
    staleTime: 60_000,
    retry: false,
  });

export function useApplyDocuments() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (yaml: string) =>
      api<Schemas["ApplyResponse"]>("/apply", { method: "POST", text: yaml, type: "application/yaml" }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["slos"] }),
  });
}
