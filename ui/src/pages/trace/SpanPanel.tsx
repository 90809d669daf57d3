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
  const { span, selfNs } = row;
  const window = around(span.start, 10 * 60e3, 10 * 60e3);
  const facts: [string, string][] = [
    [t("took"), `${nanos(span.duration_ns)} · ${percent(span.duration_ns / total, 1)}`],
    [t("self time"), nanos(selfNs)],
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
    </aside>
  );
}
