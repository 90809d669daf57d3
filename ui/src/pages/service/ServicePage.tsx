// One service: which endpoint hurts, which errors there are, whether a version made it worse, whom it calls.
import { SegmentedControl } from "@mantine/core";
import { lazy, Suspense } from "react";
import { Link, useParams } from "wouter";
import { type Scope, useApmServices, useEndpoints, useErrorGroups, useServiceMap } from "../../api/apm";
import { useChanges, useSlos } from "../../api/hooks";
import { ChangeGlyph } from "../../components/ChangeGlyph";
import { ContextBar } from "../../components/ContextBar";
import { StateChip } from "../../components/Mark";
import { Empty, Failure, Figure, Loading, Notice } from "../../components/states";
import { errorText, failing, marksOf, rate } from "../../lib/apm";
import { clause } from "../../lib/filter";
import { bytes, millis, moment } from "../../lib/format";
import { t } from "../../lib/i18n";
import { sloLook } from "../../lib/states";
import { iso } from "../../lib/time";
import { useRange, useUrl } from "../../state/url";
import { ErrorTable } from "../errors/ErrorTable";
import { Calls } from "./Calls";
import { Endpoints } from "./Endpoints";
import { Proposals } from "./Proposals";
import styles from "./Service.module.css";
import { Versions } from "./Versions";

const ServiceMap = lazy(() => import("../services/ServiceMap"));

/** The newest changes are named; all of them are marked in the charts. */
const CHANGES_SHOWN = 3;

export default function ServicePage() {
  const { name = "" } = useParams<{ name: string }>();
  const { params, href, set, navigate } = useUrl();
  const range = useRange(30_000);
  const tab = params.get("tab") ?? "endpoints";
  const scope: Scope = { start: iso(range.start), end: iso(range.end), service: name };
  const all = useApmServices({ start: scope.start, end: scope.end });
  const endpoints = useEndpoints(scope);
  const errors = useErrorGroups(scope);
  const map = useServiceMap(scope, tab === "calls");
  const slos = useSlos();
  const changes = useChanges(scope.start, scope.end, name);
  const service = all.data?.services.find((one) => one.name === name);
  const own = (slos.data?.slos ?? []).filter((slo) => slo.service === name);
  const figures = service?.figures;
  const newErrors = errors.data?.groups.filter((group) => group.is_new).length ?? 0;
  const stats = endpoints.data?.stats;
  const search = (dataset: string, q?: string) =>
    href("/search", {
      dataset,
      service: name,
      q: q ? `${clause("service.name", name)} and ${q}` : clause("service.name", name),
    });
  return (
    <div className="page">
      <div className="head">
        <div>
          <div className={`dim ${styles.crumb}`}>
            <Link href={href("/services", { service: null, q: null })}>{t("Services")}</Link>
            {stats && (
              <>
                {" · "}
                {t("{time}, {bytes} scanned", {
                  time: millis(stats.run_time_ms),
                  bytes: bytes(stats.bytes_scanned),
                })}
              </>
            )}
          </div>
          <h1>{name}</h1>
        </div>
        <div className={styles.places}>
          {own.map((slo) => (
            <Link key={slo.name} href={href(`/slo/${encodeURIComponent(slo.name)}`)} title={slo.display_name}>
              <StateChip look={sloLook(slo)} /> {slo.display_name}
            </Link>
          ))}
        </div>
        <span className="grow" />
        <div className={styles.figures}>
          <Figure label={t("rate")} value={figures ? rate(figures.per_second) : "–"} />
          <Figure
            label={t("errors")}
            value={errorText(figures?.error_ratio)}
            tone={failing(figures?.error_ratio) ? "bad" : undefined}
          />
          <Figure label="p50" value={millis(figures?.p50_ms)} />
          <Figure label="p95" value={millis(figures?.p95_ms)} />
          <Figure label="p99" value={millis(figures?.p99_ms)} />
        </div>
      </div>
      <ContextBar
        here="service"
        services={(all.data?.services ?? []).map((one) => one.name)}
        service={name}
        onService={(next) =>
          navigate(
            next
              ? href(`/service/${encodeURIComponent(next)}`, { service: next, q: null, tab })
              : href("/services", { service: null, q: null }),
          )
        }
        expression={range.expression}
        range={range}
        onRange={(next) => set({ from: next.from, to: next.to })}
        promise={own[0]?.name}
      />
      {slos.data && own.length === 0 && <Proposals service={name} />}
      {(changes.data?.changes.length ?? 0) > 0 && (
        <ul className={styles.changes} aria-label={t("Changes")}>
          {changes.data?.changes.slice(0, CHANGES_SHOWN).map((change) => (
            <li key={change.id}>
              <Link href={href("/changes", { service: name })} className="row">
                <ChangeGlyph kind={change.kind} />
                <span className="cut">{change.title}</span>
                <span className="dim">{moment(change.at)}</span>
              </Link>
            </li>
          ))}
        </ul>
      )}
      <div className={styles.places}>
        <SegmentedControl
          size="xs"
          value={tab}
          onChange={(next) => set({ tab: next === "endpoints" ? null : next })}
          data={[
            { value: "endpoints", label: t("Endpoints") },
            {
              value: "errors",
              label: newErrors
                ? t("Errors ({n}, {new} new)", { n: errors.data?.groups.length ?? 0, new: newErrors })
                : t("Errors ({n})", { n: errors.data?.groups.length ?? 0 }),
            },
            { value: "versions", label: t("Compare") },
            { value: "calls", label: t("Calls") },
          ]}
        />
        <span className="grow" />
        <Link href={href(`/service/${encodeURIComponent(name)}/dashboard`)}>{t("Dashboard")}</Link>
        <Link href={href("/search", { dataset: "spans", service: name, q: null, sel: "failed" })}>
          {t("What is different about the failures")}
        </Link>
        <Link href={search("spans", "status_code: error")}>{t("Failed spans")}</Link>
        <Link href={search("logs", "severity_number >= 13")}>{t("Its warnings and errors in logs")}</Link>
      </div>
      {endpoints.error && <Failure error={endpoints.error} retry={() => endpoints.refetch()} />}
      {stats?.partial.map((text) => (
        <Notice key={text} tone="warn">
          {text}
        </Notice>
      ))}
      {tab === "endpoints" &&
        (endpoints.isPending ? (
          <Loading rows={5} />
        ) : endpoints.data && endpoints.data.endpoints.length > 0 ? (
          <Endpoints
            answer={endpoints.data}
            stale={endpoints.isPlaceholderData}
            marks={marksOf(changes.data?.changes, range)}
          />
        ) : (
          !endpoints.error && (
            <Empty title={t("No request has entered this service in this time")}>
              {t("Endpoints are spans of kind server or consumer, and root spans.")}
            </Empty>
          )
        ))}
      {tab === "errors" &&
        (errors.isPending ? (
          <Loading rows={5} />
        ) : errors.data ? (
          <ErrorTable answer={errors.data} service={name} />
        ) : (
          <Failure error={errors.error} retry={() => errors.refetch()} />
        ))}
      {tab === "versions" && <Versions name={name} service={service} range={range} />}
      {tab === "calls" &&
        (map.isPending ? (
          <Loading rows={3} />
        ) : map.data ? (
          <>
            <Suspense fallback={<Loading rows={1} height={420} />}>
              <ServiceMap map={map.data} focus={name} />
            </Suspense>
            <Calls map={map.data} of={name} />
          </>
        ) : (
          <Failure error={map.error} retry={() => map.refetch()} />
        ))}
    </div>
  );
}
