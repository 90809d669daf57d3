// Counts over time, stacked by one field. Drag to zoom, or focus it and use the arrow keys; the same numbers as a table
// for those who cannot see it.
import { useComputedColorScheme } from "@mantine/core";
import { useMemo, useRef, useState } from "react";
import uPlot from "uplot";
import type { Change, HistogramResponse } from "../../api/types";
import { axes, Chart, timeAxis, token } from "../../components/Chart";
import { clock, count, span } from "../../lib/format";
import { t } from "../../lib/i18n";
import { colorOf } from "../../lib/palette";
import styles from "./Search.module.css";

const HEIGHT = 132;

type Props = {
  data?: HistogramResponse;
  pending: boolean;
  split?: string;
  /** Fields that it can be split by. */
  splits: readonly string[];
  onSplit: (field: string) => void;
  /** Marked by a line where they were made. */
  changes: readonly Change[];
  onRange: (start: number, end: number) => void;
  onNudge: (shift: number, zoom: number) => void;
  onPick: (value: string) => void;
};

/** Calm ones below, faults on top, so that errors are seen at the edge where they change the outline. */
const weight = (name: string) => (/^(error|fatal|5\d\d)/i.test(name) ? 2 : /^warn/i.test(name) ? 1 : 0);

export function Histogram({
  data,
  pending,
  split,
  splits,
  onSplit,
  changes,
  onRange,
  onNudge,
  onPick,
}: Props) {
  const marks = useRef<number[]>([]);
  marks.current = changes.map((change) => Date.parse(change.at) / 1000);
  const scheme = useComputedColorScheme("light");
  const [at, setAt] = useState<number | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: colours follow the scheme
  const series = useMemo(
    () =>
      [...(data?.series ?? [])]
        .sort((a, b) => weight(a.name) - weight(b.name) || sum(b.counts) - sum(a.counts))
        .map((one, i) => ({ ...one, color: colorOf(one.name, i, token) })),
    [data, scheme],
  );
  const aligned = useMemo<uPlot.AlignedData>(() => {
    const xs = (data?.starts ?? []).map((start) => Date.parse(start) / 1000);
    const below = new Array<number>(xs.length).fill(0);
    const stacks = series.map((one) => one.counts.map((n, i) => (below[i] = (below[i] ?? 0) + n)));
    // Drawn from the tallest stack down, so that each covers the one above it.
    return [xs, ...stacks.reverse()];
  }, [data, series]);
  const width = data?.bucket_secs ?? 60;
  const xs = aligned[0] as number[];
  const spanSecs = (xs.at(-1) ?? 0) - (xs[0] ?? 0) + width;
  const shapeKey = [
    scheme,
    width,
    spanSecs > 2 * 86_400,
    spanSecs < 900,
    ...series.map((one) => one.name),
  ].join("|");
  // biome-ignore lint/correctness/useExhaustiveDependencies: shapeKey stands for scheme, width and series
  const options = useMemo(() => {
    const [x, y] = axes(count);
    const bars = uPlot.paths.bars?.({ size: [0.92, 60], align: 1, gap: 1 });
    return {
      scales: {
        x: {
          time: true,
          range: (_: uPlot, min: number, max: number): [number, number] => [min, max + width],
        },
        y: { range: (_: uPlot, __: number, max: number): [number, number] => [0, Math.max(1, max * 1.06)] },
      },
      axes: [timeAxis(x ?? {}, spanSecs), y ?? {}],
      series: [
        {},
        ...series.toReversed().map((one) => ({
          label: one.name,
          fill: one.color,
          stroke: one.color,
          width: 0,
          paths: bars,
          points: { show: false },
        })),
      ],
      hooks: {
        setCursor: [(u: uPlot) => setAt(u.cursor.idx ?? null)],
        draw: [(u: uPlot) => drawMarks(u, marks.current)],
      },
    };
  }, [shapeKey]);

  const start = data?.starts[at ?? -1];
  return (
    <div className={styles.histogram}>
      <Chart
        data={aligned}
        options={options}
        shapeKey={shapeKey}
        drawKey={marks.current.join()}
        height={HEIGHT}
        label={t("Matches over time")}
        onRange={onRange}
        onNudge={onNudge}
      />
      <div className={styles.legend}>
        <span className="dim">
          {start
            ? `${clock(start)} + ${span(width)}`
            : pending
              ? "…"
              : t("bars of {width}", { width: span(width) })}
        </span>
        <label className={styles.split}>
          <span className="label">{t("split by")}</span>
          <select value={split ?? ""} onChange={(event) => onSplit(event.currentTarget.value)}>
            {[...new Set([...(split ? [split] : []), ...splits])].map((field) => (
              <option key={field}>{field}</option>
            ))}
          </select>
        </label>
        {series.toReversed().map((one) => (
          <button
            key={one.name}
            type="button"
            className="plain"
            onClick={() => onPick(one.name)}
            disabled={["all", "other", "none"].includes(one.name)}
          >
            <i style={{ background: one.color }} aria-hidden="true" />
            {one.name === "all" ? t("all") : one.name}{" "}
            <b>{count(start ? (one.counts[at ?? 0] ?? 0) : sum(one.counts))}</b>
          </button>
        ))}
      </div>
      <table className="sr">
        <caption>{t("Matches over time")}</caption>
        <tbody>
          {data?.starts.map((when, i) => (
            <tr key={when}>
              <th scope="row">{when}</th>
              {data.series.map((one) => (
                <td key={one.name}>{`${one.name}: ${one.counts[i]}`}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A dashed line with a head at each change. */
function drawMarks(u: uPlot, marks: readonly number[]) {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = token("--accent");
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
  for (const mark of marks) {
    const x = Math.round(u.valToPos(mark, "x", true));
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    const size = 4 * devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(x - size, bbox.top);
    ctx.lineTo(x + size, bbox.top);
    ctx.lineTo(x, bbox.top + size * 1.5);
    ctx.fill();
  }
  ctx.restore();
}

const sum = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0);
