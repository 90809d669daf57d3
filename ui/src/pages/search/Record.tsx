// One record opened: its fields, the same as JSON, and what happened around it in the same process or service.
import { Button, SegmentedControl } from "@mantine/core";
import {
  IconCheck,
  IconColumnInsertRight,
  IconCopy,
  IconMinus,
  IconPlus,
  IconTimeline,
} from "@tabler/icons-react";
import { useMemo, useState } from "react";
import { Link } from "wouter";
import { useAround } from "../../api/explore";
import type { EventRow } from "../../api/types";
import { Failure, Loading } from "../../components/states";
import { bytes, clock, millis, moment, nanos } from "../../lib/format";
import { t } from "../../lib/i18n";
import { isPlain, streamOf, summary, text } from "../../lib/record";
import { around } from "../../lib/time";
import { useUrl } from "../../state/url";
import styles from "./Record.module.css";
import type { OnPick } from "./Rows";

type Props = {
  record: EventRow;
  dataset: string;
  columns: readonly string[];
  onPick: OnPick;
  onColumn: (field: string) => void;
};

export function Record({ record, dataset, columns, onPick, onColumn }: Props) {
  const { href } = useUrl();
  const [view, setView] = useState<"fields" | "json" | "around">("fields");
  const trace = typeof record.trace_id === "string" && record.trace_id ? record.trace_id : undefined;
  const other = dataset === "spans" ? "logs" : dataset === "logs" ? "spans" : undefined;
  return (
    <div className={styles.record}>
      <div className="row wrap">
        <SegmentedControl
          size="xs"
          value={view}
          onChange={(next) => setView(next as typeof view)}
          data={[
            { value: "fields", label: t("Fields") },
            { value: "json", label: "JSON" },
            { value: "around", label: t("Around it") },
          ]}
          aria-label={t("View of the record")}
        />
        <span className="dim">{moment(record.timestamp, Date.now(), true)}</span>
        <span className="dim mono">{record.timestamp}</span>
        <span className="grow" />
        {trace && other && (
          <Link
            className={styles.link}
            href={href("/search", {
              dataset: other,
              q: `trace_id: ${trace}`,
              service: null,
              ...around(record.timestamp, 300e3, 300e3),
            })}
          >
            {other === "logs" ? t("Logs of this trace") : t("Spans of this trace")}
          </Link>
        )}
        {trace && (
          <Link
            href={href(`/trace/${trace}`, {
              span: typeof record.span_id === "string" ? record.span_id : null,
            })}
            className={styles.link}
          >
            <IconTimeline size={14} aria-hidden="true" />
            {t("Open the trace")}
          </Link>
        )}
      </div>
      {view === "fields" && <Fields record={record} columns={columns} onPick={onPick} onColumn={onColumn} />}
      {view === "json" && <Json record={record} />}
      {view === "around" && <Around record={record} dataset={dataset} />}
    </div>
  );
}

function Fields({ record, columns, onPick, onColumn }: Omit<Props, "dataset">) {
  return (
    <dl>
      {Object.entries(record)
        .filter(([key]) => key !== "timestamp")
        .sort(([a], [b]) => a.localeCompare(b))
        .map(([key, value]) => (
          <div key={key}>
            <dt>{key}</dt>
            <dd>
              <span className={styles.pick}>
                {isPlain(value) && (
                  <>
                    <button
                      type="button"
                      aria-label={t("Only {field}: {value}", { field: key, value: text(value) })}
                      title={t("Only rows with this value")}
                      onClick={() => onPick(key, value, false)}
                    >
                      <IconPlus size={12} />
                    </button>
                    <button
                      type="button"
                      aria-label={t("Without {field}: {value}", { field: key, value: text(value) })}
                      title={t("Only rows without it")}
                      onClick={() => onPick(key, value, true)}
                    >
                      <IconMinus size={12} />
                    </button>
                  </>
                )}
                <button
                  type="button"
                  aria-label={t("Column {field}", { field: key })}
                  aria-pressed={columns.includes(key)}
                  title={t("Show as a column")}
                  onClick={() => onColumn(key)}
                >
                  <IconColumnInsertRight size={12} />
                </button>
              </span>
              <span className="mono">{text(value)}</span>
              {key === "duration_ns" && <span className="dim"> {nanos(Number(value))}</span>}
            </dd>
          </div>
        ))}
    </dl>
  );
}

function Json({ record }: { record: EventRow }) {
  const [done, setDone] = useState(false);
  const json = useMemo(() => JSON.stringify(record, null, 2), [record]);
  return (
    <div className={styles.json}>
      <Button
        size="compact-xs"
        variant="default"
        leftSection={done ? <IconCheck size={13} /> : <IconCopy size={13} />}
        onClick={async () => {
          await navigator.clipboard?.writeText(json);
          setDone(true);
          setTimeout(() => setDone(false), 1500);
        }}
      >
        {done ? t("Copied") : t("Copy")}
      </Button>
      <pre className="mono">{json}</pre>
    </div>
  );
}

/** Rows on each side at first, and each time more are asked for. */
const ROWS = 10;

function Around({ record, dataset }: { record: EventRow; dataset: string }) {
  const streams = useMemo(() => streamOf(record), [record]);
  const [stream, setStream] = useState(0);
  const [rows, setRows] = useState(ROWS);
  const query = useAround(dataset, record.timestamp, streams[stream] ?? [], rows);
  const words = (index: number) => {
    const fields = streams[index] ?? [];
    const last = fields.at(-1);
    return last ? (last.field === "trace_id" ? t("this trace") : last.value) : t("everything");
  };
  const data = query.data;
  return (
    <div className={styles.around}>
      <div className="row wrap">
        <span className="label">{t("Before and after it in")}</span>
        <SegmentedControl
          size="xs"
          value={String(stream)}
          onChange={(next) => setStream(Number(next))}
          data={streams.map((_, index) => ({ value: String(index), label: words(index) }))}
          aria-label={t("Stream")}
        />
        {data && (
          <span className="label">
            {t("{time}, {bytes} scanned", {
              time: millis(data.stats.run_time_ms),
              bytes: bytes(data.stats.bytes_scanned),
            })}
          </span>
        )}
        {(data?.more_before || data?.more_after) && rows < 200 && (
          <Button size="compact-xs" variant="default" onClick={() => setRows(Math.min(200, rows * 3))}>
            {t("More")}
          </Button>
        )}
      </div>
      {query.error ? (
        <Failure error={query.error} retry={() => query.refetch()} />
      ) : !data ? (
        <Loading rows={4} height={20} />
      ) : (
        <ol data-old={query.isPlaceholderData || undefined}>
          {data.rows.map((row, index) => {
            const line = summary(dataset, row);
            return (
              <li key={index} aria-current={index === data.before ? "true" : undefined} data-tone={line.tone}>
                <time dateTime={row.timestamp}>{clock(row.timestamp, true)}</time>
                <span className={styles.level}>{line.level}</span>
                <span className="mono">
                  {line.duration !== undefined && `${nanos(line.duration)} `}
                  {line.text} <span className="dim">{line.detail}</span>
                </span>
              </li>
            );
          })}
        </ol>
      )}
    </div>
  );
}
