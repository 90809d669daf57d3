import { describe, expect, test } from "vitest";
import {
  appended,
  difference,
  dressed,
  interpolate,
  interpolated,
  mappingOf,
  meaningOf,
  moved,
  nameOf,
  overlap,
  type Panel,
  picked,
  reduced,
  said,
  saidOf,
  settle,
  tableOf,
  tellingLabels,
  toneOf,
  unfolded,
  valuesFrom,
  valuesTo,
} from "./dashboard";

const span = { start: Date.parse("2026-11-21T08:00:00Z"), end: Date.parse("2026-11-21T09:00:00Z"), step: 15 };
const one = (...chosen: string[]) => ({ chosen, all: false });
const panel = (id: string, x: number, y: number, w: number, h: number, more: Partial<Panel> = {}): Panel => ({
  id,
  x,
  y,
  w,
  h,
  view: "stat",
  ...more,
});

describe("variables", () => {
  const values = new Map([
    ["job", one("a.b")],
    ["many", one("a.b", "c|d")],
  ]);
  test("are put in as the language of the query joins them", () => {
    const put = (text: string, language: Parameters<typeof interpolate>[3] = "promql") =>
      interpolate(text, values, span, language);
    expect(put('up{job="$job"}')).toBe('up{job="a.b"}');
    expect(put('up{job=~"$many"}')).toBe('up{job=~"(a\\\\.b|c\\\\|d)"}');
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as queries are written
    expect(put("${many:csv} ${many:pipe} ${job:regex} $unknown $1")).toBe(
      "a.b,c|d a.b|c|d a\\.b $unknown $1",
    );
    expect(put("in ($many)", "sql")).toBe("in ('a.b','c|d')");
    expect(put("name: $many", "search")).toBe('name: ("a.b" or "c|d")');
  });
  test("time and step have names", () => {
    expect(interpolate("rate(a[$__rate_interval]) $__interval $__range_s", new Map(), span, "promql")).toBe(
      "rate(a[120s]) 15s 3600",
    );
    expect(interpolate("$__timeFilter(timestamp) '$__interval'", new Map(), span, "sql")).toBe(
      "(timestamp >= '2026-11-21T08:00:00.000Z' and timestamp < '2026-11-21T09:00:00.000Z') '15 seconds'",
    );
  });
  test("survive the URL and keep what their expression picks", () => {
    expect(valuesFrom(valuesTo(["a,b", "c&d"]))).toEqual(["a,b", "c&d"]);
    expect(picked(["node-a", "node-b", "x"], "node-(.*)")).toEqual(["a", "b"]);
    expect(picked(["a", "a"], "(")).toEqual(["a"]);
  });
});

describe("layout", () => {
  test("nothing lies on anything, whatever is dragged where", () => {
    let seed = 7;
    const next = (below: number) => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return seed % below;
    };
    let panels = Array.from({ length: 12 }, (_, i) =>
      panel(`p${i}`, next(24), next(40), 1 + next(24), 1 + next(9)),
    );
    for (let round = 0; round < 300; round++) {
      panels = moved(panels, `p${next(12)}`, { x: next(24), y: next(40), w: 1 + next(24), h: 1 + next(9) });
      for (const [i, a] of panels.entries())
        for (const b of panels.slice(i + 1)) expect(overlap(a, b), `${JSON.stringify([a, b])}`).toBe(false);
    }
    expect(settle(panels)).toEqual(panels);
  });
  test("a dragged panel takes the place and the other makes room", () => {
    const panels = [panel("a", 0, 0, 12, 4), panel("b", 0, 4, 12, 4)];
    const after = moved(panels, "b", { y: 0 });
    expect(after.map(({ id, y }) => [id, y])).toEqual([
      ["b", 0],
      ["a", 4],
    ]);
  });
  test("folded rows hide what is below them, repeats stand side by side", () => {
    const panels = [
      panel("r", 0, 0, 24, 1, { view: "row" }),
      panel("a", 0, 1, 24, 4),
      panel("s", 0, 5, 24, 1, { view: "row" }),
      panel("b", 0, 6, 8, 4, { repeat: "v" }),
    ];
    const drawn = unfolded(panels, new Map([["v", one("x", "y", "z")]]), new Set(["r"]));
    expect(drawn.map(({ key, x, y, w }) => [key, x, y, w])).toEqual([
      ["r", 0, 0, 24],
      ["s", 0, 1, 24],
      ["b:x", 0, 2, 8],
      ["b:y", 8, 2, 8],
      ["b:z", 16, 2, 8],
    ]);
    expect(appended(panels, { w: 8, h: 4, view: "stat" }).at(-1)).toMatchObject({ id: "panel-5", y: 10 });
  });
  test("a repeated row takes what is below it along, within it the variable has one value", () => {
    const panels = [
      panel("r", 0, 0, 24, 1, { view: "row", repeat: "node", collapsed: true }),
      panel("a", 0, 1, 12, 4, { repeat: "node" }),
      panel("b", 12, 1, 12, 4, { repeat: "disk" }),
      panel("s", 0, 5, 24, 1, { view: "row" }),
      panel("c", 0, 6, 24, 4),
    ];
    const values = new Map([
      ["node", { chosen: [".+"], all: true }],
      ["disk", one("sda")],
    ]);
    const options = new Map([["node", ["n1", "n2"]]]);
    const drawn = unfolded(panels, values, new Set(["r:n2"]), options);
    expect(drawn.map(({ key, y, own }) => [key, y, own.get("node")?.chosen[0]])).toEqual([
      ["r:n1", 0, "n1"],
      ["r:n2", 1, "n2"],
      ["a:n2", 2, "n2"],
      ["b:n2", 2, "n2"],
      ["s", 6, undefined],
      ["c", 7, undefined],
    ]);
    // With one value there is nothing to repeat.
    const single = unfolded(panels, new Map([["node", one("n1")]]), new Set(["r"]), new Map());
    expect(single.map(({ key }) => key)).toEqual(["r", "a", "b", "s", "c"]);
  });
});

