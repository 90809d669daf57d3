// The promise clock: the next update was promised for a time; this counts down to it. Two minutes before it is due it
// asks for the update, after that it shows how late it is.
import type { Incident } from "../../api/types";
import { Glyph } from "../../components/Mark";
import { countdown, span, clock as wall } from "../../lib/format";
import { t } from "../../lib/i18n";
import { isOpen, type Tone } from "../../lib/states";
import { zoneName } from "../../lib/time";
import styles from "./Incident.module.css";

/** The server nudges the duty person this long before the update is due. */
export const NUDGE_SECS = 120;

export type Due = { secs: number; tone: Tone; word: "due" | "soon" | "overdue" };

/** Where the promise stands at `now` (milliseconds). Undefined when nothing is promised. */
export function due(nextUpdateAt: string | null | undefined, now: number): Due | undefined {
  if (!nextUpdateAt) return undefined;
  const secs = (Date.parse(nextUpdateAt) - now) / 1000;
  if (secs < 0) return { secs, tone: "bad", word: "overdue" };
  return secs <= NUDGE_SECS ? { secs, tone: "warn", word: "soon" } : { secs, tone: "info", word: "due" };
}

export function Clock({ incident, now }: { incident: Incident; now: number }) {
  const { clock } = incident;
  const state = due(clock.next_update_at, now);
  const kept = clock.updates === 0 ? null : 1 - clock.late_updates / clock.updates;
  const facts = (
    <dl className={styles.clockFacts}>
      <div>
        <dt>{t("every")}</dt>
        <dd>{span(clock.cadence_secs)}</dd>
      </div>
      <div>
        <dt>{t("updates")}</dt>
        <dd>{clock.updates}</dd>
      </div>
      <div>
        <dt>{t("late")}</dt>
        <dd>
          {clock.late_updates
            ? `${clock.late_updates} · ${span(clock.late_secs)}`
            : kept === null
              ? "–"
              : "0"}
        </dd>
      </div>
    </dl>
  );
  if (!state || !isOpen(incident.state)) {
    return (
      <section className={`panel ${styles.clock}`} data-tone="none">
        <div className="label">{t("Promise clock")}</div>
        <div className={styles.clockWord}>{t("No update is promised any more")}</div>
        {facts}
      </section>
    );
  }
  const share = Math.min(1, Math.max(0, state.secs / clock.cadence_secs));
  return (
    <section
      className={`panel ${styles.clock}`}
      data-tone={state.tone}
      data-word={state.word}
      aria-label={t("Promise clock")}
    >
      <div className="row spread">
        <span className="label">
          {t("Next update, promised for {time}", {
            time: `${wall(clock.next_update_at ?? now)} ${zoneName()}`,
          })}
        </span>
      </div>
      <div className={styles.clockNumeral} role="timer">
        {countdown(state.secs)}
      </div>
      <div className={styles.clockRail}>
        <i style={{ width: `${share * 100}%` }} />
        <b style={{ left: `${(NUDGE_SECS / clock.cadence_secs) * 100}%` }} />
      </div>
      <div className={styles.clockWord} role="status">
        {state.word === "overdue" && (
          <>
            <Glyph shape="octagon" size={15} /> {t("The update is late. Even “no news” is an update.")}
          </>
        )}
        {state.word === "soon" && (
          <>
            <Glyph shape="triangle" size={15} /> {t("Due soon: a draft is ready below.")}
          </>
        )}
        {state.word === "due" && <span className="dim">{t("in time")}</span>}
      </div>
      {facts}
    </section>
  );
}
