// A line over time. Where nothing was measured there is nothing, so an outage is a hole and not a valley.
import styles from "./Infrastructure.module.css";

type Props = {
  values: readonly (number | null)[];
  /** The top is 1, as of a share; otherwise the highest value. */
  full: boolean;
  label: string;
  width?: number;
  height?: number;
};

export function Line({ values, full, label, width = 130, height = 24 }: Props) {
  const top = full ? 1 : Math.max(1e-9, ...values.map((value) => value ?? 0));
  const step = width / Math.max(1, values.length - 1);
  let path = "";
  let isDrawing = false;
  values.forEach((value, index) => {
    if (value == null) {
      isDrawing = false;
      return;
    }
    const y = height - 1.5 - (Math.max(0, value) / top) * (height - 3);
    path += `${isDrawing ? "L" : "M"}${(index * step).toFixed(1)} ${y.toFixed(1)}`;
    if (!isDrawing && values[index + 1] == null) path += "h1";
    isDrawing = true;
  });
  return (
    <svg
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label={label}
      className={styles.line}
    >
      <line x1="0" x2={width} y1={height - 0.5} y2={height - 0.5} />
      <path d={path} />
    </svg>
  );
}
