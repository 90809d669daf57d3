// Buckets of a histogram over time, of a panel.
import { lazy, Suspense, useCallback } from "react";
import type { Answer } from "../../api/dashboards";
import { type Drawn, said } from "../../lib/dashboard";
import { t } from "../../lib/i18n";
import styles from "./Dashboards.module.css";

const Heatmap = lazy(() => import("../../components/Heatmap"));

export function HeatmapView({ panel, answer, height }: { panel: Drawn; answer: Answer; height: number }) {
  const { unit, decimals } = panel;
  const boundary = useCallback((value: number) => said(value, unit, decimals), [unit, decimals]);
  const amount = useCallback((value: number) => said(value, undefined), []);
  if (!answer.heat)
    return (
      <p className={styles.nothing}>
        {t("A heatmap needs a histogram: series with the label le, or native histograms")}
      </p>
    );
  return (
    <Suspense fallback={<div className={styles.asking} role="status" aria-label={t("Loading")} />}>
      <Heatmap
        heat={answer.heat}
        height={height - 4}
        label={panel.title || t("The answer over time")}
        boundary={boundary}
        amount={amount}
      />
    </Suspense>
  );
}
