// The lines over time, with those of an earlier time dashed behind them.
import { useComputedColorScheme } from "@mantine/core";
import { useMemo, useRef } from "react";
import uPlot from "uplot";
import { useLocation } from "wouter";
import { axes, Chart, timeAxis, token } from "../../components/Chart";
import type { Example } from "../../lib/exemplars";
import { t } from "../../lib/i18n";
import { seriesColor } from "../../lib/palette";
import { type Line, valueText } from "../../lib/promql";
import { adjust, type Range } from "../../lib/time";
import { useUrl } from "../../state/url";
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
  /** Observations with a trace: at their values if the chart is of the same measure, else along its foot. */
  marks: readonly Example[];
  atValue: boolean;
  litMark?: string;
};

/** As without marks: a tenth of room, and from zero where zero is near. */
const SOFT_RANGE: uPlot.Range.Config = {
  min: { pad: 0.1, soft: 0, mode: 3 },
  max: { pad: 0.1, soft: 0, mode: 3 },
};

/** Half a diamond, and how near a click must be, in pixels of the page. */
const MARK = 4.5;
const REACH = 10;
/** Marks may stretch the axis to so many times what the lines need; those beyond stand at its top. */
const STRETCH = 3;

export function MetricChart(props: Props) {
  const { xs, lines, compared, comparedWith, unit, perSecond, lit, stale, range, onHover, onRange } = props;
  const { marks, atValue, litMark } = props;
  const { href } = useUrl();
  const [, navigate] = useLocation();
  const scheme = useComputedColorScheme("light");
  const open = (mark: Example) =>
    navigate(href(`/trace/${mark.trace}`, mark.span ? { span: mark.span } : {}));
  const latest = useRef({ onHover, marks, litMark, open });
  latest.current = { onHover, marks, litMark, open };
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
    atValue && marks[0]?.value,
    before.map(({ line }) => line.key).join("|"),
    lines.map((line) => line.key).join("|"),
  ].join("§");
  // biome-ignore lint/correctness/useExhaustiveDependencies: key stands for everything that the options are made of
  const options = useMemo(() => {
    const [x, y] = axes((value) => valueText(value, unit, perSecond), 74);
    const faint = (colour: string, is: boolean) => (is ? `${colour}38` : colour);
    const few = lines.length === 1;
    return {
      scales: {
        x: { time: true },
        y: {
          range: (_: uPlot, low: number | null, high: number | null): [number, number] => {
            const most = atValue ? Math.max(0, ...latest.current.marks.map((mark) => mark.value)) : 0;
            const top = Math.max(high ?? 1, Math.min(most, (high ?? 1) * STRETCH));
            const [from, to] = uPlot.rangeNum(low ?? 0, top, SOFT_RANGE);
            return [from ?? 0, to ?? 1];
          },
        },
      },
      axes: [timeAxis(x ?? {}, spanSecs), y ?? {}],
      hooks: {
        setCursor: [(u: uPlot) => latest.current.onHover(u.cursor.idx ?? null)],
        draw: [(u: uPlot) => drawMarks(u, latest.current.marks, latest.current.litMark, atValue)],
        ready: [
          (u: uPlot) =>
            u.over.addEventListener("click", () => {
              const mark = markNear(u, latest.current.marks, atValue);
              if (mark) latest.current.open(mark);
            }),
        ],
      },
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
        drawKey={`${litMark ?? ""}§${marks.length}§${marks[0]?.key ?? ""}§${marks.at(-1)?.key ?? ""}`}
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

/** Where a mark is, in pixels of the plot; `beyond` if its value is above the axis. */
function placeOf(u: uPlot, mark: Example, atValue: boolean) {
  const x = u.valToPos(mark.at, "x");
  const foot = u.over.clientHeight - MARK - 1;
  const y = atValue ? u.valToPos(mark.value, "y") : foot;
  return { x, y: Math.min(foot, Math.max(MARK + 1, y)), beyond: y < 0 };
}

function drawMarks(u: uPlot, marks: readonly Example[], lit: string | undefined, atValue: boolean) {
  const { ctx, bbox } = u;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.lineWidth = ratio;
  for (const mark of [...marks].reverse()) {
    if (mark.at < (u.scales.x?.min ?? 0) || mark.at > (u.scales.x?.max ?? 0)) continue;
    const { x, y, beyond } = placeOf(u, mark, atValue);
    const [cx, cy] = [bbox.left + x * ratio, bbox.top + y * ratio];
    const half = MARK * ratio * (lit === mark.key ? 1.6 : 1);
    ctx.beginPath();
    ctx.moveTo(cx, cy - half);
    ctx.lineTo(cx + half, beyond ? cy + half : cy);
    if (!beyond) ctx.lineTo(cx, cy + half);
    ctx.lineTo(cx - half, beyond ? cy + half : cy);
    ctx.closePath();
    ctx.fillStyle = lit === mark.key ? token("--accent") : token("--panel");
    ctx.strokeStyle = lit === mark.key ? token("--ink") : token("--accent");
    ctx.fill();
    ctx.stroke();
  }
  ctx.restore();
}

function markNear(u: uPlot, marks: readonly Example[], atValue: boolean): Example | undefined {
  const { left = -1, top = -1 } = u.cursor;
  const near = marks.map((mark) => {
    const { x, y } = placeOf(u, mark, atValue);
    return { mark, far: Math.hypot(x - left, y - top) };
  });
  return near.filter(({ far }) => far <= REACH).sort((a, b) => a.far - b.far)[0]?.mark;
}
