// Jobs that say of themselves that they ran.
import { Button, CopyButton } from "@mantine/core";
import type { HeartbeatStatus } from "../../api/uptime";
import { StateChip } from "../../components/Mark";
import { ago, moment, span } from "../../lib/format";
import { t } from "../../lib/i18n";
import { heartbeatLook } from "../../lib/uptime";

export function Heartbeats({ heartbeats, now }: { heartbeats: readonly HeartbeatStatus[]; now: number }) {
  return (
    <section className="panel">
      <header>
        <h2>{t("Heartbeats")}</h2>
        <span className="label">{t("silence is the alarm")}</span>
      </header>
      <div className="scroll-x">
        <table className="grid">
          <thead>
            <tr>
              <th>{t("State")}</th>
              <th>{t("Job")}</th>
              <th>{t("Last heard")}</th>
              <th>{t("Expected")}</th>
              <th className="num">{t("Took")}</th>
              <th>{t("Address")}</th>
            </tr>
          </thead>
          <tbody>
            {heartbeats.map((it) => (
              <tr key={it.name}>
                <td>
                  <StateChip look={heartbeatLook(it.standing)} />
                </td>
                <td>
                  <b>{it.name}</b>
                  <div className="label">
                    {it.period} · {it.service ?? t("no service")} · {it.level}
                  </div>
                </td>
                <td title={it.last_at ? moment(it.last_at) : undefined}>
                  {it.last_at ? ago(it.last_at, now) : t("never")}
                </td>
                <td>
                  {moment(it.due_at)}
                  <div className="label">{t("alarm at {time}", { time: moment(it.missed_at) })}</div>
                </td>
                <td className="num">{it.took_secs == null ? "–" : span(it.took_secs)}</td>
                <td>
                  {it.ping_url ? (
                    <CopyButton value={`curl -fsS --retry 3 '${it.ping_url}'`}>
                      {({ copied, copy }) => (
                        <Button size="compact-xs" variant="default" onClick={copy}>
                          {copied ? t("Copied") : t("Copy the call")}
                        </Button>
                      )}
                    </CopyButton>
                  ) : (
                    <span className="dim">{t("editors see it")}</span>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
