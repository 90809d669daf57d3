import { Link } from "wouter";
import { useServices, useSlos } from "../../api/hooks";
import { Glyph } from "../../components/Mark";
import { Empty, Failure, Loading } from "../../components/states";
import { TimePicker } from "../../components/TimePicker";
import { ago, bytes, count, millis, percent } from "../../lib/format";
import { t } from "../../lib/i18n";
import { sloLook } from "../../lib/states";
import { iso } from "../../lib/time";
import { useRange, useUrl } from "../../state/url";
import styles from "./Services.module.css";

export default function ServicesPage() {
  const { href, set } = useUrl();
  const range = useRange(30_000);
  const query = useServices(iso(range.start), iso(range.end));
  const slos = useSlos();
  const services = query.data?.services ?? [];
  const busiest = Math.max(1, ...services.map((service) => service.spans));
  return (
    <div className="page">
      <div className="head">
        <h1>{t("Services")}</h1>
        {query.data && (
          <span className="dim">
            {t("from spans, {time}, {bytes} scanned", {
              time: millis(query.data.stats.run_time_ms),
              bytes: bytes(query.data.stats.bytes_scanned),
            })}
          </span>
        )}
        <span className="grow" />
        <TimePicker
          expression={range.expression}
          range={range}
          onChange={(next) => set({ from: next.from, to: next.to })}
        />
      </div>
      {query.error && <Failure error={query.error} retry={() => query.refetch()} />}
      {query.isPending ? (
        <Loading rows={5} />
      ) : services.length === 0 && !query.error ? (
        <Empty title={t("No service has sent a span in this time")}>
          {t("Point an OpenTelemetry exporter at port 4317 (gRPC) or 4318 (HTTP).")}
        </Empty>
      ) : (
        <div className="panel scroll-x">
          <table className={`grid ${styles.table}`}>
            <thead>
              <tr>
                <th>{t("Service")}</th>
                <th>{t("Promises")}</th>
                <th className={styles.wide}>{t("Spans")}</th>
                <th className="num">{t("Errors")}</th>
                <th className="num">p50</th>
                <th className="num">p95</th>
                <th className="num">{t("Last seen")}</th>
              </tr>
            </thead>
            <tbody>
              {services.map((service) => {
                const own = (slos.data?.slos ?? []).filter((slo) => slo.service === service.name);
                const rate = service.spans ? service.errors / service.spans : 0;
                return (
                  <tr key={service.name}>
                    <td>
                      <Link
                        className={styles.name}
                        href={href("/search", {
                          dataset: "spans",
                          service: service.name,
                          q: `service.name: ${service.name}`,
                        })}
                      >
                        {service.name}
                      </Link>
                    </td>
                    <td>
                      <div className="row wrap">
                        {own.length === 0 && <span className="dim">{t("none made")}</span>}
                        {own.map((slo) => (
                          <Link
                            key={slo.name}
                            href={href(`/slo/${encodeURIComponent(slo.name)}`)}
                            className={styles.slo}
                            data-tone={sloLook(slo).tone}
                            title={`${slo.display_name}: ${sloLook(slo).word}`}
                            aria-label={`${slo.display_name}: ${sloLook(slo).word}`}
                          >
                            <Glyph shape={sloLook(slo).shape} size={17} />
                          </Link>
                        ))}
                      </div>
                    </td>
                    <td>
                      <div className={styles.bar}>
                        <i style={{ width: `${(service.spans / busiest) * 100}%` }} />
                        <span>{count(service.spans)}</span>
                      </div>
                    </td>
                    <td className="num">
                      {service.errors > 0 ? (
                        <Link
                          href={href("/search", {
                            dataset: "spans",
                            service: service.name,
                            q: `service.name: ${service.name} and status_code: error`,
                          })}
                        >
                          {count(service.errors)} · {percent(rate, 2)}
                        </Link>
                      ) : (
                        "0"
                      )}
                    </td>
                    <td className="num">{millis(service.p50_ms)}</td>
                    <td className="num">{millis(service.p95_ms)}</td>
                    <td className="num">{ago(service.last_seen)}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}
