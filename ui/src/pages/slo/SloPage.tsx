// One promise: what was promised, what is measured, what is left, what burns, and what stands out.
import { SegmentedControl } from "@mantine/core";
import { useMemo, useState } from "react";
import { Link, useParams } from "wouter";
import { useSlo, useSloSeries, useSlos, useSuspects } from "../../api/hooks";
import type { Change, Slo, SloMetric } from "../../api/types";
import { BudgetGauge } from "../../components/BudgetGauge";
import { ChangeGlyph } from "../../components/ChangeGlyph";
import { ContextBar } from "../../components/ContextBar";
import { Mark } from "../../components/Mark";
import { NinesScale } from "../../components/NinesScale";
import { SuspectTable } from "../../components/SuspectTable";
import { Empty, Failure, Figure, Loading, Notice } from "../../components/states";
import { both, clause } from "../../lib/filter";
import { ago, count, decimalsFor, minutes, moment, percent, span, targetText } from "../../lib/format";
import { t } from "../../lib/i18n";
import { categoryWord, changeWord, sliTone, sloLook } from "../../lib/states";
import { around, iso } from "../../lib/time";
import { asDataset } from "../../lib/url";
import { useAged } from "../../shell/Shell";
import { useNow, useRange, useUrl } from "../../state/url";
import { safeUrl } from "../incident/AlertFields";
import { BurnTable } from "./BurnTable";
import { Rehearsal } from "./Rehearsal";
import styles from "./Slo.module.css";
import { SloCharts } from "./SloCharts";

/** Suspects are looked for among the failures of this window. */
const SUSPECT_WINDOWS = [60, 300, 900, 3600] as const;
/** The charts move this often; their queries are keyed by the resolved range. */
const CHART_MS = 10_000;

export default function SloPage() {
  const { name = "" } = useParams<{ name: string }>();
  const query = useSlo(name);
  const now = useNow(1000);
  const aged = useAged(query.dataUpdatedAt, now);
  if (query.isPending) {
    return (
      <div className="page">
        <Loading rows={5} height={100} />
      </div>
    );
  }
  if (!query.data) {
    return (
      <div className="page">
        <Failure error={query.error} retry={() => query.refetch()} />
      </div>
    );
  }
  return <SloBody slo={query.data} aged={aged} error={query.error} retry={() => query.refetch()} />;
}

