import { SegmentedControl } from "@mantine/core";
import { useState } from "react";
import { Link } from "wouter";
import { useAlerts, usePages } from "../../api/hooks";
import { StateChip } from "../../components/Mark";
import { Empty, Failure, Loading } from "../../components/states";
import { moment, span } from "../../lib/format";
import { t } from "../../lib/i18n";
import { alertLook, pageLook } from "../../lib/states";
import { zoneName } from "../../lib/time";
import { useNow, useUrl } from "../../state/url";
import { Pages } from "../incident/Pages";
import styles from "./Alerts.module.css";
import { Foreign } from "./Foreign";
import { type SilenceDraft, Silences } from "./Silences";

export default function AlertsPage() {
  const { params, set, href } = useUrl();
  const now = useNow(5000);
  const show = params.get("show") ?? "all";
  const [draft, setDraft] = useState<SilenceDraft>();
  const alerts = useAlerts();
  const pages = usePages();
  const list = (alerts.data?.alerts ?? []).filter((alert) => show === "all" || alert.state === show);
  const foreign = (alerts.data?.foreign ?? []).filter(
    (alert) => show === "all" || (alert.state === "acknowledged" ? "firing" : alert.state) === show,
  );
  const stuck = (pages.data?.pages ?? []).filter(
    (page) => page.state !== "delivered" && page.state !== "superseded",
  );
  return (
    <div className="page">
      <div className="head">
        <h1>{t("Alerts")}</h1>
        <SegmentedControl
          size="xs"
          value={show}
          onChange={(value) => set({ show: value === "all" ? null : value })}
          data={[
            { value: "all", label: t("All") },
            { value: "firing", label: alertLook("firing").word },
            { value: "pending", label: alertLook("pending").word },
            { value: "resolved", label: alertLook("resolved").word },
          ]}
          aria-label={t("Filter by state")}
        />
      </div>
      {alerts.error && <Failure error={alerts.error} retry={() => alerts.refetch()} />}
      <div className={styles.columns}>
        <div className="stack">
          {alerts.isPending ? (
            <Loading rows={4} />
          ) : list.length === 0 && foreign.length > 0 ? null : list.length === 0 ? (
            <div className="panel">
              <Empty title={t("No alert here")}>
                {t("Every promise is watched by its burn rates each second.")}
              </Empty>
            </div>
          ) : (
            <div className="panel scroll-x">
              <table className={`grid ${styles.table}`}>
                <thead>
                  <tr>
                    <th>{t("State")}</th>
                    <th>{t("Alert")}</th>
                    <th>{t("Began ({zone})", { zone: zoneName() })}</th>
                    <th className="num">{t("Detected after")}</th>
                    <th>{t("Pages")}</th>
                  </tr>
                </thead>
                <tbody>
                  {list.map((alert) => (
                    <tr key={alert.id}>
                      <td>
                        <StateChip look={alertLook(alert.state)} />
                        <div className="label">
                          {alert.severity === "page" ? t("pages people") : t("ticket")}
                        </div>
                      </td>
                      <td>
                        <Link
                          href={
                            alert.incident_id
                              ? href(`/incident/${alert.incident_id}`)
                              : href(`/slo/${encodeURIComponent(alert.slo)}`)
                          }
                          className={styles.title}
                        >
                          {alert.message.title}
                        </Link>
                        <div className="dim">{alert.reason}</div>
                        <div className="row wrap">
                          <Link href={href(`/slo/${encodeURIComponent(alert.slo)}`)}>{alert.slo}</Link>
                          {alert.incident_id && (
                            <Link href={href(`/incident/${alert.incident_id}`)}>{alert.incident_id}</Link>
                          )}
                          {alert.message.incomplete.length > 0 && (
                            <span
                              className="chip"
                              data-tone="warn"
                              title={alert.message.incomplete.join("; ")}
                            >
                              {t("message incomplete")}
                            </span>
                          )}
                        </div>
                      </td>
                      <td>{moment(alert.started_at, now)}</td>
                      <td className="num">
                        {span((Date.parse(alert.detected_at) - Date.parse(alert.started_at)) / 1000)}
                      </td>
                      <td>
                        {alert.pages.length === 0 && <span className="dim">–</span>}
                        {alert.pages.map((page) => (
                          <div key={page.id} className={styles.page} data-tone={pageLook(page.state).tone}>
                            {page.channel_type} · <span>{pageLook(page.state).word}</span>
                          </div>
                        ))}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )}
          <Foreign
            alerts={foreign}
            counts={alerts.data?.foreign_counts}
            now={now}
            silence={(filter) => setDraft({ filter, length: "4h", reason: "" })}
          />
        </div>
        <div className="stack">
          <Silences draft={draft} setDraft={setDraft} now={now} />
          {pages.error ? (
            <Failure error={pages.error} />
          ) : (
            <Pages pages={stuck} now={now} title={t("Not delivered yet")} />
          )}
        </div>
      </div>
    </div>
  );
}
