// What the page of rules and targets shows of Prometheus' answers: which first, which at all, in which words.

import type { Labels } from "../api/metrics";
import type { AlertingRule, Rule, RuleGroup, Target } from "../api/rules";

export type Show = "all" | "firing" | "pending" | "broken";

export const isNever = (time: string) => time.startsWith("0001-");

const isAlerting = (rule: Rule): rule is AlertingRule => rule.type === "alerting";

/** A rule that cannot be evaluated says nothing, which is graver than one that waits. */
export function standing(rule: Rule): "firing" | "broken" | "pending" | "quiet" {
  if (isAlerting(rule) && rule.state === "firing") return "firing";
  if (rule.health === "err") return "broken";
  return isAlerting(rule) && rule.state === "pending" ? "pending" : "quiet";
}

const RANK = { firing: 0, broken: 1, pending: 2, quiet: 3 };

export type Totals = { rules: number; firing: number; pending: number; broken: number };

export function totals(groups: RuleGroup[]): Totals {
  const all = groups.flatMap((group) => group.rules);
  const of = (wanted: string) => all.filter((rule) => standing(rule) === wanted).length;
  return { rules: all.length, firing: of("firing"), pending: of("pending"), broken: of("broken") };
}

const has = (text: string, words: string) => text.toLowerCase().includes(words.toLowerCase());

/** Groups with what is wanted of them, the gravest first; the rest in the order of their files. */
export function wanted(groups: RuleGroup[], show: Show, words: string): RuleGroup[] {
  const fits = (group: RuleGroup, rule: Rule) =>
    (show === "all" || standing(rule) === show) &&
    (!words || has(`${group.file} ${group.name} ${rule.name} ${rule.query}`, words));
  const gravest = (group: RuleGroup) => Math.min(...group.rules.map((rule) => RANK[standing(rule)]));
  return groups
    .map((group) => ({ ...group, rules: group.rules.filter((rule) => fits(group, rule)) }))
    .filter((group) => group.rules.length > 0)
    .sort((a, b) => gravest(a) - gravest(b));
}

export type Pool = { name: string; targets: Target[]; up: number; dropped: number };

/** Targets by job, those that are down first; a job whose targets relabelling dropped is shown, too. */
export function pools(targets: Target[], dropped: Record<string, number> | null, words: string): Pool[] {
  const byName = new Map<string, Target[]>();
  for (const name of Object.keys(dropped ?? {})) byName.set(name, []);
  for (const target of targets) {
    byName.set(target.scrapePool, [...(byName.get(target.scrapePool) ?? []), target]);
  }
  const rank = { down: 0, unknown: 1, up: 2 };
  const fits = (target: Target) =>
    !words ||
    has(`${target.scrapePool} ${target.scrapeUrl} ${Object.values(target.labels).join(" ")}`, words);
  return [...byName]
    .map(([name, all]) => ({
      name,
      targets: all.filter(fits).sort((a, b) => rank[a.health] - rank[b.health]),
      up: all.filter((target) => target.health === "up").length,
      dropped: dropped?.[name] ?? 0,
    }))
    .filter((pool) => pool.targets.length > 0 || (!words && byName.get(pool.name)?.length === 0))
    .sort((a, b) => Number(a.up === a.targets.length) - Number(b.up === b.targets.length));
}

const quoted = (value: string) => JSON.stringify(value);

/** `up{job="shop",instance="h:9100"}` */
export function upOf(target: Target): string {
  const { job = target.scrapePool, instance = "" } = target.labels;
  return `up{job=${quoted(job)},instance=${quoted(instance)}}`;
}

/** Labels that tell an alert from its siblings: not its name, nor what the rule gives all of them. */
export function own(alert: Labels, rule: Labels): [string, string][] {
  return Object.entries(alert).filter(([name, value]) => name !== "alertname" && rule[name] !== value);
}

/** The same alert, as the list of all alerts has it. */
export const sameLabels = (a: Labels, b: Labels) => {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
};
