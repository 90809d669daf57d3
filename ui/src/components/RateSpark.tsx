// Requests over time as bars, the failed ones in them from below. A step without requests is a gap, never a zero.
import styles from "./RateSpark.module.css";

type Props = {
  requests: readonly number[];
  errors: readonly number[];
  label: string;
  width?: number;
  height?: number;
  /** Only failures are counted: all bars are theirs. */
  onlyErrors?: boolean;
  /** Changes, from 0 (the beginning) to 1 (the end), with their words. */
  marks?: readonly { at: number; title: string }[];
};

export function RateSpark({ requests, errors, label, width = 150, height = 26, onlyErrors, marks }: Props) {
  const top = Math.max(1, ...requests);
  const step = width / Math.max(1, requests.length);
  const tall = (value: number) => (value / top) * (height - 2);
  return (
    <svg
      className={styles.spark}
      viewBox={`0 0 ${width} ${height}`}
      width={width}
      height={height}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      <line x1="0" x2={width} y1={height - 0.5} y2={height - 0.5} className={styles.rail} />
      {requests.map((value, i) => {
        if (value === 0) return null;
        const bad = onlyErrors ? value : (errors[i] ?? 0);
        const all = Math.max(1.2, tall(value));
        // However few failed, they are seen.
        const failed = bad > 0 ? Math.max(1.5, tall(bad)) : 0;
        const box = { x: i * step, width: Math.max(0.8, step - 0.7) };
        return (
          <g key={i}>
            {!onlyErrors && <rect {...box} y={height - all} height={all} className={styles.all} />}
            {failed > 0 && <rect {...box} y={height - failed} height={failed} className={styles.bad} />}
          </g>
        );
      })}
      {marks
        ?.filter(({ at }) => at >= 0 && at <= 1)
        .map(({ at, title }) => (
          <g key={`${at} ${title}`} className={styles.mark}>
            <title>{title}</title>
            <line x1={at * width} x2={at * width} y1="0" y2={height} />
            <path d={`M${at * width - 3} 0h6l-3 5Z`} />
          </g>
        ))}
    </svg>
  );
}
