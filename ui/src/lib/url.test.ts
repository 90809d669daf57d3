import { describe, expect, it } from "vitest";
import { asDataset, link, localPath, patch, rangeFrom } from "./url";

describe("the URL as state", () => {
  it("keeps service, time, filter and dataset over a hop, and nothing else", () => {
    const here = new URLSearchParams(
      "from=now-6h&to=now&service=checkout&q=status_code%3A+error&dataset=spans&span=abc&tab=logs",
    );
    const url = new URL(link("/trace/1", here), "http://x");
    expect(Object.fromEntries(url.searchParams)).toEqual({
      from: "now-6h",
      to: "now",
      service: "checkout",
      q: "status_code: error",
      dataset: "spans",
    });
  });
  it("lets a link override or drop a part of the context", () => {
    const here = new URLSearchParams("service=checkout&q=a");
    expect(link("/search", here, { q: "b", service: null })).toBe("/search?q=b");
    expect(link("/", new URLSearchParams())).toBe("/");
  });
  it("gives equal states equal addresses", () => {
    const a = patch(new URLSearchParams("b=2"), { a: 1 });
    const b = patch(patch(new URLSearchParams(), { a: 1 }), { b: 2 });
    expect(a.toString()).toBe(b.toString());
  });
  it("restores a permalink exactly", () => {
    const filter = 'body: "did \\"not\\" work" and (a: 1 or b: 你好) & more';
    const url = new URL(
      link("/search", new URLSearchParams(), { q: filter, from: "2026-11-21T06:00:00.000Z", to: "now" }),
      "http://x",
    );
    expect(url.searchParams.get("q")).toBe(filter);
    expect(rangeFrom(url.searchParams)).toEqual({ from: "2026-11-21T06:00:00.000Z", to: "now" });
  });
  it("reads unknown datasets as logs", () => {
    expect(asDataset("spans")).toBe("spans");
    expect(asDataset("nope")).toBe("logs");
    expect(asDataset(null)).toBe("logs");
  });
});

describe("links of the server", () => {
  const origin = "http://127.0.0.1:9999";
  it.each([
    ["http://127.0.0.1:9999/incident/INC-1?x=1", "/incident/INC-1?x=1"],
    ["/slo/a", "/slo/a"],
  ])("%s stays inside", (url, path) => expect(localPath(url, origin)).toBe(path));
  it.each(["https://wiki.example/a", "javascript:alert(1)", "//evil.example/x"])("%s does not", (url) => {
    expect(localPath(url, origin)).toBeUndefined();
  });
});
