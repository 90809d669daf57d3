// Hooks of address credit: how clients behave, who is blocked, what settings would have done.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "./client";
import { LIVE_MS } from "./hooks";
import type { components } from "./schema";

type Schemas = components["schemas"];
export type Status = Schemas["CreditStatus"];
export type Settings = Schemas["CreditSettings"];
export type Address = Schemas["CreditAddress"];
export type Block = Schemas["CreditBlock"];
export type Reason = Schemas["CreditReason"];
export type Explanation = Schemas["CreditExplanation"];
export type Rehearsal = Schemas["CreditRehearsal"];

export const useCredit = () =>
  useQuery({
    queryKey: ["credit", "status"],
    queryFn: ({ signal }) => api<Status>("/credit", { signal }),
    refetchInterval: LIVE_MS,
  });

export const useExplanation = (address: string) =>
  useQuery({
    queryKey: ["credit", "address", address],
    queryFn: ({ signal }) =>
      api<Explanation>(`/credit/address?address=${encodeURIComponent(address)}`, { signal }),
    refetchInterval: LIVE_MS,
  });

export function useSetCredit() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: Settings) => api<Status>("/credit/settings", { method: "PUT", body }),
    onSettled: () => client.invalidateQueries({ queryKey: ["credit"] }),
  });
}

export const useRehearse = () =>
  useMutation({
    mutationFn: (body: Schemas["CreditRehearsalRequest"]) =>
      api<Rehearsal>("/credit/rehearse", { method: "POST", body }),
  });

export function useRelease() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (network: string) => api<Block>("/credit/release", { method: "POST", body: { network } }),
    onSettled: () => client.invalidateQueries({ queryKey: ["credit"] }),
  });
}