describe("numbers", () => {
  test("lines are named by what tells them apart", () => {
    const all = [
      { __name__: "up", job: "a", zone: "1" },
      { __name__: "up", job: "b", zone: "1" },
    ];
    expect(all.map((labels) => nameOf(labels, "", tellingLabels(all)))).toEqual(["a", "b"]);
    expect(nameOf({ job: "a" }, "{{job}} of {{ none }}", new Set())).toBe("a of");
  });
  test("are said with their unit, and judged by the last threshold that they reach", () => {
    expect([said(0.256, "ratio"), said(1536, "bytes"), said(null, "")]).toEqual(["25.6%", "1.54 kB", "–"]);
    expect([said(12, "requestsPerSecond"), said(2.345, "", 1), said(0.5, "ratio", 2)]).toEqual([
      "12/s",
      "2.3",
      "50.00%",
    ]);
    const thresholds = [
      { from: 1, tone: "warn" },
      { from: 2, tone: "bad" },
    ];
    expect([0, 1.5, 2].map((value) => toneOf(value, thresholds))).toEqual([undefined, "warn", "bad"]);
    expect([reduced([1, null, 3], "mean"), reduced([1, null], "last"), reduced([null], "sum")]).toEqual([
      2,
      1,
      null,
    ]);
  });
  test("versions differ line by line", () => {
    expect(difference("a\nb\nc", "a\nx\nc").map(({ kind, text }) => `${kind[0]}${text}`)).toEqual([
      "sa",
      "rb",
      "ax",
      "sc",
    ]);
  });
});

describe("interpolated", () => {
  test("knows the way back to what was written", () => {
    const written = 'rate(a{job="$job"}[$__rate_interval]) + + $more';
    const chosen = new Map([["job", { chosen: ["checkout-service"], all: false }]]);
    const { text, back } = interpolated(written, chosen, { start: 0, end: 3_600_000, step: 60 }, "promql");
    expect(text).toBe('rate(a{job="checkout-service"}[120s]) + + $more');
    expect(back(0)).toBe(0);
    // Within a value that was put in, its name.
    expect(back(text.indexOf("service"))).toBe(written.indexOf("$job"));
    expect(back(text.indexOf(") + +"))).toBe(written.indexOf(") + +"));
    expect(back(text.length)).toBe(written.length);
  });
});

describe("mappings", () => {
  const mappings = [
    { value: "0", text: "down", tone: "bad" },
    { from: 1, to: 5, text: "few" },
    { from: 6, tone: "good" },
    { regex: "^v1\\.", text: "old" },
    { missing: true, text: "gone" },
  ];
  test("the first that is about a value says it, and the rest is said in its unit", () => {
    const words = (value: number | null) => saidOf(value, { mappings, unit: "bytes" });
    expect([0, 3, 7, 0.5, null].map(words)).toEqual(["down", "few", "7 B", "0.5 B", "gone"]);
    expect(mappingOf("v1.2", mappings)?.text).toBe("old");
    expect(mappingOf("v2", mappings)).toBeUndefined();
    expect(mappingOf("", mappings)?.text).toBe("gone");
  });
  test("its tone comes before that of the thresholds", () => {
    const thresholds = [{ from: 0, tone: "warn" }];
    const tones = [0, 3, 7].map((value) => meaningOf(value, { mappings, thresholds }));
    expect(tones).toEqual(["bad", "warn", "good"]);
  });
});

test("overrides dress lines: hidden, called otherwise, coloured", () => {
  const line = (name: string) => ({ key: name, name, labels: {}, values: [1], query: 0 });
  const made = dressed(
    [line("a"), line("b"), line("cc")],
    [
      { series: "a", hidden: true },
      { series: "/^c+$/", name: "sea", color: "#123456" },
      { series: "/.*/", color: "#ffffff", unit: "bytes" },
    ],
  );
  expect(made.map(({ name, colour, unit }) => [name, colour, unit])).toEqual([
    ["b", "#ffffff", "bytes"],
    ["sea", "#123456", "bytes"],
  ]);
});

test("a table has a row for each set of labels and a column for each query", () => {
  const line = (pod: string, query: number, value: number, name = "a") => ({
    key: `${query} ${pod} ${name}`,
    name,
    labels: { pod, __name__: name },
    values: [null, value],
    query,
  });
  expect(tableOf([line("x", 0, 1), line("y", 0, 2), line("x", 2, 3)])).toEqual({
    columns: [
      { name: "pod", kind: "string" },
      { name: "value A", kind: "float" },
      { name: "value C", kind: "float" },
    ],
    rows: [
      ["x", 1, 3],
      ["y", 2, null],
    ],
  });
  const two = tableOf([line("x", 0, 1), line("x", 0, 2, "b")]);
  expect(two.columns.map(({ name }) => name)).toEqual(["pod", "value"]);
  expect(two.rows).toHaveLength(2);
});
