// What is not lines over time: one number, gauges, bars, tables, rows of logs, promises, probes.
import { Link } from "wouter";
import type { Answer } from "../../api/dashboards";
import type { Slo } from "../../api/types";
import type { ProbeStatus } from "../../api/uptime";
import { BudgetGauge } from "../../components/BudgetGauge";
import { StateChip } from "../../components/Mark";
import {
  type Drawn,
  dressed,
  isAbout,
  type Line,
  mappingOf,
  meaningOf,
  reduced,
  said,
  saidOf,
  tableOf,
} from "../../lib/dashboard";
import { decimalsFor, moment, percent, targetText } from "../../lib/format";
import { t } from "../../lib/i18n";
import { cellText, summary } from "../../lib/record";
import { sloLook } from "../../lib/states";
import { useUrl } from "../../state/url";
import styles from "./Dashboards.module.css";

type Props = { panel: Drawn; answer: Answer };
/** Numbers beside each other that can be read across a room. */
const STATS_MAX = 12;
const BARS_MAX = 40;

export function StatView({ panel, answer }: Props) {
  const lines = dressed(answer.lines, panel.overrides).slice(0, STATS_MAX);
  return (
    <div className={styles.stats} data-many={lines.length > 1 || undefined}>
      {lines.map((line) => {
        const value = reduced(line.values, panel.calculation);
        return (
          <div key={line.key} className={styles.stat} data-tone={meaningOf(value, panel)}>
            <strong>{saidOf(value, panel, line.unit ?? panel.unit)}</strong>
            {lines.length > 1 && <span className="label cut">{line.name}</span>}
            <Trend line={line} />
          </div>
        );
      })}
    </div>
  );
}

/** The way to the number, drawn faintly behind it. */
function Trend({ line }: { line: Line }) {
  const there = line.values.filter((value): value is number => value !== null);
  if (there.length < 3) return null;
  const least = Math.min(...there);
  const height = Math.max(1e-12, Math.max(...there) - least);
  const last = Math.max(1, line.values.length - 1);
  const points = line.values.flatMap((value, index) =>
    value === null
      ? []
      : [`${((index / last) * 100).toFixed(1)},${(24 - ((value - least) / height) * 20).toFixed(1)}`],
  );
  return (
    <svg viewBox="0 0 100 26" preserveAspectRatio="none" aria-hidden="true">
      <polyline points={points.join(" ")} />
    </svg>
  );
}

/** Three quarters of a circle. */
export function GaugeView({ panel, answer }: Props) {
  const lines = dressed(answer.lines, panel.overrides).slice(0, STATS_MAX);
  return (
    <div className={styles.stats} data-many={lines.length > 1 || undefined}>
      {lines.map((line) => {
        const value = reduced(line.values, panel.calculation);
        const least = panel.min ?? 0;
        const most =
          panel.max ??
          (panel.unit === "percent"
            ? 100
            : panel.unit === "ratio"
              ? 1
              : Math.max(1, ...line.values.map((it) => it ?? 0)));
        const share =
          value === null ? 0 : Math.min(1, Math.max(0, (value - least) / Math.max(1e-12, most - least)));
        const text = saidOf(value, panel, line.unit ?? panel.unit);
        return (
          <div key={line.key} className={styles.gauge} data-tone={meaningOf(value, panel) ?? "info"}>
            <svg viewBox="0 0 120 96" role="img" aria-label={`${line.name}: ${text}`}>
              <path className={styles.track} d={arc(0, 1)} />
              {share > 0.002 && <path className={styles.fill} d={arc(0, share)} />}
              {(panel.thresholds ?? []).map(({ from }) => {
                const at = (from - least) / Math.max(1e-12, most - least);
                return at > 0 && at < 1 ? (
                  <path key={from} className={styles.notch} d={arc(at - 0.006, at + 0.006)} />
                ) : null;
              })}
              <text x="60" y="66" textAnchor="middle">
                {text}
              </text>
            </svg>
            {lines.length > 1 && <span className="label cut">{line.name}</span>}
          </div>
        );
      })}
    </div>
  );
}

function arc(from: number, to: number): string {
  const at = (share: number) => {
    const angle = ((135 + share * 270) * Math.PI) / 180;
    return `${(60 + 46 * Math.cos(angle)).toFixed(2)} ${(58 + 46 * Math.sin(angle)).toFixed(2)}`;
  };
  return `M${at(from)}A46 46 0 ${to - from > 2 / 3 ? 1 : 0} 1 ${at(to)}`;
}

export function BarsView({ panel, answer }: Props) {
  const bars = dressed(answer.lines, panel.overrides)
    .map((line) => ({ line, value: reduced(line.values, panel.calculation) }))
    .sort((a, b) => (b.value ?? 0) - (a.value ?? 0))
    .slice(0, BARS_MAX);
  const most = panel.max ?? Math.max(1e-12, ...bars.map(({ value }) => Math.abs(value ?? 0)));
  return (
    <ul className={styles.bars}>
      {bars.map(({ line, value }) => (
        <li key={line.key} data-tone={meaningOf(value, panel) ?? "info"}>
          <span className="cut" title={line.name}>
            {line.name}
          </span>
          <span className={styles.bar}>
            <i
              style={{
                width: `${Math.min(100, (Math.abs(value ?? 0) / most) * 100)}%`,
                ...(line.colour ? { background: line.colour } : {}),
              }}
              aria-hidden="true"
            />
          </span>
          <b>{saidOf(value, panel, line.unit ?? panel.unit)}</b>
        </li>
      ))}
    </ul>
  );
}

