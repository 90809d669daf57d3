// The node's own health: what it takes in, what it refused, what it keeps and what it still owes.
import { useLimits, useStatus } from "../../api/hooks";
import type { Status } from "../../api/types";
import { Mark } from "../../components/Mark";
import { Failure, Figure, Loading, Notice } from "../../components/states";
import { ago, bytes, count, millis, moment, span } from "../../lib/format";
import { t } from "../../lib/i18n";
import { zoneName } from "../../lib/time";
import { useAged } from "../../shell/Shell";
import { useNow } from "../../state/url";
import { Clocks } from "./Clocks";
import { Removals, Senders } from "./Limits";
import styles from "./Status.module.css";

const modeWord = (mode: string) =>
  ({
    ok: t("All well"),
    ingest_refused: t("Telemetry is being refused"),
    journal_failed: t("The journal cannot be written"),
    storage_damaged: t("Stored data is damaged"),
    paging_delayed: t("Pages are waiting"),
    audit_log_cut: t("The audit log was cut off or written anew"),
    pair_alone: t("PostgreSQL does not answer; this node goes on alone"),
    pair_behind: t("The log of the pair lacks writes of this node"),
  })[mode] ?? mode.replaceAll("_", " ");

const isWarning = (mode: string) => ["paging_delayed", "pair_alone", "pair_behind"].includes(mode);

export default function StatusPage() {
  const query = useStatus();
  const now = useNow(1000);
  const aged = useAged(query.dataUpdatedAt, now);
  return (
    <div className="page">
      <div className="head">
        <h1>{t("Node")}</h1>
        {query.data && (
          <>
            <span className="dim mono">{query.data.version}</span>
            <span className="dim">
              {t("up for {time}", {
                time: span((Date.parse(query.data.now) - Date.parse(query.data.started_at)) / 1000),
              })}
            </span>
          </>
        )}
      </div>
      {query.error && <Failure error={query.error} retry={() => query.refetch()} />}
      {query.data ? (
        <div className={aged ? "aged stack" : "stack"}>
          <Body status={query.data} now={now} />
        </div>
      ) : (
        query.isPending && <Loading rows={4} height={110} />
      )}
    </div>
  );
}

