import type { Burn } from "../../api/types";
import { StateChip } from "../../components/Mark";
import { t } from "../../lib/i18n";
import { factor } from "../board/SloRow";
import styles from "./Slo.module.css";

/** Each window pair with both rates against its threshold; both must be over for it to fire. */
export function BurnTable({ burns }: { burns: Burn[] }) {
  return (
    <div className="scroll-x">
      <table className={`grid ${styles.burns}`}>
        <thead>
          <tr>
            <th>{t("Long / short")}</th>
            <th>{t("Does")}</th>
            <th className="num">{t("Threshold")}</th>
            <th className="num">{t("Long")}</th>
            <th className="num">{t("Short")}</th>
            <th className={styles.meterHead}>{t("Against the threshold")}</th>
            <th>{t("State")}</th>
          </tr>
        </thead>
        <tbody>
          {burns.map((burn) => (
            <tr key={burn.name} data-tone={burn.firing ? "bad" : undefined}>
              <td>
                <b>{burn.name}</b>
              </td>
              <td>{burn.severity === "page" ? t("pages people") : t("ticket")}</td>
              <td className="num">{factor(burn.threshold)}</td>
              <td className="num">{factor(burn.long_rate)}</td>
              <td className="num">{factor(burn.short_rate)}</td>
              <td>
                <Meter burn={burn} />
              </td>
              <td>
                {!burn.enough_events ? (
                  <StateChip look={{ tone: "none", shape: "dashed", word: t("too few") }} />
                ) : burn.firing ? (
                  <StateChip look={{ tone: "bad", shape: "bolt", word: t("Firing") }} />
                ) : (
                  <span className="dim">{t("below")}</span>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Two bars against a line at the threshold; the scale ends at twice the threshold. */
function Meter({ burn }: { burn: Burn }) {
  const share = (rate: number | null | undefined) => Math.min(100, ((rate ?? 0) / burn.threshold) * 50);
  const over = (rate: number | null | undefined) => (rate ?? 0) >= burn.threshold || undefined;
  return (
    <div className={styles.meter} aria-hidden="true">
      <i data-over={over(burn.long_rate)} style={{ width: `${share(burn.long_rate)}%` }} />
      <i data-over={over(burn.short_rate)} style={{ width: `${share(burn.short_rate)}%` }} />
    </div>
  );
}
