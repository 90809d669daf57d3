import { describe, expect, it } from "vitest";
import type { AlertingRule, RuleGroup, Target } from "../api/rules";
import { own, pools, sameLabels, standing, totals, upOf, wanted } from "./rules";

const rule = (name: string, more: Partial<AlertingRule> = {}): AlertingRule => ({
  type: "alerting",
  name,
  query: `${name} > 1`,
  labels: {},
  annotations: {},
  health: "ok",
  state: "inactive",
  duration: 0,
  keepFiringFor: 0,
  alerts: [],
  evaluationTime: 0,
  lastEvaluation: "2026-01-01T00:00:00Z",
  ...more,
});
const group = (name: string, rules: RuleGroup["rules"]): RuleGroup => ({
  name,
  file: `${name}.yml`,
  interval: 60,
  limit: 0,
  evaluationTime: 0,
  lastEvaluation: "2026-01-01T00:00:00Z",
  rules,
});
const target = (pool: string, instance: string, health: Target["health"]): Target => ({
  labels: { job: pool, instance },
  discoveredLabels: {},
  scrapePool: pool,
  scrapeUrl: `http://${instance}/metrics`,
  lastError: "",
  lastScrape: "2026-01-01T00:00:00Z",
  lastScrapeDuration: 0.01,
  health,
  scrapeInterval: "15s",
});

describe("rules", () => {
  const groups = [
    group("calm", [rule("Quiet")]),
    group("shop", [
      rule("Wrong", { health: "err" }),
      rule("Fire", { state: "firing" }),
      rule("Soon", { state: "pending" }),
    ]),
  ];

  it("are counted by how they stand", () => {
    expect(totals(groups)).toEqual({ rules: 4, firing: 1, pending: 1, broken: 1 });
    expect(standing(rule("Both", { health: "err", state: "firing" }))).toBe("firing");
  });

  it("come with the gravest group first, and only those that are wanted", () => {
    expect(wanted(groups, "all", "").map((one) => one.name)).toEqual(["shop", "calm"]);
    expect(wanted(groups, "broken", "").flatMap((one) => one.rules.map((each) => each.name))).toEqual([
      "Wrong",
    ]);
    expect(wanted(groups, "all", "quiet >").map((one) => one.name)).toEqual(["calm"]);
  });

  it("tell alerts apart by what is their own", () => {
    expect(own({ alertname: "A", severity: "page", pod: "x" }, { severity: "page" })).toEqual([["pod", "x"]]);
    expect(sameLabels({ a: "1", b: "2" }, { b: "2", a: "1" })).toBe(true);
    expect(sameLabels({ a: "1" }, { a: "1", b: "2" })).toBe(false);
  });
});

describe("targets", () => {
  const all = [target("a", "h:1", "up"), target("b", "h:2", "up"), target("b", "h:3", "down")];

  it("are put together by job, with what is down first", () => {
    const found = pools(all, { a: 0, b: 2, c: 7 }, "");
    expect(found.map((pool) => [pool.name, pool.up, pool.dropped])).toEqual([
      ["b", 1, 2],
      ["a", 1, 0],
      ["c", 0, 7],
    ]);
    expect(found[0]?.targets[0]?.health).toBe("down");
    expect(pools(all, null, "h:3").map((pool) => pool.name)).toEqual(["b"]);
  });

  it("lead to their own series", () => {
    expect(upOf(target("a", "h:1", "up"))).toBe('up{job="a",instance="h:1"}');
  });
});
