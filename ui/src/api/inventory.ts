// Hooks of the inventory: what there is, whether it keeps to the standards, what is waived.
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "./client";
import type { components } from "./schema";

type Schemas = components["schemas"];
export type Score = Schemas["InventoryScore"];
export type Standard = Schemas["InventoryStandard"];
export type Group = Schemas["ComplianceGroup"];
export type Resource = Schemas["InventoryResource"];
export type Verdict = Schemas["InventoryVerdict"];
export type Waiver = Schemas["ComplianceWaiver"];
export type WaiverRequest = Schemas["WaiverRequest"];

const enc = encodeURIComponent;

export const useScore = () =>
  useQuery({
    queryKey: ["inventory", "score"],
    queryFn: ({ signal }) => api<Score>("/inventory/score", { signal }),
  });

export const useResources = (query: string) =>
  useQuery({
    queryKey: ["inventory", "resources", query],
    queryFn: ({ signal }) => api<Schemas["InventoryResources"]>(`/inventory/resources?${query}`, { signal }),
    placeholderData: keepPreviousData,
  });

export const useResource = (key: string) =>
  useQuery({
    queryKey: ["inventory", "resource", key],
    queryFn: ({ signal }) => api<Resource>(`/inventory/resource?key=${enc(key)}`, { signal }),
  });

export const useWaivers = () =>
  useQuery({
    queryKey: ["inventory", "waivers"],
    queryFn: ({ signal }) => api<Schemas["WaiversResponse"]>("/inventory/waivers", { signal }),
  });

/** A change of the inventory; everything about it is asked for again. */
function useChange<T, R>(call: (input: T) => Promise<R>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: call,
    onSettled: () => client.invalidateQueries({ queryKey: ["inventory"] }),
  });
}

export const useCollect = () =>
  useChange((_: undefined) => api<Schemas["InventoryTaken"]>("/inventory/collect", { method: "POST" }));

export const useImport = () =>
  useChange((body: Schemas["InventoryImport"]) =>
    api<Schemas["InventoryTaken"]>("/inventory/import", { method: "POST", body }),
  );

export const useAskWaiver = () =>
  useChange((body: WaiverRequest) => api<Waiver>("/inventory/waivers", { method: "POST", body }));

export const useApproveWaiver = () =>
  useChange((id: string) => api<Waiver>(`/inventory/waivers/${enc(id)}/approve`, { method: "POST" }));

export const useRemoveWaiver = () =>
  useChange((id: string) => api<void>(`/inventory/waivers/${enc(id)}`, { method: "DELETE" }));
