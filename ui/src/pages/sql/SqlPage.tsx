// SQL over everything: hot and cold rows of every dataset, with what each question cost.
import { Button, SegmentedControl, Tooltip } from "@mantine/core";
import { IconFileTypeCsv, IconPlayerPlay, IconPlayerStop } from "@tabler/icons-react";
import { useQueries } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from "react";
import { api } from "../../api/client";
import { useSql } from "../../api/explore";
import { useServices } from "../../api/hooks";
import type { FieldsResponse } from "../../api/types";
import { AddToDashboard } from "../../components/AddToDashboard";
import { ContextBar } from "../../components/ContextBar";
import { SavedMenu } from "../../components/SavedMenu";
import { Empty, Failure, Loading, Notice } from "../../components/states";
import { download, toCsv } from "../../lib/csv";
import { bytes, count, millis } from "../../lib/format";
import { t } from "../../lib/i18n";
import { drawable, identifier, records } from "../../lib/sql";
import { iso } from "../../lib/time";
import { DATASETS } from "../../lib/url";
import { useRange, useUrl } from "../../state/url";
import { ResultChart } from "./ResultChart";
import { ResultTable } from "./ResultTable";
import styles from "./Sql.module.css";

const SqlEditor = lazy(() => import("./SqlEditor"));

/** Rows asked for; the server gives no more than 10 000. */
const ROWS = 5_000;

/** What the context says, as SQL says it. */
const inContext = (start: number, end: number, service: string | null) =>
  [
    `timestamp >= '${iso(start)}' and timestamp < '${iso(end)}'`,
    ...(service ? [`"service.name" = '${service.replaceAll("'", "''")}'`] : []),
  ].join("\n  and ");

export default function SqlPage() {
  const { params, set } = useUrl();
  const range = useRange(0);
  const service = params.get("service");
  const asked = params.get("sql") ?? "";
  const services = useServices(iso(range.start), iso(range.end));
  const [text, setText] = useState({ value: asked });
  const typed = useRef(asked);
  useEffect(() => {
    setText({ value: asked });
    typed.current = asked;
  }, [asked]);
  const sql = useSql();
  const [view, setView] = useState<"table" | "chart">("table");
  const fields = useQueries({
    queries: DATASETS.map((dataset) => ({
      queryKey: ["fields", dataset],
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        api<FieldsResponse>(`/datasets/${dataset}/fields`, { signal }),
      staleTime: 60_000,
    })),
  });
  const filled = fields.map((one) => one.dataUpdatedAt).join();
  // biome-ignore lint/correctness/useExhaustiveDependencies: `filled` says when the fields change
  const schema = useMemo(
    () => new Map(DATASETS.map((dataset, index) => [dataset as string, fields[index]?.data?.fields ?? []])),
    [filled],
  );
  const put = (value: string) => {
    typed.current = value;
    setText({ value });
  };
  const run = (query: string) => {
    if (!query.trim()) return;
    set({ sql: query }, { replace: true });
    sql.run(query, ROWS);
  };
  // A link brings its answer along; SQL only ever reads.
  const opened = useRef(asked);
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, on arrival
  useEffect(() => {
    if (opened.current.trim()) sql.run(opened.current, ROWS);
  }, []);
  const answer = sql.answer;
  const drawing = useMemo(() => (answer ? drawable(answer.columns, answer.rows) : undefined), [answer]);
  const isOld = sql.running || Boolean(sql.error);
  const where = inContext(range.start, range.end, service);
  return (
    <div className={`page ${styles.page}`}>
      <h1 className="sr">SQL</h1>
      <ContextBar
        here="sql"
        services={(services.data?.services ?? []).map((one) => one.name)}
        service={service}
        onService={(next) => set({ service: next })}
        expression={range.expression}
        range={range}
        onRange={(next) => set({ from: next.from, to: next.to })}
      />
      <div className={styles.top}>
        <Suspense fallback={<div className={styles.editor} />}>
          <SqlEditor
            text={text}
            onText={(now) => {
              typed.current = now;
            }}
            onRun={run}
            schema={schema}
          />
        </Suspense>
        <div className={styles.side}>
          <div className="row">
            {sql.running ? (
              <Button
                h={36}
                variant="default"
                leftSection={<IconPlayerStop size={15} />}
                onClick={sql.cancel}
              >
                {t("Cancel")}
              </Button>
            ) : (
              <Button h={36} leftSection={<IconPlayerPlay size={15} />} onClick={() => run(typed.current)}>
                {t("Run")}
              </Button>
            )}
            {asked && (
              <AddToDashboard
                panel={{ view: "table", w: 12, h: 8, title: "SQL", queries: [{ sql: asked }] }}
              />
            )}
            <SavedMenu
              kind="sql"
              current={{ text: typed.current || asked, description: "" }}
              onOpen={(saved) => {
                put(saved.text);
                run(saved.text);
              }}
            />
          </div>
          <Schema schema={schema} onPick={(table) => put(firstLook(table, where))} />
        </div>
      </div>
      {sql.error ? <Failure error={sql.error} retry={() => run(typed.current)} /> : null}
      {answer?.stats.partial.length ? (
        <Notice tone="warn">
          {t("This answer is not whole: {what}", { what: answer.stats.partial.join("; ") })}
        </Notice>
      ) : null}
      {sql.running && !answer ? (
        <Loading rows={8} height={24} />
      ) : answer ? (
        <section className={styles.answer} data-old={isOld || undefined}>
          <div className={styles.meta}>
            <strong>{t("{n, plural, one {# row} other {# rows}}", { n: answer.rows.length })}</strong>
            <span className="dim">
              {t("Run time {time}, data scanned {bytes}, {rows} rows", {
                time: millis(answer.stats.run_time_ms),
                bytes: bytes(answer.stats.bytes_scanned),
                rows: count(answer.stats.rows_scanned),
              })}
            </span>
            {answer.stats.truncated && (
              <span className="chip" data-tone="warn">
                {t("cut at {n} rows: add a limit, or group", { n: count(ROWS) })}
              </span>
            )}
            <span className="grow" />
            <SegmentedControl
              size="xs"
              value={drawing ? view : "table"}
              onChange={(next) => setView(next as typeof view)}
              data={[
                { value: "table", label: t("Table") },
                { value: "chart", label: t("Chart"), disabled: !drawing },
              ]}
              aria-label={t("View of the answer")}
            />
            <Tooltip label={t("These rows as CSV")}>
              <Button
                size="compact-sm"
                variant="default"
                leftSection={<IconFileTypeCsv size={15} />}
                disabled={answer.rows.length === 0}
                onClick={() =>
                  download("answer.csv", "text/csv", toCsv(records(answer.columns, answer.rows)))
                }
              >
                CSV
              </Button>
            </Tooltip>
          </div>
          {answer.rows.length === 0 ? (
            <Empty title={t("No row answers this")}>{t("The query ran and found nothing.")}</Empty>
          ) : view === "chart" && drawing ? (
            <ResultChart answer={answer} drawing={drawing} />
          ) : (
            <ResultTable answer={answer} />
          )}
        </section>
      ) : (
        !sql.error && (
          <Examples
            where={where}
            onPick={(value) => {
              put(value);
              run(value);
            }}
          />
        )
      )}
    </div>
  );
}

