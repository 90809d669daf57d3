// The error rate against what is allowed, and the budget that is left, on one time axis with the changes marked.
import { useComputedColorScheme } from "@mantine/core";
import { useMemo, useState } from "react";
import type uPlot from "uplot";
import type { Slo, SloSeriesResponse } from "../../api/types";
import { axes, Chart, timeAxis, token } from "../../components/Chart";
import { Failure, Loading } from "../../components/states";
import { count, moment, percent, span } from "../../lib/format";
import { t } from "../../lib/i18n";
import { adjust, type Range, zoneName } from "../../lib/time";
import styles from "./Slo.module.css";

type Props = {
  slo: Slo;
  series?: SloSeriesResponse;
  error: unknown;
  range: Range;
  retry: () => void;
  onRange: (start: number, end: number) => void;
};

export function SloCharts({ slo, series, error, range, retry, onRange }: Props) {
  const scheme = useComputedColorScheme("light");
  const [at, setAt] = useState<number | null>(null);
  const xs = useMemo(() => (series?.starts ?? []).map((start) => Date.parse(start) / 1000), [series]);
  const rates = useMemo<uPlot.AlignedData>(
    () => [
      xs,
      (series?.total ?? []).map((total, i) => (total ? (total - (series?.good[i] ?? 0)) / total : null)),
      (series?.total ?? []).map(() => 1 - slo.target),
    ],
    [xs, series, slo.target],
  );
  const left = useMemo<uPlot.AlignedData>(
    () => [xs, (series?.budget_remaining ?? []).map((value) => value ?? null)],
    [xs, series],
  );
  const spanSecs = (xs.at(-1) ?? 0) - (xs[0] ?? 0);
  const changes = series?.changes ?? [];
  const key = [
    scheme,
    spanSecs > 2 * 86_400,
    spanSecs < 900,
    slo.target,
    changes.map((change) => change.id).join(),
  ].join("|");

  // biome-ignore lint/correctness/useExhaustiveDependencies: key stands for theme and changes
  const shared = useMemo(() => {
    // Changes are vertical lines with a flag on top, drawn over the data.
    const flags = (u: uPlot) => {
      const { ctx, bbox } = u;
      ctx.save();
      ctx.strokeStyle = token("--ink-2");
      ctx.fillStyle = token("--ink-2");
      ctx.setLineDash([4, 3]);
      for (const change of changes) {
        const x = u.valToPos(Date.parse(change.at) / 1000, "x", true);
        if (x < bbox.left || x > bbox.left + bbox.width) continue;
        ctx.beginPath();
        ctx.moveTo(x, bbox.top);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.stroke();
        ctx.beginPath();
        ctx.moveTo(x, bbox.top);
        ctx.lineTo(x + 9 * devicePixelRatio, bbox.top + 4 * devicePixelRatio);
        ctx.lineTo(x, bbox.top + 8 * devicePixelRatio);
        ctx.fill();
      }
      ctx.restore();
    };
    return {
      cursor: { sync: { key: `slo-${slo.name}` } },
      hooks: { draw: [flags], setCursor: [(u: uPlot) => setAt(u.cursor.idx ?? null)] },
    };
  }, [key, slo.name]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: key stands for theme and span
  const rateOptions = useMemo(() => {
    const [x, y] = axes((value) => percent(value, value > 0.1 ? 0 : 2));
    return {
      ...shared,
      scales: {
        x: { time: true },
        y: {
          range: (_: uPlot, __: number, max: number): [number, number] => [
            0,
            Math.max((1 - slo.target) * 2, max * 1.08),
          ],
        },
      },
      axes: [timeAxis(x ?? {}, spanSecs), y ?? {}],
      series: [
        {},
        {
          stroke: token("--bad-fill"),
          fill: `${token("--bad-fill")}33`,
          width: 1.5,
          points: { show: false },
        },
        { stroke: token("--ink-3"), dash: [5, 4], width: 1, points: { show: false } },
      ],
    };
  }, [key, shared]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: key stands for theme and span
  const leftOptions = useMemo(() => {
    const [x, y] = axes((value) => percent(value, 0));
    return {
      ...shared,
      scales: {
        x: { time: true },
        y: {
          range: (_: uPlot, min: number, max: number): [number, number] => [
            Math.min(0, min),
            Math.max(0.2, max) * 1.05,
          ],
        },
      },
      axes: [timeAxis(x ?? {}, spanSecs), y ?? {}],
      series: [
        {},
        { stroke: token("--info"), fill: `${token("--info")}22`, width: 1.5, points: { show: false } },
      ],
    };
  }, [key, shared]);

  const nudge = (shift: number, zoom: number) => {
    const next = adjust(range, shift, zoom);
    onRange(next.start, next.end);
  };
  const i = at ?? xs.length - 1;
  const total = series?.total[i];
  const reading = series?.starts[i]
    ? t("{time} {zone}: {bad} of {total} bad, {rate}; budget {left}", {
        time: moment(series.starts[i] ?? 0),
        zone: zoneName(),
        bad: count((total ?? 0) - (series.good[i] ?? 0)),
        total: count(total),
        rate: percent(rates[1]?.[i], 2),
        left: percent(series.budget_remaining[i], 1),
      })
    : "";
  return (
    <section className="panel">
      <header>
        <h2>{t("Bad share and budget over time")}</h2>
        <span className="label">
          {series ? `${reading} · ${t("{width} a point", { width: span(series.bucket_secs) })}` : ""}
        </span>
      </header>
      <div className="pad">
        {error != null && <Failure error={error} retry={retry} />}
        {!series && error == null ? (
          <Loading rows={2} height={120} />
        ) : (
          <div className={styles.charts}>
            <figure>
              <figcaption className="label">
                {t("bad share, dashed: what the promise allows; flags: changes")}
              </figcaption>
              <Chart
                data={rates}
                options={rateOptions}
                shapeKey={`rate|${key}`}
                height={150}
                label={t("Bad share over time")}
                onRange={onRange}
                onNudge={nudge}
              />
            </figure>
            <figure>
              <figcaption className="label">{t("budget left")}</figcaption>
              <Chart
                data={left}
                options={leftOptions}
                shapeKey={`left|${key}`}
                height={150}
                label={t("Budget left over time")}
                onRange={onRange}
                onNudge={nudge}
              />
            </figure>
          </div>
        )}
      </div>
    </section>
  );
}
