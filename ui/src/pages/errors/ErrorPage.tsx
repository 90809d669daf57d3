// One error group: where it is in the code, since which commit, whom it hit, and requests to look at.
import { Button } from "@mantine/core";
import { useState } from "react";
import { Link, useParams } from "wouter";
import { type StackFrame, useErrorGroup, type VersionCount } from "../../api/apm";
import { useServices } from "../../api/hooks";
import { ContextBar } from "../../components/ContextBar";
import { RateSpark } from "../../components/RateSpark";
import { Failure, Figure, Loading, Notice } from "../../components/states";
import { placeText } from "../../lib/apm";
import { clause } from "../../lib/filter";
import { ago, bytes, count, millis, moment, percent } from "../../lib/format";
import { t } from "../../lib/i18n";
import { around, iso, zoneName } from "../../lib/time";
import { useRange, useUrl } from "../../state/url";
import styles from "./Errors.module.css";
import { sourceWord, usersText } from "./ErrorTable";

export default function ErrorPage() {
  const { fingerprint = "" } = useParams<{ fingerprint: string }>();
  const { params, href, set, navigate } = useUrl();
  const range = useRange(30_000);
  const scope = { start: iso(range.start), end: iso(range.end), service: params.get("service") };
  const query = useErrorGroup(fingerprint, scope);
  const services = useServices(scope.start, scope.end);
  const found = query.data;
  const group = found?.group;
  const place = placeText(group?.culprit);
  return (
    <div className="page">
      <div className="head">
        <div className="grow">
          <div className={`dim ${styles.crumb}`}>
            {group && (
              <>
                <Link
                  href={href(`/service/${encodeURIComponent(group.service)}`, {
                    service: group.service,
                    tab: "errors",
                  })}
                >
                  {group.service}
                </Link>
                {" · "}
                {sourceWord(group.source)}
                {" · "}
                {t("{time}, {bytes} scanned", {
                  time: millis(found.stats.run_time_ms),
                  bytes: bytes(found.stats.bytes_scanned),
                })}
              </>
            )}
          </div>
          <h1>{group?.kind ?? t("Error")}</h1>
          {place?.place && (
            <div className={styles.place}>
              {place.name ? `${place.name} · ` : ""}
              {place.place}
            </div>
          )}
        </div>
      </div>
      <ContextBar
        here="error"
        services={(services.data?.services ?? []).map((one) => one.name)}
        service={group?.service ?? params.get("service")}
        onService={(next) =>
          navigate(
            next
              ? href(`/service/${encodeURIComponent(next)}`, { service: next, tab: "errors" })
              : href("/services", { service: null, view: "errors" }),
          )
        }
        expression={range.expression}
        range={range}
        onRange={(next) => set({ from: next.from, to: next.to })}
      />
      {query.error && <Failure error={query.error} retry={() => query.refetch()} />}
      {query.isPending && <Loading rows={5} />}
      {found && group && (
        <div className={query.isPlaceholderData ? "aged stack" : "stack"}>
          <div className="row wrap" style={{ gap: 34 }}>
            <Figure label={t("occurrences")} value={count(group.count)} tone="bad" />
            <Figure label={t("users hit")} value={usersText(group)} />
            <Figure
              label={t("first seen in this time")}
              value={moment(group.first_seen)}
              unit={` ${zoneName()}`}
            />
            <Figure label={t("last seen")} value={ago(group.last_seen)} />
            <Figure
              label={t("in the time before")}
              value={count(group.before)}
              tone={group.is_new ? "warn" : undefined}
              unit={group.is_new ? ` ${t("new")}` : undefined}
            />
          </div>
          {group.follows && group.follows.share >= 0.5 && (
            <Notice tone="info">
              <Link href={href(`/error/${group.follows.fingerprint}`, { service: null })}>
                {t("{share} of these come with an exception of another service: look there first.", {
                  share: percent(group.follows.share, 0),
                })}
              </Link>
            </Notice>
          )}
          <div className={`panel pad ${styles.chart}`}>
            <RateSpark
              requests={group.spark.requests}
              errors={group.spark.errors}
              label={t("{n} occurrences", { n: count(group.count) })}
              width={960}
              height={70}
              onlyErrors
            />
            <div className="label">
              <span>{moment(found.start)}</span>
              <span>{moment(found.end)}</span>
            </div>
          </div>
          <div className={styles.columns}>
            <div className="stack">
              <section className="panel">
                <header>
                  <h2>{t("Message")}</h2>
                  <span className="label">{t("of the latest occurrence")}</span>
                </header>
                <p className={`pad ${styles.full}`}>{group.message || t("It came without a message.")}</p>
              </section>
              <Stack frames={found.frames} stack={found.stack ?? undefined} />
            </div>
            <div className={styles.side}>
              <section className="panel">
                <header>
                  <h2>{t("Traces to look at")}</h2>
                </header>
                <ul className={`pad ${styles.list}`}>
                  {group.examples.map((example) => (
                    <li key={example.trace_id}>
                      <Link href={href(`/trace/${example.trace_id}`, { span: example.span_id })}>
                        {moment(example.at, Date.now(), true)}
                      </Link>
                      <Link
                        className="dim"
                        href={href("/search", {
                          dataset: "logs",
                          service: group.service,
                          q: clause("trace_id", example.trace_id),
                          ...around(example.at, 5 * 60e3, 5 * 60e3),
                        })}
                      >
                        {t("logs")}
                      </Link>
                    </li>
                  ))}
                  {group.examples.length === 0 && <li className="dim">{t("None carries a trace id.")}</li>}
                </ul>
              </section>
              <Counts title={t("Versions")} counts={group.versions} />
              <Counts title={t("Commits")} counts={group.commits} />
              {group.places.length > 0 && (
                <section className="panel">
                  <header>
                    <h2>{t("Where it happens")}</h2>
                  </header>
                  <ul className={`pad ${styles.list}`}>
                    {group.places.slice(0, 8).map((one) => (
                      <li key={one.name}>
                        <Link
                          href={href("/search", {
                            dataset: "spans",
                            service: group.service,
                            q: `${clause("service.name", group.service)} and ${clause("name", one.name)} and status_code: error`,
                          })}
                        >
                          {one.name}
                        </Link>
                        <span className="dim">{count(one.count)}</span>
                      </li>
                    ))}
                  </ul>
                </section>
              )}
            </div>
          </div>
        </div>
      )}
    </div>
  );
}

