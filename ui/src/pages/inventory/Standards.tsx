// What is worst: standards, owners and kinds, each a bar that leads to the things behind it.
import { Link } from "wouter";
import type { Group, Standard } from "../../api/inventory";
import { t } from "../../lib/i18n";
import { useUrl } from "../../state/url";
import styles from "./Inventory.module.css";

const STANDARDS_SHOWN = 12;
const GROUPS_SHOWN = 8;

export const severityTone = (severity: string) =>
  severity === "critical" || severity === "high" ? "bad" : severity === "medium" ? "warn" : "none";

export const severityWord = (severity: string) =>
  ({ critical: t("critical"), high: t("high"), medium: t("medium"), low: t("low") })[severity] ?? severity;

export function WorstStandards({ rules }: { rules: Standard[] }) {
  const { href, params } = useUrl();
  const open = rules.filter((rule) => rule.tally.failed + rule.tally.unknown > 0);
  const most = Math.max(1, ...open.map((rule) => rule.tally.failed + rule.tally.unknown));
  return (
    <section className="panel">
      <header>
        <h2>{t("Worst standards")}</h2>
        <span className="label">
          {t("{n} of {all} are kept by everything", { n: rules.length - open.length, all: rules.length })}
        </span>
      </header>
      {open.length === 0 ? (
        <p className="pad dim">
          {rules.length === 0
            ? t("Nothing was judged: no standard fits these things.")
            : t("Everything that was judged passed.")}
        </p>
      ) : (
        <ol className={styles.rules}>
          {open.slice(0, STANDARDS_SHOWN).map((rule) => (
            <li key={rule.name}>
              <Link
                href={href("/inventory", { rule: rule.name })}
                aria-current={params.get("rule") === rule.name ? "true" : undefined}
                title={rule.why}
              >
                <span className="chip" data-tone={severityTone(rule.severity)}>
                  {severityWord(rule.severity)}
                </span>
                <span className={styles.rule}>
                  {rule.title}
                  <small className="mono">{rule.name}</small>
                </span>
                <span className={styles.bar} aria-hidden="true">
                  <i data-part="failed" style={{ width: `${(100 * rule.tally.failed) / most}%` }} />
                  <i data-part="unknown" style={{ width: `${(100 * rule.tally.unknown) / most}%` }} />
                </span>
                <b>{rule.tally.failed}</b>
                <small>{rule.tally.unknown > 0 ? t("{n} unknown", { n: rule.tally.unknown }) : ""}</small>
              </Link>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

export function Breakdown({
  title,
  groups,
  field,
}: {
  title: string;
  groups: Group[];
  field: "owner" | "kind";
}) {
  const { href } = useUrl();
  const shown = groups.filter((group) => group.tally.score != null).slice(0, GROUPS_SHOWN);
  return (
    <section className="panel">
      <header>
        <h2>{title}</h2>
      </header>
      <ol className={styles.groups}>
        {shown.map((group) => (
          <li key={group.name}>
            <Link href={href("/inventory", { [field]: group.name })}>
              <span className="cut">{group.name || t("nobody")}</span>
              <span className={styles.bar} aria-hidden="true">
                <i data-part="passed" style={{ width: `${group.tally.score ?? 0}%` }} />
              </span>
              <b>{group.tally.score?.toFixed(0)} %</b>
              <small>{t("{n} failed", { n: group.tally.failed })}</small>
            </Link>
          </li>
        ))}
      </ol>
    </section>
  );
}
