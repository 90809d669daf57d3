// Panels on a grid of 24 columns. While editing they are dragged by their heads and sized by their corners, with the
// pointer or with arrow keys; the others make room as they go.
import { type PointerEvent, type ReactNode, useRef, useState } from "react";
import { COLUMNS, type Drawn, HEIGHT_MAX, moved, type Panel } from "../../lib/dashboard";
import { t } from "../../lib/i18n";
import styles from "./Dashboards.module.css";

/** Pixels of a row of the grid, gap included. */
export const ROW = 36;
export const GAP = 8;

type Props = {
  panels: readonly Drawn[];
  editing: boolean;
  onLayout: (panels: Panel[]) => void;
  children: (panel: Drawn, height: number, handle: ReactNode) => ReactNode;
};
type Drag = { id: string; kind: "move" | "size"; x: number; y: number; from: Panel; layout: Panel[] };

export function Grid({ panels, editing, onLayout, children }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [drag, setDrag] = useState<Drag>();
  const shown = (drag?.layout as Drawn[] | undefined) ?? panels;
  const rows = Math.max(4, ...shown.map((panel) => panel.y + panel.h));

  const begin = (event: PointerEvent, panel: Drawn, kind: Drag["kind"]) => {
    if (!editing || event.button !== 0) return;
    event.preventDefault();
    event.currentTarget.setPointerCapture(event.pointerId);
    setDrag({ id: panel.id, kind, x: event.clientX, y: event.clientY, from: panel, layout: [...panels] });
  };
  const go = (event: PointerEvent) => {
    if (!drag || !box.current) return;
    const column = box.current.clientWidth / COLUMNS;
    const right = Math.round((event.clientX - drag.x) / column);
    const down = Math.round((event.clientY - drag.y) / ROW);
    const { from, id, kind } = drag;
    const cell =
      kind === "move"
        ? { x: clamp(from.x + right, 0, COLUMNS - from.w), y: Math.max(0, from.y + down) }
        : { w: clamp(from.w + right, 2, COLUMNS - from.x), h: clamp(from.h + down, 2, HEIGHT_MAX) };
    setDrag({ ...drag, layout: moved(panels, id, cell) });
  };
  const end = () => {
    if (drag) onLayout(drag.layout);
    setDrag(undefined);
  };
  const nudge = (panel: Panel, key: string, isSize: boolean) => {
    const [right, down] =
      { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key] ?? [];
    if (right === undefined || down === undefined) return false;
    const cell = isSize
      ? { w: clamp(panel.w + right, 2, COLUMNS - panel.x), h: clamp(panel.h + down, 2, HEIGHT_MAX) }
      : // Past the neighbour below, not just into it: otherwise it would fall back at once.
        {
          x: clamp(panel.x + right, 0, COLUMNS - panel.w),
          y: Math.max(0, panel.y + down * (down > 0 ? nextBelow(panels, panel) : 1)),
        };
    onLayout(moved(panels, panel.id, cell));
    return true;
  };

  return (
    <div
      ref={box}
      className={styles.grid}
      data-editing={editing || undefined}
      style={{ height: rows * ROW }}
      onPointerMove={drag && go}
      onPointerUp={drag && end}
      onPointerCancel={() => setDrag(undefined)}
    >
      {shown.map((panel) => {
        const name = panel.title || panel.id;
        const handle = editing ? (
          <button
            type="button"
            className={styles.handle}
            aria-label={t("Move {name}: drag, or arrow keys; with Shift its size", { name })}
            onPointerDown={(event) => begin(event, panel, "move")}
            onKeyDown={(event) => nudge(panel, event.key, event.shiftKey) && event.preventDefault()}
          />
        ) : null;
        return (
          <div
            key={panel.key ?? panel.id}
            className={styles.cell}
            data-panel={panel.id}
            data-dragged={drag?.id === panel.id || undefined}
            data-row={panel.view === "row" || undefined}
            style={{
              left: `${(panel.x / COLUMNS) * 100}%`,
              width: `${(panel.w / COLUMNS) * 100}%`,
              transform: `translateY(${panel.y * ROW}px)`,
              height: panel.h * ROW - GAP,
            }}
          >
            {children(panel, panel.h * ROW - GAP, handle)}
            {editing && panel.view !== "row" && (
              <span
                className={styles.corner}
                aria-hidden="true"
                onPointerDown={(event) => begin(event, panel, "size")}
              />
            )}
          </div>
        );
      })}
    </div>
  );
}

const clamp = (value: number, least: number, most: number) => Math.min(most, Math.max(least, value));

/** Rows to go down to be past the panel that lies right below. */
function nextBelow(panels: readonly Panel[], panel: Panel): number {
  const below = panels.filter(
    (other) => other.y >= panel.y + panel.h && other.x < panel.x + panel.w && panel.x < other.x + other.w,
  );
  const first = below.sort((a, b) => a.y - b.y)[0];
  return first ? first.y + 1 - panel.y : 1;
}
