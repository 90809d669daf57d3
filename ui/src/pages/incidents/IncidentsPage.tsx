import { Button, SegmentedControl } from "@mantine/core";
import { Link } from "wouter";
import { useIncidents } from "../../api/hooks";
import type { Incident } from "../../api/types";
import { StateChip } from "../../components/Mark";
import { Empty, Failure, Figure, Loading } from "../../components/states";
import { countdown, moment, percent, span } from "../../lib/format";
import { t } from "../../lib/i18n";
import { className, incidentLook, isOpen } from "../../lib/states";
import { zoneName } from "../../lib/time";
import { useNow, useUrl } from "../../state/url";
import { due } from "../incident/Clock";
import styles from "./Incidents.module.css";

export default function IncidentsPage() {
  const { params, set, href } = useUrl();
  const show = params.get("show") === "all" ? "all" : "open";
  const query = useIncidents();
  const now = useNow(1000);
  const service = params.get("service");
  const list = (query.data?.incidents ?? []).filter(
    (incident) => (show === "all" || isOpen(incident.state)) && (!service || incident.service === service),
  );
  const mean = query.data?.mean;
  return (
    <div className="page">
      <div className="head">
        <h1>{t("Incidents")}</h1>
        <SegmentedControl
          size="xs"
          value={show}
          onChange={(value) => set({ show: value === "all" ? "all" : null })}
          data={[
            { value: "open", label: t("Open") },
            { value: "all", label: t("All") },
          ]}
          aria-label={t("Filter by state")}
        />
        {service && (
          <button type="button" className="chip" onClick={() => set({ service: null })}>
            {service} ×
          </button>
        )}
        <span className="grow" />
        <Button component={Link} href={href("/incidents/new")} size="xs">
          {t("Report an incident")}
        </Button>
      </div>
      {mean && (
        <div className={styles.figures}>
          <Figure label={t("MTTD, detect")} value={span(mean.mttd_secs)} unit={t("mean, 90 days")} />
          <Figure label={t("MTTA, acknowledge")} value={span(mean.mtta_secs)} />
          <Figure label={t("MTTR, resolve")} value={span(mean.mttr_secs)} />
          <Figure label={t("Updates in time")} value={percent(query.data?.on_time_rate, 0)} />
        </div>
      )}
      {query.error && <Failure error={query.error} retry={() => query.refetch()} />}
      {query.isPending ? (
        <Loading rows={4} />
      ) : list.length === 0 && !query.error ? (
        <Empty title={show === "open" ? t("No incident is open") : t("No incident yet")}>
          {t("An alert opens one by itself; a person can report one with the six fields.")}
        </Empty>
      ) : (
        <div className="panel scroll-x">
          <table className={`grid ${styles.table}`}>
            <thead>
              <tr>
                <th>{t("Level")}</th>
                <th>{t("Incident")}</th>
                <th>{t("State")}</th>
                <th>{t("Class")}</th>
                <th>{t("Began ({zone})", { zone: zoneName() })}</th>
                <th className="num">{t("Next update")}</th>
                <th className="num">MTTD</th>
                <th className="num">MTTA</th>
                <th className="num">MTTR</th>
              </tr>
            </thead>
            <tbody>
              {list.map((incident) => (
                <Row key={incident.id} incident={incident} now={now} to={href(`/incident/${incident.id}`)} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}

function Row({ incident, now, to }: { incident: Incident; now: number; to: string }) {
  const promised = isOpen(incident.state) ? due(incident.clock.next_update_at, now) : undefined;
  return (
    <tr>
      <td>
        <span
          className={styles.level}
          data-confirmed={incident.confirmed_level != null || undefined}
          title={incident.confirmed_level ? t("confirmed") : t("preliminary")}
        >
          {incident.level}
        </span>
      </td>
      <td>
        <Link href={to} className={styles.title}>
          {incident.title}
        </Link>
        <div className="dim">
          <span className="mono">{incident.id}</span> · {incident.service}
        </div>
      </td>
      <td>
        <StateChip look={incidentLook(incident.state)} />
      </td>
      <td title={className(incident.class)}>{incident.class}</td>
      <td>{moment(incident.started_at)}</td>
      <td className="num" data-tone={promised?.tone}>
        {promised ? (
          <b style={{ color: promised.word === "due" ? undefined : "var(--tone)" }}>
            {countdown(promised.secs)}
            {promised.word === "overdue" && ` ${t("late")}`}
          </b>
        ) : (
          "–"
        )}
      </td>
      <td className="num">{span(incident.times.mttd_secs)}</td>
      <td className="num">{span(incident.times.mtta_secs)}</td>
      <td className="num">{span(incident.times.mttr_secs)}</td>
    </tr>
  );
}
