// What is full, and what will be: the soonest first, with the interval in which it happens.
import { TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { type Saturation, type SaturationResponse, useSaturation } from "../../api/infra";
import { Glyph } from "../../components/Mark";
import { Empty, Failure, Loading, Notice } from "../../components/states";
import { bytes, percent } from "../../lib/format";
import { t } from "../../lib/i18n";
import { FILTER_EXAMPLE, figure, resourceWord, until } from "../../lib/infra";
import { useAged } from "../../shell/Shell";
import { useNow, useUrl } from "../../state/url";
import { Setup } from "../infrastructure/Setup";
import { Watches } from "../infrastructure/Watches";
import { Fan } from "./Fan";
import styles from "./Saturation.module.css";

/** What is safe is not what people come for; it is counted, and shown when it is asked for. */
const SAFE_SHOWN = 8;

export default function SaturationPage() {
  const { params, set } = useUrl();
  const now = useNow(10_000);
  const q = params.get("q") ?? undefined;
  const own = params.get("query") ?? undefined;
  const found = useSaturation({ q, query: own });
  const aged = useAged(found.dataUpdatedAt, now);
  const rows = found.data?.rows ?? [];
  const of = (outlook: string) => rows.filter((row) => row.outlook === outlook);
  const [full, filling, safe, unknown] = [of("full"), of("filling"), of("safe"), of("unknown")];
  const filter = useDebouncedCallback((text: string) => set({ q: text || null }), 300);
  const ask = useDebouncedCallback((text: string) => set({ query: text || null }), 700);
  const all = params.get("all") === "1";
  return (
    <div className="page" data-aged={aged || undefined}>
      <div className="head">
        <h1>{t("Saturation")}</h1>
        {found.data && rows.length > 0 && (
          <span
            className={styles.tally}
            data-tone={
              full.length > 0 ? "bad" : filling.length > 0 ? "warn" : safe.length > 0 ? "good" : "none"
            }
          >
            <Glyph
              shape={
                full.length > 0
                  ? "octagon"
                  : filling.length > 0
                    ? "triangle"
                    : safe.length > 0
                      ? "check"
                      : "diamond"
              }
              size={15}
            />
            {full.length + filling.length + safe.length === 0
              ? t("nothing can be foreseen yet")
              : t("{full} full, {filling} will be", { full: full.length, filling: filling.length })}
          </span>
        )}
        <span className="grow" />
        {aged && <span className="old">{t("figures are old")}</span>}
        <TextInput
          size="xs"
          w={230}
          aria-label={t("Filter")}
          placeholder={FILTER_EXAMPLE}
          defaultValue={q ?? ""}
          onChange={(event) => filter(event.currentTarget.value)}
        />
        <TextInput
          size="xs"
          w={260}
          aria-label={t("Your own ratio in PromQL")}
          placeholder={t("used / limit, in PromQL")}
          defaultValue={own ?? ""}
          onChange={(event) => ask(event.currentTarget.value.trim())}
        />
      </div>
      {found.error && <Failure error={found.error} retry={() => found.refetch()} />}
      {found.data && <Factors data={found.data} />}
      {found.data?.notes.map((note) => (
        <Notice key={note} tone="warn">
          {note}
        </Notice>
      ))}
      {found.isPending && <Loading rows={4} height={74} />}
      {found.data &&
        rows.length === 0 &&
        (q || own ? (
          <Empty title={t("Nothing fits")}>{t("Take the filter away, or ask for another ratio.")}</Empty>
        ) : (
          <Setup title={t("Nothing with a limit has reported")}>
            {t(
              "File systems, memory, pools and quotas come by themselves from the agent and from exporters.",
            )}
          </Setup>
        ))}
      <List title={t("Full now")} rows={full} now={now} own={own} />
      <List title={t("Will be full")} rows={filling} now={now} own={own} />
      <List
        title={t("Not as far as can be foreseen")}
        rows={all ? safe : safe.slice(0, SAFE_SHOWN)}
        count={safe.length}
        now={now}
        own={own}
      />
      <List
        title={t("Not known")}
        rows={all ? unknown : unknown.slice(0, SAFE_SHOWN)}
        count={unknown.length}
        now={now}
        own={own}
      />
      {!all && (safe.length > SAFE_SHOWN || unknown.length > SAFE_SHOWN) && (
        <button type="button" className={`plain ${styles.more}`} onClick={() => set({ all: "1" })}>
          {t("Show all {count}", { count: rows.length })}
        </button>
      )}
      <Watches about="forecast" filter={q ?? ""} />
    </div>
  );
}

/** "Only in eu-1": which value sets those apart that run full. */
function Factors({ data }: { data: SaturationResponse }) {
  if (data.factors.length === 0) return null;
  return (
    <ul className={styles.factors}>
      {data.factors.map((factor) => (
        <li key={factor.resource}>
          <b>
            {factor.share_of_rest === 0
              ? t("{what} runs full only where {label} is {value}", {
                  what: resourceWord(factor.resource),
                  label: factor.label,
                  value: factor.value,
                })
              : t("{what} runs full mostly where {label} is {value}", {
                  what: resourceWord(factor.resource),
                  label: factor.label,
                  value: factor.value,
                })}
          </b>{" "}
          <span className="dim">
            {t("{share} of the {count} that do, {rest} of the others", {
              share: percent(factor.share, 0),
              count: factor.affected,
              rest: percent(factor.share_of_rest, 0),
            })}
          </span>
        </li>
      ))}
    </ul>
  );
}

type ListProps = { title: string; rows: readonly Saturation[]; count?: number; now: number; own?: string };

function List({ title, rows, count, now, own }: ListProps) {
  if (rows.length === 0) return null;
  return (
    <section>
      <h2 className={styles.title}>
        {title} <span className="dim">{count ?? rows.length}</span>
      </h2>
      <ul className={styles.rows}>
        {rows.map((row) => (
          <Row key={row.id} row={row} now={now} own={own} />
        ))}
      </ul>
    </section>
  );
}

const TONES: Record<string, string> = { full: "bad", filling: "warn", safe: "good", unknown: "none" };
const DAY_SECS = 86_400;

function Row({ row, now, own }: { row: Saturation; now: number; own?: string }) {
  const { params, set } = useUrl();
  const isOpen = params.get("row") === row.id;
  const near = row.full_at && (Date.parse(row.full_at) - now) / 1000 < DAY_SECS;
  return (
    <li className={styles.row} data-tone={near ? "bad" : TONES[row.outlook]} data-open={isOpen || undefined}>
      <button
        type="button"
        className={styles.head}
        aria-expanded={isOpen}
        onClick={() => set({ row: isOpen ? null : row.id })}
      >
        <span className={styles.when}>
          {row.outlook === "full"
            ? t("full")
            : row.outlook === "filling"
              ? t("in {time}", { time: until(row.full_at, now) ?? "" })
              : row.outlook === "safe"
                ? t("not for {time}", { time: until(row.until, now) ?? "" })
                : "–"}
        </span>
        <span className={styles.what}>
          <b>
            {resourceWord(row.resource)} {row.name}
          </b>
          <span className="dim">
            {row.outlook === "filling" &&
              t("{level} %: {early} – {late}", {
                level: Math.round(row.probability * 100),
                early: until(row.full_earliest, now) ?? "",
                late: until(row.full_latest, now) ?? t("longer than can be foreseen"),
              })}
            {row.reason}
          </span>
        </span>
        <span className={styles.bar}>
          <i style={{ width: `${Math.min(100, row.ratio * 100)}%` }} />
        </span>
        <span className={styles.ratio}>
          <b>{figure(row.ratio, "ratio")}</b>
          {row.limit != null && (
            <span className="dim">
              {t("of {limit}", { limit: row.unit === "bytes" ? bytes(row.limit) : String(row.limit) })}
            </span>
          )}
        </span>
        <span className={styles.growth}>
          {row.growth_per_day != null &&
            t("{growth} a day", {
              growth: `${row.growth_per_day >= 0 ? "+" : "−"}${figure(Math.abs(row.growth_per_day), "ratio")}`,
            })}
        </span>
      </button>
      {isOpen && <Detail row={row} now={now} own={own} />}
    </li>
  );
}

function Detail({ row, now, own }: { row: Saturation; now: number; own?: string }) {
  const { href } = useUrl();
  const one = useSaturation({ id: row.id, query: own });
  const whole = one.data?.rows[0];
  const host = row.labels.host_name ?? row.labels.instance;
  return (
    <div className={styles.detail}>
      {one.error && <Failure error={one.error} retry={() => one.refetch()} />}
      {one.isPending && <Loading rows={1} height={220} />}
      {whole && <Fan row={whole} now={now} />}
      <p className="row wrap">
        {row.model && (
          <span className="label">{t("continued as: {model}", { model: modelWord(row.model) })}</span>
        )}
        {host && <a href={href("/infrastructure", { unit: host.replace(/:\d+$/, "") })}>{t("Its host")}</a>}
        <a href={href("/explore/metrics", { expr: row.query })}>{t("As PromQL")}</a>
      </p>
    </div>
  );
}

const modelWord = (model: string) =>
  ({
    drift: t("on from the last value"),
    line: t("a straight line"),
    "recent line": t("the line of the last third"),
    daily: t("a line with the shape of a day"),
    weekly: t("a line with the shape of a week"),
  })[model] ?? model;
