// The targets of a job: one lamp each, and a line for each with when it was last scraped and what went wrong.
import { Link } from "wouter";
import type { Target } from "../../api/rules";
import { StateChip } from "../../components/Mark";
import { ago, count, millis } from "../../lib/format";
import { t } from "../../lib/i18n";
import { isNever, type Pool, upOf } from "../../lib/rules";
import type { Look } from "../../lib/states";
import { useUrl } from "../../state/url";
import styles from "./Rules.module.css";

/** Targets of one job that are listed; those that are down come first. */
const TARGETS_SHOWN = 200;

function look(health: Target["health"]): Look {
  if (health === "up") return { tone: "good", shape: "check", word: t("Up") };
  if (health === "down") return { tone: "bad", shape: "octagon", word: t("Down") };
  return { tone: "none", shape: "clock", word: t("Not scraped yet") };
}

export function PoolPanel({ pool, now }: { pool: Pool; now: number }) {
  const { href } = useUrl();
  const shown = pool.targets.slice(0, TARGETS_SHOWN);
  return (
    <section className="panel scroll-x">
      <header>
        <h2>{pool.name}</h2>
        <span data-tone={pool.up < pool.targets.length ? "bad" : undefined} className={styles.share}>
          {t("{up} of {all} up", { up: count(pool.up), all: count(pool.targets.length) })}
        </span>
        <span className={styles.lamps} aria-hidden="true">
          {shown.map((target) => (
            <i key={`${target.scrapeUrl} ${JSON.stringify(target.labels)}`} data-health={target.health} />
          ))}
        </span>
        {pool.dropped > 0 && (
          <span className="label">{t("{n} dropped by relabelling", { n: count(pool.dropped) })}</span>
        )}
      </header>
      <table className={`grid ${styles.table}`}>
        <tbody>
          {shown.map((target) => (
            <tr key={`${target.scrapeUrl} ${JSON.stringify(target.labels)}`} data-health={target.health}>
              <td className={styles.state}>
                <StateChip look={look(target.health)} />
              </td>
              <td>
                <div className="row wrap">
                  <Link
                    href={href("/explore/metrics", { expr: upOf(target), view: null, q: null })}
                    className={styles.name}
                  >
                    {target.labels.instance ?? target.scrapeUrl}
                  </Link>
                  {Object.entries(target.labels)
                    .filter(([name]) => name !== "instance" && name !== "job")
                    .map(([name, value]) => (
                      <span key={name} className={styles.tag}>
                        {`${name}=${value}`}
                      </span>
                    ))}
                </div>
                <div className={`dim mono ${styles.url}`}>{target.scrapeUrl}</div>
                {target.lastError && (
                  <p className={styles.error} data-tone="bad">
                    {target.lastError}
                  </p>
                )}
              </td>
              <td className="num">
                {isNever(target.lastScrape) ? (
                  <span className="dim">–</span>
                ) : (
                  <>
                    <div>{ago(target.lastScrape, now)}</div>
                    <div className="label">
                      {t("took {took}, every {interval}", {
                        took: millis(target.lastScrapeDuration * 1000),
                        interval: target.scrapeInterval,
                      })}
                    </div>
                  </>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {pool.targets.length > TARGETS_SHOWN && (
        <p className={`dim ${styles.more}`}>
          {t("and {n} more", { n: count(pool.targets.length - TARGETS_SHOWN) })}
        </p>
      )}
    </section>
  );
}
