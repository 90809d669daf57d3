// The same units as rows, sorted by what is clicked, only those drawn that are seen.
import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef, useState } from "react";
import type { InfraResponse, InfraUnit } from "../../api/infra";
import { span } from "../../lib/format";
import { t } from "../../lib/i18n";
import { figure } from "../../lib/infra";
import styles from "./Infrastructure.module.css";
import { Line } from "./Line";
import { StateWord } from "./StateWord";

type Row = InfraUnit & { group: string };
type Column = "name" | "group" | "state" | "value" | "since";
const ORDER: Record<string, number> = { absent: 0, late: 1, reporting: 2, gone: 3 };
const ROW_PIXELS = 34;

const by: Record<Column, (a: Row, b: Row) => number> = {
  name: (a, b) => a.name.localeCompare(b.name),
  group: (a, b) => a.group.localeCompare(b.group),
  state: (a, b) => (ORDER[a.state] ?? 9) - (ORDER[b.state] ?? 9),
  value: (a, b) => (b.value ?? Number.NEGATIVE_INFINITY) - (a.value ?? Number.NEGATIVE_INFINITY),
  since: (a, b) => a.since.localeCompare(b.since),
};

type Props = { data: InfraResponse; now: number; onOpen: (id: string) => void };

export function UnitTable({ data, now, onOpen }: Props) {
  const [sort, setSort] = useState<{ column: Column; down: boolean }>({ column: "state", down: false });
  const rows = useMemo(() => {
    const all = data.groups.flatMap((group) => group.units.map((unit) => ({ ...unit, group: group.name })));
    all.sort((a, b) => by[sort.column](a, b) || by.value(a, b) || by.name(a, b));
    return sort.down ? all.reverse() : all;
  }, [data, sort]);
  const box = useRef<HTMLDivElement>(null);
  const list = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW_PIXELS,
    overscan: 12,
  });
  const grouped = data.groups.length > 1 || Boolean(data.groups[0]?.name);
  const columns: [Column, string][] = [
    ["name", t("Name")],
    ...(grouped ? ([["group", t("Group")]] as [Column, string][]) : []),
    ["state", t("State")],
    ["value", data.measure.name],
    ["since", t("Last report")],
  ];
  return (
    <div
      className={`panel ${styles.table}`}
      role="table"
      aria-rowcount={rows.length}
      data-grouped={grouped || undefined}
    >
      {/* biome-ignore lint/a11y/useFocusableInteractive: what acts is the button inside */}
      <div className={styles.tableHead} role="row">
        {columns.map(([column, label]) => (
          // biome-ignore lint/a11y/useFocusableInteractive: what acts is the button inside
          <div
            key={column}
            role="columnheader"
            aria-sort={sort.column === column ? (sort.down ? "descending" : "ascending") : undefined}
          >
            <button
              type="button"
              className="plain"
              onClick={() => setSort({ column, down: sort.column === column && !sort.down })}
            >
              {label}
              {sort.column === column && (sort.down ? " ↑" : " ↓")}
            </button>
          </div>
        ))}
        {/* biome-ignore lint/a11y/useFocusableInteractive: what acts is the button inside */}
        <div role="columnheader">{t("History")}</div>
      </div>
      <div ref={box} className={styles.tableBody}>
        <div style={{ height: list.getTotalSize(), position: "relative" }}>
          {list.getVirtualItems().map((item) => {
            const unit = rows[item.index];
            if (!unit) return null;
            return (
              // biome-ignore lint/a11y/useFocusableInteractive: what acts is the button inside
              <div
                key={unit.id}
                role="row"
                aria-rowindex={item.index + 1}
                className={styles.tableRow}
                data-state={unit.state}
                style={{ height: item.size, transform: `translateY(${item.start}px)` }}
              >
                <div role="cell" className="cut">
                  <button type="button" className="plain" onClick={() => onOpen(unit.id)}>
                    {unit.name}
                  </button>
                </div>
                {grouped && (
                  <div role="cell" className="cut dim">
                    {unit.group || "–"}
                  </div>
                )}
                <div role="cell">
                  <StateWord unit={unit} now={now} />
                </div>
                <div role="cell" className={styles.number}>
                  {unit.place === "high" && "▲ "}
                  {unit.place === "low" && "▼ "}
                  {figure(unit.value, data.measure.unit)}
                </div>
                <div role="cell" className="dim">
                  {unit.state === "gone" ? "–" : span(Math.max(0, (now - Date.parse(unit.since)) / 1000))}
                </div>
                <div role="cell">
                  <Line
                    values={unit.history ?? []}
                    full={data.measure.unit === "ratio"}
                    label={t("{name} over time", { name: unit.name })}
                  />
                </div>
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}
