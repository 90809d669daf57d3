// The alert message: title, severity, explanation, observed, ideal, context, links, in the order in which they are read,
// then what stands behind them: suspects, the last change with its undo, sample traces.
import { CopyButton } from "@mantine/core";
import { Link } from "wouter";
import type { Alert } from "../../api/types";
import { StateChip } from "../../components/Mark";
import { SuspectTable } from "../../components/SuspectTable";
import { ago, count, moment, span } from "../../lib/format";
import { t } from "../../lib/i18n";
import { alertLook, changeWord } from "../../lib/states";
import { around } from "../../lib/time";
import { localPath } from "../../lib/url";
import { useUrl } from "../../state/url";
import styles from "./Incident.module.css";

const TIME = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;

/** Context that the page draws in full below; the message carries it for readers who see nothing else. */
const DRAWN_BELOW = ["Suspect", "Sample traces"];

/** `heading` is the title that the page shows already. */
export function AlertFields({ alert, heading }: { alert: Alert; heading?: string }) {
  const { href } = useUrl();
  const { message } = alert;
  const window = around(alert.started_at, 10 * 60e3, 20 * 60e3);
  return (
    <section className="panel">
      <header>
        <h2>{t("What the alert says")}</h2>
        <StateChip look={alertLook(alert.state)} />
      </header>
      <div className="pad">
        {message.title !== heading && <p className={styles.alertTitle}>{message.title}</p>}
        <p className={styles.explanation}>{message.explanation}</p>
        <div className={styles.versus}>
          <div>
            <div className="label">{t("Observed")}</div>
            <p>{message.observed}</p>
          </div>
          <div>
            <div className="label">{t("Ideal")}</div>
            <p>{message.ideal}</p>
          </div>
          <div>
            <div className="label">{t("Proposed level")}</div>
            <p>{message.severity}</p>
          </div>
          <div>
            <div className="label">{t("Users hit")}</div>
            <p>{message.users_hit == null ? "–" : count(message.users_hit)}</p>
          </div>
          <div>
            <div className="label">{t("Budget gone in")}</div>
            <p>{span(message.exhausted_in_secs)}</p>
          </div>
        </div>
        {message.context.length > 0 && (
          <ul className={styles.context} aria-label={t("Context")}>
            {message.context
              .filter((item) => !DRAWN_BELOW.includes(item.label))
              .map((item) => (
                <li key={item.label}>
                  <span className="dim">{item.label}</span>{" "}
                  <b>{TIME.test(item.value) ? moment(item.value) : item.value}</b>
                </li>
              ))}
          </ul>
        )}
        <nav className={styles.links} aria-label={t("Links")}>
          {message.links
            .filter((link) => link.rel !== "incident" && link.rel !== "acknowledge")
            .map((link) => {
              const path = localPath(link.url, location.origin);
              return path ? (
                <Link key={link.url} href={path}>
                  {linkWord(link.rel) ?? link.label}
                </Link>
              ) : (
                <a key={link.url} href={safeUrl(link.url)} target="_blank" rel="noreferrer noopener">
                  {linkWord(link.rel) ?? link.label} ↗
                </a>
              );
            })}
          {message.sample_trace_ids.slice(0, 3).map((id, i) => (
            <Link key={id} href={href(`/trace/${id}`, window)}>
              {t("failing trace {n}", { n: i + 1 })}
            </Link>
          ))}
          {[
            [null, t("Which endpoint hurts")],
            ["errors", t("Error groups")],
            ["versions", t("Compare with before")],
          ].map(([tab, word]) => (
            <Link
              key={word}
              href={href(`/service/${encodeURIComponent(alert.service)}`, {
                service: alert.service,
                q: null,
                tab,
                ...window,
              })}
            >
              {word}
            </Link>
          ))}
        </nav>
        {message.incomplete.length > 0 && (
          <p className="dim">{t("Not filled: {what}", { what: message.incomplete.join("; ") })}</p>
        )}
      </div>

      {message.last_change && <LastChange change={message.last_change} />}

      <div className={styles.section}>
        <h2>{t("What stands out")}</h2>
        {message.suspects.length > 0 ? (
          <SuspectTable
            suspects={message.suspects}
            to={(suspect) =>
              href("/search", {
                dataset: "spans",
                service: alert.service,
                q: suspectFilter(alert.service, suspect.field, suspect.value),
                ...window,
              })
            }
          />
        ) : (
          <p className="dim">{t("No single value stands out among the failures.")}</p>
        )}
      </div>
    </section>
  );
}

/** Links are named by what they lead to; the server's own label stands for kinds that are not known here. */
const linkWord = (rel: string) =>
  ({
    slo: t("The promise"),
    search: t("Failing requests"),
    traces: t("Failing traces"),
    runbook: t("Runbook"),
  })[rel];

const suspectFilter = (service: string, field: string, value: string) => {
  const quoted = /^[\w.\-/]+$/.test(value) ? value : `"${value.replace(/(["\\])/g, "\\$1")}"`;
  return field === "service.name"
    ? `service.name: ${quoted}`
    : `service.name: ${service} and ${field}: ${quoted}`;
};

/** Only what a browser may safely open; links come from people's documents. */
export const safeUrl = (url: string) => (/^https?:\/\//i.test(url) ? url : undefined);

export function LastChange({ change }: { change: NonNullable<Alert["message"]["last_change"]> }) {
  const link = change.undo ? safeUrl(change.undo) : undefined;
  return (
    <div className={styles.change}>
      <div className="grow">
        <div className="label">
          {t("Last change before it")} · {changeWord(change.kind)} · {change.service}
          {change.version && ` ${change.version}`}
        </div>
        <div className={styles.changeTitle}>{change.title}</div>
        <div className="dim">
          {moment(change.at)} · {ago(change.at)}
          {change.by && ` · ${t("by {name}", { name: change.by })}`}
        </div>
      </div>
      {change.undo && (
        <div className={styles.undo}>
          <div className="label">{t("to undo")}</div>
          {link ? (
            <a href={link} target="_blank" rel="noreferrer noopener">
              {change.undo}
            </a>
          ) : (
            <CopyButton value={change.undo}>
              {({ copied, copy }) => (
                <button type="button" className={styles.command} onClick={copy} title={t("Copy the command")}>
                  <code>{change.undo}</code>
                  <span>{copied ? t("copied") : t("copy")}</span>
                </button>
              )}
            </CopyButton>
          )}
        </div>
      )}
    </div>
  );
}
