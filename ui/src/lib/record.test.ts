import { describe, expect, it } from "vitest";
import { cellText, streamOf, summary } from "./record";

describe("a record in a line", () => {
  it("is read by its dataset", () => {
    const span = {
      timestamp: "",
      kind: "server",
      status_code: "error",
      name: "GET /",
      duration_ns: 5e6,
      "error.type": "E",
    };
    expect(summary("spans", span)).toEqual({
      level: "error",
      levelField: "status_code",
      tone: "bad",
      duration: 5e6,
      text: "GET /",
      detail: "E",
    });
    expect(summary("logs", { timestamp: "", severity_text: "WARN", body: "slow" })).toMatchObject({
      level: "WARN",
      levelField: "severity_text",
      tone: "warn",
      text: "slow",
    });
    expect(summary("metrics", { timestamp: "", name: "cpu", value: 0.5 }).text).toBe("cpu = 0.5");
    expect(summary("beacons", { timestamp: "", "service.name": "a", x: { y: 1 } }).text).toBe('x={"y":1}');
  });

  it("shows durations with their unit", () => {
    expect(cellText("duration_ns", 1_500_000)).toBe("1.50ms");
    expect(cellText("count", 15)).toBe("15");
  });

  it("knows its streams, the narrowest first and everything last", () => {
    const record = {
      timestamp: "",
      "service.name": "checkout",
      "k8s.pod.name": "checkout-7",
      trace_id: "ab",
    };
    expect(streamOf(record).map((stream) => stream.map((one) => one.field).join("+"))).toEqual([
      "service.name+k8s.pod.name",
      "service.name",
      "trace_id",
      "",
    ]);
    expect(streamOf({ timestamp: "" })).toEqual([[]]);
  });
});
