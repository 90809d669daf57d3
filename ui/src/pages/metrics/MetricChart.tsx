// The lines over time, with those of an earlier time dashed behind them.
import { useComputedColorScheme } from "@mantine/core";
import { useMemo, useRef } from "react";
import type uPlot from "uplot";
import { axes, Chart, timeAxis, token } from "../../components/Chart";
import { t } from "../../lib/i18n";
import { seriesColor } from "../../lib/palette";
import { type Line, valueText } from "../../lib/promql";
import { adjust, type Range } from "../../lib/time";
import styles from "./Metrics.module.css";

type Props = {
  xs: readonly number[];
  lines: readonly Line[];
  compared: readonly Line[];
  comparedWith?: string;
  unit: string;
  perSecond: boolean;
  /** The key of the line that is pointed at. */
  lit?: string;
  stale: boolean;
  range: Range;
  onHover: (index: number | null) => void;
  onRange: (start: number, end: number) => void;
};

export function MetricChart(props: Props) {
  const { xs, lines, compared, comparedWith, unit, perSecond, lit, stale, range, onHover, onRange } = props;
  const scheme = useComputedColorScheme("light");
  const latest = useRef({ onHover });
  latest.current = { onHover };
  const before = useMemo(() => {
    const colours = new Map(lines.map((line, index) => [line.key, index]));
    return compared
      .filter((line) => colours.has(line.key))
      .map((line) => ({ line, colour: colours.get(line.key) ?? 0 }));
  }, [lines, compared]);
  const data = useMemo(
    () =>
      [
        xs,
        ...before.map(({ line }) => line.values),
        ...lines.map((line) => line.values),
      ] as uPlot.AlignedData,
    [xs, before, lines],
  );
  const spanSecs = (xs.at(-1) ?? 0) - (xs[0] ?? 0);
  const key = [
    scheme,
    unit,
    perSecond,
    lit ?? "",
    spanSecs > 172_800,
    spanSecs < 900,
    before.map(({ line }) => line.key).join("|"),
    lines.map((line) => line.key).join("|"),
  ].join("§");
  // biome-ignore lint/correctness/useExhaustiveDependencies: key stands for everything that the options are made of
  const options = useMemo(() => {
    const [x, y] = axes((value) => valueText(value, unit, perSecond), 74);
    const faint = (colour: string, is: boolean) => (is ? `${colour}38` : colour);
    const few = lines.length === 1;
    return {
      scales: { x: { time: true } },
      axes: [timeAxis(x ?? {}, spanSecs), y ?? {}],
      hooks: { setCursor: [(u: uPlot) => latest.current.onHover(u.cursor.idx ?? null)] },
      series: [
        {},
        ...before.map(({ colour, line }) => ({
          stroke: faint(few ? token("--ink-3") : seriesColor(colour), lit !== undefined && lit !== line.key),
          width: 1.2,
          dash: [5, 4],
          points: { show: false },
        })),
        ...lines.map((line, index) => ({
          stroke: faint(few ? token("--accent") : seriesColor(index), lit !== undefined && lit !== line.key),
          fill: few ? `${token("--accent")}1c` : undefined,
          width: lit === line.key ? 2.6 : 1.6,
          points: { show: xs.length < 40, size: 5, fill: token("--panel") },
        })),
      ],
    };
  }, [key]);
  return (
    <div className={styles.chart} data-stale={stale || undefined}>
      <Chart
        data={data}
        options={options}
        shapeKey={key}
        height={320}
        label={t("The metric over time")}
        onRange={onRange}
        onNudge={(shift, zoom) => {
          const next = adjust(range, shift, zoom);
          onRange(next.start, next.end);
        }}
      />
      {before.length > 0 && (
        <p className="label">
          <i className={styles.dash} aria-hidden="true" /> {comparedWith}
        </p>
      )}
    </div>
  );
}
