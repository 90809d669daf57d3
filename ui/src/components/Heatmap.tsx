// A histogram over time: the more in a bucket, the further from the page's colour. What is pointed at says its bucket, its
// time and its rate.
import { useComputedColorScheme } from "@mantine/core";
import { type PointerEvent, useEffect, useMemo, useRef, useState } from "react";
import { Link } from "wouter";
import type { Example } from "../lib/exemplars";
import { clock, moment } from "../lib/format";
import { type Heat, heatColour, heatShare } from "../lib/heatmap";
import { t } from "../lib/i18n";
import { useUrl } from "../state/url";
import { token } from "./Chart";
import styles from "./Heatmap.module.css";

type Props = {
  heat: Heat;
  height: number;
  label: string;
  /** A boundary of a bucket, with its unit. */
  boundary: (value: number) => string;
  /** What a cell counts, with its unit. */
  amount: (value: number) => string;
  /** Observations with a trace, drawn in their cells as links. */
  marks?: readonly Example[];
  litMark?: string;
};

/** Pixels that a label of a row needs. */
const LABEL_HEIGHT = 16;
const LEGEND_STEPS = 24;

export default function Heatmap({ heat, height, label, boundary, amount, marks = [], litMark }: Props) {
  const { href } = useUrl();
  const scheme = useComputedColorScheme("light");
  const canvas = useRef<HTMLCanvasElement>(null);
  const [at, setAt] = useState<{ x: number; row: number; left: number; top: number }>();
  const { xs, rows, most } = heat;

  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext("2d");
    if (!element || !context || rows.length === 0 || xs.length === 0) return;
    // A pixel for each cell; the browser makes them large.
    element.width = xs.length;
    element.height = rows.length;
    const image = context.createImageData(xs.length, rows.length);
    const gap = rgb(token("--line"));
    rows.forEach(({ values }, row) => {
      values.forEach((value, x) => {
        const start = ((rows.length - 1 - row) * xs.length + x) * 4;
        // Nothing in a bucket is the page itself; no histogram at all is a gap.
        if (value === 0) return;
        const colour = value === null ? gap : heatColour(heatShare(value, most), scheme);
        image.data.set([...colour, value === null ? 110 : 255], start);
      });
    });
    context.putImageData(image, 0, 0);
  }, [rows, xs, most, scheme]);

  const labels = useMemo(
    () => rows.map(({ high }) => (Number.isFinite(high) ? boundary(high) : "∞")).reverse(),
    [rows, boundary],
  );
  const every = Math.max(1, Math.ceil((labels.length * LABEL_HEIGHT) / Math.max(40, height - 44)));
  const scale = Array.from({ length: LEGEND_STEPS }, (_, i) => {
    const [r, g, b] = heatColour(i / (LEGEND_STEPS - 1), scheme);
    return `rgb(${r} ${g} ${b})`;
  });
  const point = (event: PointerEvent<HTMLCanvasElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const [left, top] = [event.clientX - box.left, event.clientY - box.top];
    const x = Math.min(xs.length - 1, Math.max(0, Math.floor((left / box.width) * xs.length)));
    const fromTop = Math.floor((top / box.height) * rows.length);
    setAt({ x, row: Math.min(rows.length - 1, Math.max(0, rows.length - 1 - fromTop)), left, top });
  };
  const row = at && rows[at.row];
  const value = at && row?.values[at.x];
  const whole = at ? rows.reduce((sum, one) => sum + (one.values[at.x] ?? 0), 0) : 0;
  const gaps = xs.filter((_, x) => rows.every(({ values }) => values[x] === null)).length;
  return (
    <div className={styles.heat} style={{ height }}>
      <ol aria-hidden="true">
        {labels.map((text, index) => (
          <li key={index}>{(labels.length - 1 - index) % every === 0 ? text : ""}</li>
        ))}
      </ol>
      <div className={styles.field}>
        <canvas
          ref={canvas}
          role="img"
          aria-label={label}
          onPointerMove={point}
          onPointerLeave={() => setAt(undefined)}
        />
        {marks.map((mark) => {
          const place = cellOf(heat, mark);
          return (
            place && (
              <Link
                key={mark.key}
                className={styles.mark}
                // The same ways are listed below, where they are reached one by one.
                tabIndex={-1}
                data-lit={mark.key === litMark || undefined}
                style={{ left: `${100 * place.x}%`, bottom: `${100 * place.y}%` }}
                href={href(`/trace/${mark.trace}`, mark.span ? { span: mark.span } : {})}
                title={t("Trace of {value} at {time}", {
                  value: boundary(mark.value),
                  time: moment(mark.at * 1000),
                })}
                aria-label={t("Trace of {value} at {time}", {
                  value: boundary(mark.value),
                  time: moment(mark.at * 1000),
                })}
              />
            )
          );
        })}
        {at && row && (
          <div
            className={styles.tip}
            data-left={at.x > xs.length / 2 || undefined}
            style={{ left: at.left, top: at.top }}
          >
            <strong>
              {Number.isFinite(row.low) ? boundary(row.low) : "−∞"} –{" "}
              {Number.isFinite(row.high) ? boundary(row.high) : "∞"}
            </strong>
            <span>
              {value == null
                ? t("no histogram at this time")
                : whole > 0
                  ? t("{amount}, {share} % of all", {
                      amount: amount(value),
                      share: Math.round((100 * value) / whole),
                    })
                  : amount(value)}
            </span>
            <span className="dim">{clock((xs[at.x] ?? 0) * 1000)}</span>
          </div>
        )}
      </div>
      <p className={`label ${styles.foot}`}>
        <span>{clock((xs[0] ?? 0) * 1000)}</span>
        {gaps > 0 && (
          <span>{t("{n, plural, one {# time} other {# times}} without a histogram", { n: gaps })}</span>
        )}
        <span className={styles.scale} aria-hidden="true">
          {amount(0)}
          <i>
            {scale.map((colour) => (
              <b key={colour} style={{ background: colour }} />
            ))}
          </i>
          {amount(most)}
        </span>
        <span>{clock((xs.at(-1) ?? 0) * 1000)}</span>
      </p>
    </div>
  );
}

/** Where a mark lies, as shares from the left and from the foot. Rows are equally high whatever they span. */
function cellOf({ xs, rows }: Heat, mark: Example): { x: number; y: number } | undefined {
  const step = (xs[1] ?? 0) - (xs[0] ?? 0);
  // A point of the grid stands for the step before it.
  const x = (mark.at - ((xs[0] ?? 0) - step)) / (step * xs.length);
  const row = rows.findIndex(({ low, high }) => mark.value > low && mark.value <= high);
  return step > 0 && row >= 0 && x >= 0 && x <= 1 ? { x, y: (row + 0.5) / rows.length } : undefined;
}

/** `#rgb` or `#rrggbb`, as the tokens are written. */
function rgb(hex: string): [number, number, number] {
  const whole = hex.length === 4 ? hex.replace(/[^#]/g, "$&$&") : hex;
  const value = Number.parseInt(whole.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}
