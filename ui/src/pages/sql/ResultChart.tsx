// An answer with numbers, drawn: lines over time, bars over names.
import { useComputedColorScheme } from "@mantine/core";
import { useMemo } from "react";
import type uPlot from "uplot";
import type { SqlResponse } from "../../api/types";
import { axes, Chart, timeAxis, token } from "../../components/Chart";
import { count } from "../../lib/format";
import { t } from "../../lib/i18n";
import { seriesColor } from "../../lib/palette";
import { cellText } from "../../lib/record";
import type { Drawing } from "../../lib/sql";
import styles from "./Sql.module.css";

/** Bars that can be told apart. */
const BARS_MAX = 40;

export function ResultChart({ answer, drawing }: { answer: SqlResponse; drawing: Drawing }) {
  return drawing.time ? (
    <Lines answer={answer} drawing={drawing} />
  ) : (
    <Bars answer={answer} drawing={drawing} />
  );
}

function Lines({ answer, drawing }: { answer: SqlResponse; drawing: Drawing }) {
  const scheme = useComputedColorScheme("light");
  const data = useMemo(() => {
    const rows = answer.rows
      .map(
        (row) =>
          [Date.parse(String(row[drawing.x])) / 1000, ...drawing.ys.map((y) => row[y])] as (number | null)[],
      )
      .filter((row) => Number.isFinite(row[0]))
      .sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0));
    return [0, ...drawing.ys.map((_, index) => index + 1)].map((column) =>
      rows.map((row) => (typeof row[column] === "number" ? row[column] : null)),
    ) as uPlot.AlignedData;
  }, [answer, drawing]);
  const names = drawing.ys.map((y) => answer.columns[y]?.name ?? "");
  const xs = data[0] as number[];
  const spanSecs = (xs.at(-1) ?? 0) - (xs[0] ?? 0);
  const key = `${scheme}|${names.join("|")}|${spanSecs > 172_800}|${spanSecs < 900}`;
  // biome-ignore lint/correctness/useExhaustiveDependencies: key stands for names, scheme and the length of the axis
  const options = useMemo(() => {
    const [x, y] = axes(count);
    return {
      scales: { x: { time: true } },
      axes: [timeAxis(x ?? {}, spanSecs), y ?? {}],
      series: [
        {},
        ...names.map((label, index) => ({
          label,
          stroke: seriesColor(index),
          width: 1.5,
          points: { show: data[0].length < 60, size: 5, fill: token("--panel") },
        })),
      ],
    };
  }, [key]);
  return (
    <div className={styles.chart}>
      <Chart data={data} options={options} shapeKey={key} height={220} label={t("The answer over time")} />
      <div className={styles.legend}>
        {names.map((name, index) => (
          <span key={name}>
            <i style={{ background: seriesColor(index) }} aria-hidden="true" />
            {name}
          </span>
        ))}
      </div>
    </div>
  );
}

function Bars({ answer, drawing }: { answer: SqlResponse; drawing: Drawing }) {
  const y = drawing.ys[0] ?? 0;
  const value = (row: readonly unknown[]) => Number(row[y] ?? 0);
  const most = Math.max(...answer.rows.map((row) => Math.abs(value(row))), 1e-9);
  return (
    <div className={styles.chart}>
      <p className="label">
        {t("{value} by {name}", {
          value: answer.columns[y]?.name ?? "",
          name: answer.columns[drawing.x]?.name ?? "",
        })}
        {answer.rows.length > BARS_MAX && ` · ${t("the first {n}", { n: BARS_MAX })}`}
      </p>
      <ul className={styles.bars}>
        {answer.rows.slice(0, BARS_MAX).map((row, index) => (
          <li key={index}>
            <span className="cut" title={cellText("", row[drawing.x])}>
              {cellText("", row[drawing.x]) || t("none")}
            </span>
            <span>
              <i style={{ width: `${(Math.abs(value(row)) / most) * 100}%` }} aria-hidden="true" />
              {count(value(row))}
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}
