import { describe, expect, it } from "vitest";
import { both, byteToUnit, clause, exclude, has, include, remove, unitToByte } from "./filter";

describe("clicks on values", () => {
  it("join, and do it once", () => {
    const once = include("", "service.name", "checkout");
    expect(once).toBe("service.name: checkout");
    expect(include(once, "service.name", "checkout")).toBe(once);
    expect(include(once, "error.type", "500")).toBe("service.name: checkout and error.type: 500");
  });
  it("turn include into exclude and back", () => {
    const without = exclude("service.name: checkout and a: 1", "service.name", "checkout");
    expect(without).toBe("a: 1 and not service.name: checkout");
    expect(include(without, "service.name", "checkout")).toBe("a: 1 and service.name: checkout");
  });
  it("keep an `or` together", () => {
    expect(include("a: 1 or b: 2", "c", "3")).toBe("(a: 1 or b: 2) and c: 3");
    expect(both("a: 1", "b: 2 or c: 3")).toBe("a: 1 and (b: 2 or c: 3)");
    expect(both("(a: 1 or b: 2)", "c: 3")).toBe("(a: 1 or b: 2) and c: 3");
  });
  it("quote what is not a plain word", () => {
    expect(clause("body", 'say "hi" \\ now')).toBe('body: "say \\"hi\\" \\\\ now"');
    expect(clause("db.query.text", "a and b")).toBe('db.query.text: "a and b"');
    expect(clause("x", "and")).toBe('x: "and"');
    expect(clause("http.route", "/orders")).toBe("http.route: /orders");
  });
  it("find and remove whole clauses only, not words inside quotes", () => {
    const filter = 'body: "a: 1 and b: 2" and a: 1';
    expect(has(filter, "a: 1")).toBe(true);
    expect(has(filter, "b: 2")).toBe(false);
    expect(remove(filter, "a: 1")).toBe('body: "a: 1 and b: 2"');
    expect(remove("a: 1 or b: 2", "a: 1")).toBe("a: 1 or b: 2");
  });
});

describe("offsets", () => {
  it.each(["", "abc", "服務 checkout", "a😀b"])("of %j go there and back", (text) => {
    for (let unit = 0; unit <= text.length; unit++) {
      // Positions inside a surrogate pair do not exist in UTF-8.
      if (/[\uDC00-\uDFFF]/.test(text[unit] ?? "")) continue;
      expect(byteToUnit(text, unitToByte(text, unit))).toBe(unit);
    }
  });
});
