// What stands out among the failures: each row says how often this value fails and how much likelier than the rest.
import { Link } from "wouter";
import type { Suspect } from "../api/types";
import { count, percent } from "../lib/format";
import { t } from "../lib/i18n";
import styles from "./SuspectTable.module.css";

type Props = { suspects: readonly Suspect[]; to: (suspect: Suspect) => string };

export function SuspectTable({ suspects, to }: Props) {
  return (
    <div className="scroll-x">
      <table className={`grid ${styles.table}`}>
        <thead>
          <tr>
            <th>{t("Value")}</th>
            <th className="num">{t("Fails")}</th>
            <th className={styles.shareHead}>{t("Share of failures against share of all")}</th>
            <th className="num">{t("Likelier")}</th>
          </tr>
        </thead>
        <tbody>
          {suspects.map((suspect) => (
            <tr key={`${suspect.field}=${suspect.value}`}>
              <td>
                <Link href={to(suspect)} className={styles.value}>
                  {suspect.value}
                </Link>
                <div className="label mono">{suspect.field}</div>
              </td>
              <td className="num">
                {suspect.total ? percent(suspect.rate, 1) : "–"}
                {suspect.total > 0 && (
                  <div className="label">
                    {t("{bad} of {total}", { bad: count(suspect.bad), total: count(suspect.total) })}
                  </div>
                )}
              </td>
              <td>
                <div
                  className={styles.bars}
                  role="img"
                  aria-label={`${percent(suspect.share_of_bad, 0)} / ${percent(suspect.share_of_total, 0)}`}
                >
                  <i data-of="bad" style={{ width: `${suspect.share_of_bad * 100}%` }} />
                  <i data-of="all" style={{ width: `${suspect.share_of_total * 100}%` }} />
                </div>
                <div className="label">
                  {percent(suspect.share_of_bad, 0)} / {percent(suspect.share_of_total, 0)}
                </div>
              </td>
              <td className="num">
                <b>{suspect.lift >= 10 ? suspect.lift.toFixed(0) : suspect.lift.toFixed(1)}×</b>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
