// The history, the limit, and the fan of what comes: the line in its middle, the interval around it.
import type { Saturation } from "../../api/infra";
import { day, moment } from "../../lib/format";
import { t } from "../../lib/i18n";
import styles from "./Saturation.module.css";

const WIDTH = 960;
const HEIGHT = 240;
const LEFT = 44;
const BOTTOM = 22;
/** After the limit is reached the fan says nothing more. */
const BEYOND = 1.15;
const SHARES = [0, 0.25, 0.5, 0.75, 1];

export function Fan({ row, now }: { row: Saturation; now: number }) {
  const history = row.history ?? [];
  const fan = row.fan ?? [];
  const first = history[0]?.[0];
  if (first == null) return <p className="dim">{t("There is no history to show.")}</p>;
  const here = now / 1000;
  const crossed = row.full_latest ?? row.full_at;
  const length = here - first;
  // As much of the future as says something, and no more than the past twice over.
  const ends = crossed ? (Date.parse(crossed) / 1000 - here) * 1.2 : length * 0.6;
  const last = here + Math.max(length * 0.15, Math.min(ends, length * 2));
  const top = Math.max(BEYOND, ...history.map(([, value]) => value));
  const x = (at: number) => LEFT + ((at - first) / (last - first)) * (WIDTH - LEFT - 8);
  const y = (value: number) =>
    HEIGHT - BOTTOM - (Math.max(0, Math.min(top, value)) / top) * (HEIGHT - BOTTOM - 8);
  const seen = fan.filter(([at]) => at <= last);
  const points = (list: readonly (readonly [number, number])[]) =>
    list.map(([at, value]) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  const upper = seen.map(([at, , , high]) => [at, high] as const);
  const lower = seen.map(([at, low]) => [at, low] as const).reverse();
  const ticks = Array.from({ length: 6 }, (_, index) => first + ((last - first) * (index + 0.5)) / 6);
  const text = (at: number) => (last - first > 3 * 86_400 ? day(at * 1000).slice(5) : moment(at * 1000, now));
  return (
    <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} className={styles.fan} role="img" aria-label={row.name}>
      {SHARES.map((share) => (
        <g key={share}>
          <line x1={LEFT} x2={WIDTH - 8} y1={y(share)} y2={y(share)} className={styles.rule} />
          <text x={LEFT - 6} y={y(share) + 4} textAnchor="end">
            {share * 100}%
          </text>
        </g>
      ))}
      <rect
        x={x(here)}
        y="4"
        width={Math.max(0, WIDTH - 8 - x(here))}
        height={HEIGHT - BOTTOM - 4}
        className={styles.future}
      />
      {seen.length > 1 && (
        <>
          <polygon points={points([...upper, ...lower])} className={styles.band} />
          <polyline points={points(seen.map(([at, , mid]) => [at, mid] as const))} className={styles.mid} />
        </>
      )}
      <polyline points={points(history.map(([at, value]) => [at, value] as const))} className={styles.past} />
      <line x1={LEFT} x2={WIDTH - 8} y1={y(1)} y2={y(1)} className={styles.limit} />
      <text x={LEFT + 6} y={y(1) - 5} className={styles.limitWord}>
        {t("limit")}
      </text>
      {row.full_at && Date.parse(row.full_at) / 1000 <= last && (
        <g className={styles.cross}>
          <circle cx={x(Date.parse(row.full_at) / 1000)} cy={y(1)} r="4.5" />
          <line
            x1={x(Date.parse(row.full_earliest ?? row.full_at) / 1000)}
            x2={x(Math.min(last, row.full_latest ? Date.parse(row.full_latest) / 1000 : last))}
            y1={y(1)}
            y2={y(1)}
          />
        </g>
      )}
      {ticks.map((at) => (
        <text key={at} x={x(at)} y={HEIGHT - 6} textAnchor="middle">
          {text(at)}
        </text>
      ))}
      <text x={x(here) + 5} y="16" className={styles.nowWord}>
        {t("now")}
      </text>
    </svg>
  );
}
