// Is it worse than before? Two versions, or two times, endpoint by endpoint, with what so many requests can tell.
import { Select } from "@mantine/core";
import { Link } from "wouter";
import { type ApmService, type ComparedEndpoint, useComparison } from "../../api/apm";
import { Mark } from "../../components/Mark";
import { Empty, Failure, Loading, Notice } from "../../components/states";
import { defaultPair, EARLIER, errorText, factorText, pointsText, sidesOf, verdictLook } from "../../lib/apm";
import { clause } from "../../lib/filter";
import { count, millis, moment, percent } from "../../lib/format";
import { t } from "../../lib/i18n";
import type { Range } from "../../lib/time";
import { useUrl } from "../../state/url";
import styles from "./Service.module.css";

type Props = { name: string; service?: ApmService; range: Range };

export function Versions({ name, service, range }: Props) {
  const { params, set, href } = useUrl();
  const versions = service?.versions ?? [];
  const pair = defaultPair(service);
  const before = params.get("before") ?? pair?.before ?? EARLIER;
  const after = params.get("after") ?? (before === EARLIER ? null : (pair?.after ?? null));
  const same = before === after;
  const query = useComparison(same || !service ? undefined : sidesOf(name, range, before, after));
  const choices = versions.map((one) => ({
    value: one.version,
    label: t("{version}, {n} requests since {time}", {
      version: one.version,
      n: count(one.figures.requests),
      time: moment(one.first_seen),
    }),
  }));
  if (!service) {
    return <Empty title={t("No request has entered this service in this time")} />;
  }
  return (
    <>
      <div className={styles.sides}>
        <Select
          size="xs"
          w={330}
          label={t("Before")}
          data={[{ value: EARLIER, label: t("the time of equal length before") }, ...choices]}
          value={before}
          onChange={(value) => set({ before: value, ...(value === EARLIER ? { after: null } : {}) })}
          allowDeselect={false}
        />
        <Select
          size="xs"
          w={330}
          label={t("After")}
          data={[{ value: "", label: t("all versions") }, ...choices]}
          value={after ?? ""}
          onChange={(value) => set({ after: value || null, ...(params.get("before") ? {} : { before }) })}
          allowDeselect={false}
        />
      </div>
      {same && <Notice tone="info">{t("Choose two different versions, or the time before.")}</Notice>}
      {query.error && <Failure error={query.error} retry={() => query.refetch()} />}
      {!same && query.isPending && <Loading rows={4} />}
      {query.data && !same && (
        <>
          <p className="dim">
            {t(
              "Intervals hold for all of the table together with {confidence}. A side with fewer than {n} requests has no verdict.",
              { confidence: percent(query.data.confidence, 0), n: query.data.requests_min },
            )}
          </p>
          {after && query.data.total.candidate.errors > 0 && (
            <p>
              <Link
                href={href("/search", {
                  dataset: "spans",
                  service: name,
                  q: clause("service.version", after),
                  sel: "failed",
                })}
              >
                {t("What is different about the failures of {version}", { version: after })}
              </Link>
            </p>
          )}
          <div className={`panel scroll-x ${query.isPlaceholderData ? "aged" : ""}`}>
            <table className={`grid ${styles.table}`}>
              <thead>
                <tr>
                  <th>{t("Endpoint")}</th>
                  <th className="num">{t("Requests")}</th>
                  <th className="num">{t("Errors")}</th>
                  <th className="num">p50</th>
                  <th className="num">p95</th>
                  <th className={styles.verdict}>{t("Errors are")}</th>
                  <th>{t("Latency is")}</th>
                </tr>
              </thead>
              <tbody>
                <Line row={query.data.total} total />
                {query.data.endpoints.map((row) => (
                  <Line key={`${row.service} ${row.name}`} row={row} />
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
    </>
  );
}

function Line({ row, total }: { row: ComparedEndpoint; total?: boolean }) {
  const { href } = useUrl();
  const { baseline, candidate } = row;
  const pair = (a: string, b: string) => (
    <div className={styles.pair}>
      <span className="dim">{a}</span>
      <span aria-hidden="true">→</span>
      <b>{b}</b>
    </div>
  );
  return (
    <tr>
      <td>
        {total ? (
          <b>{t("all endpoints")}</b>
        ) : row.name ? (
          <Link
            className={styles.endpoint}
            href={href("/search", {
              dataset: "spans",
              q: `${clause("service.name", row.service ?? "")} and ${clause("name", row.name)}`,
            })}
          >
            {row.name}
          </Link>
        ) : (
          <span className="dim">{t("all others")}</span>
        )}
      </td>
      <td className="num">{pair(count(baseline.requests), count(candidate.requests))}</td>
      <td className="num">
        {pair(errorText(baseline.error_ratio), errorText(candidate.error_ratio))}
        <div className={styles.interval} title={t("Change in points of a hundred")}>
          {pointsText(row.error_change)}
        </div>
      </td>
      <td className="num">
        {pair(millis(baseline.p50_ms), millis(candidate.p50_ms))}
        <div className={styles.interval}>{factorText(row.p50_ratio)}</div>
      </td>
      <td className="num">
        {pair(millis(baseline.p95_ms), millis(candidate.p95_ms))}
        <div className={styles.interval}>{factorText(row.p95_ratio)}</div>
      </td>
      <td className={styles.verdict}>
        <Mark look={verdictLook(row.errors)} size={14} />
      </td>
      <td>
        <Mark look={verdictLook(row.latency)} size={14} />
      </td>
    </tr>
  );
}