const firstLook = (table: string, where: string) =>
  `select * from ${table}\nwhere ${where}\norder by timestamp desc\nlimit 100`;

function Schema({
  schema,
  onPick,
}: {
  schema: ReadonlyMap<string, readonly { name: string; kind: string }[]>;
  onPick: (table: string) => void;
}) {
  const [open, setOpen] = useState<string>();
  return (
    <ul className={styles.schema} aria-label={t("Tables")}>
      {[...schema].map(([table, columns]) => (
        <li key={table}>
          <button
            type="button"
            className="mono"
            aria-expanded={open === table}
            onClick={() => setOpen(open === table ? undefined : table)}
            onDoubleClick={() => onPick(table)}
          >
            {table} <span className="label">{t("{n} columns", { n: columns.length })}</span>
          </button>
          {open === table && (
            <>
              <button type="button" className={styles.look} onClick={() => onPick(table)}>
                {t("The newest rows of it")}
              </button>
              <ol>
                {columns.map((column) => (
                  <li key={column.name} className="mono">
                    {identifier(column.name)} <span className="label">{column.kind}</span>
                  </li>
                ))}
              </ol>
            </>
          )}
        </li>
      ))}
    </ul>
  );
}

function Examples({ where, onPick }: { where: string; onPick: (text: string) => void }) {
  const examples: [string, string][] = [
    [
      t("Which services log errors"),
      `select "service.name", count(*) as errors\nfrom logs\nwhere severity_number >= 17\n  and ${where}\ngroup by 1\norder by 2 desc`,
    ],
    [
      t("Requests a minute, and how many fail"),
      `select date_bin(interval '1 minute', timestamp) as minute,\n  count(*) as requests,\n  count(*) filter (where status_code = 'error') as failures\nfrom spans\nwhere kind = 'server'\n  and ${where}\ngroup by 1\norder by 1`,
    ],
    [
      t("The slowest operations"),
      `select "service.name", name, count(*) as calls,\n  quantile(duration_ns, 0.95) / 1e6 as p95_ms\nfrom spans\nwhere ${where}\ngroup by 1, 2\norder by 4 desc\nlimit 20`,
    ],
    [
      t("What was changed"),
      `select timestamp, "service.name", name, "change.by"\nfrom changes\nwhere ${where}\norder by 1 desc`,
    ],
  ];
  return (
    <div className={styles.examples}>
      <h2>{t("Begin with one of these")}</h2>
      <ul>
        {examples.map(([words, query]) => (
          <li key={words}>
            <button type="button" onClick={() => onPick(query)}>
              <b>{words}</b>
              <pre className="mono">{query}</pre>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
