// Which service is down, since when, and is the probe itself at fault?
import { Link } from "wouter";
import type { ProbeStatus, RunnerStatus } from "../../api/uptime";
import { useUptime } from "../../api/uptime";
import { Glyph, StateChip } from "../../components/Mark";
import { Failure, Loading } from "../../components/states";
import { ago, moment, percent, span } from "../../lib/format";
import { t } from "../../lib/i18n";
import { atFault, certificates, locationLook, probeLook } from "../../lib/uptime";
import { useAged } from "../../shell/Shell";
import { useNow, useUrl } from "../../state/url";
import { Days } from "./Days";
import { Heartbeats } from "./Heartbeats";
import { ProbeDetail } from "./ProbeDetail";
import { Setup } from "./Setup";
import styles from "./Uptime.module.css";

export default function UptimePage() {
  const { params, set } = useUrl();
  const now = useNow(1000);
  const query = useUptime();
  const aged = useAged(query.dataUpdatedAt, now);
  const probes = query.data?.probes ?? [];
  const heartbeats = query.data?.heartbeats ?? [];
  const open = params.get("probe");
  const down = probes.filter((probe) => probe.verdict === "down" && !probe.paused).length;
  const isEmpty = query.data && probes.length === 0 && heartbeats.length === 0;
  return (
    <div className="page">
      <div className="head">
        <h1>{t("Uptime")}</h1>
        {query.data && probes.length > 0 && (
          <span className={styles.tally} data-tone={down > 0 ? "bad" : "good"}>
            {down > 0 ? t("{count} down", { count: down }) : t("{count} watched", { count: probes.length })}
          </span>
        )}
        <span className="grow" />
        {aged && <span className="old">{t("figures are old")}</span>}
      </div>
      {query.error && <Failure error={query.error} retry={() => query.refetch()} />}
      {query.isPending && <Loading rows={4} height={76} />}
      {isEmpty && <Setup />}
      {query.data && probes.length > 0 && <Fault runners={query.data.runners} />}
      {probes.length > 0 && (
        <ul className={styles.board} data-aged={aged || undefined}>
          {probes.map((probe) => (
            <Row
              key={probe.name}
              probe={probe}
              now={now}
              isOpen={open === probe.name}
              toggle={() => set({ probe: open === probe.name ? null : probe.name })}
            />
          ))}
        </ul>
      )}
      <Certificates probes={probes} now={now} />
      {heartbeats.length > 0 && <Heartbeats heartbeats={heartbeats} now={now} />}
    </div>
  );
}

/** The first question of whoever sees red. */
function Fault({ runners }: { runners: readonly RunnerStatus[] }) {
  const list = atFault(runners);
  if (list.length === 0)
    return (
      <p className={styles.fault} data-tone="good">
        <Glyph shape="check" size={14} />
        {t(
          "Is the probe itself at fault? No: {count, plural, one {the runner reaches} other {all # runners reach}} what they should.",
          {
            count: Math.max(1, runners.length),
          },
        )}
      </p>
    );
  return (
    <ul className={styles.fault} data-tone="info" role="status">
      {list.map((runner) => (
        <li key={runner.location}>
          <Glyph shape="diamond" size={15} />
          <b>{t("Is the probe itself at fault? Yes, at {location}.", { location: runner.location })}</b>{" "}
          <span>{runner.finding}</span>
        </li>
      ))}
    </ul>
  );
}

