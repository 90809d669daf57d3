// The tree and its bars. Only the rows in sight are in the page, so ten thousand spans scroll as ten do.
import { IconChevronRight } from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, useEffect, useMemo, useRef } from "react";
import type { CriticalSection, EventRow } from "../../api/types";
import { Glyph } from "../../components/Mark";
import { count, nanos } from "../../lib/format";
import { t } from "../../lib/i18n";
import { drawn, type Row } from "../../lib/waterfall";
import styles from "./Trace.module.css";
import type { View } from "./TracePage";

const ROW_HEIGHT = 24;
/** Deeper than this the indent no longer grows, or names would leave the screen. */
const MAX_INDENT = 24;

type Props = {
  rows: Row[];
  view: View;
  colors: Map<string, string>;
  collapsed: ReadonlySet<string>;
  toggle: (span: string) => void;
  selected: string | null;
  select: (span: string | null) => void;
  logs: EventRow[];
  /** Stretches of the critical path by span. */
  sections: Map<string, CriticalSection[]>;
  /** Spans that were found. */
  marked: ReadonlySet<string>;
  /** Milliseconds since the Unix epoch. */
  traceStart: number;
};

export function Waterfall({
  rows,
  view,
  colors,
  collapsed,
  toggle,
  selected,
  select,
  logs,
  sections,
  marked,
  traceStart,
}: Props) {
  const box = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 16,
  });
  const selectedAt = useMemo(() => rows.findIndex((row) => row.span.span_id === selected), [rows, selected]);
  useEffect(() => {
    if (selectedAt >= 0) virtual.scrollToIndex(selectedAt, { align: "auto" });
  }, [selectedAt, virtual]);
  const logsOf = useMemo(() => {
    const map = new Map<string, { at: number; bad: boolean }[]>();
    for (const log of logs) {
      if (typeof log.span_id !== "string") continue;
      const list = map.get(log.span_id) ?? [];
      list.push({
        at: (Date.parse(log.timestamp) - traceStart) * 1e6,
        bad: /^(error|fatal)/i.test(String(log.severity_text ?? "")),
      });
      map.set(log.span_id, list);
    }
    return map;
  }, [logs, traceStart]);
  const width = Math.max(1, view.to - view.from);
  return (
    <div className={`panel ${styles.waterfall}`}>
      <div className={styles.ruler}>
        <span className="label">
          {t("{n, plural, one {# span} other {# spans}} in sight", { n: rows.length })}
        </span>
        <div>
          {[0, 0.25, 0.5, 0.75, 1].map((share) => (
            <span key={share} style={{ left: `${share * 100}%` }}>
              {nanos(Math.round(view.from + width * share))}
            </span>
          ))}
        </div>
      </div>
      <div
        ref={box}
        className={styles.rows}
        style={{ flexBasis: rows.length * ROW_HEIGHT }}
        role="tree"
        aria-label={t("Spans")}
      >
        <div style={{ height: virtual.getTotalSize(), position: "relative" }}>
          {virtual.getVirtualItems().map((item) => {
            const row = rows[item.index];
            if (!row) return null;
            return (
              <SpanRow
                key={row.span.span_id}
                row={row}
                top={item.start}
                view={view}
                color={colors.get(row.span.service) ?? "#888"}
                collapsed={collapsed.has(row.span.span_id)}
                toggle={toggle}
                selected={selectedAt === item.index}
                select={select}
                logs={logsOf.get(row.span.span_id)}
                sections={sections.get(row.span.span_id)}
                marked={marked.has(row.span.span_id)}
              />
            );
          })}
        </div>
      </div>
    </div>
  );
}

type RowProps = {
  row: Row;
  top: number;
  view: View;
  color: string;
  collapsed: boolean;
  toggle: (span: string) => void;
  selected: boolean;
  select: (span: string | null) => void;
  logs?: { at: number; bad: boolean }[];
  sections?: CriticalSection[];
  marked: boolean;
};

const SpanRow = memo(function SpanRow({
  row,
  top,
  view,
  color,
  collapsed,
  toggle,
  selected,
  select,
  logs,
  sections,
  marked,
}: RowProps) {
  const { span } = row;
  const width = view.to - view.from;
  const share = (ns: number) => ((ns - view.from) / width) * 100;
  const left = Math.max(0, share(span.offset_ns));
  const right = Math.min(100, share(span.offset_ns + span.duration_ns));
  const inSight = right > 0 && left < 100;
  return (
    <div
      role="treeitem"
      aria-level={row.depth + 1}
      aria-selected={selected}
      aria-expanded={row.descendants ? !collapsed : undefined}
      tabIndex={-1}
      className={styles.row}
      style={{ transform: `translateY(${top}px)` }}
      data-marked={marked || undefined}
      onClick={() => select(span.span_id)}
      onKeyDown={() => {}}
    >
      <div className={styles.name} style={{ paddingLeft: 6 + Math.min(row.depth, MAX_INDENT) * 13 }}>
        {row.descendants > 0 ? (
          <button
            type="button"
            className={styles.fold}
            data-open={!collapsed || undefined}
            aria-label={collapsed ? t("Unfold") : t("Fold")}
            tabIndex={-1}
            onClick={(event) => {
              event.stopPropagation();
              toggle(span.span_id);
            }}
          >
            <IconChevronRight size={13} />
          </button>
        ) : (
          <span className={styles.fold} />
        )}
        <i style={{ background: color }} aria-hidden="true" />
        <span className="cut">
          <b>{span.service}</b> {span.name}
        </span>
        {collapsed && <span className={styles.hidden}>+{count(row.descendants)}</span>}
        {(span.status === "error" || (collapsed && row.errorBelow)) && (
          <span data-tone="bad" className={styles.error} title={span.status_message ?? t("error")}>
            <Glyph shape="octagon" size={12} />
            <span className="sr">{t("error")}</span>
          </span>
        )}
        {span.lost_parent && (
          <span className="label" title={t("its parent was not received")}>
            ?
          </span>
        )}
      </div>
      <div className={styles.lane}>
        {inSight && (
          <>
            <div
              className={styles.span}
              style={{ left: `${left}%`, width: `max(2px, ${right - left}%)`, background: color }}
              data-error={span.status === "error" || undefined}
            />
            {sections &&
              drawn(sections, view, width / 400).map(({ from, to }) => (
                <i
                  key={from}
                  className={styles.path}
                  style={{ left: `${share(from)}%`, width: `max(1px, ${((to - from) / width) * 100}%)` }}
                />
              ))}
            {logs
              ?.filter((log) => log.at >= view.from && log.at <= view.to)
              .map((log, i) => (
                <i
                  key={i}
                  className={styles.tick}
                  data-bad={log.bad || undefined}
                  style={{ left: `${share(log.at)}%` }}
                />
              ))}
            <span className={styles.duration} style={{ left: `${right}%` }}>
              {nanos(span.duration_ns)}
            </span>
          </>
        )}
      </div>
    </div>
  );
});
