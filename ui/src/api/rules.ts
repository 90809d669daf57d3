// Hooks of Prometheus' rules and targets, as its API tells them. Keys of rules begin with `alert`, which is what the event
// stream says when one of them changes.
import { useQuery } from "@tanstack/react-query";
import { api } from "./client";
import type { Labels } from "./metrics";

const BASE = "/prometheus/api/v1";
/** Rules are evaluated and targets scraped some times a minute. */
const EVERY_MS = 5_000;

export type RuleAlert = {
  labels: Labels;
  annotations: Labels;
  state: "pending" | "firing";
  activeAt: string;
  keepFiringSince?: string;
  value: string;
};
type Evaluated = {
  name: string;
  query: string;
  labels: Labels;
  health: "ok" | "err" | "unknown";
  lastError?: string;
  evaluationTime: number;
  lastEvaluation: string;
};
export type AlertingRule = Evaluated & {
  type: "alerting";
  state: "inactive" | "pending" | "firing" | "unknown";
  duration: number;
  keepFiringFor: number;
  annotations: Labels;
  alerts: RuleAlert[];
};
export type RecordingRule = Evaluated & { type: "recording" };
export type Rule = AlertingRule | RecordingRule;
export type RuleGroup = {
  name: string;
  file: string;
  interval: number;
  limit: number;
  evaluationTime: number;
  lastEvaluation: string;
  rules: Rule[];
};

export type Target = {
  labels: Labels;
  discoveredLabels: Labels;
  scrapePool: string;
  scrapeUrl: string;
  lastError: string;
  lastScrape: string;
  lastScrapeDuration: number;
  health: "up" | "down" | "unknown";
  scrapeInterval: string;
};
export type Targets = {
  activeTargets: Target[];
  droppedTargetCounts: Record<string, number> | null;
};

type Envelope<T> = { data: T };

export const useRules = () =>
  useQuery({
    queryKey: ["alert", "rules"],
    queryFn: async ({ signal }) =>
      (await api<Envelope<{ groups: RuleGroup[] }>>("/rules", { base: BASE, signal })).data.groups,
    refetchInterval: EVERY_MS,
  });

export const useTargets = () =>
  useQuery({
    queryKey: ["targets"],
    queryFn: async ({ signal }) => (await api<Envelope<Targets>>("/targets", { base: BASE, signal })).data,
    refetchInterval: EVERY_MS,
  });
