// The instrument of this product: where the measured SLI stands among its promises, on a scale of nines.
// SLA hangs below the scale, SLO above it, the needle is what is measured.
import { decimalsFor, percent, targetText } from "../lib/format";
import { t } from "../lib/i18n";
import { position, ticks } from "../lib/nines";
import type { Tone } from "../lib/states";
import styles from "./NinesScale.module.css";

type Props = {
  sli: number | null | undefined;
  slo: number;
  sla?: number | null;
  tone: Tone;
  labels?: boolean;
  height?: number;
};

const TICKS = ticks();

export function NinesScale({ sli, slo, sla, tone, labels = false, height = 34 }: Props) {
  const x = (fraction: number) => `${(position(fraction) * 100).toFixed(2)}%`;
  const words = [
    `SLO ${targetText(slo)}`,
    sla ? `SLA ${targetText(sla)}` : "",
    sli == null ? t("not measured") : `SLI ${percent(sli, decimalsFor(slo))}`,
  ];
  return (
    <div
      className={styles.box}
      data-tone={tone}
      data-labels={labels || undefined}
      role="img"
      aria-label={words.filter(Boolean).join(", ")}
    >
      <svg width="100%" height={height} className={styles.scale} aria-hidden="true">
        {sli != null && sli < slo && (
          <rect
            className={styles.gap}
            x={x(sli)}
            y={height - 15}
            width={`${(position(slo) - position(sli)) * 100}%`}
            height="9"
          />
        )}
        <line x1="0" x2="100%" y1={height - 6} y2={height - 6} className={styles.rail} />
        {TICKS.map((tick) => (
          <line
            key={tick.at}
            x1={`${tick.at * 100}%`}
            x2={`${tick.at * 100}%`}
            y1={height - 6}
            y2={height - (tick.major ? 15 : 10)}
            className={tick.major ? styles.major : styles.minor}
          />
        ))}
        {sla != null && <line x1={x(sla)} x2={x(sla)} y1={height - 17} y2={height} className={styles.sla} />}
        <line x1={x(slo)} x2={x(slo)} y1={height - 21} y2={height} className={styles.slo} />
        {sli != null && <line x1={x(sli)} x2={x(sli)} y1="1" y2={height - 4} className={styles.needle} />}
        {sli != null && <circle cx={x(sli)} cy={4.5} r="4" className={styles.head} />}
      </svg>
      {labels && (
        <div className={styles.labels} aria-hidden="true">
          {TICKS.filter((tick) => tick.major).map((tick) => (
            <span key={tick.at} data-at={tick.label} style={{ left: `${tick.at * 100}%` }}>
              {tick.label}
            </span>
          ))}
        </div>
      )}
    </div>
  );
}
