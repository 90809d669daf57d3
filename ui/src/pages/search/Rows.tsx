// The matching records, newest first, drawn only where they can be seen. A row opens to all of its fields.
import { IconChevronRight, IconMinus, IconPlus, IconTimeline } from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState } from "react";
import { Link } from "wouter";
import type { EventRow } from "../../api/types";
import { clock, moment, nanos } from "../../lib/format";
import { t } from "../../lib/i18n";
import { useUrl } from "../../state/url";
import styles from "./Search.module.css";

type OnPick = (field: string, value: string | number | boolean, out: boolean) => void;
type Props = { records: EventRow[]; dataset: string; more: boolean; loadMore: () => void; onPick: OnPick };

/** Rows before the end at which the next page is asked for. */
const AHEAD = 40;

export function Rows({ records, dataset, more, loadMore, onPick }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  // Rows are told apart by their place; a new first record means a new answer.
  const first = records[0]?.timestamp;
  // biome-ignore lint/correctness/useExhaustiveDependencies: closes all when the answer changes
  useEffect(() => setOpen(new Set()), [first]);

  const virtual = useVirtualizer({
    count: records.length,
    getScrollElement: () => box.current,
    estimateSize: () => 26,
    overscan: 20,
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more && last >= records.length - AHEAD) loadMore();
  }, [more, last, records.length, loadMore]);

  const toggle = (index: number) => {
    const next = new Set(open);
    if (!next.delete(index)) next.add(index);
    setOpen(next);
  };
  return (
    <div ref={box} className={styles.rows} role="list" aria-label={t("Matching records")}>
      <div style={{ height: virtual.getTotalSize(), position: "relative" }}>
        {items.map((item) => {
          const record = records[item.index];
          if (!record) return null;
          return (
            <div
              key={item.key}
              ref={virtual.measureElement}
              data-index={item.index}
              role="listitem"
              className={styles.record}
              style={{ transform: `translateY(${item.start}px)` }}
              data-open={open.has(item.index) || undefined}
            >
              <button
                type="button"
                className={styles.summary}
                aria-expanded={open.has(item.index)}
                onClick={() => toggle(item.index)}
              >
                <IconChevronRight size={13} aria-hidden="true" />
                <Summary record={record} dataset={dataset} />
              </button>
              {open.has(item.index) && <Fields record={record} onPick={onPick} />}
            </div>
          );
        })}
      </div>
    </div>
  );
}

const text = (value: unknown) =>
  value == null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);

function Summary({ record, dataset }: { record: EventRow; dataset: string }) {
  const severity = text(record.severity_text || (record.status_code === "error" ? "ERROR" : ""));
  const tone = /^(error|fatal)/i.test(severity) ? "bad" : /^warn/i.test(severity) ? "warn" : undefined;
  return (
    <>
      <time dateTime={record.timestamp} title={record.timestamp}>
        {clock(record.timestamp, true)}
      </time>
      <span className={styles.severity} data-tone={tone}>
        {dataset === "spans" ? (tone ? t("error") : text(record.kind)) : severity || "·"}
      </span>
      <span className={styles.service}>{text(record["service.name"])}</span>
      <span className={`${styles.text} cut`}>
        {dataset === "spans" ? (
          <>
            <b>{nanos(Number(record.duration_ns ?? 0))}</b> {text(record.name)}{" "}
            <span className="dim">
              {[record["http.response.status_code"], record["error.type"], record.status_message]
                .filter(Boolean)
                .map(text)
                .join(" · ")}
            </span>
          </>
        ) : (
          text(record.body ?? record.title ?? record.name) +
            (record.value === undefined ? "" : ` = ${text(record.value)}`) || rest(record)
        )}
      </span>
    </>
  );
}

const rest = (record: EventRow) =>
  Object.entries(record)
    .filter(([key]) => key !== "timestamp" && key !== "service.name")
    .slice(0, 6)
    .map(([key, value]) => `${key}=${text(value)}`)
    .join(" ");

function Fields({ record, onPick }: { record: EventRow; onPick: OnPick }) {
  const { href } = useUrl();
  const trace = typeof record.trace_id === "string" ? record.trace_id : undefined;
  return (
    <div className={styles.fields}>
      <div className="row">
        <span className="dim">{moment(record.timestamp, Date.now(), true)}</span>
        <span className="dim mono">{record.timestamp}</span>
        {trace && (
          <Link
            href={href(`/trace/${trace}`, {
              span: typeof record.span_id === "string" ? record.span_id : null,
            })}
            className={styles.traceLink}
          >
            <IconTimeline size={14} aria-hidden="true" />
            {t("Open the trace")}
          </Link>
        )}
      </div>
      <dl>
        {Object.entries(record)
          .filter(([key]) => key !== "timestamp")
          .sort(([a], [b]) => a.localeCompare(b))
          .map(([key, value]) => (
            <div key={key}>
              <dt>{key}</dt>
              <dd>
                {typeof value !== "object" && (
                  <span className={styles.pick}>
                    <button
                      type="button"
                      aria-label={t("Only {field}: {value}", { field: key, value: text(value) })}
                      onClick={() => onPick(key, value as string, false)}
                    >
                      <IconPlus size={12} />
                    </button>
                    <button
                      type="button"
                      aria-label={t("Without {field}: {value}", { field: key, value: text(value) })}
                      onClick={() => onPick(key, value as string, true)}
                    >
                      <IconMinus size={12} />
                    </button>
                  </span>
                )}
                <span className="mono">{text(value)}</span>
                {key === "duration_ns" && <span className="dim"> {nanos(Number(value))}</span>}
              </dd>
            </div>
          ))}
      </dl>
    </div>
  );
}
