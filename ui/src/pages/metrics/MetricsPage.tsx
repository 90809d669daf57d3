// Metrics: pick one, see it at once, break it down by whatever tells its series apart, lay last week beside it. What is
// picked is PromQL below the chart's title, and may be edited there.
import { Button, SegmentedControl, Select } from "@mantine/core";
import { IconCode, IconTable } from "@tabler/icons-react";
import { lazy, Suspense, useCallback, useMemo, useState } from "react";
import {
  type Labels,
  SERIES_LOOKED_AT,
  SERIES_SHOWN_MAX,
  useExemplars,
  useMetricMetadata,
  useMetricNames,
  useRangeQuery,
  useSeries,
} from "../../api/metrics";
import { AddToDashboard } from "../../components/AddToDashboard";
import { Empty, Failure, Loading, Notice } from "../../components/states";
import { TimePicker } from "../../components/TimePicker";
import { EXAMPLES_MAX, examplesOf, isAtValue } from "../../lib/exemplars";
import { heatOf } from "../../lib/heatmap";
import { t } from "../../lib/i18n";
import {
  breakdown,
  build,
  type Condition,
  catalogue,
  conditionsFrom,
  conditionsTo,
  gridOf,
  lines,
  selector,
  stepFor,
  VIEWS,
  type View,
  valueText,
  windowFor,
} from "../../lib/promql";
import { useRange, useUrl } from "../../state/url";
import { Breakdown } from "./Breakdown";
import { Catalogue } from "./Catalogue";
import { MetricChart } from "./MetricChart";
import styles from "./Metrics.module.css";
import { SeriesTable } from "./SeriesTable";
import { Setup } from "./Setup";
import { Traces } from "./Traces";
import { kindWord } from "./words";

const Heatmap = lazy(() => import("../../components/Heatmap"));
const PromqlEditor = lazy(() => import("../../components/PromqlEditor"));

const amountPerSecond = (value: number) => valueText(value, "", true);

/** Lines that can be told apart in one chart; the table below has the rest. */
const DRAWN_MAX = 20;

const PAST = { "1h": 3_600, "1d": 86_400, "1w": 604_800, "4w": 2_419_200 } as const;

const pastWord = (past: string) =>
  ({ "1h": t("an hour ago"), "1d": t("yesterday"), "1w": t("last week"), "4w": t("four weeks ago") })[past] ??
  past;

export const viewWord = (view: View) =>
  ({
    rate: t("rate per second"),
    increase: t("increase"),
    sum: t("sum"),
    avg: t("average"),
    max: t("highest"),
    min: t("lowest"),
    count: t("number of series"),
    p50: t("median"),
    p95: "p95",
    p99: "p99",
    heatmap: t("heatmap"),
  })[view];

