// The matching records, drawn only where they can be seen. A row opens to all of its fields; every value can be clicked
// to include it, to leave it out, or to make it a column. j and k walk, Enter opens, Escape closes.
import { Menu } from "@mantine/core";
import {
  IconChevronRight,
  IconColumnInsertRight,
  IconCopy,
  IconMinus,
  IconPlus,
  IconX,
} from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState } from "react";
import type { EventRow } from "../../api/types";
import { clock, nanos } from "../../lib/format";
import { t } from "../../lib/i18n";
import { cellText, isPlain, summary } from "../../lib/record";
import { typing } from "../../shell/Shortcuts";
import { Record } from "./Record";
import styles from "./Rows.module.css";

export type OnPick = (field: string, value: string | number | boolean, out: boolean) => void;
type Props = {
  records: EventRow[];
  dataset: string;
  /** Fields shown as columns; none: a line as its dataset is read. */
  columns: readonly string[];
  wrap: boolean;
  more: boolean;
  loadMore: () => void;
  onPick: OnPick;
  onColumn: (field: string) => void;
};

/** Rows before the end at which the next page is asked for. */
const AHEAD = 40;

type CellMenu = { x: number; y: number; field: string; value: string | number | boolean };

export function Rows({ records, dataset, columns, wrap, more, loadMore, onPick, onColumn }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  const [at, setAt] = useState<number | null>(null);
  const [menu, setMenu] = useState<CellMenu | null>(null);
  // Rows are told apart by their place; a new first record means a new answer.
  const first = records[0]?.timestamp;
  // biome-ignore lint/correctness/useExhaustiveDependencies: closes all when the answer changes
  useEffect(() => {
    setOpen(new Set());
    setAt(null);
  }, [first, dataset]);

  const virtual = useVirtualizer({
    count: records.length,
    getScrollElement: () => box.current,
    estimateSize: () => 26,
    overscan: 20,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: other heights
  useEffect(() => virtual.measure(), [wrap, columns.length]);
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more && last >= records.length - AHEAD) loadMore();
  }, [more, last, records.length, loadMore]);

  const toggle = (index: number) => {
    const next = new Set(open);
    if (!next.delete(index)) next.add(index);
    setOpen(next);
    setAt(index);
  };
  const walk = useRef({ at, open, count: records.length, toggle, scroll: (_: number) => {} });
  walk.current = {
    at,
    open,
    count: records.length,
    toggle,
    scroll: (index) => virtual.scrollToIndex(index, { align: "auto" }),
  };
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      // Escape closes from wherever one is; letters belong to the field that has the focus.
      if (event.key !== "Escape" && typing(event)) return;
      const { at, open, count, toggle, scroll } = walk.current;
      if ((event.key === "j" || event.key === "k") && count > 0) {
        const next = at === null ? 0 : Math.min(count - 1, Math.max(0, at + (event.key === "j" ? 1 : -1)));
        setAt(next);
        scroll(next);
      } else if (event.key === "Enter" && at !== null && document.activeElement === document.body) {
        toggle(at);
      } else if (event.key === "Escape" && at !== null && open.has(at)) {
        toggle(at);
      } else return;
      event.preventDefault();
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, []);

  const cell = (
    field: string,
    value: unknown,
    extra?: { className?: string; tone?: string; words?: string },
  ) => {
    const text = extra?.words ?? cellText(field, value);
    if (!isPlain(value) || text === "")
      return <span className={`${extra?.className ?? ""} ${styles.cell}`}>{text}</span>;
    return (
      <button
        type="button"
        tabIndex={-1}
        className={`${extra?.className ?? ""} ${styles.cell}`}
        data-tone={extra?.tone}
        title={text}
        onClick={(event) => setMenu({ x: event.clientX, y: event.clientY, field, value })}
      >
        {text}
      </button>
    );
  };

  const grid = columns.length ? columnsGrid(columns.length) : undefined;
  return (
    <>
      <div
        ref={box}
        className={styles.rows}
        data-wrap={wrap || undefined}
        data-columns={columns.length > 0 || undefined}
      >
        {columns.length > 0 && (
          <div className={styles.heads} style={grid}>
            <span>{t("time")}</span>
            {columns.map((field) => (
              <span key={field} className={styles.headCell}>
                <span className="cut mono" title={field}>
                  {field}
                </span>
                <button
                  type="button"
                  onClick={() => onColumn(field)}
                  aria-label={t("Remove the column {field}", { field })}
                >
                  <IconX size={12} />
                </button>
              </span>
            ))}
          </div>
        )}
        <div
          role="list"
          aria-label={t("Matching records")}
          style={{ height: virtual.getTotalSize(), position: "relative" }}
        >
          {items.map((item) => {
            const record = records[item.index];
            if (!record) return null;
            const line = summary(dataset, record);
            const isOpen = open.has(item.index);
            return (
              <div
                key={item.key}
                ref={virtual.measureElement}
                data-index={item.index}
                role="listitem"
                className={styles.record}
                style={{ transform: `translateY(${item.start}px)` }}
                data-open={isOpen || undefined}
                data-at={at === item.index || undefined}
              >
                <div className={styles.summary} style={grid}>
                  <button
                    type="button"
                    className={styles.opener}
                    aria-expanded={isOpen}
                    aria-label={t("All fields of the record of {time}", {
                      time: clock(record.timestamp, true),
                    })}
                    onClick={() => toggle(item.index)}
                  >
                    <IconChevronRight size={13} aria-hidden="true" />
                    <time dateTime={record.timestamp} title={record.timestamp}>
                      {clock(record.timestamp, true)}
                    </time>
                  </button>
                  {columns.length > 0 ? (
                    columns.map((field) => <span key={field}>{cell(field, record[field])}</span>)
                  ) : (
                    <>
                      {cell(line.levelField, record[line.levelField], {
                        className: styles.severity,
                        tone: line.tone,
                        words: line.level,
                      })}
                      {cell("service.name", record["service.name"], { className: styles.service })}
                      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the opener before it does the same by keyboard */}
                      {/* biome-ignore lint/a11y/noStaticElementInteractions: a wider target for the mouse */}
                      <span className={styles.text} onClick={() => !selecting() && toggle(item.index)}>
                        {line.duration !== undefined && <b>{nanos(line.duration)}</b>}
                        {line.text} {line.detail && <span className="dim">{line.detail}</span>}
                      </span>
                    </>
                  )}
                </div>
                {isOpen && (
                  <Record
                    record={record}
                    dataset={dataset}
                    columns={columns}
                    onPick={onPick}
                    onColumn={onColumn}
                  />
                )}
              </div>
            );
          })}
        </div>
      </div>
      <Menu
        opened={menu !== null}
        onChange={(opened) => !opened && setMenu(null)}
        position="bottom-start"
        withinPortal
      >
        <Menu.Target>
          <button
            type="button"
            className={styles.anchor}
            tabIndex={-1}
            aria-label={t("What to do with the value")}
            style={{ left: menu?.x ?? 0, top: menu?.y ?? 0 }}
          />
        </Menu.Target>
        {menu && (
          <Menu.Dropdown>
            <Menu.Label>{`${menu.field}: ${cut(String(menu.value))}`}</Menu.Label>
            <Menu.Item
              leftSection={<IconPlus size={14} />}
              onClick={() => onPick(menu.field, menu.value, false)}
            >
              {t("Only rows with this value")}
            </Menu.Item>
            <Menu.Item
              leftSection={<IconMinus size={14} />}
              onClick={() => onPick(menu.field, menu.value, true)}
            >
              {t("Only rows without it")}
            </Menu.Item>
            <Menu.Item leftSection={<IconColumnInsertRight size={14} />} onClick={() => onColumn(menu.field)}>
              {columns.includes(menu.field) ? t("Remove the column") : t("Show as a column")}
            </Menu.Item>
            <Menu.Item
              leftSection={<IconCopy size={14} />}
              onClick={() => navigator.clipboard?.writeText(String(menu.value))}
            >
              {t("Copy the value")}
            </Menu.Item>
          </Menu.Dropdown>
        )}
      </Menu>
    </>
  );
}

const columnsGrid = (count: number) => ({
  gridTemplateColumns: `110px repeat(${count}, minmax(90px, 1fr))`,
});

const cut = (text: string) => (text.length > 48 ? `${text.slice(0, 47)}…` : text);

/** A click that ends a selection of text is not a click on the row. */
const selecting = () => (getSelection()?.toString().length ?? 0) > 0;
