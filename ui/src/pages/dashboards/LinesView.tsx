// Lines over time: one crosshair for all charts of a dashboard, changes marked on each, a drag sets the time for all.
import { useComputedColorScheme } from "@mantine/core";
import { useMemo, useState } from "react";
import type uPlot from "uplot";
import { Link } from "wouter";
import type { Answer } from "../../api/dashboards";
import { axes, Chart, timeAxis, token } from "../../components/Chart";
import { type Drawn, dressed, reduced, said, saidOf } from "../../lib/dashboard";
import { t } from "../../lib/i18n";
import { colorOf } from "../../lib/palette";
import { adjust } from "../../lib/time";
import styles from "./Dashboards.module.css";
import type { Frame } from "./PanelView";

/** Entries of a legend; the rest is counted. */
const LEGEND_MAX = 30;
const LEGEND_HEIGHT = 24;
const TABLE_ROWS = 4;
const TONES: Record<string, string> = {
  good: "--good",
  warn: "--warn-fill",
  bad: "--bad-fill",
  info: "--info",
  none: "--none",
};

type Props = Frame & {
  panel: Drawn;
  answer: Answer;
  height: number;
  hrefOf: (query: number) => string | undefined;
};

export function LinesView({ panel, answer, height, hrefOf, span, marks, onRange }: Props) {
  const scheme = useComputedColorScheme("light");
  const [lit, setLit] = useState<string>();
  const legend = panel.legend ?? "bottom";
  const lines = useMemo(() => dressed(answer.lines, panel.overrides), [panel, answer]);
  const stacked = Boolean(panel.stack) && lines.length > 1;
  const data = useMemo(() => {
    const ys = lines.map((line) =>
      line.negative ? line.values.map((v) => (v === null ? null : -v)) : line.values,
    );
    return [answer.xs, ...(stacked ? piled(ys) : ys)] as uPlot.AlignedData;
  }, [answer, lines, stacked]);
  const spanSecs = (span.end - span.start) / 1000;
  const key = [
    scheme,
    panel.unit,
    panel.decimals,
    panel.min,
    panel.max,
    lit,
    stacked,
    answer.xs.length < 40,
    spanSecs > 172_800,
    spanSecs < 900,
    JSON.stringify(panel.thresholds ?? []),
    lines.map((line) => `${line.name} ${line.colour ?? ""}`).join("|"),
  ].join("§");
  const drawKey = `${span.start} ${span.end} ${marks.map((mark) => mark.at).join()}`;
  const latest = useMemo(() => ({ marks, span }), [marks, span]);
  const held = useHeld(latest);
  // biome-ignore lint/correctness/useExhaustiveDependencies: key stands for everything that the options are made of
  const options = useMemo(() => {
    const unit = lines.find((line) => line.unit)?.unit ?? panel.unit;
    const [x, y] = axes((value) => said(Math.abs(value) < 1e-12 ? 0 : value, unit, panel.decimals), 62);
    const colour = ({ name, colour }: (typeof lines)[number], index: number) =>
      colour ?? (lines.length === 1 ? token("--accent") : colorOf(name, index, token));
    return {
      padding: [8, 10, 0, 0] as [number, number, number, number],
      cursor: { sync: { key: "dashboard", setSeries: false }, points: { size: 5 } },
      scales: {
        x: {
          time: true,
          range: () => [held.current.span.start / 1000, held.current.span.end / 1000] as [number, number],
        },
        y: { range: (_: uPlot, least: number, most: number) => bounds(panel, least, most) },
      },
      axes: [timeAxis({ ...x, space: 70 }, spanSecs), y ?? {}],
      hooks: {
        draw: [(u: uPlot) => drawThresholds(u, panel), (u: uPlot) => drawMarks(u, held.current.marks)],
      },
      series: [
        {},
        ...lines.map((line, index) => {
          const stroke = colour(line, index);
          const isFaint = lit !== undefined && lit !== line.key;
          return {
            stroke: isFaint ? `${stroke}38` : stroke,
            fill: stacked
              ? `${stroke}${isFaint ? "18" : "66"}`
              : lines.length === 1
                ? `${stroke}1c`
                : undefined,
            width: lit === line.key ? 2.4 : 1.5,
            points: { show: answer.xs.length < 40, size: 4, fill: token("--panel") },
          };
        }),
      ],
      ...(stacked
        ? {
            bands: lines.slice(1).map((_, index) => ({ series: [index + 1, index + 2] as [number, number] })),
          }
        : {}),
    };
  }, [key]);
  const below =
    legend === "hidden" || legend === "right"
      ? 0
      : legend === "table"
        ? (Math.min(TABLE_ROWS, lines.length) + 1) * 20 + 4
        : LEGEND_HEIGHT;
  const isNarrow = panel.h < 5;
  return (
    <div className={styles.lines} data-legend={legend}>
      <div className="grow">
        <Chart
          data={data}
          options={options}
          shapeKey={key}
          drawKey={drawKey}
          height={Math.max(60, height - (isNarrow ? 0 : below) - 2)}
          label={panel.title || t("The answer over time")}
          onRange={onRange}
          onNudge={(shift, zoom) => {
            const next = adjust(span, shift, zoom);
            onRange(next.start, next.end);
          }}
        />
      </div>
      {legend !== "hidden" && !isNarrow && (
        <ul className={styles.legend}>
          {lines.slice(0, LEGEND_MAX).map((line, index) => {
            const to = hrefOf(line.query);
            const words = (
              <>
                <i
                  style={{
                    background:
                      line.colour ??
                      (lines.length === 1
                        ? "var(--accent)"
                        : colorOf(line.name, index, (name) => `var(${name})`)),
                  }}
                  aria-hidden="true"
                />
                <span className="cut">{line.name}</span>
                {(legend === "table" || legend === "right") && (
                  <b>{saidOf(reduced(line.values, panel.calculation), panel, line.unit ?? panel.unit)}</b>
                )}
              </>
            );
            return (
              <li
                key={line.key}
                onPointerEnter={() => setLit(line.key)}
                onPointerLeave={() => setLit(undefined)}
              >
                {to ? (
                  <Link href={to} title={t("Look closer")}>
                    {words}
                  </Link>
                ) : (
                  words
                )}
              </li>
            );
          })}
          {lines.length > LEGEND_MAX && <li className="dim">{`+${lines.length - LEGEND_MAX}`}</li>}
          {answer.notes.map((note) => (
            <li key={note} className="dim cut" title={note}>
              {note}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** Each line on top of those after it, so that the first has the whole. */
function piled(ys: readonly (readonly (number | null)[])[]): (number | null)[][] {
  const sums = new Map<number, number>();
  const made = ys.map(() => [] as (number | null)[]);
  for (let line = ys.length - 1; line >= 0; line--)
    for (const [at, value] of (ys[line] ?? []).entries()) {
      const sum = (sums.get(at) ?? 0) + (value ?? 0);
      sums.set(at, sum);
      made[line]?.push(value === null && !sums.has(at) ? null : sum);
    }
  return made;
}

function bounds(panel: Drawn, least: number | null, most: number | null): [number, number] {
  const low = panel.min ?? Math.min(0, least ?? 0);
  const high = panel.max ?? most ?? 0;
  return [low, high > low ? high + (panel.max == null ? (high - low) * 0.06 : 0) : low + 1];
}

function drawThresholds(u: uPlot, panel: Drawn) {
  const { ctx } = u;
  for (const { from, tone } of panel.thresholds ?? []) {
    const y = u.valToPos(from, "y", true);
    if (y < u.bbox.top || y > u.bbox.top + u.bbox.height) continue;
    ctx.save();
    ctx.strokeStyle = token(TONES[tone] ?? "--none");
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(u.bbox.left, y);
    ctx.lineTo(u.bbox.left + u.bbox.width, y);
    ctx.stroke();
    ctx.restore();
  }
}

function drawMarks(u: uPlot, marks: Frame["marks"]) {
  const { ctx } = u;
  ctx.save();
  ctx.strokeStyle = token("--info");
  ctx.fillStyle = token("--info");
  ctx.lineWidth = devicePixelRatio;
  for (const { at } of marks) {
    const x = Math.round(u.valToPos(at / 1000, "x", true));
    if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, u.bbox.top);
    ctx.lineTo(x, u.bbox.top + u.bbox.height);
    ctx.globalAlpha = 0.55;
    ctx.stroke();
    ctx.globalAlpha = 1;
    ctx.beginPath();
    const size = 4 * devicePixelRatio;
    ctx.moveTo(x - size, u.bbox.top);
    ctx.lineTo(x + size, u.bbox.top);
    ctx.lineTo(x, u.bbox.top + size * 1.3);
    ctx.fill();
  }
  ctx.restore();
}

function useHeld<T>(value: T) {
  const [held] = useState(() => ({ current: value }));
  held.current = value;
  return held;
}
