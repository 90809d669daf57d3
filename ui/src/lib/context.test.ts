import { describe, expect, it } from "vitest";
import { columnsFrom, duration, effective, mentions, serviceOf } from "./context";

describe("the context", () => {
  it("knows which fields a filter speaks of", () => {
    expect(mentions("service.name: checkout and a > 1", "service.name")).toBe(true);
    expect(mentions("not service.name = x", "service.name")).toBe(true);
    expect(mentions('body: "service.name: x"', "service.name")).toBe(false);
    expect(mentions("peer.service.name: x", "service.name")).toBe(false);
    expect(mentions("service.name.old: x", "service.name")).toBe(false);
    expect(mentions("", "service.name")).toBe(false);
  });

  it("puts the filter into the service, unless the filter names services itself", () => {
    expect(effective("checkout", "status_code: error")).toBe("service.name: checkout and status_code: error");
    expect(effective("checkout", "a: 1 or b: 2")).toBe("service.name: checkout and (a: 1 or b: 2)");
    expect(effective("checkout", "")).toBe("service.name: checkout");
    expect(effective("checkout", "service.name: payment")).toBe("service.name: payment");
    expect(effective(null, "a")).toBe("a");
  });

  it("finds the one service that a filter is about", () => {
    expect(serviceOf("service.name: checkout and status_code: error")).toBe("checkout");
    expect(serviceOf('service.name: "my shop"')).toBe("my shop");
    expect(serviceOf("not service.name: checkout")).toBeUndefined();
    expect(serviceOf("service.name: a or service.name: b")).toBeUndefined();
    expect(serviceOf("status_code: error")).toBeUndefined();
  });

  it("reads columns and writes durations", () => {
    expect(columnsFrom("a, b,,c")).toEqual(["a", "b", "c"]);
    expect(columnsFrom(null)).toEqual([]);
    expect([duration(0.2), duration(1250), duration(2000)]).toEqual(["1ms", "1250ms", "2s"]);
  });
});
