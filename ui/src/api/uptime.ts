// Probes, heartbeats and runners. Keys begin with `uptime`, which is what the event stream says.
import { useQuery } from "@tanstack/react-query";
import { api } from "./client";
import { LIVE_MS } from "./hooks";
import type { components } from "./schema";

type Schemas = components["schemas"];
export type UptimeResponse = Schemas["UptimeResponse"];
export type ProbeStatus = Schemas["ProbeStatus"];
export type ProbeLocation = Schemas["ProbeLocation"];
export type ProbeDay = Schemas["ProbeDay"];
export type HeartbeatStatus = Schemas["HeartbeatStatus"];
export type RunnerStatus = Schemas["RunnerStatus"];

export const useUptime = () =>
  useQuery({
    queryKey: ["uptime"],
    queryFn: ({ signal }) => api<UptimeResponse>("/uptime", { signal }),
    refetchInterval: LIVE_MS,
  });
