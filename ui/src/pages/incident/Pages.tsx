import type { Page } from "../../api/types";
import { StateChip } from "../../components/Mark";
import { ago, span } from "../../lib/format";
import { t } from "../../lib/i18n";
import { pageLook } from "../../lib/states";
import styles from "./Incident.module.css";

const purposeWord = (purpose: string) =>
  ({ trigger: t("alert"), resolve: t("all clear"), digest: t("digest"), nudge: t("nudge") })[purpose] ??
  purpose;

/** Who was told, and whether it arrived. */
export function Pages({ pages, now, title = t("Pages") }: { pages: Page[]; now: number; title?: string }) {
  return (
    <section className="panel">
      <header>
        <h2>{title}</h2>
      </header>
      {pages.length === 0 ? (
        <p className="pad dim">{t("No page here.")}</p>
      ) : (
        <ul className={styles.pages}>
          {pages.map((page) => (
            <li key={page.id}>
              <div className="row spread">
                <span className="cut">
                  <b>{page.channel}</b>{" "}
                  <span className="dim">{`${page.channel_type} · ${purposeWord(page.purpose)}`}</span>
                </span>
                <StateChip look={pageLook(page.state)} />
              </div>
              <div className="label">
                {page.delivered_at
                  ? t("in {time}, attempt {n}", {
                      time: span((Date.parse(page.delivered_at) - Date.parse(page.queued_at)) / 1000),
                      n: page.attempts,
                    })
                  : `${t("{n, plural, one {# attempt} other {# attempts}}", { n: page.attempts })}, ${ago(page.queued_at, now)}`}
                {page.next_attempt_at &&
                  !page.delivered_at &&
                  ` · ${t("next try in {time}", { time: span(Math.max(0, (Date.parse(page.next_attempt_at) - now) / 1000)) })}`}
              </div>
              {page.last_error && <div className={styles.pageError}>{page.last_error}</div>}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