function Counts({ title, counts }: { title: string; counts: VersionCount[] }) {
  if (counts.length === 0) return null;
  return (
    <section className="panel">
      <header>
        <h2>{title}</h2>
      </header>
      <ul className={`pad ${styles.list}`}>
        {counts.slice(0, 8).map((one) => (
          <li key={one.version}>
            <span className="mono">{one.version}</span>
            <span className="dim">
              {count(one.count)} · {t("since {time}", { time: moment(one.first_seen) })}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** The team's own frames; all of them, and the text as it was sent, on demand. */
function Stack({ frames, stack }: { frames: StackFrame[]; stack?: string }) {
  const [all, setAll] = useState(false);
  const [raw, setRaw] = useState(false);
  const own = frames.filter((frame) => frame.in_app);
  const hidden = frames.length - own.length;
  const shown = all || own.length === 0 ? frames : own;
  if (frames.length === 0 && !stack) {
    return (
      <section className="panel">
        <header>
          <h2>{t("Stack")}</h2>
        </header>
        <p className="pad dim">
          {t("No stack was sent. Record exceptions on spans or logs, with exception.stacktrace.")}
        </p>
      </section>
    );
  }
  return (
    <section className="panel">
      <header className={styles.stackHead}>
        <h2>{t("Stack")}</h2>
        <span className="label">{t("innermost first")}</span>
        <span className="row">
          {hidden > 0 && own.length > 0 && (
            <Button size="compact-xs" variant="default" onClick={() => setAll(!all)}>
              {all ? t("Own code only") : t("{n} more of libraries", { n: hidden })}
            </Button>
          )}
          {stack && (
            <Button size="compact-xs" variant="default" onClick={() => setRaw(!raw)}>
              {raw ? t("As frames") : t("As it was sent")}
            </Button>
          )}
        </span>
      </header>
      {raw || frames.length === 0 ? (
        <pre className={styles.raw}>{stack}</pre>
      ) : (
        <ol className={styles.frames}>
          {shown.map((frame, i) => (
            <li key={i} className={styles.frame} data-own={frame.in_app || undefined}>
              <b>{frame.function || t("anonymous")}</b>
              {frame.file && (
                <span>
                  {frame.file}
                  {frame.line != null && `:${frame.line}`}
                </span>
              )}
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
