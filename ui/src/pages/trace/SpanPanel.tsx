import { CloseButton } from "@mantine/core";
import { Link } from "wouter";
import type { EventRow } from "../../api/types";
import { Glyph } from "../../components/Mark";
import { clause } from "../../lib/filter";
import { clock, nanos, percent } from "../../lib/format";
import { t } from "../../lib/i18n";
import { around } from "../../lib/time";
import type { Row } from "../../lib/waterfall";
import { useUrl } from "../../state/url";
import styles from "./Trace.module.css";

type Props = { row: Row; total: number; traceId: string; logs: EventRow[]; close: () => void };

const text = (value: unknown) => (typeof value === "object" ? JSON.stringify(value) : String(value));

export function SpanPanel({ row, total, logs, close }: Props) {
  const { href } = useUrl();
  const { span } = row;
  const window = around(span.start, 10 * 60e3, 10 * 60e3);
  const facts: [string, string][] = [
    [t("took"), `${nanos(span.duration_ns)} · ${percent(span.duration_ns / total, 1)}`],
    [t("self time"), nanos(span.self_ns ?? 0)],
    [t("on the critical path"), nanos(span.critical_ns ?? 0)],
    [t("begins after"), nanos(span.offset_ns)],
    [t("kind"), span.kind],
  ];
  return (
    <aside className={`panel ${styles.panel}`} aria-label={t("Span")}>
      <div className={styles.panelHead}>
        <div className="grow">
          <div className="dim">{span.service}</div>
          <h2>{span.name}</h2>
        </div>
        <CloseButton onClick={close} aria-label={t("Close")} />
      </div>
      {span.status === "error" && (
        <div className={styles.panelError} data-tone="bad">
          <Glyph shape="octagon" size={14} /> {span.status_message ?? t("error")}
        </div>
      )}
      {span.critical && (
        <p className={styles.panelNote}>{t("On the critical path: a faster span makes a faster trace.")}</p>
      )}
      {span.lost_parent && <p className={styles.panelNote}>{t("It names a parent that did not arrive.")}</p>}
      {(span.shifted_ns ?? 0) !== 0 && (
        <p className={styles.panelNote}>
          {t("The clock of its host was put right by {time}.", {
            time: nanos(Math.abs(span.shifted_ns ?? 0)),
          })}
        </p>
      )}
      <dl className={styles.facts}>
        {facts.map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {span.events.length > 0 && (
        <section>
          <h2>{t("Events")}</h2>
          {span.events.map((event, i) => (
            <div key={i} className={styles.event}>
              <div>
                <b>{event.name ?? t("event")}</b>{" "}
                <span className="dim">{event.time ? clock(event.time, true) : ""}</span>
              </div>
              {Object.entries(event.attributes ?? {}).map(([key, value]) => (
                <div key={key}>
                  <span className="label mono">{key}</span>
                  <pre>{text(value)}</pre>
                </div>
              ))}
            </div>
          ))}
        </section>
      )}
      {logs.length > 0 && (
        <section>
          <h2>{t("Logs of this span")}</h2>
          {logs.map((log, i) => (
            <p key={i} className={styles.spanLog}>
              <span className="dim mono">{clock(log.timestamp, true)}</span> {text(log.body ?? "")}
            </p>
          ))}
        </section>
      )}
      {(span.links?.length ?? 0) > 0 && (
        <section>
          <h2>{t("Linked spans")}</h2>
          {span.links?.map((link) => (
            <p key={`${link.trace_id}${link.span_id}`}>
              <Link className="mono" href={href(`/trace/${link.trace_id}`, { span: link.span_id })}>
                {link.trace_id.slice(0, 8)}… / {link.span_id}
              </Link>
            </p>
          ))}
        </section>
      )}
      <section>
        <h2>{t("Attributes")}</h2>
        <dl className={styles.attributes}>
          {Object.entries(span.attributes)
            .sort(([a], [b]) => a.localeCompare(b))
            .map(([key, value]) => (
              <div key={key}>
                <dt>{key}</dt>
                <dd>
                  {typeof value === "object" ? (
                    <span className="mono">{text(value)}</span>
                  ) : (
                    <Link
                      className="mono"
                      title={t("Spans with this value")}
                      href={href("/search", {
                        dataset: "spans",
                        service: span.service,
                        q: `${clause("service.name", span.service)} and ${clause(key, value as string)}`,
                        ...window,
                      })}
                    >
                      {text(value)}
                    </Link>
                  )}
                </dd>
              </div>
            ))}
        </dl>
      </section>
      <Link
        href={href("/search", {
          dataset: "spans",
          service: span.service,
          q: `${clause("service.name", span.service)} and ${clause("name", span.name)}`,
          ...window,
        })}
      >
        {t("More spans like this")}
      </Link>
      <Link
        href={href("/search", {
          dataset: "logs",
          service: span.service,
          q: clause("service.name", span.service),
          ...around(span.start, 30e3, span.duration_ns / 1e6 + 30e3),
        })}
      >
        {t("All logs of {service} at that moment", { service: span.service })}
      </Link>
      <Link
        href={href(`/service/${encodeURIComponent(span.service)}`, {
          service: span.service,
          q: null,
          ...window,
        })}
      >
        {t("Endpoints and errors of {service}", { service: span.service })}
      </Link>
    </aside>
  );
}
