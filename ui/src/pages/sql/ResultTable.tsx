// The rows of an answer, drawn only where they can be seen.
import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef } from "react";
import type { SqlResponse } from "../../api/types";
import { t } from "../../lib/i18n";
import { cellText } from "../../lib/record";
import styles from "./Sql.module.css";

/** Rows looked at to choose the widths of columns, and characters of the widest. */
const WIDTH_ROWS = 100;
const WIDTH_MAX = 60;

export function ResultTable({ answer }: { answer: SqlResponse }) {
  const box = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: answer.rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => 25,
    overscan: 20,
  });
  const grid = useMemo(() => {
    const widths = answer.columns.map((column, index) => {
      const cells = answer.rows.slice(0, WIDTH_ROWS).map((row) => cellText(column.name, row[index]).length);
      return Math.min(WIDTH_MAX, Math.max(8, column.name.length + 1, ...cells));
    });
    return { gridTemplateColumns: widths.map((width) => `minmax(${width}ch, ${width}fr)`).join(" ") };
  }, [answer]);
  const numeric = (kind: string) => (kind === "int" || kind === "float" ? "num" : undefined);
  return (
    <div
      ref={box}
      className={styles.table}
      role="table"
      aria-label={t("Answer")}
      aria-rowcount={answer.rows.length + 1}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: so that it scrolls by keyboard
      tabIndex={0}
    >
      {/* biome-ignore lint/a11y/useFocusableInteractive: cells are read and not acted on */}
      <div className={styles.heads} role="row" style={grid}>
        {answer.columns.map((column) => (
          // biome-ignore lint/a11y/useFocusableInteractive: cells are read and not acted on
          <span key={column.name} role="columnheader" className={numeric(column.kind)} title={column.kind}>
            {column.name}
          </span>
        ))}
      </div>
      <div style={{ height: virtual.getTotalSize(), position: "relative" }} role="rowgroup">
        {virtual.getVirtualItems().map((item) => (
          // biome-ignore lint/a11y/useFocusableInteractive: cells are read and not acted on
          <div
            key={item.key}
            role="row"
            aria-rowindex={item.index + 2}
            className={styles.tableRow}
            style={{ ...grid, transform: `translateY(${item.start}px)` }}
          >
            {answer.columns.map((column, index) => {
              const text = cellText(column.name, answer.rows[item.index]?.[index]);
              return (
                <span key={column.name} role="cell" className={numeric(column.kind)} title={text}>
                  {text}
                </span>
              );
            })}
          </div>
        ))}
      </div>
    </div>
  );
}
