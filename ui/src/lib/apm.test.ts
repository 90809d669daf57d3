import { describe, expect, it } from "vitest";
import {
  defaultPair,
  EARLIER,
  errorText,
  factorText,
  marksOf,
  placeText,
  pointsText,
  rate,
  sidesOf,
} from "./apm";

describe("words", () => {
  it("says a rate in the unit that leaves a number to read", () => {
    expect([214.4, 3.21, 0.2, 0.04, 0.001, 0].map(rate)).toEqual([
      "214/s",
      "3.2/s",
      "12/min",
      "2.4/min",
      "3.6/h",
      "0/s",
    ]);
  });
  it("never rounds a failure away", () => {
    expect([undefined, 0, 0.00001, 0.0123, 0.5].map(errorText)).toEqual([
      "–",
      "0%",
      "<0.01%",
      "1.23%",
      "50.0%",
    ]);
  });
  it("says intervals with their signs", () => {
    expect(pointsText({ low: -0.002, high: 0.31 })).toBe("−0.20 … +31.0");
    expect(factorText({ low: 0.981, high: 12.4 })).toBe("×0.98 … ×12");
    expect(pointsText(undefined)).toBe("–");
  });
  it("says a place as editors open it", () => {
    expect(placeText({ function: "decode", file: "src/titles.rs", line: 52 })).toEqual({
      place: "src/titles.rs:52",
      name: "decode",
    });
    expect(placeText({ function: "" })).toEqual({ place: undefined, name: undefined });
    expect(placeText(undefined)).toBeUndefined();
  });
});

it("places changes within the range and leaves out the others", () => {
  const change = (at: string) => ({ at, title: at });
  const range = { start: Date.parse("2026-11-21T08:00:00Z"), end: Date.parse("2026-11-21T09:00:00Z") };
  const marks = marksOf(
    [change("2026-11-21T08:15:00Z"), change("2026-11-21T07:59:00Z"), change("2026-11-21T09:00:00Z")],
    range,
  );
  expect(marks.map(({ at }) => at)).toEqual([0.25]);
  expect(marksOf(undefined, range)).toEqual([]);
});

describe("sides", () => {
  const range = { start: Date.parse("2026-11-21T08:00:00Z"), end: Date.parse("2026-11-21T09:00:00Z") };
  it("are two versions in the same time", () => {
    const { baseline, candidate } = sidesOf("shop", range, "1.9", "2.0");
    expect([baseline.version, candidate.version]).toEqual(["1.9", "2.0"]);
    expect(baseline.start).toBe(candidate.start);
  });
  it("or this time and the one before, of equal length and without overlap", () => {
    const { baseline, candidate } = sidesOf("shop", range, EARLIER, null);
    expect(baseline.start).toBe("2026-11-21T07:00:00.000Z");
    expect(baseline.end).toBe(candidate.start);
    expect([baseline.version, candidate.version]).toEqual([undefined, undefined]);
  });
  it("are the two newest versions unless there is but one", () => {
    const version = (version: string) => ({ version, first_seen: "", last_seen: "", figures: {} as never });
    const service = (versions: string[]) => ({ versions: versions.map(version) }) as never;
    expect(defaultPair(service(["2.0", "1.9", "1.8"]))).toEqual({ before: "1.9", after: "2.0" });
    expect(defaultPair(service(["2.0"]))).toBeUndefined();
    expect(defaultPair(undefined)).toBeUndefined();
  });
});
