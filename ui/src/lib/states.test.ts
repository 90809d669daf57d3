import { i18n } from "@lingui/core";
import { describe, expect, it } from "vitest";
import { possible } from "../pages/incident/Actions";
import { due } from "../pages/incident/Clock";
import { corrected, insertion, replacement } from "../pages/search/FilterLine";
import { toCsv } from "./csv";
import { pickLanguage } from "./i18n";
import { MAX_NINES, ninesOf, position, ticks } from "./nines";
import { sliTone, sloLook } from "./states";

i18n.loadAndActivate({ locale: "en", messages: {} });

describe("honest states", () => {
  it("only a measured and healthy promise is green", () => {
    for (const measurement of ["measured", "too_few", "stale", "invalid", "paused", "something new"]) {
      for (const status of ["healthy", "at_risk", "exhausted", undefined, "something new"]) {
        const green = sloLook({ measurement, status }).tone === "good";
        expect(green, `${measurement} ${status}`).toBe(measurement === "measured" && status === "healthy");
      }
    }
  });
  it("each state has a shape of its own, so that colour never speaks alone", () => {
    const looks = [
      sloLook({ measurement: "measured", status: "healthy" }),
      sloLook({ measurement: "measured", status: "at_risk" }),
      sloLook({ measurement: "measured", status: "exhausted" }),
      ...["too_few", "stale", "invalid", "paused"].map((measurement) =>
        sloLook({ measurement, status: undefined }),
      ),
    ];
    expect(new Set(looks.map((look) => look.shape)).size).toBe(looks.length);
    expect(new Set(looks.map((look) => look.word)).size).toBe(looks.length);
  });
});

describe("the promise clock", () => {
  const promised = "2026-11-21T06:10:00Z";
  const at = (secs: number) => due(promised, Date.parse(promised) + secs * 1000);
  it.each([
    [-121, "due"],
    [-120, "soon"],
    [0, "soon"],
    [1, "overdue"],
  ])("%s s from the promised time", (secs, word) => expect(at(secs)?.word).toBe(word));
  it("shows how late it is", () => expect(at(95)?.secs).toBe(-95));
  it("stands still when nothing is promised", () => expect(due(undefined, 0)).toBeUndefined());
});

it("steps follow the state of the incident", () => {
  const marks = { acknowledged_at: null, mitigated_at: null };
  expect(possible({ state: "reported", marks })).toContain("acknowledge");
  expect(possible({ state: "responding", marks: { acknowledged_at: "x" } })).not.toContain("acknowledge");
  expect(possible({ state: "resolved", marks })).toEqual(["note", "review", "reopen"]);
  expect(possible({ state: "reviewed", marks })).toEqual(["note"]);
});

describe("did you mean", () => {
  it("replaces the word at the offset, counted in bytes", () => {
    expect(replacement("服務 and servce.name: a", { offset: 11, hint: "did you mean service.name?" })).toBe(
      "服務 and service.name: a",
    );
    expect(replacement("servce.name: a", { offset: 0, hint: 'did you mean "service.name"?' })).toBe(
      "service.name: a",
    );
    expect(replacement("servce.name: a", { offset: 0, hint: "did you mean `service.name`" })).toBe(
      "service.name: a",
    );
  });
  it("offers nothing without a suggestion or an offset", () => {
    expect(replacement("a:", { offset: 2, hint: "write a value" })).toBeUndefined();
    expect(replacement("a:", { hint: "did you mean b?" })).toBeUndefined();
  });
});

describe("notices and suggestions", () => {
  it("correct the whole word everywhere, and no longer word that holds it", () => {
    const notice = { message: "", replace: "svc.name", with: "service.name" };
    expect(corrected("svc.name: a or svc.name: b and my.svc.name: c", notice)).toBe(
      "service.name: a or service.name: b and my.svc.name: c",
    );
    expect(corrected("svc.name: a", { message: "" })).toBeUndefined();
  });
  it("put a colon after a field unless an operator stands there", () => {
    expect(insertion("field", "service.name", "")).toBe("service.name: ");
    expect(insertion("field", "service.name: ", "")).toBe("service.name: ");
    expect(insertion("field", "service.name", " >= 5")).toBe("service.name");
    expect(insertion("value", "checkout", "")).toBe("checkout");
  });
});

it("an SLI below its promise is never drawn calm, even with budget left", () => {
  const slo = { measurement: "measured", status: "healthy", target: 0.99 };
  expect(sliTone({ ...slo, sli: 0.96 })).toBe("warn");
  expect(sliTone({ ...slo, sli: 0.995 })).toBe("good");
});

describe("the scale of nines", () => {
  it("puts each nine one step further", () => {
    expect([0.9, 0.99, 0.999, 0.9999].map((x) => Math.round(ninesOf(x)))).toEqual([1, 2, 3, 4]);
    expect(ninesOf(1)).toBe(MAX_NINES);
    expect(position(0.5)).toBe(0);
    expect(position(1)).toBe(1);
  });
  it("has ascending ticks", () => {
    const at = ticks().map((tick) => tick.at);
    expect(at).toEqual([...at].sort((a, b) => a - b));
  });
});

it.each([
  [["zh-HK", "en"], "zh-TW"],
  [["zh-Hant-TW"], "zh-TW"],
  [["zh"], "zh-CN"],
  [["fr", "en-GB"], "en"],
  [[], "en"],
])("the browser's %j is read as %s", (wanted, language) => expect(pickLanguage(wanted)).toBe(language));

it("CSV quotes, keeps every column and defuses formulas", () => {
  expect(
    toCsv([
      { a: 1, b: 'x "y", z' },
      { a: "=1+1", c: { d: 2 } },
    ]),
  ).toBe('a,b,c\r\n1,"x ""y"", z",\r\n\'=1+1,,"{""d"":2}"');
});
