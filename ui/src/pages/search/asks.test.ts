import { i18n } from "@lingui/core";
import { beforeAll, describe, expect, it } from "vitest";
import type { Slo } from "../../api/types";
import { askOf, asksOf, compared } from "./asks";

const slo = (name: string, service: string, status: string) =>
  ({
    name,
    display_name: name,
    service,
    status,
    indicator: {
      dataset: "spans",
      total_filter: `service.name: ${service}`,
      bad_filter: `service.name: ${service} and bad`,
    },
  }) as unknown as Slo;
beforeAll(() => i18n.loadAndActivate({ locale: "en", messages: {} }));
const range = { start: "2026-01-01T00:10:00Z", end: "2026-01-01T00:20:00Z" };

describe("asks", () => {
  it("begin with what was zoomed into, then the promises in trouble", () => {
    const slos = [slo("a", "cart", "healthy"), slo("b", "cart", "exhausted"), slo("c", "pay", "at_risk")];
    const ids = (service: string | null) =>
      asksOf({ dataset: "spans", service, slos, p95: 120, zoomed: true }).map((ask) => ask.id);
    expect(ids("cart")).toEqual(["window", "slo:b", "slo:a", "failed", "slow"]);
    expect(ids(null)).toEqual(["window", "slo:b", "slo:c", "failed"]);
    expect(asksOf({ dataset: "metrics", slos, zoomed: false })).toEqual([]);
  });

  it("compare the bad events of a promise with its good ones, also when only bad ones are on screen", () => {
    const [ask] = asksOf({
      dataset: "spans",
      service: "cart",
      slos: [slo("b", "cart", "exhausted")],
      zoomed: false,
    });
    if (!ask) throw new Error("no ask");
    expect(compared(ask, "service.name: cart and bad", "cart", range, undefined)).toEqual({
      filter: "service.name: cart",
      range,
      selected: { filter: "service.name: cart and bad" },
    });
    expect(compared(ask, "cloud.region: tokyo", "cart", range, undefined).filter).toBe(
      "service.name: cart and cloud.region: tokyo",
    );
  });

  it("compare a window with the wider one, and what came after a change with what was before", () => {
    const wide = { start: "2026-01-01T00:00:00Z", end: "2026-01-01T01:00:00Z" };
    expect(compared({ id: "window", label: "" }, "a", null, range, wide)).toEqual({
      filter: "a",
      range: wide,
      selected: range,
    });
    const since = askOf("since:2026-01-01T00:15:00Z", []);
    if (!since) throw new Error("no ask");
    expect(compared(since, "a", null, range, wide)).toEqual({
      filter: "a",
      range,
      selected: { start: "2026-01-01T00:15:00Z" },
    });
    expect(askOf("nonsense", [])).toBeUndefined();
  });

  it("compare failures with all of the service when only failures are on screen", () => {
    const ask = { id: "failed", label: "", filter: "status_code: error" };
    expect(compared(ask, "service.name: cart and status_code: error", "cart", range, undefined).filter).toBe(
      "service.name: cart",
    );
    expect(compared(ask, "status_code: error", null, range, undefined).filter).toBe("");
  });
});