function Body({ status, now }: { status: Status; now: number }) {
  const bad = status.modes.filter((mode) => mode !== "ok");
  const { ingest, paging } = status;
  const removals = useLimits().data?.removals ?? [];
  // A request that a dataset's limit stopped is counted for its tenant too.
  const byLimits = (ingest.scopes ?? [])
    .filter((one) => one.scope !== "dataset")
    .flatMap((one) => one.refused);
  const refused = [...ingest.refused, ...byLimits].reduce((total, one) => total + one.count, 0);
  // What can be confirmed is said with its button.
  const notices = status.notices.filter(
    (one) => !removals.some(({ limit }) => one.startsWith(`${limit} would `)),
  );
  return (
    <>
      <div className={styles.modes}>
        {bad.length === 0 ? (
          <Mark look={{ tone: "good", shape: "check", word: modeWord("ok") }} size={22} />
        ) : (
          bad.map((mode) => (
            <Mark
              key={mode}
              look={{
                tone: isWarning(mode) ? "warn" : "bad",
                shape: isWarning(mode) ? "triangle" : "octagon",
                word: modeWord(mode),
              }}
              size={22}
            />
          ))
        )}
      </div>
      {status.series.refused_metrics.map((one) => (
        <Notice key={one.metric} tone="warn">
          {t(
            "Metric {metric} is at its limit of {limit} series: its label {label} has {values} values. Drop the label at the sender.",
            {
              metric: one.metric,
              limit: count(one.limit),
              label: one.label,
              values: count(one.label_values),
            },
          )}
        </Notice>
      ))}
      <Removals removals={removals} />
      {[...notices, ...status.damage].map((one) => (
        <Notice key={one} tone="warn">
          {one}
        </Notice>
      ))}
      <div className={styles.panels}>
        <section className="panel pad">
          <h2>{t("Taking in")}</h2>
          <div className={styles.figures}>
            <Figure label={t("events per second")} value={count(ingest.events_per_second)} />
            <Figure
              label={t("accepted")}
              value={count(ingest.accepted_events)}
              unit={bytes(ingest.accepted_bytes)}
            />
            <Figure label={t("refused")} value={count(refused)} tone={refused ? "warn" : undefined} />
            <Figure
              label={t("last event")}
              value={
                ingest.last_event_at
                  ? span(Math.max(0, (now - Date.parse(ingest.last_event_at)) / 1000))
                  : "–"
              }
              unit={ingest.last_event_at ? t("ago") : undefined}
            />
            <Figure
              label={t("fsync p50")}
              value={ingest.fsync_p50_ms == null ? "–" : millis(ingest.fsync_p50_ms)}
            />
            <Figure
              label={t("fsync p99")}
              value={ingest.fsync_p99_ms == null ? "–" : millis(ingest.fsync_p99_ms)}
            />
          </div>
          <p className="dim">
            {status.durability === "fsync"
              ? t("A write is acknowledged after it is on disk (fsync).")
              : t("A write is acknowledged before it is safe on disk: {mode}.", { mode: status.durability })}
          </p>
          {(ingest.stamps?.ahead ?? 0) + (ingest.stamps?.late ?? 0) > 0 && (
            <p className="dim">
              {t("Stamped more than ten minutes after their arrival: {ahead} events; before it: {late}.", {
                ahead: count(ingest.stamps?.ahead),
                late: count(ingest.stamps?.late),
              })}
            </p>
          )}
          {ingest.refused.some((one) => one.count > 0) && (
            <ul className={styles.refused}>
              {ingest.refused
                .filter((one) => one.count > 0)
                .map((one) => (
                  <li key={one.reason}>
                    <span className="mono">{one.reason}</span> <b>{count(one.count)}</b>
                  </li>
                ))}
            </ul>
          )}
        </section>
        <section className="panel pad">
          <h2>{t("Paging")}</h2>
          <div className={styles.figures}>
            <Figure label={t("rules")} value={count(paging.rules)} />
            <Figure
              label={t("firing")}
              value={count(paging.firing)}
              tone={paging.firing ? "bad" : undefined}
            />
            <Figure
              label={t("waiting")}
              value={count(paging.queued)}
              tone={paging.queued ? "warn" : undefined}
              unit={
                paging.oldest_queued_secs == null
                  ? undefined
                  : t("oldest {time}", { time: span(paging.oldest_queued_secs) })
              }
            />
            <Figure
              label={t("undeliverable")}
              value={count(paging.undeliverable)}
              tone={paging.undeliverable ? "bad" : undefined}
            />
            <Figure
              label={t("rules last read")}
              value={span(paging.evaluated_secs_ago)}
              unit={t("ago")}
              tone={paging.evaluated_secs_ago > 10 ? "bad" : undefined}
            />
            <Figure label={t("escalating")} value={count(paging.escalating)} />
            <Figure
              label={t("would be forgotten")}
              value={count(paging.escalation_defects)}
              tone={paging.escalation_defects ? "bad" : undefined}
            />
            <Figure
              label={t("wait for a digest")}
              value={count(paging.digesting)}
              tone={paging.digesting ? "warn" : undefined}
            />
          </div>
          {(paging.teams_without_policy ?? []).length > 0 && (
            <p className="dim">
              {t("Without an escalation policy, so that pages go by the routes of the SLO: {teams}", {
                teams: (paging.teams_without_policy ?? []).join(", "),
              })}
            </p>
          )}
        </section>
        <Series status={status} />
        <section className="panel pad">
          <h2>{t("Machine")}</h2>
          <div className={styles.figures}>
            <Figure label={t("memory")} value={bytes(status.memory_bytes)} />
            <Figure
              label={t("disk free")}
              value={bytes(status.disk_free_bytes)}
              tone={status.disk_free_bytes < 2e9 ? "bad" : undefined}
            />
            <Figure label={t("journal")} value={bytes(status.journal_bytes)} />
          </div>
        </section>
      </div>
      <Senders scopes={ingest.scopes ?? []} />
      <Clocks now={now} />
      <section className="panel scroll-x">
        <table className="grid">
          <thead>
            <tr>
              <th>{t("Dataset")}</th>
              <th className="num">{t("Rows")}</th>
              <th className="num">{t("in memory")}</th>
              <th className="num">{t("Segments")}</th>
              <th className="num">{t("On disk")}</th>
              <th className="num">{t("per row")}</th>
              <th className="num">{t("Columns")}</th>
              <th>{t("Oldest ({zone})", { zone: zoneName() })}</th>
              <th>{t("Newest")}</th>
            </tr>
          </thead>
          <tbody>
            {status.storage.map((one) => (
              <tr key={one.dataset}>
                <td>
                  <b>{one.dataset}</b>
                </td>
                <td className="num">{count(one.rows)}</td>
                <td className="num">{count(one.hot_rows)}</td>
                <td className="num">{count(one.segments)}</td>
                <td className="num">{bytes(one.bytes_on_disk)}</td>
                <td className="num">
                  {one.rows > one.hot_rows
                    ? bytes(Math.round(one.bytes_on_disk / (one.rows - one.hot_rows)))
                    : "–"}
                </td>
                <td className="num">{count(one.columns)}</td>
                <td>{one.oldest ? moment(one.oldest, now) : "–"}</td>
                <td>{one.newest ? ago(one.newest, now) : "–"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </>
  );
}

function Series({ status }: { status: Status }) {
  const { series } = status;
  const rejected = series.rejected.reduce((total, one) => total + one.count, 0);
  return (
    <section className="panel pad">
      <h2>{t("Metrics")}</h2>
      <div className={styles.figures}>
        <Figure
          label={t("active series")}
          value={count(series.active_series)}
          unit={t("of {most}", { most: count(series.series_max) })}
          tone={series.active_series >= series.series_max ? "bad" : undefined}
        />
        <Figure label={t("samples taken in")} value={count(series.samples)} />
        <Figure label={t("rejected")} value={count(rejected)} tone={rejected ? "warn" : undefined} />
        <Figure
          label={t("on disk")}
          value={bytes(series.bytes_on_disk)}
          unit={
            series.stored_samples
              ? t("{bytes} per sample", { bytes: bytes(series.bytes_on_disk / series.stored_samples) })
              : undefined
          }
        />
        <Figure label={t("memory")} value={bytes(series.memory_bytes)} />
      </div>
      {rejected > 0 && (
        <ul className={styles.refused}>
          {series.rejected.map((one) => (
            <li key={one.reason}>
              <span className="mono">{one.reason}</span> <b>{count(one.count)}</b>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
