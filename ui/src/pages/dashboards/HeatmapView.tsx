// Buckets of a histogram over time: the darker, the more.
import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useMemo, useRef } from "react";
import type { Answer } from "../../api/dashboards";
import { token } from "../../components/Chart";
import { buckets, type Drawn, said } from "../../lib/dashboard";
import { clock } from "../../lib/format";
import { t } from "../../lib/i18n";
import styles from "./Dashboards.module.css";

export function HeatmapView({ panel, answer, height }: { panel: Drawn; answer: Answer; height: number }) {
  const scheme = useComputedColorScheme("light");
  const canvas = useRef<HTMLCanvasElement>(null);
  const rows = useMemo(() => buckets(answer.lines), [answer]);
  const most = Math.max(1e-12, ...rows.flatMap(({ values }) => values));
  // biome-ignore lint/correctness/useExhaustiveDependencies: the scheme changes the colours
  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext("2d");
    if (!element || !context || rows.length === 0) return;
    // A pixel for each cell; the browser makes them large.
    element.width = answer.xs.length;
    element.height = rows.length;
    context.fillStyle = token("--accent");
    rows.forEach(({ values }, row) => {
      values.forEach((value, column) => {
        if (value <= 0) return;
        // By the root, so that few among many are seen.
        context.globalAlpha = 0.08 + 0.92 * Math.sqrt(value / most);
        context.fillRect(column, rows.length - 1 - row, 1, 1);
      });
    });
  }, [rows, answer, scheme, most]);
  if (rows.length === 0)
    return <p className={styles.nothing}>{t("A heatmap needs buckets: series with the label le")}</p>;
  const labels = rows
    .map(({ le }) => (Number.isFinite(le) ? said(le, panel.unit, panel.decimals) : "∞"))
    .reverse();
  const every = Math.max(1, Math.ceil((labels.length * 16) / Math.max(40, height - 24)));
  return (
    <div className={styles.heat} style={{ height: height - 4 }}>
      <ol aria-hidden="true">
        {labels.map((label, index) => (
          <li key={index}>{index % every === 0 ? label : ""}</li>
        ))}
      </ol>
      <canvas ref={canvas} role="img" aria-label={panel.title || t("The answer over time")} />
      <p className="label">
        <span>{clock((answer.xs[0] ?? 0) * 1000)}</span>
        <span>{clock((answer.xs.at(-1) ?? 0) * 1000)}</span>
      </p>
    </div>
  );
}
