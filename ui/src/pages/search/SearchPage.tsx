// Search: one filter over any dataset. Everything that matters is in the URL; a run is what the URL says at that time.
// The way that a first-time user goes: a chip says what is different, a click on a value narrows, the row has the rest.
import { Button, SegmentedControl } from "@mantine/core";
import { IconPlayerPlay, IconPlayerStop } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { ApiError } from "../../api/client";
import { type Explained, useCompare, useRows } from "../../api/explore";
import { type Query, useChanges, useFacets, useHistogram, useServices, useSlos } from "../../api/hooks";
import { ContextBar, datasetWord } from "../../components/ContextBar";
import { SavedMenu } from "../../components/SavedMenu";
import { Empty, Failure, Loading, Notice } from "../../components/states";
import { columnsFrom, effective, serviceOf } from "../../lib/context";
import { both, clause, exclude, has, include, remove } from "../../lib/filter";
import { bytes, count, millis } from "../../lib/format";
import { t } from "../../lib/i18n";
import { adjust, iso, type RangeExpression, resolveRange } from "../../lib/time";
import { asDataset, rangeFrom } from "../../lib/url";
import { typing } from "../../shell/Shortcuts";
import { useUrl } from "../../state/url";
import { askOf, asksOf, compared } from "./asks";
import { Explain } from "./Explain";
import { Facets } from "./Facets";
import { Guide } from "./Guide";
import { Histogram } from "./Histogram";
import { LiveRows } from "./LiveRows";
import { Patterns } from "./Patterns";
import { Rows } from "./Rows";
import styles from "./Search.module.css";
import { Toolbar } from "./Toolbar";

// The editor is most of the weight of this page, and the answer need not wait for it.
const FilterLine = lazy(() => import("./FilterLine"));

const SPLITS: Record<string, string> = { logs: "severity_text", spans: "status_code" };

