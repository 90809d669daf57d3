import { describe, expect, test } from "vitest";
import { heatColour, heatOf, ROWS_MAX } from "./heatmap";

const xs = [100, 160, 220];
const native = (...buckets: [number, number, number][]) => ({
  count: "0",
  sum: "0",
  buckets: buckets.map(([low, high, count]) => [0, String(low), String(high), String(count)]),
});

describe("heatOf", () => {
  test("classic buckets become counts of their own, instances are added up, a gap stays a gap", () => {
    const line = (le: string, instance: string, values: [number, string][]) => ({
      metric: { le, instance },
      values,
    });
    const heat = heatOf(
      [
        line("+Inf", "a", [
          [100, "5"],
          [220, "9"],
        ]),
        line("0.1", "a", [
          [100, "2"],
          [220, "4"],
        ]),
        line("+Inf", "b", [[100, "1"]]),
        line("0.1", "b", [[100, "1"]]),
      ],
      xs,
    );
    expect(heat?.rows).toEqual([
      { low: 0, high: 0.1, values: [3, null, 4] },
      { low: 0.1, high: Number.POSITIVE_INFINITY, values: [3, null, 5] },
    ]);
    expect(heat?.most).toBe(5);
  });

  test("native buckets that get finer are shown as coarse as they were", () => {
    const heat = heatOf(
      [
        {
          metric: {},
          histograms: [
            [100, native([-0.001, 0.001, 1], [1, 4, 6])],
            [160, native([1, 2, 2], [2, 4, 3], [4, 8, 7])],
          ],
        },
      ],
      xs,
    );
    expect(heat?.rows).toEqual([
      { low: -0.001, high: 0.001, values: [1, 0, null] },
      { low: 1, high: 4, values: [6, 5, null] },
      { low: 4, high: 8, values: [0, 7, null] },
    ]);
  });

  test("many buckets are put together, and nothing is lost", () => {
    const many = Array.from({ length: 200 }, (_, i): [number, number, number] => [i, i + 1, 1]);
    const heat = heatOf([{ metric: {}, histograms: [[100, native(...many)]] }], xs);
    expect(heat?.rows.length).toBeLessThanOrEqual(ROWS_MAX);
    expect(heat?.rows.reduce((sum, row) => sum + (row.values[0] ?? 0), 0)).toBe(200);
    expect(heat?.rows.at(-1)?.high).toBe(200);
  });

  test("lines without buckets are no histogram", () => {
    expect(heatOf([{ metric: { job: "a" }, values: [[100, "1"]] }], xs)).toBeUndefined();
  });
});

test("the scale goes one way in brightness, from the page's colour away", () => {
  const light = (share: number, scheme: "light" | "dark") => {
    const [r, g, b] = heatColour(share, scheme);
    return 0.299 * r + 0.587 * g + 0.114 * b;
  };
  for (let i = 0; i < 20; i++) {
    expect(light((i + 1) / 20, "dark")).toBeGreaterThan(light(i / 20, "dark"));
    expect(light((i + 1) / 20, "light")).toBeLessThan(light(i / 20, "light"));
  }
});