function SloBody({
  slo,
  aged,
  error,
  retry,
}: {
  slo: Slo;
  aged: boolean;
  error: unknown;
  retry: () => void;
}) {
  const { href, set, navigate } = useUrl();
  const slos = useSlos();
  const range = useRange(CHART_MS);
  const series = useSloSeries(slo.name, iso(range.start), iso(range.end));
  const look = sloLook(slo);
  const measured = slo.measurement === "measured";
  const bad = slo.indicator?.bad_filter ?? "";
  const dataset = asDataset(slo.indicator?.dataset ?? "spans");
  const runbook = slo.runbook ? safeUrl(slo.runbook) : undefined;
  return (
    <div className="page">
      <div className="head">
        <div className="grow">
          <div className="row wrap">
            <Mark look={look} size={18} />
            <span className="dim">{`${slo.service} · ${categoryWord(slo.category)} · ${slo.window}`}</span>
            {slo.owner && <span className="dim">{t("owned by {name}", { name: slo.owner })}</span>}
            {runbook && (
              <a href={runbook} target="_blank" rel="noreferrer noopener">
                {t("Runbook")} ↗
              </a>
            )}
            {slo.incident_id && (
              <Link href={href(`/incident/${slo.incident_id}`)} className="chip" data-tone="bad">
                {slo.incident_id}
              </Link>
            )}
          </div>
          <h1>{slo.display_name || slo.name}</h1>
          {slo.description && <p className="dim">{slo.description}</p>}
        </div>
      </div>
      <ContextBar
        here="slo"
        services={(slos.data?.slos ?? []).map((one) => one.service)}
        service={slo.service}
        onService={(next) => {
          const other = slos.data?.slos.find((one) => one.service === next);
          navigate(
            other
              ? href(`/slo/${encodeURIComponent(other.name)}`, { service: next })
              : href("/", { service: null }),
          );
        }}
        expression={range.expression}
        range={range}
        onRange={(next) => set({ from: next.from, to: next.to })}
        promise={slo.name}
        carry={{ service: slo.service }}
      />
      {error != null && <Failure error={error} retry={retry} />}
      {!measured && <Notice tone="warn">{`${look.word}: ${slo.measurement_reason ?? ""}`}</Notice>}
      <LeftOut slo={slo} />

      <div className={aged ? "stack aged" : "stack"}>
        <Three slo={slo} />
        <div className={styles.columns}>
          <section className="panel">
            <header>
              <h2>{t("What burns")}</h2>
              <span className="label">{t("times the rate that the promise allows")}</span>
            </header>
            <BurnTable burns={slo.burns} />
          </section>
          <Left slo={slo} />
        </div>
        <SloCharts
          slo={slo}
          series={series.data}
          error={series.error}
          range={range}
          retry={() => series.refetch()}
          onRange={(start, end) => set({ from: iso(start), to: iso(end) })}
        />
        <div className={styles.columns}>
          <Suspects slo={slo} dataset={dataset} bad={bad} />
          <Changes changes={series.data?.changes ?? []} />
        </div>
        <Rehearsal slo={slo} range={range} />
        {slo.indicator && (
          <section className="panel pad">
            <h2>{t("How it is measured")}</h2>
            <dl className={styles.filters}>
              <dt>{t("all")}</dt>
              <dd>
                <Link
                  className="mono"
                  href={href("/search", { dataset, q: slo.indicator.total_filter, service: slo.service })}
                >
                  {slo.indicator.total_filter || t("everything")}
                </Link>
              </dd>
              <dt>{t("bad")}</dt>
              <dd>
                <Link className="mono" href={href("/search", { dataset, q: bad, service: slo.service })}>
                  {bad}
                </Link>
              </dd>
            </dl>
          </section>
        )}
        {slo.metric && <FromMetrics metric={slo.metric} />}
      </div>
    </div>
  );
}

/** How a promise over metrics is read, how exactly, and up to when; its queries lead to the metrics page. */
function FromMetrics({ metric }: { metric: SloMetric }) {
  const { href } = useUrl();
  const query = (text: string) => (
    <Link className="mono" href={href("/metrics", { expr: text })}>
      {text}
    </Link>
  );
  const method =
    metric.method === "counted"
      ? t("counted from sample to sample")
      : metric.method === "observed"
        ? t("observations of a histogram")
        : t("asked once every {span}", { span: span(metric.interval_secs) });
  const signs: Record<string, string> = { lt: "<", lte: "≤", gt: ">", gte: "≥" };
  const part = metric.part === "bad" ? t("bad") : metric.part === "good" ? t("good") : t("value");
  return (
    <section className="panel pad">
      <h2>{t("How it is measured")}</h2>
      {metric.error && (
        <Notice tone="warn">
          {t("The metrics could not be asked, so the counts stand still: {reason}", { reason: metric.error })}
        </Notice>
      )}
      <dl className={styles.filters}>
        <dt>{part}</dt>
        <dd>{query(metric.part_query)}</dd>
        {metric.total_query && (
          <>
            <dt>{t("all")}</dt>
            <dd>{query(metric.total_query)}</dd>
          </>
        )}
        {metric.threshold != null && (
          <>
            <dt>{t("good if")}</dt>
            <dd className="mono">{`${signs[metric.op ?? "lte"] ?? "≤"} ${metric.threshold}`}</dd>
          </>
        )}
        <dt>{t("how")}</dt>
        <dd>
          {method}
          {" · "}
          {t("{n, plural, =0 {no series} one {# series} other {# series}}", { n: metric.series })}
          {metric.counted_until && ` · ${t("counted up to {time}", { time: moment(metric.counted_until) })}`}
        </dd>
        {metric.bound && (
          <>
            <dt>{t("exactness")}</dt>
            <dd>
              {metric.bound.above == null
                ? t("The threshold lies above the highest bucket, {below}.", { below: metric.bound.below })
                : t("The threshold lies between the buckets {below} and {above}.", {
                    below: metric.bound.below,
                    above: metric.bound.above,
                  })}{" "}
              {t("Over ten minutes the truth is between {least} and {most}.", {
                least: percent(metric.bound.sli_min, 2),
                most: percent(metric.bound.sli_max, 2),
              })}
            </dd>
          </>
        )}
      </dl>
    </section>
  );
}

