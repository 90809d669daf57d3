// Which endpoint hurts most: by the time that callers spent waiting for it.
import { Link } from "wouter";
import type { ApmEndpoint } from "../../api/apm";
import { Glyph } from "../../components/Mark";
import { RateSpark } from "../../components/RateSpark";
import { errorText, failing, rate } from "../../lib/apm";
import { duration } from "../../lib/context";
import { clause } from "../../lib/filter";
import { count, millis, percent } from "../../lib/format";
import { t } from "../../lib/i18n";
import { useUrl } from "../../state/url";
import styles from "./Service.module.css";

type Props = {
  answer: { endpoints: ApmEndpoint[] };
  stale: boolean;
  marks: readonly { at: number; title: string }[];
};

export function Endpoints({ answer, stale, marks }: Props) {
  const { href } = useUrl();
  const spans = (endpoint: ApmEndpoint, more?: string) =>
    href("/search", {
      dataset: "spans",
      service: endpoint.service,
      q: [
        clause("service.name", endpoint.service),
        endpoint.name ? clause("name", endpoint.name) : undefined,
        more,
      ]
        .filter(Boolean)
        .join(" and "),
    });
  return (
    <div className={`panel scroll-x ${stale ? "aged" : ""}`}>
      <table className={`grid ${styles.table}`}>
        <thead>
          <tr>
            <th>{t("Endpoint")}</th>
            <th>{t("Share of waiting")}</th>
            <th>{t("Requests over time")}</th>
            <th className="num">{t("Rate")}</th>
            <th className="num">{t("Errors")}</th>
            <th className="num">p50</th>
            <th className="num">p95</th>
            <th className="num">p99</th>
          </tr>
        </thead>
        <tbody>
          {answer.endpoints.map((endpoint) => {
            const { figures } = endpoint;
            return (
              <tr key={endpoint.name ?? ""}>
                <td>
                  {endpoint.name ? (
                    <Link className={styles.endpoint} href={spans(endpoint)}>
                      {endpoint.name}
                    </Link>
                  ) : (
                    <span className="dim">{t("all others")}</span>
                  )}
                </td>
                <td>
                  <div className={styles.share}>
                    <i style={{ width: `${endpoint.share * 100}%` }} />
                    <span>{percent(endpoint.share, 1)}</span>
                  </div>
                </td>
                <td>
                  <RateSpark
                    requests={endpoint.spark.requests}
                    errors={endpoint.spark.errors}
                    marks={marks}
                    label={t("{n} requests, {errors} failed", {
                      n: count(figures.requests),
                      errors: count(figures.errors),
                    })}
                  />
                </td>
                <td className="num" title={t("{n} requests", { n: count(figures.requests) })}>
                  {rate(figures.per_second)}
                </td>
                <td className="num">
                  {figures.errors > 0 ? (
                    <Link
                      href={spans(endpoint, "status_code: error")}
                      className={styles.bad}
                      data-tone={failing(figures.error_ratio) ? "bad" : undefined}
                    >
                      {failing(figures.error_ratio) && <Glyph shape="triangle" size={12} />}
                      {errorText(figures.error_ratio)}
                    </Link>
                  ) : (
                    "0%"
                  )}
                </td>
                <td className="num">{millis(figures.p50_ms)}</td>
                <td className="num">
                  {figures.p95_ms == null ? (
                    "–"
                  ) : (
                    <Link
                      href={spans(endpoint, `duration >= ${duration(figures.p95_ms)}`)}
                      title={t("Requests as slow as this")}
                    >
                      {millis(figures.p95_ms)}
                    </Link>
                  )}
                </td>
                <td className="num">{millis(figures.p99_ms)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
