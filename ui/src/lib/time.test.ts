import { describe, expect, it } from "vitest";
import { adjust, around, parseSpan, resolveInstant, resolveRange } from "./time";

const NOW = Date.parse("2026-11-21T06:00:00Z");

describe("instants", () => {
  it.each([
    ["now", NOW],
    ["now-15m", NOW - 15 * 60e3],
    ["now - 90s", NOW - 90e3],
    ["now-1.5h", NOW - 5400e3],
    ["now-28d", NOW - 28 * 86_400e3],
    ["2026-11-21T05:00:00Z", NOW - 3600e3],
    ["2026-11-21T13:00:00+08:00", NOW - 3600e3],
  ])("%s", (expression, at) => expect(resolveInstant(expression, NOW)).toBe(at));

  it.each(["", "yesterday", "now-", "now-5", "now-5y", "2026-13-01T00:00:00Z"])(
    "%s is not understood",
    (expression) => {
      expect(resolveInstant(expression, NOW)).toBeUndefined();
    },
  );

  it("spans carry their unit", () => {
    expect(parseSpan("2w")).toBe(14 * 86_400e3);
    expect(parseSpan("2")).toBeUndefined();
  });
});

describe("ranges", () => {
  it("are never empty or reversed", () => {
    expect(resolveRange({ from: "now", to: "now-1h" }, NOW)).toEqual({ start: NOW - 3600e3, end: NOW });
    const empty = resolveRange({ from: "now", to: "now" }, NOW);
    expect(empty.end).toBeGreaterThan(empty.start);
  });
  it("fall back to the last hour for what is not understood", () => {
    expect(resolveRange({ from: "?", to: "?" }, NOW)).toEqual({ start: NOW - 3600e3, end: NOW });
  });
  it("zoom around the middle and move by shares of the width", () => {
    const hour = { start: NOW - 3600e3, end: NOW };
    expect(adjust(hour, 0, 2)).toEqual({ start: NOW - 5400e3, end: NOW + 1800e3 });
    expect(adjust(hour, -0.5, 1)).toEqual({ start: NOW - 5400e3, end: NOW - 1800e3 });
    expect(adjust({ start: NOW, end: NOW + 1 }, 0, 0.5).end).toBeGreaterThan(NOW);
  });
  it("around an instant are absolute", () => {
    expect(around("2026-11-21T06:00:00Z", 60e3, 120e3)).toEqual({
      from: "2026-11-21T05:59:00.000Z",
      to: "2026-11-21T06:02:00.000Z",
    });
  });
});
