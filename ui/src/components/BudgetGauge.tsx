// What is left of an error budget, as a ruler of forty ticks. An overspent budget is drawn hatched from the left.
import { minutes } from "../lib/format";
import { t } from "../lib/i18n";
import type { Tone } from "../lib/states";
import styles from "./BudgetGauge.module.css";

type Props = { remaining: number; minutesLeft: number; tone: Tone; height?: number };

export function BudgetGauge({ remaining, minutesLeft, tone, height = 14 }: Props) {
  const over = remaining < 0;
  const share = Math.min(1, Math.abs(remaining));
  const label = over
    ? t("budget overspent by {minutes}", { minutes: minutes(-minutesLeft) })
    : t("{minutes} of the budget left", { minutes: minutes(minutesLeft) });
  return (
    <div
      className={styles.gauge}
      data-tone={over ? "bad" : tone}
      style={{ height }}
      role="img"
      aria-label={label}
    >
      <div className={styles.track} />
      <div
        className={over ? styles.over : styles.fill}
        style={{ clipPath: `inset(0 ${(1 - share) * 100}% 0 0)` }}
      />
      <div className={styles.fifth} />
    </div>
  );
}
