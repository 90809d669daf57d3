// Infrastructure and saturation. Keys begin with `infrastructure`, which is what the event stream says.
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "./client";
import type { components } from "./schema";

type Schemas = components["schemas"];
export type InfraResponse = Schemas["InfraResponse"];
export type InfraGroup = Schemas["InfraGroup"];
export type InfraUnit = Schemas["InfraUnit"];
export type InfraUnitDetail = Schemas["InfraUnitDetail"];
export type InfraWatch = Schemas["InfraWatch"];
export type Saturation = Schemas["Saturation"];
export type SaturationResponse = Schemas["SaturationResponse"];

/** Somebody who falls silent is seen within this. */
const REFRESH_MS = 10_000;

export type UnitsAsked = {
  kind: string;
  by?: string;
  measure?: string;
  query?: string;
  q?: string;
  range?: string;
  /** Whether units carry their histories; with `none`, only `unit` does. */
  history?: "all" | "none";
  unit?: string;
};

export const useUnits = (asked: UnitsAsked) =>
  useQuery({
    queryKey: ["infrastructure", "units", asked],
    queryFn: ({ signal }) => api<InfraResponse>("/infrastructure", { query: asked, signal }),
    placeholderData: keepPreviousData,
    refetchInterval: REFRESH_MS,
    retry: false,
  });

export const useUnit = (kind: string, id: string) =>
  useQuery({
    queryKey: ["infrastructure", "unit", kind, id],
    queryFn: ({ signal }) => api<InfraUnitDetail>("/infrastructure/unit", { query: { kind, id }, signal }),
    refetchInterval: REFRESH_MS,
    retry: false,
  });

export const useWatches = () =>
  useQuery({
    queryKey: ["infrastructure", "watches"],
    queryFn: ({ signal }) => api<Schemas["InfraWatches"]>("/infrastructure/watches", { signal }),
    refetchInterval: REFRESH_MS,
  });

function useChange<Input, Output>(change: (input: Input) => Promise<Output>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: () => client.invalidateQueries({ queryKey: ["infrastructure"] }),
  });
}

export const useRetire = () =>
  useChange((body: Schemas["InfraRetire"]) =>
    api<InfraUnit>("/infrastructure/retire", { method: "POST", body }),
  );

export const usePutWatch = () =>
  useChange((body: InfraWatch) =>
    api<Schemas["InfraWatchStatus"]>("/infrastructure/watches", { method: "POST", body }),
  );

export const useDeleteWatch = () =>
  useChange((name: string) =>
    api<void>(`/infrastructure/watches/${encodeURIComponent(name)}`, { method: "DELETE" }),
  );

export const useSaturation = (asked: { q?: string; query?: string; id?: string }, enabled = true) =>
  useQuery({
    queryKey: ["infrastructure", "saturation", asked],
    queryFn: ({ signal }) => api<SaturationResponse>("/saturation", { query: asked, signal }),
    placeholderData: keepPreviousData,
    refetchInterval: REFRESH_MS,
    retry: false,
    enabled,
  });