export default function SearchPage() {
  const { params, set } = useUrl();
  const client = useQueryClient();
  const dataset = asDataset(params.get("dataset"));
  const typedFilter = params.get("q") ?? "";
  const service = params.get("service");
  const filter = effective(service, typedFilter);
  const expression = rangeFrom(params);
  const split = params.get("split") ?? SPLITS[dataset];
  const columns = useMemo(() => columnsFrom(params.get("columns")), [params]);
  const wrap = params.get("wrap") === "1";
  const live = params.get("live") === "1";
  const patterns = dataset === "logs" && !live && params.get("view") === "patterns";
  // What the filter line is told to hold, and what is being typed into it: typing never comes back as an order.
  const [text, setText] = useState({ value: typedFilter });
  const typed = useRef(typedFilter);
  const [run, setRun] = useState(0);
  useEffect(() => setText({ value: typedFilter }), [typedFilter]);

  // A relative range is resolved once per run, so that histogram, facets and rows speak of the same window.
  const { from, to } = expression;
  // biome-ignore lint/correctness/useExhaustiveDependencies: each run resolves the range anew
  const range = useMemo(() => resolveRange({ from, to }, Date.now()), [from, to, dataset, filter, run]);
  const query: Query = useMemo(
    () => ({ dataset, filter, start: iso(range.start), end: iso(range.end) }),
    [dataset, filter, range],
  );
  const wide = useMemo(() => {
    const [start, end] = (params.get("wide") ?? "").split("~").map((text) => Date.parse(text));
    return start && end && start <= range.start && end >= range.end && end - start > range.end - range.start
      ? { start: iso(start), end: iso(end) }
      : undefined;
  }, [params, range]);

  const rows = useRows(query, run, !live);
  const histogram = useHistogram(query, split, run);
  const facets = useFacets(query, run);
  const changes = useChanges(query.start, query.end, service ?? serviceOf(filter));
  const services = useServices(query.start, query.end);
  const slos = useSlos();
  const records = rows.rows;
  const stats = rows.stats;
  const isOld = rows.running === "first" && rows.of !== query && records.length > 0;

  const names = useMemo(
    () => [
      ...(services.data?.services ?? []).map((one) => one.name),
      ...(slos.data?.slos ?? []).map((slo) => slo.service),
    ],
    [services.data, slos.data],
  );
  const about = service ?? serviceOf(filter);
  const asks = asksOf({
    dataset,
    service: about,
    slos: slos.data?.slos ?? [],
    p95: services.data?.services.find((one) => one.name === about)?.p95_ms,
    zoomed: wide !== undefined,
  });
  const ask = askOf(params.get("sel"), asks);
  const question = ask && JSON.stringify(compared(ask, filter, about, query, wide));
  const explained: Explained | undefined = useMemo(() => {
    if (!question) return undefined;
    const { filter, range, selected } = JSON.parse(question) as ReturnType<typeof compared>;
    return { query: { dataset, filter, start: range.start, end: range.end }, selected };
  }, [question, dataset]);
  const compare = useCompare(explained, run);

  const partial = [
    ...(stats?.partial ?? []),
    ...(histogram.data?.stats.partial ?? []),
    ...(rows.cut ? [rows.cut] : []),
  ];
  const running = Boolean(rows.running) || histogram.isFetching || facets.isFetching || compare.isFetching;
  const problem = rows.error instanceof ApiError ? rows.error.problem : undefined;
  const filterFault =
    problem && (problem.offset != null || problem.code === "invalid_filter") ? problem : undefined;

  const go = (next: string) => {
    if (next === typedFilter) setRun(run + 1);
    else set({ q: next });
  };
  const setRange = (next: RangeExpression) => set({ from: next.from, to: next.to, wide: null });
  /** Into a window of the present one, which stays known as the wider one. */
  const zoom = (start: number, end: number) => {
    if (!(end - start >= 1)) return;
    set({
      from: iso(start),
      to: iso(end),
      wide:
        start >= range.start && end <= range.end
          ? `${wide?.start ?? query.start}~${wide?.end ?? query.end}`
          : null,
    });
  };
  const back = () => {
    if (wide)
      set({
        from: wide.start,
        to: wide.end,
        wide: null,
        sel: params.get("sel") === "window" ? null : params.get("sel"),
      });
    else {
      const next = adjust(range, 0, 2);
      setRange({ from: iso(next.start), to: iso(next.end) });
    }
  };
  const narrow = (field: string, value: string | number | boolean, out: boolean) => {
    const wanted = clause(field, value);
    if (field === "service.name" && !out && filter !== typedFilter) {
      set({ service: service === value ? null : String(value) });
    } else if (!out && has(typedFilter, wanted)) go(remove(typedFilter, wanted));
    else if (field === "service.name" && !out && !typedFilter.includes("service.name"))
      set({ service: String(value) });
    else go(out ? exclude(typedFilter, field, value) : include(typedFilter, field, value));
  };
  /** Some services log only what goes wrong; their spans hold the rest. */
  const toSpans = () =>
    set({ dataset: "spans", service: about, q: null, split: null, columns: null, sel: "failed" });
  const column = useCallback(
    (field: string) => {
      const next = columns.includes(field) ? columns.filter((one) => one !== field) : [...columns, field];
      set({ columns: next.join(",") });
    },
    [columns, set],
  );
  const cancel = useCallback(() => {
    rows.cancel();
    client.cancelQueries({ queryKey: ["search"] });
  }, [rows.cancel, client]);

  const keys = useRef({ running, cancel, back });
  keys.current = { running, cancel, back };
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.key === "Escape" && keys.current.running) keys.current.cancel();
      else if (event.key === "z" && !event.ctrlKey && !event.metaKey && !typing(event)) keys.current.back();
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, []);

  const promise = slos.data?.slos.find((slo) => slo.service === about && slo.indicator?.dataset === dataset);
  return (
    <div className={`page ${styles.page}`}>
      <h1 className="sr">{t("Search")}</h1>
      <ContextBar
        here={dataset}
        services={names}
        service={service}
        onService={(next) => set({ service: next })}
        expression={expression}
        range={range}
        onRange={setRange}
        promise={promise?.name}
      />

      <div className={styles.line}>
        <Suspense
          fallback={<div className={`grow mono ${styles.editor} ${styles.waiting}`}>{typedFilter}</div>}
        >
          <FilterLine
            text={text}
            onText={(now) => {
              typed.current = now;
            }}
            onRun={go}
            query={query}
            asked={typedFilter}
            fault={filterFault}
            notices={rows.notices}
          />
        </Suspense>
        {running && !live ? (
          <Button h={36} variant="default" leftSection={<IconPlayerStop size={15} />} onClick={cancel}>
            {t("Cancel")}
          </Button>
        ) : (
          <Button h={36} leftSection={<IconPlayerPlay size={15} />} onClick={() => go(typed.current.trim())}>
            {t("Run")}
          </Button>
        )}
        <SavedMenu
          kind="search"
          current={{
            text: filter,
            dataset,
            description: "",
            columns: [...columns],
            ...(params.get("split") ? { split_by: params.get("split") ?? undefined } : {}),
            from: from.startsWith("now") ? from : undefined,
            to: from.startsWith("now") ? to : undefined,
          }}
          onOpen={(saved) =>
            set({
              dataset: saved.dataset,
              q: saved.text,
              service: null,
              columns: (saved.columns ?? []).join(","),
              split: saved.split_by,
              wide: null,
              sel: null,
              ...(saved.from ? { from: saved.from, to: saved.to } : {}),
            })
          }
        />
      </div>

      {!filterFault && !live && (
        <Guide
          asks={asks}
          active={params.get("sel") ?? undefined}
          onAsk={(id) => set({ sel: id })}
          onBack={wide ? back : undefined}
          changes={changes.data?.changes ?? []}
          onChange={(change) => set({ sel: `since:${change.at}` })}
        />
      )}
      {rows.error && !filterFault ? <Failure error={rows.error} retry={() => setRun(run + 1)} /> : null}
      {partial.length > 0 && (
        <Notice tone="warn">
          {t("This answer is not whole: {what}", { what: [...new Set(partial)].join("; ") })}
        </Notice>
      )}

      {filterFault ? (
        <FilterHelp onPick={(value) => setText({ value })} />
      ) : (
        <div className={styles.body}>
          <Facets
            facets={facets.data}
            loading={facets.isPending}
            filter={filter}
            onPick={narrow}
            onSplit={(field) => set({ split: field })}
            split={split}
          />
          <div className={styles.results} data-old={histogram.isPlaceholderData || undefined}>
            {!live && (
              <Histogram
                data={histogram.data}
                pending={histogram.isPending}
                split={split}
                splits={(facets.data?.facets ?? []).map((facet) => facet.field)}
                onSplit={(field) => set({ split: field })}
                changes={changes.data?.changes ?? []}
                onRange={zoom}
                onNudge={(shift, factor) => {
                  const next = adjust(range, shift, factor);
                  if (factor < 1 && shift === 0) zoom(next.start, next.end);
                  else setRange({ from: iso(next.start), to: iso(next.end) });
                }}
                onPick={(value) => split && narrow(split, value, false)}
              />
            )}
            {ask && !live && (
              <Explain
                title={titleOf(ask.id, ask.label, changes.data?.changes ?? [])}
                data={compare.data}
                pending={compare.isPending}
                error={compare.error}
                retry={() => compare.refetch()}
                onPick={narrow}
                onClose={() => set({ sel: null })}
                instead={
                  dataset === "logs" && about
                    ? { label: t("Compare the spans of {service} instead", { service: about }), go: toSpans }
                    : undefined
                }
              />
            )}
            <div className={styles.meta}>
              {!live && (
                <>
                  <strong>
                    {histogram.data
                      ? t("{n, plural, one {# match} other {# matches}}", { n: histogram.data.total })
                      : "…"}
                  </strong>
                  {stats && (
                    <span className="dim">
                      {t("{time}, {rows} rows and {bytes} scanned, {read} of {all} segments", {
                        time: millis(stats.run_time_ms),
                        rows: count(stats.rows_scanned),
                        bytes: bytes(stats.bytes_scanned),
                        read: count(stats.segments_scanned),
                        all: count(stats.segments_scanned + stats.segments_pruned),
                      })}
                    </span>
                  )}
                  {rows.next && (
                    <span className="chip">{t("showing the newest {n}", { n: count(records.length) })}</span>
                  )}
                </>
              )}
              <span className="grow" />
              {dataset === "logs" && !live && (
                <SegmentedControl
                  size="xs"
                  value={patterns ? "patterns" : "lines"}
                  onChange={(next) => set({ view: next === "patterns" ? next : null })}
                  data={[
                    { value: "lines", label: t("Lines") },
                    { value: "patterns", label: t("Patterns") },
                  ]}
                  aria-label={t("View of the logs")}
                />
              )}
              <Toolbar
                query={query}
                range={range}
                columns={columns}
                onColumns={(next) => set({ columns: next.join(",") })}
                wrap={wrap}
                onWrap={(next) => set({ wrap: next ? 1 : null })}
                live={live}
                onLive={(next) => set({ live: next ? 1 : null })}
              />
            </div>
            {live ? (
              <LiveRows
                dataset={dataset}
                filter={filter}
                columns={columns}
                wrap={wrap}
                onPick={narrow}
                onColumn={column}
              />
            ) : patterns ? (
              <Patterns
                query={query}
                run={run}
                onPick={(wanted) => set({ q: both(typedFilter, wanted), view: null })}
              />
            ) : rows.running === "first" && records.length === 0 ? (
              <Loading rows={12} height={22} />
            ) : records.length === 0 && !rows.error ? (
              <Nothing
                dataset={dataset}
                filter={filter}
                onWiden={() => setRange({ from: "now-24h", to: "now" })}
                onAll={() => set({ q: null, service: null })}
              />
            ) : (
              <div className={styles.list} data-old={isOld || undefined}>
                <Rows
                  records={records}
                  dataset={dataset}
                  columns={columns}
                  wrap={wrap}
                  more={rows.next !== undefined && !rows.running}
                  loadMore={rows.more}
                  onPick={narrow}
                  onColumn={column}
                />
              </div>
            )}
          </div>
        </div>
      )}
    </div>
  );
}

