// Search: one filter over any dataset. Everything that matters is in the URL; a run is what the URL says at that time.
import { ActionIcon, Button, SegmentedControl, Tooltip } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import {
  IconCheck,
  IconCopy,
  IconFileTypeCsv,
  IconJson,
  IconPlayerPlay,
  IconPlayerStop,
} from "@tabler/icons-react";
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";
import { ApiError } from "../../api/client";
import { type Query, searchPage, useFacets, useHistogram } from "../../api/hooks";
import { Empty, Failure, Loading, Notice } from "../../components/states";
import { TimePicker } from "../../components/TimePicker";
import { download, toCsv } from "../../lib/csv";
import { clause, exclude, has, include, remove } from "../../lib/filter";
import { bytes, count, millis } from "../../lib/format";
import { t } from "../../lib/i18n";
import { adjust, iso, type Range, type RangeExpression, resolveRange } from "../../lib/time";
import { asDataset, DATASETS, rangeFrom } from "../../lib/url";
import { useUrl } from "../../state/url";
import { Facets } from "./Facets";
import { FilterLine } from "./FilterLine";
import { Histogram } from "./Histogram";
import { Rows } from "./Rows";
import styles from "./Search.module.css";

const SPLITS: Record<string, string> = { logs: "severity_text", spans: "status_code" };

