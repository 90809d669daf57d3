// uPlot in React: made once per shape, fed by `setData`, resized with its box, brushed by mouse and by arrow keys.
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { t } from "../lib/i18n";
import styles from "./Chart.module.css";

export type ChartProps = {
  /** Seconds first, then one array per series. */
  data: uPlot.AlignedData;
  /** Everything but size; a new `shapeKey` builds the chart anew. */
  options: Omit<uPlot.Options, "width" | "height">;
  shapeKey: string;
  /** What the options draw by themselves, such as marks: drawn again when this changes. */
  drawKey?: string;
  height: number;
  label: string;
  /** Called with milliseconds after a drag, or after arrow keys. */
  onRange?: (start: number, end: number) => void;
  onNudge?: (shift: number, zoom: number) => void;
};

export function Chart({ data, options, shapeKey, drawKey, height, label, onRange, onNudge }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef({ data, options, onRange });
  latest.current = { data, options, onRange };

  // biome-ignore lint/correctness/useExhaustiveDependencies: shapeKey stands for the options
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const { options, data } = latest.current;
    const made = new uPlot(
      {
        ...options,
        width: Math.max(120, element.clientWidth),
        height,
        legend: { show: false, ...options.legend },
        cursor: {
          ...options.cursor,
          drag: { x: Boolean(latest.current.onRange), y: false, setScale: false },
        },
        hooks: {
          ...options.hooks,
          setSelect: [
            (u) => {
              const { left, width } = u.select;
              // Without a scale, as before the first data, a place on the chart is no time.
              if (width > 3 && u.scales.x?.min != null)
                latest.current.onRange?.(u.posToVal(left, "x") * 1000, u.posToVal(left + width, "x") * 1000);
              u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            },
          ],
        },
      },
      data,
      element,
    );
    plot.current = made;
    const observer = new ResizeObserver(() =>
      made.setSize({ width: Math.max(120, element.clientWidth), height }),
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
    // The options are read when the shape changes; data flows through setData below.
  }, [shapeKey, height]);

  useEffect(() => {
    plot.current?.setData(data);
  }, [data]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for what is drawn
  useEffect(() => plot.current?.redraw(false), [drawKey]);

  return (
    <div
      ref={box}
      className={styles.chart}
      style={{ minHeight: height }}
      role="img"
      aria-label={onNudge ? `${label}. ${t("Arrow keys move and zoom the time window.")}` : label}
      tabIndex={onNudge ? 0 : undefined}
      onKeyDown={(event) => {
        const step = { ArrowLeft: [-0.25, 1], ArrowRight: [0.25, 1], ArrowUp: [0, 0.5], ArrowDown: [0, 2] }[
          event.key
        ];
        if (!step || !onNudge) return;
        event.preventDefault();
        onNudge(step[0] ?? 0, step[1] ?? 1);
      }}
    />
  );
}

/** Reads a colour of the theme, for canvases. */
export const token = (name: string) =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Axes in the theme's colours; `values` formats the ticks of the y axis. */
export function axes(values: (value: number) => string, size = 56): uPlot.Axis[] {
  const ink = token("--ink-3");
  const grid = { stroke: token("--line"), width: 1 };
  const font = `11px ${token("--font")}`;
  return [
    { stroke: ink, grid: { ...grid, show: false }, ticks: { ...grid, size: 4 }, font, size: 26, space: 90 },
    { stroke: ink, grid, ticks: { show: false }, font, size, values: (_, ticks) => ticks.map(values) },
  ];
}

/** Tick texts of the time axis: the day appears only where it changes the meaning. */
export function timeAxis(axis: uPlot.Axis, spanSecs: number): uPlot.Axis {
  const pad = (n: number) => String(n).padStart(2, "0");
  return {
    ...axis,
    values: (_, splits) =>
      splits.map((secs) => {
        const d = new Date(secs * 1000);
        if (spanSecs > 2 * 86_400)
          return `${pad(d.getMonth() + 1)}-${pad(d.getDate())} ${pad(d.getHours())}:${pad(d.getMinutes())}`;
        const base = `${pad(d.getHours())}:${pad(d.getMinutes())}`;
        return spanSecs < 900 ? `${base}:${pad(d.getSeconds())}` : base;
      }),
  };
}
