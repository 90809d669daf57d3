// A bar per minute, oldest first; minutes without events are gaps, never zeros. Scaled to its own top, but never
// finer than the promise: a healthy service must look quiet. A minute that merely spends budget is grey; red begins
// where a day of it would page.
import styles from "./Sparkline.module.css";

type Props = {
  values: readonly (number | null)[];
  floor: number;
  label: string;
  width?: number;
  height?: number;
};

/** The slowest rate that pages (six hours against thirty minutes, rolling 28 days). */
const PAGING_RATE = 5.6;

export function Sparkline({ values, floor, label, width = 150, height = 34 }: Props) {
  const top = Math.max(floor * 2, ...values.map((value) => value ?? 0));
  const step = width / Math.max(1, values.length);
  const lineAt = height - 1 - (floor / top) * (height - 2);
  return (
    <svg
      className={styles.spark}
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label={label}
    >
      <line x1="0" x2={width} y1={height - 0.5} y2={height - 0.5} className={styles.rail} />
      {values.map((value, i) => {
        if (value == null)
          return (
            <rect
              key={i}
              x={i * step + step * 0.3}
              y={height - 2}
              width={step * 0.35}
              height="1"
              className={styles.gap}
            />
          );
        const h = Math.max(1.5, (value / top) * (height - 2));
        return (
          <rect
            key={i}
            x={i * step}
            y={height - h}
            width={Math.max(1, step - 0.8)}
            height={h}
            className={
              value > floor * PAGING_RATE ? styles.over : value > floor ? styles.spent : styles.under
            }
          />
        );
      })}
      <line x1="0" x2={width} y1={lineAt} y2={lineAt} className={styles.limit} />
    </svg>
  );
}