/** SLA, SLO and SLI are three things: the contract, the promise, the measurement. */
function Three({ slo }: { slo: Slo }) {
  const measured = slo.measurement === "measured";
  return (
    <section className={`panel ${styles.three}`}>
      <div>
        <div className="label">{t("SLA, the contract")}</div>
        <div className={styles.big}>{slo.sla_target == null ? "–" : targetText(slo.sla_target)}</div>
        <p className="dim">
          {slo.sla_budget
            ? t("{time} of its margin left", { time: minutes(slo.sla_budget.remaining_minutes) })
            : t("no contract")}
        </p>
      </div>
      <div>
        <div className="label">{t("SLO, the promise")}</div>
        <div className={styles.big}>{targetText(slo.target)}</div>
        <p className="dim">
          {t("{time} may fail in {window}", { time: minutes(slo.budget.total_minutes), window: slo.window })}
        </p>
      </div>
      <div data-tone={sliTone(slo)}>
        <div className="label">{t("SLI, what is measured")}</div>
        <div className={`${styles.big} ${styles.sli}`}>
          {measured ? percent(slo.sli, decimalsFor(slo.target)) : "–"}
        </div>
        <p className="dim">
          {t("{good} of {total} good", { good: count(slo.good), total: count(slo.total) })}
        </p>
      </div>
      <div className={styles.scale}>
        <NinesScale
          sli={measured ? slo.sli : null}
          slo={slo.target}
          sla={slo.sla_target}
          tone={sliTone(slo)}
          labels
          height={44}
        />
        <div className={styles.now}>
          <span>
            {t("bad now")} <b>{percent(slo.error_rate_now, 2)}</b>
          </span>
          <span>
            {t("normal")} <b>{percent(slo.error_rate_normal, 2)}</b>
          </span>
          <span>
            {t("events per second")} <b>{count(Number(slo.events_per_second.toFixed(1)))}</b>
          </span>
          <span>
            {t("last event")} <b>{slo.last_event_at ? ago(slo.last_event_at) : "–"}</b>
          </span>
        </div>
      </div>
    </section>
  );
}

function Left({ slo }: { slo: Slo }) {
  const [audience, setAudience] = useState<"engineer" | "leader">("engineer");
  const look = sloLook(slo);
  const measured = slo.measurement === "measured";
  const { budget } = slo;
  return (
    <section className="panel">
      <header>
        <h2>{t("What is left")}</h2>
        <SegmentedControl
          size="xs"
          value={audience}
          onChange={(value) => setAudience(value as "engineer" | "leader")}
          data={[
            { value: "engineer", label: t("for engineers") },
            { value: "leader", label: t("for leaders") },
          ]}
          aria-label={t("Audience")}
        />
      </header>
      <div className={`pad ${styles.left}`}>
        <p className={styles.sentence}>
          {audience === "engineer" ? slo.sentence_engineer : slo.sentence_leader}
        </p>
        {measured && (
          <>
            <BudgetGauge
              remaining={budget.remaining_fraction}
              minutesLeft={budget.remaining_minutes}
              tone={look.tone}
              height={20}
            />
            <div className={styles.figures}>
              <Figure
                label={t("minutes left")}
                value={minutes(budget.remaining_minutes)}
                unit={t("of {total}", { total: minutes(budget.total_minutes) })}
                tone={budget.remaining_minutes < 0 ? "bad" : undefined}
              />
              <Figure
                label={t("events left")}
                value={count(Math.round(budget.allowed_events - budget.spent_events))}
                unit={t("of {total}", { total: count(Math.round(budget.allowed_events)) })}
              />
              <Figure
                label={t("gone in")}
                value={span(budget.exhausted_in_secs)}
                tone={
                  budget.exhausted_in_secs != null && budget.exhausted_in_secs < 86_400 ? "bad" : undefined
                }
              />
            </div>
            {slo.coverage < 0.9 && (
              <p className="dim">
                {t("Young promise: only {share} of its window has been measured.", {
                  share: percent(slo.coverage, slo.coverage < 0.01 ? 1 : 0),
                })}
              </p>
            )}
          </>
        )}
      </div>
    </section>
  );
}

