// Hooks of services, endpoints, the map, error groups and comparisons.
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { api } from "./client";
import type { components } from "./schema";

type Schemas = components["schemas"];
export type Figures = Schemas["Figures"];
export type Spark = Schemas["Spark"];
export type ApmService = Schemas["ApmService"];
export type ApmEndpoint = Schemas["ApmEndpoint"];
export type ServiceVersion = Schemas["ServiceVersion"];
export type ServiceMapResponse = Schemas["ServiceMapResponse"];
export type MapNode = Schemas["MapNode"];
export type MapEdge = Schemas["MapEdge"];
export type ErrorGroup = Schemas["ErrorGroup"];
export type ErrorGroupResponse = Schemas["ErrorGroupResponse"];
export type StackFrame = Schemas["StackFrame"];
export type VersionCount = Schemas["VersionCount"];
export type CompareSide = Schemas["CompareSide"];
export type ComparedEndpoint = Schemas["ComparedEndpoint"];
export type Comparison = Schemas["ApmCompareResponse"];
export type Interval = Schemas["Interval"];

/** Which requests are looked at. */
export type Scope = { start: string; end: string; service?: string | null; filter?: string | null };

const queryOf = ({ start, end, service, filter }: Scope) => ({
  start,
  end,
  service: service || undefined,
  filter: filter || undefined,
});

export const useApmServices = (scope: Scope) =>
  useQuery({
    queryKey: ["apm", "services", scope],
    queryFn: ({ signal }) =>
      api<Schemas["ApmServicesResponse"]>("/apm/services", { query: queryOf(scope), signal }),
    placeholderData: keepPreviousData,
  });

export const useEndpoints = (scope: Scope) =>
  useQuery({
    queryKey: ["apm", "endpoints", scope],
    queryFn: ({ signal }) =>
      api<Schemas["EndpointsResponse"]>("/apm/endpoints", { query: queryOf(scope), signal }),
    placeholderData: keepPreviousData,
  });

export const useServiceMap = (scope: Scope, enabled = true) =>
  useQuery({
    queryKey: ["apm", "map", scope],
    queryFn: ({ signal }) => api<ServiceMapResponse>("/apm/map", { query: queryOf(scope), signal }),
    placeholderData: keepPreviousData,
    enabled,
  });

export const useErrorGroups = (scope: Scope, enabled = true) =>
  useQuery({
    queryKey: ["apm", "errors", scope],
    queryFn: ({ signal }) =>
      api<Schemas["ErrorGroupsResponse"]>("/apm/errors", { query: queryOf(scope), signal }),
    placeholderData: keepPreviousData,
    enabled,
  });

export const useErrorGroup = (fingerprint: string, scope: Scope) =>
  useQuery({
    queryKey: ["apm", "error", fingerprint, scope],
    queryFn: ({ signal }) =>
      api<ErrorGroupResponse>(`/apm/errors/${encodeURIComponent(fingerprint)}`, {
        query: queryOf(scope),
        signal,
      }),
    placeholderData: keepPreviousData,
    retry: false,
  });

export type Sides = { service?: string; baseline: CompareSide; candidate: CompareSide };

export const useComparison = (sides: Sides | undefined) =>
  useQuery({
    queryKey: ["apm", "compare", sides],
    queryFn: ({ signal }) => api<Comparison>("/apm/compare", { method: "POST", body: sides, signal }),
    enabled: sides !== undefined,
    placeholderData: keepPreviousData,
    retry: false,
  });
