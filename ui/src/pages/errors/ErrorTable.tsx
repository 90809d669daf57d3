// Error groups: what, where in the code, how often, since when, whom it hit.
import { Link } from "wouter";
import type { ErrorGroup } from "../../api/apm";
import { RateSpark } from "../../components/RateSpark";
import { Empty, Notice } from "../../components/states";
import { placeText } from "../../lib/apm";
import { ago, count, percent } from "../../lib/format";
import { t } from "../../lib/i18n";
import { useUrl } from "../../state/url";
import styles from "./Errors.module.css";

type Props = { answer: { groups: ErrorGroup[]; left_out: number }; service?: string };

export function ErrorTable({ answer, service }: Props) {
  const { href } = useUrl();
  if (answer.groups.length === 0) {
    return (
      <Empty title={t("No errors in this time")}>
        {t("Exceptions on spans and logs, error logs, and failed spans are gathered here.")}
      </Empty>
    );
  }
  const kinds = new Map(
    answer.groups.map((group) => [group.fingerprint, `${group.service} · ${group.kind}`]),
  );
  return (
    <>
      {answer.left_out > 0 && (
        <Notice tone="warn">
          {t("{n} occurrences are of yet other kinds and are not shown.", { n: count(answer.left_out) })}
        </Notice>
      )}
      <div className="panel scroll-x">
        <table className={`grid ${styles.table}`}>
          <thead>
            <tr>
              <th>{t("Error")}</th>
              {!service && <th>{t("Service")}</th>}
              <th>{t("Over time")}</th>
              <th className="num">{t("Count")}</th>
              <th className="num">{t("Users hit")}</th>
              <th>{t("Version")}</th>
              <th className="num">{t("First seen")}</th>
              <th className="num">{t("Last seen")}</th>
            </tr>
          </thead>
          <tbody>
            {answer.groups.map((group) => {
              const place = placeText(group.culprit);
              const cause = group.follows && kinds.get(group.follows.fingerprint);
              return (
                <tr key={group.fingerprint}>
                  <td>
                    <div className={styles.what}>
                      <div className="row wrap">
                        <Link
                          className={styles.kind}
                          href={href(`/error/${group.fingerprint}`, { service: group.service })}
                        >
                          {group.kind}
                        </Link>
                        {group.is_new && (
                          <span className="chip" data-tone="warn">
                            {t("new")}
                          </span>
                        )}
                        {group.source !== "exception" && (
                          <span className="label">{sourceWord(group.source)}</span>
                        )}
                      </div>
                      {place?.place && <span className={styles.place}>{place.place}</span>}
                      <span className={styles.message}>{group.message || group.places[0]?.name}</span>
                      {group.follows && group.follows.share >= 0.5 && (
                        <Link
                          className="label"
                          href={href(`/error/${group.follows.fingerprint}`, { service: null })}
                        >
                          {cause
                            ? t("{share} of them follow {cause}", {
                                share: percent(group.follows.share, 0),
                                cause,
                              })
                            : t("{share} of them follow another error", {
                                share: percent(group.follows.share, 0),
                              })}
                        </Link>
                      )}
                    </div>
                  </td>
                  {!service && (
                    <td>
                      <Link
                        href={href(`/service/${encodeURIComponent(group.service)}`, {
                          service: group.service,
                          tab: "errors",
                        })}
                      >
                        {group.service}
                      </Link>
                    </td>
                  )}
                  <td>
                    <RateSpark
                      requests={group.spark.requests}
                      errors={group.spark.errors}
                      label={t("{n} occurrences", { n: count(group.count) })}
                      width={120}
                      onlyErrors
                    />
                  </td>
                  <td className="num">{count(group.count)}</td>
                  <td className="num">{usersText(group)}</td>
                  <td className="mono">
                    {group.versions
                      .slice(0, 2)
                      .map((one) => one.version)
                      .join(", ") || "–"}
                  </td>
                  <td className="num">{ago(group.first_seen)}</td>
                  <td className="num">{ago(group.last_seen)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </>
  );
}

/** A lower bound says so. */
export const usersText = (group: ErrorGroup) =>
  group.users === 0 ? "–" : group.users_at_least ? `≥ ${count(group.users)}` : count(group.users);

export const sourceWord = (source: string) =>
  ({ exception: t("exception"), log: t("error log"), status: t("failed span") })[source] ?? source;
