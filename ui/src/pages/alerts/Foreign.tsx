// Alerts of other systems: what makes each one alert, how often it came, why nobody is told; and a way to take apart what
// was merged wrongly.
import { Button } from "@mantine/core";
import { useState } from "react";
import { Link } from "wouter";
import { type ForeignAlert, useSeparate } from "../../api/oncall";
import { StateChip } from "../../components/Mark";
import { Failure } from "../../components/states";
import { count, moment } from "../../lib/format";
import { t } from "../../lib/i18n";
import { alertLook, type Look } from "../../lib/states";
import { useUrl } from "../../state/url";
import styles from "./Alerts.module.css";

type Counts = { alerts: number; open: number; suppressed: number; received: number };

function look(alert: ForeignAlert): Look {
  if (alert.state === "acknowledged") return { tone: "info", shape: "check", word: t("Acknowledged") };
  if (alert.state === "firing" && alert.suppressed)
    return { tone: "none", shape: "pause", word: t("Held back") };
  return alertLook(alert.state);
}

/** The id of a silence is for programs; its author and end say more. */
const readable = (why: string) => why.replace(/ [0-9a-f]{8}(-[0-9a-f]{4,12}){4}/, "");

export function Foreign({
  alerts,
  counts,
  now,
  silence,
}: {
  alerts: ForeignAlert[];
  counts: Counts | undefined;
  now: number;
  silence?: (filter: string) => void;
}) {
  if (alerts.length === 0) return null;
  return (
    <section className="panel scroll-x">
      <header>
        <h2>{t("From rules and other systems")}</h2>
        {counts && (
          <span className="dim">
            {t("{open} open of {alerts}, arrived {received} times, {suppressed} held back", {
              open: count(counts.open),
              alerts: count(counts.alerts),
              received: count(counts.received),
              suppressed: count(counts.suppressed),
            })}
          </span>
        )}
      </header>
      <table className={`grid ${styles.table}`}>
        <thead>
          <tr>
            <th>{t("State")}</th>
            <th>{t("Alert")}</th>
            <th>{t("Level")}</th>
            <th>{t("First, last")}</th>
            <th className="num">{t("Arrived")}</th>
          </tr>
        </thead>
        <tbody>
          {alerts.map((alert) => (
            <Row key={alert.fingerprint} alert={alert} now={now} silence={silence} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Row({
  alert,
  now,
  silence,
}: {
  alert: ForeignAlert;
  now: number;
  silence?: (filter: string) => void;
}) {
  const [open, setOpen] = useState(false);
  const { href } = useUrl();
  return (
    <tr>
      <td>
        <StateChip look={look(alert)} />
        <div className="label">{alert.source}</div>
      </td>
      <td>
        <button type="button" className={`plain ${styles.title}`} onClick={() => setOpen(!open)}>
          {alert.title}
        </button>
        {alert.suppressed && (
          <div className={styles.why}>{t("nobody is told: {why}", { why: readable(alert.suppressed) })}</div>
        )}
        <div className="row wrap">
          {alert.service && <span className="dim">{alert.service}</span>}
          {alert.incident && <Link href={href(`/incident/${alert.incident}`)}>{alert.incident}</Link>}
          {alert.links.slice(0, 3).map((link) => (
            <a key={link.url} href={link.url} target="_blank" rel="noreferrer">
              {link.label}
            </a>
          ))}
        </div>
        {open && <Detail alert={alert} silence={silence} />}
      </td>
      <td>{alert.level}</td>
      <td>
        {moment(alert.first_at, now)}
        <div className="dim">{moment(alert.last_at, now)}</div>
      </td>
      <td className="num">
        {count(alert.count)}
        {alert.reopened > 0 && <div className="label">{t("came back {n} times", { n: alert.reopened })}</div>}
      </td>
    </tr>
  );
}

function Detail({ alert, silence }: { alert: ForeignAlert; silence?: (filter: string) => void }) {
  const separate = useSeparate();
  const labels = Object.entries(alert.labels);
  return (
    <div className={styles.detail}>
      <p>
        <b>{t("Why it is one alert")}</b> <span className="mono">{alert.fingerprint_rule}</span>
      </p>
      {labels.length > 0 && (
        <p className={styles.labels}>
          {labels.map(([name, value]) => (
            <span key={name} className="chip">{`${name}=${value}`}</span>
          ))}
        </p>
      )}
      {alert.members.length > 1 && (
        <>
          <p>{t("{n} different ones were merged:", { n: alert.members.length + alert.members_unlisted })}</p>
          <ul>
            {alert.members.slice(0, 8).map((member) => (
              <li key={JSON.stringify(member.labels)} className="dim">
                {`${Object.entries(member.labels)
                  .filter(([name]) => alert.differing_labels.includes(name))
                  .map(([name, value]) => `${name}=${value}`)
                  .join(", ")} · ${member.count}×`}
              </li>
            ))}
          </ul>
          <div className="row wrap">
            {alert.differing_labels.map((label) => (
              <Button
                key={label}
                size="compact-xs"
                variant="default"
                loading={separate.isPending}
                onClick={() => separate.mutate({ fingerprint: alert.fingerprint, label })}
              >
                {t("Take apart by {label}", { label })}
              </Button>
            ))}
          </div>
        </>
      )}
      {separate.error && <Failure error={separate.error} />}
      {silence && alert.state !== "resolved" && (
        <Button
          size="compact-xs"
          variant="default"
          onClick={() =>
            silence(
              labels.length > 0
                ? labels.map(([name, value]) => `${name}: ${JSON.stringify(value)}`).join(" and ")
                : `title: ${JSON.stringify(alert.title)}`,
            )
          }
        >
          {t("Silence this…")}
        </Button>
      )}
    </div>
  );
}
