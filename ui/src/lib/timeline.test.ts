import { expect, test } from "vitest";
import { bandsOf, statesOf } from "./timeline";

const xs = [0, 60, 120, 180, 240];
const mappings = [
  { value: "1", text: "Up", tone: "good" },
  { value: "0", text: "Down", tone: "bad" },
];

test("neighbours of one state are one band, a gap ends it, and the last lasts a step", () => {
  expect(bandsOf(xs, [1, 1, 0, null, 1], { mappings }, 1_000)).toEqual([
    { from: 0, to: 120, text: "Up", tone: "good" },
    { from: 120, to: 180, text: "Down", tone: "bad" },
    { from: 240, to: 300, text: "Up", tone: "good" },
  ]);
  expect(bandsOf(xs, [1, 1, 1, 1, 1], { mappings }, 250)).toEqual([
    { from: 0, to: 250, text: "Up", tone: "good" },
  ]);
});

test("a value without words is the span of thresholds that it lies in, and missing can be a state", () => {
  const thresholds = [
    { from: 0.7, tone: "warn" },
    { from: 0.9, tone: "bad" },
  ];
  const panel = { unit: "ratio", thresholds, mappings: [{ missing: true, text: "Silent", tone: "none" }] };
  expect(bandsOf(xs, [0.1, 0.2, 0.75, 0.95, null], panel, 300).map(({ text, tone }) => [text, tone])).toEqual(
    [
      ["< 70%", undefined],
      ["70% – 90%", "warn"],
      ["≥ 90%", "bad"],
      ["Silent", "none"],
    ],
  );
  expect(bandsOf(xs, [5, 5, 6, 6, 6], {}, 300).map(({ text }) => text)).toEqual(["5", "6"]);
});

test("states are counted by how long they last", () => {
  const lines = [
    bandsOf(xs, [1, 1, 0, 0, 0], { mappings }, 300),
    bandsOf(xs, [1, 1, 1, 1, 1], { mappings }, 300),
  ];
  expect(statesOf(lines)).toEqual([
    { text: "Up", tone: "good", secs: 420 },
    { text: "Down", tone: "bad", secs: 180 },
  ]);
});
