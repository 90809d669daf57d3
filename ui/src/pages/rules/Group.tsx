// A group of rules: each with how it stands, what it asks, and the alerts that it makes now.
import { Link } from "wouter";
import type { ForeignAlert } from "../../api/oncall";
import type { AlertingRule, Rule, RuleGroup } from "../../api/rules";
import { StateChip } from "../../components/Mark";
import { ago, count, millis, span } from "../../lib/format";
import { t } from "../../lib/i18n";
import { isNever, own, sameLabels, standing } from "../../lib/rules";
import { alertLook, type Look } from "../../lib/states";
import { useUrl } from "../../state/url";
import styles from "./Rules.module.css";

/** Alerts of one rule that are listed; a rule that fires everywhere is read by its number. */
const ALERTS_SHOWN = 20;

function look(rule: Rule): Look {
  if (standing(rule) === "broken") return { tone: "bad", shape: "octagon", word: t("Broken") };
  if (rule.health === "unknown") return { tone: "none", shape: "clock", word: t("Not evaluated yet") };
  if (rule.type === "recording") return { tone: "none", shape: "dot", word: t("Records") };
  return rule.state === "inactive"
    ? { tone: "none", shape: "ring", word: t("Quiet") }
    : alertLook(rule.state);
}

export function Group({ group, now, foreign }: { group: RuleGroup; now: number; foreign: ForeignAlert[] }) {
  const late = isNever(group.lastEvaluation)
    ? false
    : now - Date.parse(group.lastEvaluation) > 2.5 * group.interval * 1000 + 5000;
  return (
    <section className="panel scroll-x">
      <header>
        <h2>{group.name}</h2>
        <span className="dim mono">{group.file}</span>
        <span className="label" data-tone={late ? "warn" : undefined}>
          {isNever(group.lastEvaluation)
            ? t("not evaluated yet")
            : t("evaluated {ago}, took {took}, every {interval}", {
                ago: ago(group.lastEvaluation, now),
                took: millis(group.evaluationTime * 1000),
                interval: span(group.interval),
              })}
        </span>
      </header>
      <table className={`grid ${styles.table}`}>
        <tbody>
          {group.rules.map((rule, index) => (
            <Row key={`${rule.name} ${index}`} rule={rule} now={now} foreign={foreign} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Row({ rule, now, foreign }: { rule: Rule; now: number; foreign: ForeignAlert[] }) {
  const { href } = useUrl();
  const explore = (expr: string) => href("/explore/metrics", { expr, view: null, show: null, q: null });
  return (
    <tr data-standing={standing(rule)}>
      <td className={styles.state}>
        <StateChip look={look(rule)} />
      </td>
      <td>
        <div className="row wrap">
          <Link href={explore(rule.type === "recording" ? rule.name : rule.query)} className={styles.name}>
            {rule.name}
          </Link>
          {rule.type === "alerting" && <Timing rule={rule} />}
          {Object.entries(rule.labels).map(([name, value]) => (
            <span key={name} className={styles.tag}>
              {`${name}=${value}`}
            </span>
          ))}
        </div>
        <Link href={explore(rule.query)} className={styles.expr} title={t("Show this as a chart")}>
          {rule.query}
        </Link>
        {rule.lastError && (
          <p className={styles.error} data-tone="bad">
            {rule.lastError}
          </p>
        )}
        {rule.type === "alerting" && <Instances rule={rule} now={now} foreign={foreign} />}
      </td>
      <td className="num dim">{rule.health === "unknown" ? "–" : millis(rule.evaluationTime * 1000)}</td>
    </tr>
  );
}

function Timing({ rule }: { rule: AlertingRule }) {
  return (
    <span className="label">
      {rule.duration > 0 && t("after {time}", { time: span(rule.duration) })}
      {rule.keepFiringFor > 0 && ` ${t("kept for {time}", { time: span(rule.keepFiringFor) })}`}
    </span>
  );
}

function Instances({ rule, now, foreign }: { rule: AlertingRule; now: number; foreign: ForeignAlert[] }) {
  const { href } = useUrl();
  if (rule.alerts.length === 0) return null;
  const sorted = [...rule.alerts].sort((a, b) => a.state.localeCompare(b.state));
  return (
    <ul className={styles.instances}>
      {sorted.slice(0, ALERTS_SHOWN).map((alert) => {
        const told = foreign.find((one) => sameLabels(one.labels, alert.labels));
        const labels = own(alert.labels, rule.labels);
        return (
          <li key={JSON.stringify(alert.labels)}>
            <StateChip look={alertLook(alert.state)} />
            <span className={styles.what}>
              {labels.map(([name, value]) => (
                <span key={name} className={styles.tag}>
                  {`${name}=${value}`}
                </span>
              ))}
              {alert.annotations.summary && <span>{alert.annotations.summary}</span>}
            </span>
            <span className="num mono" title={t("value")}>
              {count(Number(alert.value))}
            </span>
            <span className="dim">{t("since {ago}", { ago: ago(alert.activeAt, now) })}</span>
            {alert.keepFiringSince && <span className="label">{t("condition is gone")}</span>}
            {told?.suppressed && <span className="label">{t("Held back")}</span>}
            {told?.incident && (
              <Link href={href(`/incident/${told.incident}`, { view: null, show: null, q: null })}>
                {told.incident}
              </Link>
            )}
          </li>
        );
      })}
      {sorted.length > ALERTS_SHOWN && (
        <li className="dim">{t("and {n} more", { n: count(sorted.length - ALERTS_SHOWN) })}</li>
      )}
    </ul>
  );
}
