import { describe, expect, it } from "vitest";
import { bars, midnights, moved, personIndex } from "./lanes";

const at = (text: string) => Date.parse(text);
const shift = (start: string, end: string, people: string[]) => ({
  start,
  end,
  people,
  shadows: [],
  because: "layer week",
});

describe("the calendar of shifts", () => {
  const start = at("2026-11-22T00:00:00Z");
  const end = at("2026-11-26T00:00:00Z");

  it("cuts shifts at its ends and leaves out what lies beside it", () => {
    const found = bars(
      [
        shift("2026-11-21T00:00:00Z", "2026-11-23T00:00:00Z", ["ann"]),
        shift("2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z", []),
        shift("2026-11-26T00:00:00Z", "2026-11-27T00:00:00Z", ["bo"]),
      ],
      start,
      end,
    );
    expect(found.map(({ left, width, isGap }) => [left, width, isGap])).toEqual([
      [0, 0.25, false],
      [0.25, 0.25, true],
    ]);
  });

  it("draws a line at each midnight within", () => {
    const lines = midnights(start + 1, end);
    expect(lines.length).toBeGreaterThanOrEqual(3);
    for (const { at, left } of lines) {
      expect(new Date(at).getHours()).toBe(0);
      expect(left).toBeGreaterThanOrEqual(0);
      expect(left).toBeLessThan(1);
    }
  });

  it("moves the selection by key and stops at the ends", () => {
    expect(moved(0, undefined, 1)).toBeUndefined();
    expect(moved(3, undefined, 1)).toBe(0);
    expect(moved(3, 2, 1)).toBe(2);
    expect(moved(3, 0, -1)).toBe(0);
  });

  it("gives everybody a colour of their own", () => {
    expect(personIndex(["bo", "ann"], "ann")).toBe(0);
    expect(personIndex(["bo", "ann"], "bo")).toBe(1);
  });
});
