import { describe, expect, it } from "vitest";
import { drawable, identifier, placeOf, records, tablesOf } from "./sql";

describe("SQL while it is typed", () => {
  const place = (text: string) => {
    const at = text.indexOf("|");
    return placeOf(text.replace("|", ""), at);
  };

  it("knows where a table, a word or a quoted column is typed", () => {
    expect(place("select * from lo|")).toEqual({ from: 14, word: "lo", quoted: false, table: true });
    expect(place("select cou| from logs")).toEqual({ from: 7, word: "cou", quoted: false, table: false });
    expect(place('select "service.n|')).toEqual({ from: 7, word: "service.n", quoted: true, table: false });
    expect(place("select * from logs join |")).toMatchObject({ table: true, word: "" });
  });

  it("stays silent in text and in comments", () => {
    expect(place("select 'it|")).toBeUndefined();
    expect(place("select 1 -- no|")).toBeUndefined();
    expect(place("select 'a' -- \"x\n, b|")).toMatchObject({ word: "b", quoted: false });
  });

  it("writes names as SQL wants them", () => {
    expect([identifier("body"), identifier("service.name"), identifier('a"b')]).toEqual([
      "body",
      '"service.name"',
      '"a""b"',
    ]);
  });

  it("finds the tables of a query", () => {
    expect(tablesOf("select * from logs l join SPANS s on true", ["logs", "spans", "metrics"])).toEqual([
      "logs",
      "spans",
    ]);
  });
});

describe("an answer", () => {
  const column = (name: string, kind: string) => ({ name, kind });
  it("is drawn over time, else over names, else not at all", () => {
    const rows = [
      ["2026", "a", 1],
      ["2027", "b", 2],
    ];
    expect(drawable([column("t", "time"), column("s", "string"), column("n", "int")], rows)).toEqual({
      x: 0,
      ys: [2],
      time: true,
    });
    expect(drawable([column("t", "string"), column("s", "string"), column("n", "int")], rows)).toEqual({
      x: 0,
      ys: [2],
      time: false,
    });
    expect(drawable([column("s", "string"), column("t", "string")], [["a", "b"]])).toBeUndefined();
    expect(drawable([column("n", "int")], [[1], [2]])).toBeUndefined();
  });

  it("becomes records", () => {
    expect(records([column("a", "int"), column("b", "string")], [[1, null]])).toEqual([{ a: 1, b: null }]);
  });
});
