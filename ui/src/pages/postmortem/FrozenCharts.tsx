// A promise over the incident as it was then: the share of bad events of each step. Steps without events are gaps.
import type { FrozenChart } from "../../api/learning";
import { clock, percent } from "../../lib/format";
import { t } from "../../lib/i18n";
import styles from "./Postmortem.module.css";

const WIDTH = 640;
const HEIGHT = 72;

export function FrozenCharts({ charts }: { charts: FrozenChart[] }) {
  if (charts.length === 0) return <p className="dim">{t("No promise was measured for this service.")}</p>;
  return (
    <div className="stack">
      {charts.map((chart) => (
        <Frozen key={chart.slo} chart={chart} />
      ))}
    </div>
  );
}

function Frozen({ chart }: { chart: FrozenChart }) {
  const shares = chart.total.map((total, i) => (total > 0 ? (total - (chart.good[i] ?? 0)) / total : null));
  const worst = Math.max(0, ...shares.map((share) => share ?? 0));
  const top = Math.max(worst, (1 - chart.target) * 2, 1e-6);
  const step = WIDTH / Math.max(1, shares.length);
  const start = Date.parse(chart.start);
  const end = start + shares.length * chart.step_secs * 1000;
  const bad = chart.total.reduce((sum, n) => sum + n, 0) - chart.good.reduce((sum, n) => sum + n, 0);
  const limit = HEIGHT - ((1 - chart.target) / top) * HEIGHT;
  return (
    <figure className={styles.chart}>
      <figcaption className="row spread">
        <b>{chart.slo}</b>
        <span className="dim">
          {t("{bad} bad events, worst {worst}, {spent} of the budget", {
            bad,
            worst: percent(worst, 1),
            spent: chart.budget_spent == null ? "–" : percent(chart.budget_spent, 1),
          })}
        </span>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={chart.slo}>
        {shares.map((share, i) =>
          share == null ? null : (
            <rect
              key={i}
              x={i * step}
              width={Math.max(0.6, step - 0.4)}
              y={HEIGHT - (share / top) * HEIGHT}
              height={(share / top) * HEIGHT}
              className={share > 1 - chart.target ? styles.over : styles.under}
            />
          ),
        )}
        <line x1="0" x2={WIDTH} y1={limit} y2={limit} className={styles.limit} />
      </svg>
      <div className="row spread label">
        <span>{clock(start)}</span>
        <span>{t("promised {target}", { target: percent(chart.target) })}</span>
        <span>{clock(end)}</span>
      </div>
    </figure>
  );
}