function Row({
  probe,
  now,
  isOpen,
  toggle,
}: {
  probe: ProbeStatus;
  now: number;
  isOpen: boolean;
  toggle: () => void;
}) {
  const { href } = useUrl();
  const look = probeLook(probe);
  const reason = probe.locations.find((location) => location.standing !== "up" && location.reason)?.reason;
  return (
    <li className={styles.row} data-tone={look.tone} data-verdict={probe.verdict}>
      <div className={styles.state}>
        <Glyph shape={look.shape} size={26} />
        <div>
          <strong>{look.word}</strong>
          <div className={styles.since} title={moment(probe.since)}>
            {t("for {time}", { time: span((now - Date.parse(probe.since)) / 1000) })}
          </div>
        </div>
      </div>
      <div className={styles.name}>
        <button type="button" className={`plain ${styles.title}`} aria-expanded={isOpen} onClick={toggle}>
          {probe.name}
        </button>
        <div className="dim cut" title={probe.target}>
          {probe.kind} · {probe.target}
        </div>
        {reason && <p className={styles.reason}>{reason}</p>}
        <div className="row wrap">
          {probe.alerting && (
            <Link href={href("/alerts")} className="chip" data-tone="bad">
              {t("alert firing")}
            </Link>
          )}
          {probe.locations.length > 1 &&
            probe.locations.map((location) => {
              const here = locationLook(location.standing);
              return (
                <span
                  key={location.location}
                  className="chip"
                  data-tone={here.tone}
                  title={`${here.word}${location.reason ? `: ${location.reason}` : ""}`}
                >
                  <Glyph shape={here.shape} size={11} />
                  {location.location}
                </span>
              );
            })}
        </div>
      </div>
      <div className={styles.history}>
        <Days days={probe.days} now={now} />
        <div className={styles.scale}>
          <span className="label">{t("90 days")}</span>
          <b>{probe.availability == null ? "–" : percent(probe.availability, 3)}</b>
          <span className="label">{t("today")}</span>
        </div>
      </div>
      <div className={styles.took}>
        <b>{probe.last ? `${Math.round(probe.last.duration_ms)} ms` : "–"}</b>
        <div className="label">{probe.last ? ago(probe.last.at, now) : t("No measurement yet")}</div>
      </div>
      {isOpen && <ProbeDetail probe={probe} now={now} />}
    </li>
  );
}

function Certificates({ probes, now }: { probes: readonly ProbeStatus[]; now: number }) {
  const { set } = useUrl();
  const list = certificates(probes, now);
  if (list.length === 0) return null;
  return (
    <section className="panel">
      <header>
        <h2>{t("Certificates")}</h2>
        <span className="label">{t("what ends first comes first")}</span>
      </header>
      <div className="scroll-x">
        <table className="grid">
          <thead>
            <tr>
              <th>{t("Ends in")}</th>
              <th>{t("Certificate")}</th>
              <th>{t("Probe")}</th>
              <th>{t("Issuer")}</th>
              <th>{t("Until")}</th>
            </tr>
          </thead>
          <tbody>
            {list.map((it) => (
              <tr key={it.probe.name}>
                <td data-tone={it.tone}>
                  <b className={styles.days}>
                    {it.days < 0
                      ? t("ended")
                      : t("{count, plural, one {# day} other {# days}}", { count: it.days })}
                  </b>
                </td>
                <td>{it.subject}</td>
                <td>
                  <button type="button" className="plain" onClick={() => set({ probe: it.probe.name })}>
                    {it.probe.name}
                  </button>
                </td>
                <td className="dim">{it.issuer}</td>
                <td>{moment(it.end)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

export function Locations({ probe, now }: { probe: ProbeStatus; now: number }) {
  return (
    <table className="grid">
      <thead>
        <tr>
          <th>{t("Location")}</th>
          <th>{t("State")}</th>
          <th>{t("Since")}</th>
          <th className="num">{t("Took")}</th>
          <th>{t("Measured")}</th>
          <th>{t("Why")}</th>
        </tr>
      </thead>
      <tbody>
        {probe.locations.map((location) => (
          <tr key={location.location}>
            <td>
              <b>{location.location}</b>
            </td>
            <td>
              <StateChip look={locationLook(location.standing)} />
            </td>
            <td>{location.since ? moment(location.since) : "–"}</td>
            <td className="num">
              {location.duration_ms == null ? "–" : `${Math.round(location.duration_ms)} ms`}
            </td>
            <td>{location.measured_at ? ago(location.measured_at, now) : "–"}</td>
            <td className={styles.why}>{location.reason ?? ""}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
