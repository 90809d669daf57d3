// Every service by the time that its callers wait: as a table, as a map of who calls whom, and the errors of all.
import { SegmentedControl } from "@mantine/core";
import { lazy, Suspense } from "react";
import { Link } from "wouter";
import { type Scope, useApmServices, useErrorGroups, useServiceMap } from "../../api/apm";
import { useSlos } from "../../api/hooks";
import { ContextBar } from "../../components/ContextBar";
import { Glyph } from "../../components/Mark";
import { RateSpark } from "../../components/RateSpark";
import { Empty, Failure, Loading, Notice } from "../../components/states";
import { errorText, failing, rate } from "../../lib/apm";
import { ago, bytes, count, millis, percent } from "../../lib/format";
import { t } from "../../lib/i18n";
import { sloLook } from "../../lib/states";
import { iso } from "../../lib/time";
import { useRange, useUrl } from "../../state/url";
import { ErrorTable } from "../errors/ErrorTable";
import { Calls } from "../service/Calls";
import styles from "./Services.module.css";

const ServiceMap = lazy(() => import("./ServiceMap"));

export default function ServicesPage() {
  const { params, href, set, navigate } = useUrl();
  const range = useRange(30_000);
  const view = params.get("view") ?? "table";
  const scope: Scope = { start: iso(range.start), end: iso(range.end) };
  const query = useApmServices(scope);
  const map = useServiceMap(scope, view === "map");
  const errors = useErrorGroups(scope, view === "errors");
  const services = query.data?.services ?? [];
  const shown = view === "map" ? map : view === "errors" ? errors : query;
  return (
    <div className="page">
      <div className="head">
        <h1>{t("Services")}</h1>
        <SegmentedControl
          size="xs"
          value={view}
          onChange={(next) => set({ view: next === "table" ? null : next })}
          data={[
            { value: "table", label: t("Table") },
            { value: "map", label: t("Map") },
            { value: "errors", label: t("Errors") },
          ]}
        />
        {shown.data && (
          <span className="dim">
            {t("from spans, {time}, {bytes} scanned", {
              time: millis(shown.data.stats.run_time_ms),
              bytes: bytes(shown.data.stats.bytes_scanned),
            })}
          </span>
        )}
      </div>
      <ContextBar
        here="services"
        services={services.map((service) => service.name)}
        service={null}
        onService={(name) =>
          name && navigate(href(`/service/${encodeURIComponent(name)}`, { service: name }))
        }
        expression={range.expression}
        range={range}
        onRange={(next) => set({ from: next.from, to: next.to })}
      />
      {shown.error && <Failure error={shown.error} retry={() => shown.refetch()} />}
      {shown.data?.stats.partial.map((text) => (
        <Notice key={text} tone="warn">
          {text}
        </Notice>
      ))}
      {shown.isPending ? (
        <Loading rows={5} />
      ) : view === "map" ? (
        map.data && map.data.nodes.length > 0 ? (
          <>
            {map.data.sampled > 1 && (
              <Notice tone="info">
                {t("One trace in {n} was looked at; the counts are scaled up.", { n: map.data.sampled })}
              </Notice>
            )}
            <Suspense fallback={<Loading rows={1} height={420} />}>
              <ServiceMap map={map.data} />
            </Suspense>
            <Calls map={map.data} />
          </>
        ) : (
          !shown.error && <NoSpans />
        )
      ) : view === "errors" ? (
        errors.data && <ErrorTable answer={errors.data} />
      ) : services.length === 0 && !query.error ? (
        <NoSpans />
      ) : (
        <Table services={services} href={href} stale={query.isPlaceholderData} />
      )}
    </div>
  );
}

const NoSpans = () => (
  <Empty title={t("No service has sent a span in this time")}>
    {t("Point an OpenTelemetry exporter at port 4317 (gRPC) or 4318 (HTTP).")}
  </Empty>
);

type TableProps = {
  services: NonNullable<ReturnType<typeof useApmServices>["data"]>["services"];
  href: ReturnType<typeof useUrl>["href"];
  stale: boolean;
};

function Table({ services, href, stale }: TableProps) {
  const slos = useSlos();
  return (
    <div className={`panel scroll-x ${stale ? "aged" : ""}`}>
      <table className={`grid ${styles.table}`}>
        <thead>
          <tr>
            <th>{t("Service")}</th>
            <th>{t("Promises")}</th>
            <th className={styles.wide}>{t("Share of all waiting")}</th>
            <th>{t("Requests over time")}</th>
            <th className="num">{t("Rate")}</th>
            <th className="num">{t("Errors")}</th>
            <th className="num">p50</th>
            <th className="num">p95</th>
            <th className="num">p99</th>
            <th>{t("Versions")}</th>
            <th className="num">{t("Last seen")}</th>
          </tr>
        </thead>
        <tbody>
          {services.map((service) => {
            const own = (slos.data?.slos ?? []).filter((slo) => slo.service === service.name);
            const { figures } = service;
            const to = href(`/service/${encodeURIComponent(service.name)}`, {
              service: service.name,
              q: null,
            });
            return (
              <tr key={service.name}>
                <td>
                  <Link className={styles.name} href={to}>
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
                    <i style={{ width: `${service.share * 100}%` }} />
                    <span>{percent(service.share, 1)}</span>
                  </div>
                </td>
                <td>
                  <RateSpark
                    requests={service.spark.requests}
                    errors={service.spark.errors}
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
                      href={href(`/service/${encodeURIComponent(service.name)}`, {
                        service: service.name,
                        tab: "errors",
                      })}
                      className={styles.errors}
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
                <td className="num">{millis(figures.p95_ms)}</td>
                <td className="num">{millis(figures.p99_ms)}</td>
                <td>
                  <Versions
                    names={service.versions.map((one) => one.version)}
                    to={href(`/service/${encodeURIComponent(service.name)}`, {
                      service: service.name,
                      tab: "versions",
                    })}
                  />
                </td>
                <td className="num">{ago(service.last_seen)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

/** The newest version; more than one means that something is being rolled out, or was. */
function Versions({ names, to }: { names: string[]; to: string }) {
  const [newest] = names;
  if (!newest) return <span className="dim">–</span>;
  if (names.length === 1) return <span className="mono">{newest}</span>;
  return (
    <Link href={to} className="mono" title={names.join(", ")}>
      {newest} +{names.length - 1}
    </Link>
  );
}
