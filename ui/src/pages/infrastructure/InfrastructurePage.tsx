// Which host, pod or container is high or low, and which one has gone silent. What is absent is hatched and says for how
// long; it is never a zero and never green.
import { SegmentedControl, Select, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { type UnitsAsked, useUnits } from "../../api/infra";
import { Glyph } from "../../components/Mark";
import { Empty, Failure, Loading, Notice } from "../../components/states";
import { count } from "../../lib/format";
import { t } from "../../lib/i18n";
import { FILTER_EXAMPLE, kindWord } from "../../lib/infra";
import { useAged } from "../../shell/Shell";
import { useNow, useUrl } from "../../state/url";
import { Grid } from "./Grid";
import styles from "./Infrastructure.module.css";
import { Setup } from "./Setup";
import { UnitPanel } from "./UnitPanel";
import { UnitTable } from "./UnitTable";
import { Watches } from "./Watches";

const KINDS = ["host", "pod", "container", "process", "target"];
const RANGES = ["1h", "6h", "1d"];

export default function InfrastructurePage() {
  const { params, set } = useUrl();
  const now = useNow(1000);
  const kind = params.get("kind") ?? "host";
  const open = params.get("unit");
  const view = params.get("view") ?? "grid";
  const asked: UnitsAsked = {
    kind,
    by: params.get("by") ?? undefined,
    measure: params.get("measure") ?? undefined,
    query: params.get("query") ?? undefined,
    q: params.get("q") ?? undefined,
    range: params.get("range") ?? undefined,
    // Cells have no room for a line; thousands of them would be most of the answer.
    ...(view === "table" ? {} : { history: "none" as const, unit: open ?? undefined }),
  };
  const units = useUnits(asked);
  const aged = useAged(units.dataUpdatedAt, now);
  const data = units.data;
  const filter = useDebouncedCallback((text: string) => set({ q: text || null }), 300);
  const all = data?.groups.flatMap((group) => group.units) ?? [];
  const { absent, late, reporting } = data?.tally ?? { absent: 0, late: 0, reporting: 0 };
  const nothingEver = data?.kinds.every((one) => one.count === 0) && !asked.q;
  return (
    <div className="page">
      <div className="head">
        <h1>{t("Infrastructure")}</h1>
        {all.length > 0 && (
          <span className={styles.tally} data-tone={absent > 0 ? "bad" : late > 0 ? "warn" : "good"}>
            <Glyph shape={absent > 0 ? "octagon" : late > 0 ? "clock" : "check"} size={15} />
            {absent > 0
              ? t("{count} absent", { count: absent })
              : late > 0
                ? t("{count} late", { count: late })
                : reporting === 1
                  ? t("the only one reports")
                  : t("all {count} report", { count: count(reporting) })}
          </span>
        )}
        <span className="grow" />
        {aged && <span className="old">{t("figures are old")}</span>}
      </div>
      <div className={styles.toolbar} hidden={nothingEver}>
        <nav className={styles.kinds} aria-label={t("Kind")}>
          {KINDS.map((one) => {
            const known = data?.kinds.find((it) => it.kind === one);
            return (
              <button
                key={one}
                type="button"
                aria-pressed={one === kind}
                onClick={() =>
                  set({ kind: one === "host" ? null : one, by: null, measure: null, unit: null })
                }
              >
                {kindWord(one)}
                <span className="dim">{known ? count(known.count) : ""}</span>
                {known && known.absent > 0 && (
                  <b data-tone="bad" title={t("{count} absent", { count: known.absent })}>
                    {count(known.absent)}
                  </b>
                )}
              </button>
            );
          })}
        </nav>
        <TextInput
          size="xs"
          className={styles.filter}
          aria-label={t("Filter")}
          placeholder={FILTER_EXAMPLE}
          defaultValue={asked.q ?? ""}
          onChange={(event) => filter(event.currentTarget.value)}
        />
        <Select
          size="xs"
          w={160}
          searchable
          clearable
          aria-label={t("Group by")}
          placeholder={t("group by…")}
          value={asked.by ?? null}
          onChange={(by) => set({ by })}
          data={(data?.labels ?? []).map((label) => ({
            value: label.name,
            label: `${label.name} (${label.values})`,
          }))}
        />
        <Select
          size="xs"
          w={115}
          aria-label={t("Measure")}
          value={data?.measure.name ?? null}
          onChange={(measure) => set({ measure, query: null })}
          data={(data?.measures ?? []).map((measure) => measure.name).concat(asked.query ? ["query"] : [])}
        />
        <SegmentedControl
          size="xs"
          aria-label={t("History")}
          value={asked.range ?? "1h"}
          onChange={(range) => set({ range: range === "1h" ? null : range })}
          data={RANGES}
        />
        <SegmentedControl
          size="xs"
          aria-label={t("View")}
          value={view}
          onChange={(next) => set({ view: next === "grid" ? null : next })}
          data={[
            { value: "grid", label: t("Grid") },
            { value: "table", label: t("Table") },
          ]}
        />
      </div>
      {units.error && <Failure error={units.error} retry={() => units.refetch()} />}
      {data?.notes.map((note) => (
        <Notice key={note} tone="warn">
          {note}
        </Notice>
      ))}
      {units.isPending && <Loading rows={5} height={64} />}
      {nothingEver ? (
        <Setup title={t("Nothing has reported yet")}>
          {t(
            "Hosts, pods, containers and processes appear by themselves once their metrics come in. The ingest key is in first-run/ingest.key of the node's data directory.",
          )}
        </Setup>
      ) : (
        data &&
        all.length === 0 && (
          <Empty title={t("Nothing fits")}>{t("Take the filter away, or look at another kind.")}</Empty>
        )
      )}
      {all.length > 0 && data && (
        <div className={styles.columns} data-open={open ? true : undefined} data-aged={aged || undefined}>
          {view === "table" ? (
            <UnitTable data={data} now={now} onOpen={(unit) => set({ unit })} />
          ) : (
            <Grid data={data} now={now} open={open} onOpen={(unit) => set({ unit })} />
          )}
          {open && (
            <UnitPanel
              key={open}
              kind={kind}
              id={open}
              now={now}
              shown={all.find((unit) => unit.id === open)}
              unit={data.measure.unit}
              measure={data.measure.name}
              onClose={() => set({ unit: null })}
            />
          )}
        </div>
      )}
      {!nothingEver && <Watches about="absence" kind={kind} filter={asked.q ?? ""} />}
    </div>
  );
}
