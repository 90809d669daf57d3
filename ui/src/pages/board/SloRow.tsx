import { Link } from "wouter";
import type { Burn, Slo } from "../../api/types";
import { BudgetGauge } from "../../components/BudgetGauge";
import { Mark } from "../../components/Mark";
import { NinesScale } from "../../components/NinesScale";
import { Sparkline } from "../../components/Sparkline";
import { decimalsFor, minutes, percent, span, targetText } from "../../lib/format";
import { t } from "../../lib/i18n";
import { categoryWord, sliTone, sloLook } from "../../lib/states";
import { useUrl } from "../../state/url";
import styles from "./Board.module.css";

export function SloRow({ slo }: { slo: Slo }) {
  const { href } = useUrl();
  const look = sloLook(slo);
  const measured = slo.measurement === "measured";
  const { remaining_fraction: left, remaining_minutes: leftMinutes, exhausted_in_secs: gone } = slo.budget;
  return (
    <li className={styles.row} data-tone={look.tone} data-firing={slo.alert_id ? true : undefined}>
      <div className={styles.state}>
        <Mark look={look} size={24} />
        {slo.incident_id ? (
          <Link href={href(`/incident/${slo.incident_id}`)} className="chip" data-tone="bad">
            {slo.incident_id}
          </Link>
        ) : (
          slo.alert_id && (
            <Link href={href("/alerts")} className="chip" data-tone="bad">
              {t("alert firing")}
            </Link>
          )
        )}
      </div>

      <div className={styles.name}>
        <Link
          href={href(`/slo/${encodeURIComponent(slo.name)}`, { service: slo.service })}
          className={styles.title}
        >
          {slo.display_name || slo.name}
        </Link>
        <div className="dim cut">
          {slo.service} · {categoryWord(slo.category)} · {slo.window}
          {slo.coverage < 0.9 &&
            measured &&
            ` · ${t("measured for {share} of it", { share: percent(slo.coverage, slo.coverage < 0.01 ? 1 : 0) })}`}
        </div>
        <p className={styles.sentence}>{measured ? slo.sentence_engineer : slo.measurement_reason}</p>
      </div>

      <div className={styles.sli} data-tone={sliTone(slo)}>
        <div className={styles.value}>{measured ? percent(slo.sli, decimalsFor(slo.target)) : "–"}</div>
        <div className="label">SLO {targetText(slo.target)}</div>
        {slo.sla_target != null && <div className="label">SLA {targetText(slo.sla_target)}</div>}
      </div>

      <div className={styles.scale}>
        <NinesScale
          sli={measured ? slo.sli : null}
          slo={slo.target}
          sla={slo.sla_target}
          tone={sliTone(slo)}
          labels
        />
      </div>

      <div className={styles.budget}>
        <div className={styles.budgetHead}>
          <b>{measured ? minutes(leftMinutes) : "–"}</b>
          <span className="label">
            {measured
              ? left < 0
                ? t("overspent {share}", { share: percent(-left, 0) })
                : t("left, {share}", { share: percent(left, left < 0.1 ? 1 : 0) })
              : t("budget not known")}
          </span>
        </div>
        {measured && <BudgetGauge remaining={left} minutesLeft={leftMinutes} tone={look.tone} />}
        {measured && gone != null && (
          <div className={styles.gone}>{t("gone in {time} at this burn", { time: span(gone) })}</div>
        )}
      </div>

      <FastestBurn burns={slo.burns} measured={measured} />

      <div className={styles.spark}>
        <Sparkline
          values={slo.sparkline.map((value) => value ?? null)}
          floor={1 - slo.target}
          width={140}
          label={t("bad share per minute over the last hour; now {now}", {
            now: percent(slo.error_rate_now, 2),
          })}
        />
        <div className="label">
          {slo.error_rate_now != null
            ? slo.error_rate_normal != null
              ? t("{now} bad now, normal {normal}", {
                  now: percent(slo.error_rate_now, 2),
                  normal: percent(slo.error_rate_normal, 2),
                })
              : t("{now} bad now", { now: percent(slo.error_rate_now, 2) })
            : t("last hour")}
        </div>
      </div>
    </li>
  );
}

/** The paging burn that is nearest to, or furthest over, its threshold; a ticket's only where none pages. */
export function worstBurn(burns: readonly Burn[]): Burn | undefined {
  const pressure = (burn: Burn) => Math.min(burn.long_rate ?? 0, burn.short_rate ?? 0) / burn.threshold;
  const paging = burns.filter((burn) => burn.severity === "page");
  return (paging.length ? paging : burns).reduce<Burn | undefined>(
    (worst, burn) => (!worst || pressure(burn) > pressure(worst) ? burn : worst),
    undefined,
  );
}

function FastestBurn({ burns, measured }: { burns: Burn[]; measured: boolean }) {
  const burn = worstBurn(burns);
  if (!burn || !measured || burn.short_rate == null) {
    return (
      <div className={styles.burn}>
        <div className={styles.value}>–</div>
        <div className="label">{t("burn")}</div>
      </div>
    );
  }
  return (
    <div className={styles.burn} data-tone={burn.firing ? "bad" : undefined}>
      <div className={styles.value}>{factor(burn.long_rate ?? burn.short_rate)}</div>
      <div className="label">
        {t("burn {window}, limit {limit}", { window: burn.name, limit: factor(burn.threshold) })}
      </div>
    </div>
  );
}

export const factor = (rate: number | null | undefined) =>
  rate == null ? "–" : `${rate >= 100 ? rate.toFixed(0) : rate >= 10 ? rate.toFixed(1) : rate.toFixed(2)}×`;
