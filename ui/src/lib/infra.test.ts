import { describe, expect, it } from "vitest";
import { figure, heat, neighbour } from "./infra";

describe("figures", () => {
  it.each([
    [0.034, "ratio", "3.4 %"],
    [0.91, "ratio", "91 %"],
    [2_500_000, "bytes/s", "2.50 MB/s"],
    [0.25, "cores", "0.25"],
    [0.004, "s", "4 ms"],
    [null, "ratio", "–"],
  ])("%s %s", (value, unit, text) => expect(figure(value, unit)).toBe(text));

  it("are never warm where nothing is known", () => {
    expect(heat(null, "ratio", 1)).toBe(0);
    expect(heat(0.5, "ratio", 9)).toBe(0.5);
    expect(heat(30, "bytes", 60)).toBe(0.5);
  });
});

describe("arrow keys", () => {
  // Three in the first row, two in the second.
  const places = [
    { x: 0, y: 0 },
    { x: 10, y: 0 },
    { x: 20, y: 0 },
    { x: 0, y: 10 },
    { x: 10, y: 10 },
  ];
  it.each([
    [0, "ArrowRight", 1],
    [0, "ArrowLeft", 0],
    [1, "ArrowDown", 4],
    [2, "ArrowDown", 4],
    [3, "ArrowUp", 0],
    [4, "ArrowDown", 4],
  ])("from %i by %s to %i", (from, key, to) => expect(neighbour(places, from, key)).toBe(to));
});
