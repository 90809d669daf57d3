// One probe: its phases over time, its locations, what it asserted last, and where to go from here.
import { useComputedColorScheme } from "@mantine/core";
import { useMemo } from "react";
import type uPlot from "uplot";
import { Link } from "wouter";
import { useRangeQuery } from "../../api/metrics";
import type { ProbeStatus } from "../../api/uptime";
import { axes, Chart, timeAxis, token } from "../../components/Chart";
import { Glyph } from "../../components/Mark";
import { millis } from "../../lib/format";
import { t } from "../../lib/i18n";
import { seriesColor } from "../../lib/palette";
import { gridOf, lines, quoted, stepFor } from "../../lib/promql";
import { useRange, useUrl } from "../../state/url";
import styles from "./Uptime.module.css";
import { Locations } from "./UptimePage";

const FALLBACK = { from: "now-6h", to: "now" };
const PHASES = ["resolve", "connect", "tls", "processing", "transfer"] as const;
/** Checks whose phases are series. */
const WITH_PHASES = new Set(["http", "dns", "grpc", "icmp"]);

export function ProbeDetail({ probe, now }: { probe: ProbeStatus; now: number }) {
  const { href } = useUrl();
  const failed = probe.last?.assertions?.filter((it) => !it.passed) ?? [];
  const passed = probe.last?.assertions?.filter((it) => it.passed) ?? [];
  return (
    <div className={styles.detail}>
      <PhaseChart probe={probe} />
      <div className="scroll-x">
        <Locations probe={probe} now={now} />
      </div>
      {(failed.length > 0 || passed.length > 0) && (
        <ul className={styles.assertions} aria-label={t("What was expected")}>
          {[...failed, ...passed].map((it) => (
            <li key={it.what} data-tone={it.passed ? "good" : "bad"}>
              <Glyph shape={it.passed ? "check" : "octagon"} size={13} />
              <span>{it.what}</span>
              {!it.passed && <code>{it.saw}</code>}
            </li>
          ))}
        </ul>
      )}
      <p className="row wrap">
        <Link href={href("/search", { dataset: "probes", q: `name: "${probe.name}"` })}>
          {t("All measurements")}
        </Link>
        {probe.service && (
          <Link href={href(`/service/${encodeURIComponent(probe.service)}`, { service: probe.service })}>
            {t("The service {name}", { name: probe.service })}
          </Link>
        )}
        {probe.runbook && <a href={probe.runbook}>{t("Runbook")}</a>}
        <span className="dim">
          {t(
            "every {secs} s, down for {quorum} of {count, plural, one {# location} other {# locations}}, level {level}",
            {
              secs: probe.interval_secs,
              quorum: probe.quorum,
              count: probe.locations.length,
              level: probe.level,
            },
          )}
        </span>
      </p>
    </div>
  );
}

function PhaseChart({ probe }: { probe: ProbeStatus }) {
  const range = useRange(15_000, FALLBACK);
  const { set } = useUrl();
  const scheme = useComputedColorScheme("light");
  const step = stepFor(range.end - range.start);
  const byPhase = WITH_PHASES.has(probe.kind);
  const metric = byPhase ? `probe_${probe.kind}_duration_seconds` : "probe_duration_seconds";
  const window = Math.max(step, Math.ceil(probe.interval_secs * 2));
  const by = byPhase ? " by (phase)" : "";
  const query = useRangeQuery(
    `avg${by}(avg_over_time(${metric}{probe=${quoted(probe.name)}}[${window}s]))`,
    range,
    step,
  );
  const xs = useMemo(() => gridOf(range.start, range.end, step), [range.start, range.end, step]);
  const drawn = useMemo(() => {
    const list = lines(query.data?.data.result ?? [], xs);
    const rank = (phase: string | undefined) => PHASES.indexOf(phase as (typeof PHASES)[number]);
    return [...list].sort((a, b) => rank(a.labels.phase) - rank(b.labels.phase));
  }, [query.data, xs]);
  const data = useMemo(
    () => [xs, ...stacked(drawn.map((line) => line.values))] as uPlot.AlignedData,
    [xs, drawn],
  );
  const names = drawn.map((line) => line.labels.phase ?? t("whole check"));
  const spanSecs = (range.end - range.start) / 1000;
  const key = [scheme, names.join("|"), spanSecs > 172_800].join("§");
  // biome-ignore lint/correctness/useExhaustiveDependencies: key stands for everything that the options are made of
  const options = useMemo(() => {
    const [x, y] = axes((value) => millis(value * 1000), 64);
    return {
      scales: { x: { time: true }, y: { range: [0, null] as uPlot.Range.MinMax } },
      axes: [timeAxis(x ?? {}, spanSecs), y ?? {}],
      series: [
        {},
        ...names.map((_, index) => ({
          stroke: seriesColor(index),
          fill: `${seriesColor(index)}12`,
          width: 1.4,
          points: { show: xs.length < 40, size: 4, fill: token("--panel") },
        })),
      ],
    };
  }, [key]);
  return (
    <figure className={styles.chart}>
      <figcaption className="row wrap">
        <b>{t("Response time")}</b>
        {names.map((name, index) => (
          <span key={name} className={styles.legend}>
            <i style={{ background: seriesColor(index) }} aria-hidden="true" />
            {name}
          </span>
        ))}
        {query.error != null && <span className="old">{t("the series cannot be read now")}</span>}
      </figcaption>
      <Chart
        data={data}
        options={options}
        shapeKey={key}
        height={170}
        label={t("Response time by phase")}
        onRange={(start, end) =>
          set({ from: new Date(start).toISOString(), to: new Date(end).toISOString() })
        }
      />
    </figure>
  );
}

/** Each on top of those before it, so that the upper edge is the whole; a gap in one is a gap. */
function stacked(values: readonly (readonly (number | null)[])[]): (number | null)[][] {
  const sums: number[] = [];
  return values.map((row) =>
    row.map((value, index) => {
      if (value == null) return null;
      const sum = (sums[index] ?? 0) + value;
      sums[index] = sum;
      return sum;
    }),
  );
}
