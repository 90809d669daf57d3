import { describe, expect, it } from "vitest";
import { bytes, count, countdown, decimalsFor, minutes, nanos, percent, span, targetText } from "./format";

describe("percent", () => {
  it("never rounds a broken promise up to a kept one", () => {
    expect(percent(0.999999, 2)).toBe("99.99%");
    expect(percent(0.99999, 3)).toBe("99.999%");
    expect(percent(1, 2)).toBe("100.00%");
  });
  it.each([
    [0.041, 2, "4.10%"],
    [0, 1, "0.0%"],
    [-0.24, 0, "-24%"],
    [null, 2, "–"],
  ])("%s", (value, decimals, text) => expect(percent(value, decimals)).toBe(text));
  it("shows one decimal more than the target has", () => {
    expect(decimalsFor(0.999)).toBe(2);
    expect(decimalsFor(0.9995)).toBe(3);
    expect(decimalsFor(0.99)).toBe(2);
    expect(targetText(0.999)).toBe("99.9%");
    expect(targetText(0.99)).toBe("99%");
  });
});

describe("time", () => {
  it.each([
    [0, "0s"],
    [0.25, "250ms"],
    [3.94, "3.9s"],
    [59.9, "59s"],
    [60, "1m"],
    [6720, "1h 52m"],
    [266_400, "3d 2h"],
    [-95, "−1m 35s"],
    [null, "–"],
    [Number.POSITIVE_INFINITY, "–"],
  ])("span of %s", (secs, text) => expect(span(secs)).toBe(text));
  it.each([
    [247, "4:07"],
    [0, "0:00"],
    [-90, "−1:30"],
    [3661, "1:01:01"],
  ])("countdown of %s", (secs, text) => expect(countdown(secs)).toBe(text));
  it.each([
    [38.4, "38m"],
    [4.78, "4.8m"],
    [-4.8, "−4.8m"],
    [173.4, "2h 53m"],
  ])("budget of %s minutes", (value, text) => expect(minutes(value)).toBe(text));
});

describe("sizes", () => {
  it.each([
    [412, "412ns"],
    [41_200, "41.2µs"],
    [2_000_000_000, "2.00s"],
    [90_000_000_000, "1m 30s"],
  ])("%s ns", (ns, text) => expect(nanos(ns)).toBe(text));
  it("bytes are decimal", () => expect(bytes(30_380_000)).toBe("30.4 MB"));
  it("counts group, and large ones are compact", () => {
    expect(count(12_345)).toBe("12,345");
    expect(count(1_234_567)).toBe("1.2M");
    expect(count(undefined)).toBe("–");
  });
});
