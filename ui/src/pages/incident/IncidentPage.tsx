// The incident room. First what the alert says, then what to do, then what happened. A second browser sees each change
// within a second: the event stream names the incident, the query reads it again.
import { Tooltip } from "@mantine/core";
import { Link, useParams } from "wouter";
import { useIncident } from "../../api/hooks";
import type { Incident, IncidentDetail, Slo } from "../../api/types";
import { BudgetGauge } from "../../components/BudgetGauge";
import { Mark, StateChip } from "../../components/Mark";
import { Failure, Figure, Loading } from "../../components/states";
import { decimalsFor, minutes, moment, percent, span, targetText } from "../../lib/format";
import { t } from "../../lib/i18n";
import { className, incidentLook, isOpen, sloLook } from "../../lib/states";
import { zoneName } from "../../lib/time";
import { useAged } from "../../shell/Shell";
import { useNow, useUrl } from "../../state/url";
import { Foreign } from "../alerts/Foreign";
import { Actions } from "./Actions";
import { AlertFields } from "./AlertFields";
import { Clock } from "./Clock";
import { Escalation } from "./Escalation";
import styles from "./Incident.module.css";
import { Pages } from "./Pages";
import { Runs } from "./Runs";
import { Statements } from "./Statements";
import { Timeline } from "./Timeline";

export default function IncidentPage() {
  const { id = "" } = useParams<{ id: string }>();
  const query = useIncident(id);
  const now = useNow(1000);
  const aged = useAged(query.dataUpdatedAt, now);
  if (query.isPending) {
    return (
      <div className="page">
        <Loading rows={5} height={90} />
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
  const { incident, alerts, slos, timeline, draft_update, escalation, foreign_alerts } = query.data;
  const alert = alerts.find((one) => one.state === "firing") ?? alerts[0];
  return (
    <div className="page">
      <Header incident={incident} />
      {query.error && <Failure error={query.error} retry={() => query.refetch()} />}
      <div className={`${styles.columns} ${aged ? "aged" : ""}`}>
        <div className={`stack ${styles.main}`}>
          {alert ? <AlertFields alert={alert} heading={incident.title} /> : <Report incident={incident} />}
          <Foreign alerts={foreign_alerts ?? []} counts={undefined} now={now} />
          <Timeline entries={timeline} />
        </div>
        <div className={`stack ${styles.act}`}>
          <Clock incident={incident} now={now} />
          <Actions incident={incident} draft={draft_update} />
          {escalation && <Escalation state={escalation} now={now} />}
        </div>
        <div className={`stack ${styles.rest}`}>
          <Marks incident={incident} />
          <Statements incident={incident.id} open={isOpen(incident.state)} />
          {incident.marks.resolved_at && (
            <Link className="panel pad" href={`/postmortem/${incident.id}`}>
              {t("Postmortem")} →
            </Link>
          )}
          {slos.length > 0 && <Promises slos={slos} />}
          <Pages pages={alerts.flatMap((one) => one.pages)} now={now} />
          <Runs incident={incident.id} now={now} />
        </div>
      </div>
    </div>
  );
}

function Header({ incident }: { incident: Incident }) {
  const confirmed = incident.confirmed_level != null;
  return (
    <div className={styles.header}>
      <Tooltip
        label={
          confirmed
            ? t("confirmed by {name}", { name: incident.confirmed_by ?? "?" })
            : t("proposed, not confirmed yet")
        }
      >
        <div className={styles.level} data-level={incident.level} data-confirmed={confirmed || undefined}>
          <b>{incident.level}</b>
          <span>{confirmed ? t("confirmed") : t("preliminary")}</span>
        </div>
      </Tooltip>
      <div className="grow">
        <div className="row wrap">
          <Mark look={incidentLook(incident.state)} size={15} />
          <span className="mono dim">{incident.id}</span>
          <span className="chip">
            {incident.class} · {className(incident.class)}
          </span>
          <span className="dim">{incident.service}</span>
          <span className="dim">
            {t("since {time}", { time: `${moment(incident.started_at)} ${zoneName()}` })}
          </span>
          <span className="dim">
            {incident.commander ? t("led by {name}", { name: incident.commander }) : t("nobody leads yet")}
          </span>
        </div>
        <h1>{incident.title}</h1>
        <p className={styles.scope}>
          {[incident.scope, incident.status, incident.progress].filter(Boolean).join(" · ")}
        </p>
      </div>
    </div>
  );
}

/** What a person reported, where no alert speaks. */
function Report({ incident }: { incident: Incident }) {
  const fields: [string, string][] = [
    [t("Impacted service"), incident.service],
    [t("Scope"), incident.scope],
    [t("Current status"), incident.status],
    [t("Started at"), moment(incident.started_at)],
    [t("Progress"), incident.progress],
  ];
  return (
    <section className="panel">
      <header>
        <h2>{t("Reported by {name}", { name: incident.reported_by })}</h2>
      </header>
      <dl className={styles.fields}>
        {fields.map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value || "–"}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function Marks({ incident }: { incident: Incident }) {
  const { marks, times } = incident;
  const steps: [string, string | null | undefined][] = [
    [t("Fault began"), marks.fault_start_at],
    [t("Detected"), marks.detected_at],
    [t("Acknowledged"), marks.acknowledged_at],
    [t("Confirmed"), marks.confirmed_at],
    [t("Mitigated"), marks.mitigated_at],
    [t("Resolved"), marks.resolved_at],
  ];
  return (
    <section className="panel pad">
      <div className={styles.times}>
        <Figure label={t("MTTD, detect")} value={span(times.mttd_secs)} />
        <Figure label={t("MTTA, acknowledge")} value={span(times.mtta_secs)} />
        <Figure label={t("MTTR, resolve")} value={span(times.mttr_secs)} />
      </div>
      <ol className={styles.marks}>
        {steps.map(([label, at]) => (
          <li key={label} data-done={at ? true : undefined}>
            <span>{label}</span>
            <span className="mono">{at ? moment(at) : "–"}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function Promises({ slos }: { slos: Slo[] }) {
  const { href } = useUrl();
  return (
    <section className="panel">
      <header>
        <h2>{t("Promises of this service")}</h2>
      </header>
      <ul className={styles.promises}>
        {slos.map((slo) => {
          const look = sloLook(slo);
          return (
            <li key={slo.name}>
              <div className="row spread">
                <Link href={href(`/slo/${encodeURIComponent(slo.name)}`)}>
                  {slo.display_name || slo.name}
                </Link>
                <StateChip look={look} />
              </div>
              <div className="row spread dim">
                <span>
                  {percent(slo.sli, decimalsFor(slo.target))} / {targetText(slo.target)}
                </span>
                <span>
                  {slo.budget.remaining_minutes < 0
                    ? t("overspent by {time}", { time: minutes(-slo.budget.remaining_minutes) })
                    : t("{time} left", { time: minutes(slo.budget.remaining_minutes) })}
                </span>
              </div>
              <BudgetGauge
                remaining={slo.budget.remaining_fraction}
                minutesLeft={slo.budget.remaining_minutes}
                tone={look.tone}
                height={9}
              />
            </li>
          );
        })}
      </ul>
    </section>
  );
}

export type { IncidentDetail };
