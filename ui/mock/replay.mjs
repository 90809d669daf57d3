// A rehearsal of the mock's fault: one page for each promise that is in trouble.
import { BOOT, FAULT_START, stats } from "./telemetry.mjs";

const iso = (ms) => new Date(ms).toISOString();

export function replay({ slo, start, end = iso(BOOT) }, slos) {
  const wanted = slos.filter((one) => !slo || one.name === slo);
  const replayed = wanted.map((one) => {
    const fired = one.status === "exhausted" || one.alert_id ? iso(FAULT_START + 9e3) : undefined;
    const alerts =
      fired && fired >= start && fired < end
        ? [
            {
              detected_at: fired,
              started_at: iso(FAULT_START),
              severity: "page",
              title: `${one.service}: 9.4 % of requests fail, normally 0.03 %`,
              transitions: [
                {
                  at: fired,
                  kind: "fired",
                  severity: "page",
                  reason: "60s/5s burns 94 times too fast",
                  targets: ["shop-slack", "shop-mail"],
                },
              ],
            },
          ]
        : [];
    return {
      name: one.name,
      display_name: one.display_name,
      good: one.good,
      total: one.total,
      budget_before: 0.82,
      budget_after: one.budget?.remaining_fraction,
      alerts,
      truncated: false,
      pages: alerts.length * 2,
    };
  });
  return {
    start,
    end,
    step_secs: 1,
    slos: replayed,
    pages: replayed.reduce((sum, one) => sum + one.pages, 0),
    stats: stats(0, 3),
  };
}