export default function SearchPage() {
  const { params, set } = useUrl();
  const client = useQueryClient();
  const dataset = asDataset(params.get("dataset"));
  const filter = params.get("q") ?? "";
  const expression = rangeFrom(params);
  const split = params.get("split") ?? SPLITS[dataset];
  // What the filter line is told to hold, and what is being typed into it: typing never comes back as an order.
  const [text, setText] = useState({ value: filter });
  const typed = useRef(filter);
  const [run, setRun] = useState(0);
  useEffect(() => setText({ value: filter }), [filter]);

  // A relative range is resolved once per run, so that histogram, facets and rows speak of the same window.
  const { from, to } = expression;
  // biome-ignore lint/correctness/useExhaustiveDependencies: each run resolves the range anew
  const range = useMemo(() => resolveRange({ from, to }, Date.now()), [from, to, dataset, filter, run]);
  const query: Query = useMemo(
    () => ({ dataset, filter, start: iso(range.start), end: iso(range.end) }),
    [dataset, filter, range],
  );

  const rows = useInfiniteQuery({
    queryKey: ["search", "rows", query, run],
    queryFn: ({ pageParam, signal }) => searchPage(query, pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    retry: false,
  });
  const histogram = useHistogram(query, split, run);
  const facets = useFacets(query, run);
  const records = useMemo(() => (rows.data?.pages ?? []).flatMap((page) => page.rows), [rows.data]);
  const stats = rows.data?.pages[0]?.stats;
  const partial = [...(stats?.partial ?? []), ...(histogram.data?.stats.partial ?? [])];
  const running = rows.isFetching || histogram.isFetching || facets.isFetching;
  const problem = rows.error instanceof ApiError ? rows.error.problem : undefined;
  const filterFault =
    problem && (problem.offset != null || problem.code === "invalid_filter") ? problem : undefined;

  const go = (next: string) => {
    if (next === filter) setRun(run + 1);
    else set({ q: next });
  };
  const setRange = (next: RangeExpression) => set({ from: next.from, to: next.to });
  const narrow = (field: string, value: string | number | boolean, out: boolean) => {
    const base = filter;
    const wanted = clause(field, value);
    if (!out && has(base, wanted)) go(remove(base, wanted));
    else go(out ? exclude(base, field, value) : include(base, field, value));
  };
  const cancel = () => client.cancelQueries({ queryKey: ["search"] });

  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.key === "Escape" && running) client.cancelQueries({ queryKey: ["search"] });
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, [running, client]);

  return (
    <div className={`page ${styles.page}`}>
      <div className="head">
        <h1 className="sr">{t("Search")}</h1>
        <SegmentedControl
          size="xs"
          value={dataset}
          onChange={(next) => set({ dataset: next, split: null })}
          data={DATASETS.map((value) => ({ value, label: datasetWord(value) }))}
          aria-label={t("Dataset")}
        />
        <span className="grow" />
        <TimePicker expression={expression} range={range} onChange={setRange} />
      </div>

      <div className={styles.line}>
        <FilterLine
          text={text}
          onText={(now) => {
            typed.current = now;
          }}
          onRun={go}
          query={query}
          fault={filterFault}
          notices={rows.data?.pages[0]?.notices}
        />
        {running ? (
          <Button h={36} variant="default" leftSection={<IconPlayerStop size={15} />} onClick={cancel}>
            {t("Cancel")}
          </Button>
        ) : (
          <Button h={36} leftSection={<IconPlayerPlay size={15} />} onClick={() => go(typed.current.trim())}>
            {t("Run")}
          </Button>
        )}
      </div>

      {rows.error && !filterFault && <Failure error={rows.error} retry={() => setRun(run + 1)} />}
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
            <Histogram
              data={histogram.data}
              pending={histogram.isPending}
              onRange={(start, end) => setRange({ from: iso(start), to: iso(end) })}
              onNudge={(shift, zoom) => {
                const next = adjust(range, shift, zoom);
                setRange({ from: iso(next.start), to: iso(next.end) });
              }}
              onPick={(value) => split && narrow(split, value, false)}
            />
            <div className={styles.meta}>
              <strong>
                {histogram.data
                  ? t("{n, plural, one {# match} other {# matches}}", { n: histogram.data.total })
                  : "…"}
              </strong>
              {stats && (
                <span className="dim">
                  {t("{time}, {bytes} scanned, {read} of {all} segments", {
                    time: millis(stats.run_time_ms),
                    bytes: bytes(stats.bytes_scanned),
                    read: count(stats.segments_scanned),
                    all: count(stats.segments_scanned + stats.segments_pruned),
                  })}
                </span>
              )}
              {stats?.truncated && (
                <span className="chip">{t("showing the newest {n}", { n: count(records.length) })}</span>
              )}
              <span className="grow" />
              <CopyLink range={range} />
              <Tooltip label={t("Rows on this page as CSV")}>
                <ActionIcon
                  variant="default"
                  aria-label={t("Rows on this page as CSV")}
                  disabled={!records.length}
                  onClick={() => download(`${dataset}.csv`, "text/csv", toCsv(records))}
                >
                  <IconFileTypeCsv size={16} />
                </ActionIcon>
              </Tooltip>
              <Tooltip label={t("Rows on this page as JSON")}>
                <ActionIcon
                  variant="default"
                  aria-label={t("Rows on this page as JSON")}
                  disabled={!records.length}
                  onClick={() =>
                    download(`${dataset}.json`, "application/json", JSON.stringify(records, null, 2))
                  }
                >
                  <IconJson size={16} />
                </ActionIcon>
              </Tooltip>
            </div>
            {rows.isPending && !rows.error ? (
              <Loading rows={12} height={22} />
            ) : records.length === 0 && !rows.error ? (
              <Empty
                title={t("Nothing matches in this time")}
                action={
                  <Button
                    size="xs"
                    variant="default"
                    onClick={() => setRange({ from: "now-24h", to: "now" })}
                  >
                    {t("Look at the last 24 hours")}
                  </Button>
                }
              >
                {filter
                  ? t("Widen the time range, or take a condition away.")
                  : t("Nothing has been sent to this dataset yet, or it is older than the range.")}
              </Empty>
            ) : (
              <Rows
                records={records}
                dataset={dataset}
                more={rows.hasNextPage}
                loadMore={() => !rows.isFetchingNextPage && rows.fetchNextPage()}
                onPick={narrow}
              />
            )}
          </div>
        </div>
      )}
    </div>
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

const datasetWord = (dataset: string) =>
  ({
    logs: t("Logs"),
    spans: t("Spans"),
    metrics: t("Metrics"),
    probes: t("Probes"),
    beacons: t("Beacons"),
    changes: t("Changes"),
  })[dataset] ?? dataset;

function CopyLink({ range }: { range: Range }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    // A permalink holds instants: what a colleague opens later is what is on screen now.
    const url = new URL(location.href);
    url.searchParams.set("from", iso(range.start));
    url.searchParams.set("to", iso(range.end));
    try {
      await navigator.clipboard.writeText(url.toString());
      setDone(true);
      setTimeout(() => setDone(false), 1500);
    } catch {
      notifications.show({ message: url.toString(), title: t("Copy this link") });
    }
  };
  return (
    <Tooltip label={t("Copy a link to exactly this view")}>
      <ActionIcon variant="default" aria-label={t("Copy a link to exactly this view")} onClick={copy}>
        {done ? <IconCheck size={16} /> : <IconCopy size={16} />}
      </ActionIcon>
    </Tooltip>
  );
}