/** What is not in the figures is not good either. */
function LeftOut({ slo }: { slo: Slo }) {
  const { href } = useUrl();
  const [ahead, late] = [slo.left_out_ahead ?? 0, slo.left_out_late ?? 0];
  if (ahead + late === 0) return null;
  return (
    <Notice tone="warn">
      {t(
        "Neither good nor bad since the node started: {ahead} events stamped more than ten minutes after their arrival, {late} from before everything that is counted.",
        { ahead: count(ahead), late: count(late) },
      )}{" "}
      <Link href={href("/status")}>{t("Whose clocks differ")}</Link>
    </Notice>
  );
}

function Suspects({ slo, dataset, bad }: { slo: Slo; dataset: string; bad: string }) {
  const { href } = useUrl();
  const [window, setWindow] = useState<number>(300);
  const query = useSuspects(slo.name, window);
  const range = useMemo(() => ({ from: `now-${Math.max(5, window / 60)}m`, to: "now" }), [window]);
  return (
    <section className="panel">
      <header>
        <h2>{t("What stands out")}</h2>
        <SegmentedControl
          size="xs"
          value={String(window)}
          onChange={(value) => setWindow(Number(value))}
          data={SUSPECT_WINDOWS.map((secs) => ({ value: String(secs), label: span(secs) }))}
          aria-label={t("Window")}
        />
      </header>
      {query.error ? (
        <div className="pad">
          <Failure error={query.error} retry={() => query.refetch()} />
        </div>
      ) : query.isPending ? (
        <div className="pad">
          <Loading rows={3} height={30} />
        </div>
      ) : (
        <>
          <div className={styles.suspectHead}>
            <span>
              {t("users hit")}{" "}
              <b>{`${query.data.users_hit_at_least ? "≥ " : ""}${count(query.data.users_hit)}`}</b>
            </span>
            {query.data.sample_trace_ids.slice(0, 4).map((id, i) => (
              <Link key={id} href={href(`/trace/${id}`, { service: slo.service })}>
                {t("failing trace {n}", { n: i + 1 })}
              </Link>
            ))}
            {bad && (
              <Link href={href("/search", { dataset, q: bad, service: slo.service, ...range })}>
                {t("all failures")}
              </Link>
            )}
            {bad && (
              <Link
                href={href("/search", {
                  dataset,
                  q: slo.indicator?.total_filter ?? null,
                  service: slo.service,
                  sel: `slo:${slo.name}`,
                  from: "now-30m",
                  to: "now",
                })}
              >
                {t("what is different")}
              </Link>
            )}
          </div>
          {query.data.suspects.length === 0 ? (
            <Empty title={t("Nothing stands out")}>
              {t("There are too few failures, or they are spread evenly.")}
            </Empty>
          ) : (
            <SuspectTable
              suspects={query.data.suspects}
              to={(suspect) =>
                href("/search", {
                  dataset,
                  service: slo.service,
                  q: both(bad, clause(suspect.field, suspect.value)),
                  ...range,
                })
              }
            />
          )}
        </>
      )}
    </section>
  );
}

function Changes({ changes }: { changes: Change[] }) {
  const { href } = useUrl();
  return (
    <section className="panel">
      <header>
        <h2>{t("Changes")}</h2>
      </header>
      {changes.length === 0 ? (
        <p className="pad dim">{t("Nothing was changed in this time.")}</p>
      ) : (
        <ul className={styles.changes}>
          {changes.toReversed().map((change) => (
            <li key={change.id}>
              <ChangeGlyph kind={change.kind} size={17} />
              <div className="grow">
                <b>{change.title}</b>
                <div className="dim">
                  {`${changeWord(change.kind)} · ${moment(change.at)} · ${ago(change.at)}`}
                  {change.by && ` · ${t("by {name}", { name: change.by })}`}
                </div>
                {change.undo && <code>{change.undo}</code>}
              </div>
              <Link
                href={href("/search", {
                  dataset: "spans",
                  service: change.service,
                  q: `service.name: ${change.service}`,
                  ...around(change.at, 10 * 60e3, 20 * 60e3),
                })}
              >
                {t("look")}
              </Link>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