export function TableView({ panel, answer }: Props) {
  const table = answer.table ?? tableOf(answer.lines);
  if (table.rows.length === 0) return <p className={styles.nothing}>{t("Nothing was found in this time")}</p>;
  // Columns with what overrides say of them.
  const columns = table.columns.flatMap((column, index) => {
    const own = (panel.overrides ?? []).filter(({ series }) => isAbout(series, column.name));
    const called = own.find(({ name }) => name)?.name ?? column.name;
    // Those that know it by the name that it is given count, too.
    const about = (panel.overrides ?? []).filter(
      ({ series }) => isAbout(series, column.name) || isAbout(series, called),
    );
    if (about.some(({ hidden }) => hidden)) return [];
    return [{ ...column, index, called, unit: about.find(({ unit }) => unit)?.unit }];
  });
  const cell = (value: unknown, { name, kind, unit }: (typeof columns)[number]) => {
    const words =
      typeof value === "string" || value == null ? mappingOf(value as string, panel.mappings) : null;
    if (words?.text) return words.text;
    if (kind === "time" && typeof value === "string") return moment(value);
    if (typeof value !== "number") return cellText(name, value);
    if (isValue(name)) return saidOf(value, panel, unit ?? panel.unit);
    return unit || panel.unit ? said(value, unit ?? "", panel.decimals) : cellText(name, value);
  };
  const meaning = (value: unknown, name: string) => {
    if (typeof value === "string") return mappingOf(value, panel.mappings)?.tone ?? undefined;
    return typeof value === "number" && isValue(name) ? meaningOf(value, panel) : undefined;
  };
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: so that it scrolls by keyboard
    <div className={styles.scroll} tabIndex={0}>
      <table className={styles.table}>
        <thead>
          <tr>
            {columns.map(({ name, kind, called }) => (
              <th key={name} className={isNumber(kind) ? "num" : undefined}>
                {called}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.rows.map((row, index) => (
            <tr key={index}>
              {columns.map((column) => {
                const value = row[column.index];
                return (
                  <td
                    key={column.name}
                    className={isNumber(column.kind) ? "num" : undefined}
                    data-tone={meaning(value, column.name)}
                  >
                    {cell(value, column)}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const isValue = (name: string) => /^value(?: [A-Z])?$/.test(name);
const isNumber = (kind: string) => kind === "int" || kind === "float";

export function LogsView({ records }: { records: NonNullable<Answer["records"]> }) {
  const { href } = useUrl();
  if (records.rows.length === 0)
    return <p className={styles.nothing}>{t("Nothing was found in this time")}</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: so that it scrolls by keyboard
    <div className={styles.scroll} tabIndex={0}>
      <ul className={styles.logs}>
        {records.rows.map((row, index) => {
          const line = summary(records.dataset, row);
          const trace = typeof row.trace_id === "string" ? row.trace_id : undefined;
          return (
            <li key={index} data-tone={line.tone}>
              <time dateTime={row.timestamp}>{moment(row.timestamp)}</time>
              <b>{line.level}</b>
              {trace ? (
                <Link href={href(`/trace/${trace}`)} className="cut">
                  {line.text}
                </Link>
              ) : (
                <span className="cut" title={line.text}>
                  {line.text}
                </span>
              )}
            </li>
          );
        })}
      </ul>
    </div>
  );
}

export function SlosView({ slos }: { slos: readonly Slo[] }) {
  const { href } = useUrl();
  return (
    <div className={styles.promises}>
      {slos.map((slo) => {
        const look = sloLook(slo);
        return (
          <Link key={slo.name} href={href(`/slo/${encodeURIComponent(slo.name)}`)} data-tone={look.tone}>
            <span className="row spread">
              <StateChip look={look} />
              <span className="label">{t("promised {target}", { target: targetText(slo.target) })}</span>
            </span>
            <strong>{percent(slo.sli, decimalsFor(slo.target))}</strong>
            <BudgetGauge
              remaining={slo.budget.remaining_fraction}
              minutesLeft={slo.budget.remaining_minutes}
              tone={look.tone}
              height={10}
            />
          </Link>
        );
      })}
    </div>
  );
}

const PROBE_TONE: Record<string, string> = { up: "good", degraded: "warn", down: "bad" };

export function ProbesView({ probes }: { probes: readonly ProbeStatus[] }) {
  const { href } = useUrl();
  return (
    <div className={styles.promises}>
      {probes.map((probe) => (
        <Link
          key={probe.name}
          href={href("/uptime", { probe: probe.name })}
          data-tone={PROBE_TONE[probe.verdict] ?? "none"}
        >
          <span className="row spread">
            <span className={styles.verdict}>{probe.verdict}</span>
            <span className="label cut">{probe.target}</span>
          </span>
          <strong>{probe.availability == null ? "–" : percent(probe.availability, 2)}</strong>
          <span className="label">{t("of the last 90 days")}</span>
        </Link>
      ))}
    </div>
  );
}