export default function MetricsPage() {
  const { params, set } = useUrl();
  const range = useRange(15_000);
  const names = useMetricNames(range);
  const metadata = useMetricMetadata();
  const list = useMemo(
    () => catalogue(names.data ?? [], metadata.data ?? new Map()),
    [names.data, metadata.data],
  );
  const written = params.get("expr");
  const picked = params.get("metric") ?? (written ? undefined : firstOf(list.map((one) => one.name)));
  const metric = list.find((one) => one.name === picked);
  const by = (params.get("by") ?? "").split(",").filter(Boolean);
  const where = conditionsFrom(params.get("where"));
  const past = params.get("past");
  const shift = past && past in PAST ? PAST[past as keyof typeof PAST] : 0;

  const representative = metric && (metric.kind === "histogram" ? `${metric.name}_count` : metric.name);
  const own = useSeries(metric && selector(representative ?? "", []), range);
  const senders = useSeries(metric ? "target_info" : undefined, range);
  const parts = useMemo(() => breakdown(own.data ?? []), [own.data]);
  const sent = useMemo(
    () => sendersOf(own.data ?? [], senders.data ?? [], parts),
    [own.data, senders.data, parts],
  );
  const fromSender = useMemo(() => new Set(sent.map((one) => one.label)), [sent]);

  const step = stepFor(range.end - range.start);
  const views = metric ? VIEWS[metric.kind] : [];
  const view = views.find((one) => one === params.get("view")) ?? views[0] ?? "avg";
  const query =
    written ?? (metric ? build({ metric, view, by, where, fromSender, window: windowFor(step) }) : "");
  const now = useRangeQuery(query, range, step);
  const before = useRangeQuery(
    query,
    { start: range.start - shift * 1000, end: range.end - shift * 1000 },
    step,
    shift > 0,
  );
  const xs = useMemo(() => gridOf(range.start, range.end, step), [range.start, range.end, step]);
  const drawn = useMemo(() => lines(now.data?.data.result ?? [], xs), [now.data, xs]);
  const compared = useMemo(
    () => (shift ? lines(before.data?.data.result ?? [], xs, shift) : []),
    [before.data, xs, shift],
  );
  // A written query that answers with native histograms has nothing else to show.
  const heat = useMemo(() => {
    const result = now.data?.data.result ?? [];
    const wanted = view === "heatmap" || result.some(({ histograms }) => histograms?.length);
    return wanted ? heatOf(result, xs) : undefined;
  }, [now.data, xs, view]);
  // A condition on the sender picks among targets, which a selector of exemplars cannot say.
  const bySender = where.some((one) => fromSender.has(one.label));
  const base = metric && (metric.kind === "histogram" ? `${metric.name}_bucket` : metric.name);
  const exemplars = useExemplars(written ?? (base && !bySender ? selector(base, where) : ""), range);
  const examples = useMemo(() => examplesOf(exemplars.data ?? []), [exemplars.data]);
  const [litMark, setLitMark] = useState<string>();
  const marks = useMemo(() => examples.slice(0, EXAMPLES_MAX), [examples]);
  const atValue = metric !== undefined && !written && isAtValue(metric, view);
  const [hover, setHover] = useState<number | null>(null);
  const [lit, setLit] = useState<string>();
  const [editing, setEditing] = useState(Boolean(written));
  const perSecond =
    !written && (view === "rate" || (metric?.kind === "gauge" && /per_second$/.test(metric.unit)));
  const countsOnly =
    view === "count" || (view === "rate" && (metric?.kind === "histogram" || metric?.kind === "native"));
  const unit = written || countsOnly ? "" : (metric?.unit ?? "");

  const boundary = useCallback(
    (value: number) => valueText(value, metric?.unit ?? "", false),
    [metric?.unit],
  );

  const filter = (condition: Condition) => {
    const rest = where.filter((one) => one.label !== condition.label || one.op !== condition.op);
    set({ where: conditionsTo([...rest, condition]) });
  };
  const group = (label: string) =>
    set({ by: (by.includes(label) ? by.filter((one) => one !== label) : [...by, label]).join(",") || null });
  const isEmpty = names.data?.length === 0 && !written;

  return (
    <div className={`page ${styles.page}`}>
      <div className="head">
        <h1>{t("Metrics")}</h1>
        {names.data && list.length > 0 && (
          <span className="dim">
            {t("{n, plural, one {# metric} other {# metrics}}", { n: list.length })}
          </span>
        )}
        <span className="grow" />
        <TimePicker
          expression={range.expression}
          range={range}
          onChange={(next) => set({ from: next.from, to: next.to })}
        />
      </div>
      {names.error && <Failure error={names.error} retry={() => names.refetch()} />}
      {names.isPending ? (
        <Loading rows={6} height={44} />
      ) : isEmpty ? (
        <Setup />
      ) : (
        <div className={styles.columns} data-wide={written ? true : undefined}>
          <Catalogue
            list={list}
            picked={written ? undefined : picked}
            onPick={(name) => {
              setEditing(false);
              set({ metric: name, view: null, by: null, where: null, expr: null });
            }}
          />
          <div className={styles.work}>
            {metric && !written && (
              <section className={styles.title}>
                <h2>{metric.name}</h2>
                <span className={styles.kind} data-kind={metric.kind}>
                  {metric.kind === "native" ? t("native histogram") : kindWord(metric.kind)}
                  {metric.unit && ` · ${metric.unit}`}
                </span>
                <p className="dim">{metric.help}</p>
              </section>
            )}
            <div className={styles.sentence}>
              {metric && !written && (
                <SegmentedControl
                  size="xs"
                  value={view}
                  onChange={(next) => set({ view: next === views[0] ? null : next })}
                  data={views.map((one) => ({ value: one, label: viewWord(one) }))}
                  aria-label={t("What is shown of it")}
                />
              )}
              <Select
                size="xs"
                w={180}
                aria-label={t("Compare with")}
                placeholder={t("compare with…")}
                data={Object.keys(PAST).map((value) => ({ value, label: pastWord(value) }))}
                value={past}
                onChange={(next) => set({ past: next })}
                clearable
              />
              <span className="grow" />
              {query && (
                <AddToDashboard
                  panel={{
                    view: heat ? "heatmap" : "timeSeries",
                    unit: heat ? metric?.unit || undefined : undefined,
                    w: 12,
                    h: 8,
                    title: metric?.name ?? query.slice(0, 80),
                    queries: [{ promql: query }],
                  }}
                />
              )}
              <Button
                size="compact-sm"
                variant={editing ? "filled" : "default"}
                leftSection={editing ? <IconTable size={14} /> : <IconCode size={14} />}
                onClick={() => {
                  setEditing(!editing);
                  if (editing && written) set({ expr: null });
                }}
              >
                {editing ? t("Pick instead") : t("Edit as PromQL")}
              </Button>
            </div>
            {editing ? (
              <Suspense fallback={<div className={styles.editor} />}>
                <PromqlEditor
                  text={query}
                  metrics={list}
                  window={range}
                  onRun={(text) => set({ expr: text.trim() || null })}
                />
              </Suspense>
            ) : (
              <button
                type="button"
                className={styles.query}
                onClick={() => setEditing(true)}
                title={t("Edit as PromQL")}
              >
                {query}
              </button>
            )}
            {now.error && <Failure error={now.error} retry={() => now.refetch()} />}
            {[...(now.data?.warnings ?? []), ...(now.data?.infos ?? [])].map((text) => (
              <Notice key={text} tone={text.startsWith("PromQL info") ? "info" : "warn"}>
                {text.startsWith("results truncated")
                  ? t("Only {n} of the series that match are shown: group by fewer labels, or filter.", {
                      n: SERIES_SHOWN_MAX,
                    })
                  : text}
              </Notice>
            ))}
            {now.isPending && query ? (
              <Loading rows={1} height={320} />
            ) : heat ? (
              <Suspense fallback={<Loading rows={1} height={320} />}>
                <div className={styles.chart} data-stale={now.isPlaceholderData || undefined}>
                  <Heatmap
                    heat={heat}
                    height={340}
                    label={t("The metric over time")}
                    boundary={boundary}
                    marks={marks}
                    litMark={litMark}
                    amount={amountPerSecond}
                  />
                </div>
              </Suspense>
            ) : drawn.length === 0 ? (
              !now.error && (
                <Empty title={t("No point in this time")}>
                  {t("The metric has samples elsewhere: widen the time, or take a filter away.")}
                </Empty>
              )
            ) : (
              <>
                <MetricChart
                  xs={xs}
                  lines={drawn.slice(0, DRAWN_MAX)}
                  compared={compared.slice(0, DRAWN_MAX)}
                  comparedWith={past ? pastWord(past) : undefined}
                  unit={unit}
                  perSecond={perSecond}
                  lit={lit}
                  stale={now.isPlaceholderData}
                  onHover={setHover}
                  onRange={(start, end) =>
                    set({ from: new Date(start).toISOString(), to: new Date(end).toISOString() })
                  }
                  range={range}
                  marks={marks}
                  atValue={atValue}
                  litMark={litMark}
                />
                <SeriesTable
                  lines={drawn}
                  compared={compared}
                  comparedWith={past ? pastWord(past) : undefined}
                  drawn={DRAWN_MAX}
                  hover={hover === null ? undefined : { index: hover, at: xs[hover] ?? 0 }}
                  unit={unit}
                  perSecond={perSecond}
                  onLight={setLit}
                  onFilter={written ? undefined : filter}
                />
              </>
            )}
            {examples.length > 0 && (
              <Traces examples={examples} unit={metric?.unit ?? ""} onLight={setLitMark} />
            )}
          </div>
          {metric && !written && (
            <Breakdown
              parts={parts}
              senders={sent}
              by={by}
              where={where}
              truncated={(own.data?.length ?? 0) >= SERIES_LOOKED_AT}
              onGroup={group}
              onFilter={filter}
              onDrop={(condition) =>
                set({
                  where: conditionsTo(
                    where.filter((one) => one.label !== condition.label || one.op !== condition.op),
                  ),
                })
              }
            />
          )}
        </div>
      )}
    </div>
  );
}

/** What is shown before anything is picked: a rate of requests says most, if there is one. */
const firstOf = (names: readonly string[]) =>
  names.find((name) => /request.*(total|duration_seconds|count)/.test(name)) ??
  names.find((name) => name.endsWith("_total")) ??
  names[0];

/** Labels of `target_info` that these series can be joined with and do not have themselves. */
function sendersOf(own: readonly Labels[], senders: readonly Labels[], parts: ReturnType<typeof breakdown>) {
  const idOf = (labels: Labels) => `${labels.job ?? ""}\n${labels.instance ?? ""}`;
  const here = new Set(own.map(idOf));
  const known = new Set(parts.map((part) => part.label));
  return breakdown(senders.filter((labels) => here.has(idOf(labels)))).filter(
    ({ label }) => !known.has(label),
  );
}
