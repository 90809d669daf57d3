// Ninety days as bars: how tall says how much of a day was good, so that a bad one is told without its colour.
import type { ProbeDay } from "../../api/uptime";
import { percent } from "../../lib/format";
import { t } from "../../lib/i18n";
import { bars, DAYS } from "../../lib/uptime";

const STEP = 4;
const HEIGHT = 30;
/** A bar that is all bad can still be seen and pointed at. */
const LEAST = 5;

export function Days({ days, now }: { days: readonly ProbeDay[]; now: number }) {
  const list = bars(days, now);
  return (
    <svg
      viewBox={`0 0 ${DAYS * STEP} ${HEIGHT}`}
      width="100%"
      height={HEIGHT}
      preserveAspectRatio="none"
      role="img"
      aria-label={t("Availability by day, 90 days")}
    >
      {list.map((bar, index) => {
        const height = bar.share === null ? 3 : LEAST + (HEIGHT - LEAST) * bar.share ** 8;
        const words =
          bar.share === null
            ? t("{day}: not measured", { day: bar.day })
            : t("{day}: {share} good, {bad} of {all} bad", {
                day: bar.day,
                share: percent(bar.share, 2),
                bad: bar.bad,
                all: bar.good + bar.bad,
              });
        return (
          <rect
            key={bar.day}
            x={index * STEP}
            y={HEIGHT - height}
            width={STEP - 1}
            height={height}
            data-tone={bar.tone}
            fill="var(--tone-fill)"
            opacity={bar.share === null ? 0.35 : 1}
          >
            <title>{words}</title>
          </rect>
        );
      })}
    </svg>
  );
}