function titleOf(id: string, label: string, changes: readonly { at: string; title: string }[]): string {
  if (!id.startsWith("since:")) return label;
  const change = changes.find((one) => one.at === id.slice("since:".length));
  return change ? t("since “{change}”", { change: change.title }) : label;
}

function Nothing({
  dataset,
  filter,
  onWiden,
  onAll,
}: {
  dataset: string;
  filter: string;
  onWiden: () => void;
  onAll: () => void;
}) {
  return (
    <Empty
      title={t("Nothing matches in this time")}
      action={
        <div className="row">
          <Button size="xs" variant="default" onClick={onWiden}>
            {t("Look at the last 24 hours")}
          </Button>
          {filter && (
            <Button size="xs" variant="default" onClick={onAll}>
              {t("Show all {dataset}", { dataset: datasetWord(dataset) })}
            </Button>
          )}
        </div>
      }
    >
      {filter
        ? t("Widen the time range, or take a condition away.")
        : t("Nothing has been sent to this dataset yet, or it is older than the range.")}
    </Empty>
  );
}

/** The language on one card, for the moment when a filter could not be read. */
function FilterHelp({ onPick }: { onPick: (text: string) => void }) {
  const examples: [string, string][] = [
    ["service.name: checkout", t("a field is this value")],
    ["http.response.status_code >= 500", t("a number is compared: > >= < <= !=")],
    ["service.version: 2.4.*", t("any ending")],
    ['"connection refused"', t("the text holds these words")],
    [
      "service.name: checkout and not (status_code: error or duration_ns > 2000000000)",
      t("joined by and, or, not, and parentheses"),
    ],
  ];
  return (
    <dl className={`panel ${styles.help}`}>
      {examples.map(([example, words]) => (
        <div key={example}>
          <dt>
            <button type="button" className="plain mono" onClick={() => onPick(example)}>
              {example}
            </button>
          </dt>
          <dd>{words}</dd>
        </div>
      ))}
    </dl>
  );
}
