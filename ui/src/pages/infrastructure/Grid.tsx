// Cells by group. A few are cards with their names; many are small, but what is absent stays a card in front of its group.
import { memo, useRef } from "react";
import type { InfraResponse, InfraUnit } from "../../api/infra";
import { moment, span } from "../../lib/format";
import { t } from "../../lib/i18n";
import { figure, heat, neighbour } from "../../lib/infra";
import styles from "./Infrastructure.module.css";

/** Cards that fit on a screen; beyond, cells are small. */
const CARDS_MAX = 240;
const ARROWS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];

type Props = { data: InfraResponse; now: number; open: string | null; onOpen: (id: string | null) => void };

export function Grid({ data, now, open, onOpen }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const units = data.groups.flatMap((group) => group.units);
  const highest = Math.max(0, ...units.map((unit) => unit.value ?? 0));
  const small = units.length > CARDS_MAX;
  const move = (event: React.KeyboardEvent) => {
    if (event.key === "Escape" && open) onOpen(null);
    if (!ARROWS.includes(event.key)) return;
    const cells = [...(box.current?.querySelectorAll<HTMLElement>("[data-cell]") ?? [])];
    const from = cells.indexOf(document.activeElement as HTMLElement);
    if (from < 0) return;
    event.preventDefault();
    const places = cells.map((cell) => {
      const { left, top } = cell.getBoundingClientRect();
      return { x: left, y: top };
    });
    cells[neighbour(places, from, event.key)]?.focus();
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: arrow keys move between the buttons inside
    <div ref={box} className={styles.groups} onKeyDown={move}>
      {data.groups.map((group) => (
        <section key={group.name} className={styles.group}>
          {(data.groups.length > 1 || group.name) && (
            <header>
              <h2>{group.name || t("without it")}</h2>
              <span className="label">
                {t("{count} report", { count: group.reporting })}
                {group.late > 0 && ` · ${t("{count} late", { count: group.late })}`}
                {group.gone > 0 && ` · ${t("{count} gone on purpose", { count: group.gone })}`}
              </span>
              {group.absent > 0 && (
                <b className={styles.absentCount} data-tone="bad">
                  {t("{count} absent", { count: group.absent })}
                </b>
              )}
              <span className="grow" />
              {group.median != null && (
                <span className="label">
                  {t("median")} <b>{figure(group.median, data.measure.unit)}</b>
                </span>
              )}
            </header>
          )}
          <div className={styles.cells} data-small={small || undefined}>
            {group.units.map((unit) => (
              <Cell
                key={unit.id}
                unit={unit}
                measured={data.measure.unit}
                silence={silence(unit, now)}
                heat={Math.round(heat(unit.value, data.measure.unit, highest) * 100)}
                small={small && unit.state !== "absent"}
                isOpen={unit.id === open}
                onOpen={onOpen}
              />
            ))}
          </div>
        </section>
      ))}
    </div>
  );
}

/** How long nothing was heard, to the second only while it is short: cells that say the same are not drawn again. */
const silence = (unit: InfraUnit, now: number) =>
  unit.state === "reporting" ? "" : span(Math.max(0, (now - Date.parse(unit.since)) / 1000));

type CellProps = {
  unit: InfraUnit;
  measured: string;
  silence: string;
  heat: number;
  small: boolean;
  isOpen: boolean;
  onOpen: (id: string) => void;
};

const Cell = memo(function Cell({ unit, measured, silence, heat, small, isOpen, onOpen }: CellProps) {
  const place = unit.place === "high" || unit.place === "low" ? unit.place : undefined;
  const said =
    unit.state === "absent"
      ? t("absent {time}", { time: silence })
      : unit.state === "late"
        ? t("late {time}", { time: silence })
        : unit.state === "gone"
          ? t("gone")
          : figure(unit.value, measured);
  const title = [
    unit.name,
    said,
    place === "high" ? t("high in its group") : place === "low" ? t("low in its group") : "",
    unit.reason ?? "",
    unit.state === "reporting" ? "" : moment(unit.since),
  ];
  return (
    <button
      type="button"
      data-cell
      data-state={unit.state}
      data-place={place}
      data-small={small || undefined}
      aria-pressed={isOpen}
      className={styles.cell}
      style={{ "--heat": `${heat}%` } as React.CSSProperties}
      title={title.filter(Boolean).join(" · ")}
      aria-label={title.filter(Boolean).join(", ")}
      onClick={() => onOpen(unit.id)}
    >
      {!small && <span className={styles.cellName}>{unit.name}</span>}
      {!small && <span className={styles.cellValue}>{said}</span>}
      {place && (
        <span className={styles.mark} aria-hidden="true">
          {place === "high" ? "▲" : "▼"}
        </span>
      )}
    </button>
  );
});
