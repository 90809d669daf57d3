import { i18n } from "@lingui/core";
import { describe, expect, it } from "vitest";
import type { ProbeStatus } from "../api/uptime";
import { atFault, bars, certificates, DAYS, probeLook } from "./uptime";

i18n.loadAndActivate({ locale: "en", messages: {} });

const NOW = Date.parse("2026-11-22T12:00:00Z");

describe("uptime", () => {
  it("draws a bar for each day and none as green that was not measured", () => {
    const list = bars(
      [
        { day: "2026-11-22", good: 1439, bad: 1, unknown: 0 },
        { day: "2026-11-21", good: 90, bad: 10, unknown: 3 },
        { day: "2026-11-20", good: 0, bad: 0, unknown: 50 },
      ],
      NOW,
    );
    expect(list).toHaveLength(DAYS);
    expect(list.slice(-4).map((bar) => bar.tone)).toEqual(["none", "none", "bad", "warn"]);
    expect(list.at(-1)?.day).toBe("2026-11-22");
    expect(list[0]?.share).toBeNull();
  });

  it("lists certificates by their end", () => {
    const probe = (name: string, end: string) =>
      ({ name, last: { certificate: { chain_not_after: end, subject: name, issuer: "ca" } } }) as ProbeStatus;
    const list = certificates(
      [
        probe("late", "2027-11-22T12:00:00Z"),
        probe("soon", "2026-11-30T12:00:00Z"),
        { name: "none" } as ProbeStatus,
      ],
      NOW,
    );
    expect(list.map((it) => [it.subject, it.days, it.tone])).toEqual([
      ["soon", 8, "bad"],
      ["late", 365, "good"],
    ]);
  });

  it("never draws the unknown green", () => {
    expect(probeLook({ verdict: "unknown", paused: false }).tone).toBe("none");
    expect(probeLook({ verdict: "up", paused: true }).tone).toBe("none");
  });

  it("names runners at fault that have something to do", () => {
    const runner = (standing: string, probes: number) => ({
      location: standing,
      standing,
      probes,
      finding: "",
    });
    expect(atFault([runner("ok", 3), runner("at_fault", 3), runner("silent", 0)])).toHaveLength(1);
  });
});
