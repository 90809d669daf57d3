import { Link } from "wouter";
import type { TimelineEntry } from "../../api/types";
import { Glyph } from "../../components/Mark";
import { moment } from "../../lib/format";
import { t } from "../../lib/i18n";
import type { Shape, Tone } from "../../lib/states";
import { zoneName } from "../../lib/time";
import { localPath } from "../../lib/url";
import { safeUrl } from "./AlertFields";
import styles from "./Incident.module.css";

const LOOKS: Record<string, [Shape, Tone]> = {
  human: ["dot", "info"],
  system: ["ring", "none"],
  alert: ["bolt", "bad"],
  change: ["diamond", "warn"],
  page: ["clock", "none"],
};

const sourceWord = (source: string) =>
  ({ human: t("person"), system: t("system"), alert: t("alert"), change: t("change"), page: t("page") })[
    source
  ] ?? source;

/** Words for the kinds that the server writes; an unknown one is shown as it is. */
const kindWord = (kind: string) =>
  ({
    opened: t("opened"),
    reported: t("reported"),
    alert_joined: t("alert joined"),
    alert_resolved: t("alert resolved"),
    level_proposed: t("level proposed"),
    level_raised: t("level raised"),
    class_changed: t("class changed"),
    role_assigned: t("handed over"),
    promise_armed: t("update promised"),
    relapsed: t("broke again"),
    fault_start_corrected: t("start corrected"),
    correction: t("correction"),
    escalation: t("escalation"),
    merged: t("merged"),
    acknowledged: t("acknowledged"),
    level_confirmed: t("level confirmed"),
    update: t("update"),
    note: t("note"),
    overdue: t("update overdue"),
    nudge: t("nudge"),
    mitigated: t("mitigated"),
    resolved: t("resolved"),
    reopened: t("reopened"),
    reviewed: t("reviewed"),
    cancelled: t("cancelled"),
    page: t("page"),
    change: t("change"),
  })[kind] ?? kind.replaceAll("_", " ");

/** Newest first: in a running incident the last thing is the thing. */
export function Timeline({ entries }: { entries: TimelineEntry[] }) {
  return (
    <section className="panel">
      <header>
        <h2>{t("Timeline")}</h2>
        <span className="label">{t("newest first, {zone}", { zone: zoneName() })}</span>
      </header>
      <ol className={styles.timeline} aria-live="polite">
        {entries.toReversed().map((entry) => {
          const [shape, tone] =
            entry.kind === "overdue"
              ? (["octagon", "bad"] as const)
              : (LOOKS[entry.source] ?? (["ring", "none"] as const));
          const path = entry.link ? localPath(entry.link, location.origin) : undefined;
          return (
            <li key={entry.sequence} data-tone={tone} data-kind={entry.kind}>
              <time dateTime={entry.at} title={entry.at} className="mono">
                {moment(entry.at)}
              </time>
              <span className={styles.dot} title={sourceWord(entry.source)}>
                <Glyph shape={shape} size={14} />
              </span>
              <div>
                <div className="label">
                  <b>{entry.actor}</b> · {kindWord(entry.kind)}
                  {path ? (
                    <>
                      {" · "}
                      <Link href={path}>{t("open")}</Link>
                    </>
                  ) : entry.link && safeUrl(entry.link) ? (
                    <>
                      {" · "}
                      <a href={entry.link} target="_blank" rel="noreferrer noopener">
                        {t("open")} ↗
                      </a>
                    </>
                  ) : null}
                </div>
                <p>{entry.text}</p>
              </div>
            </li>
          );
        })}
      </ol>
    </section>
  );
}
