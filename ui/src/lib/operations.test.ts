import { i18n } from "@lingui/core";
import { beforeAll, describe, expect, it } from "vitest";
import type { ActionInfo, ActionParameter, CloudInventory } from "../api/types";
import { byArea, complete, targetsOf, withNames } from "./operations";

beforeAll(() => i18n.loadAndActivate({ locale: "en", messages: {} }));

const action = (name: string, summary: string) =>
  ({ name, summary, parameters: [] }) as unknown as ActionInfo;
const inventory = {
  instances: [{ id: "i-1", name: "web-1", state: "running", zone: "a" }],
  target_groups: [{ id: "arn:x/blue", name: "blue", targets: [] }],
  listeners: [],
} as unknown as CloudInventory;

describe("the catalogue", () => {
  const all = [
    action("waf.block", "block networks"),
    action("ec2.stop", "power off"),
    action("ec2.start", "power on"),
  ];
  it("stands by area, machines first", () => {
    expect(byArea(all, "").map(([area, list]) => [area, list.length])).toEqual([
      ["ec2", 2],
      ["waf", 1],
    ]);
  });
  it("finds what has every word", () => {
    expect(byArea(all, "power OFF").flatMap(([, list]) => list.map((one) => one.name))).toEqual(["ec2.stop"]);
    expect(byArea(all, "nothing")).toEqual([]);
  });
});

describe("names", () => {
  it("stand in the place of ids", () => {
    expect(withNames("register i-1 in arn:x/blue", inventory)).toBe("register web-1 in blue");
    expect(withNames("start i-2", inventory)).toBe("start i-2");
    expect(targetsOf({ plan: { targets: ["instance/i-1"] } as never }, inventory)).toBe("web-1");
  });
});

describe("a form", () => {
  const parameters = [
    { name: "a", required: true },
    { name: "b", required: false },
  ] as unknown as ActionParameter[];
  it("is complete with what is required, and sends nothing empty", () => {
    expect(complete(parameters, {})).toBeUndefined();
    expect(complete(parameters, { a: [] })).toBeUndefined();
    expect(complete(parameters, { a: {} })).toBeUndefined();
    expect(complete(parameters, { a: 0, b: "" })).toEqual({ a: 0 });
  });
});
