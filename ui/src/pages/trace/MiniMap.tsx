// The whole trace at a glance, on one canvas; drag to look closer, double click to see it whole again.
import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import type { CriticalSection } from "../../api/types";
import { t } from "../../lib/i18n";
import type { Row } from "../../lib/waterfall";
import styles from "./Trace.module.css";
import type { View } from "./TracePage";

const HEIGHT = 62;

type Props = {
  rows: Row[];
  full: View;
  view: View;
  colors: Map<string, string>;
  onZoom: (view: View | null) => void;
  path: readonly CriticalSection[];
  marked: ReadonlySet<string>;
};

export function MiniMap({ rows, full, view, colors, onZoom, path, marked }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [drag, setDrag] = useState<{ from: number; to: number } | null>(null);
  const scheme = useComputedColorScheme("light");
  const width = full.to - full.from;

  // biome-ignore lint/correctness/useExhaustiveDependencies: drawn anew when the theme changes
  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const draw = () => {
      const ratio = devicePixelRatio || 1;
      const w = element.clientWidth;
      element.width = w * ratio;
      element.height = HEIGHT * ratio;
      const context = element.getContext("2d");
      if (!context) return;
      context.scale(ratio, ratio);
      context.clearRect(0, 0, w, HEIGHT);
      const style = getComputedStyle(document.documentElement);
      const bad = style.getPropertyValue("--bad-fill");
      const ink = style.getPropertyValue("--ink");
      const found = style.getPropertyValue("--warn-fill");
      const line = Math.max(0.4, Math.min(5, (HEIGHT - 6) / Math.max(1, rows.length)));
      const places = new Map<string, number>();
      rows.forEach(({ span }, i) => {
        const x = ((span.offset_ns - full.from) / width) * w;
        const y = 3 + (i / Math.max(1, rows.length)) * (HEIGHT - 6);
        const length = Math.max(1, (span.duration_ns / width) * w);
        context.fillStyle = span.status === "error" ? bad : (colors.get(span.service) ?? "#888");
        context.fillRect(x, y, length, Math.max(1, line * 0.8));
        places.set(span.span_id, y);
        if (marked.has(span.span_id)) {
          context.fillStyle = found;
          context.fillRect(Math.max(0, x - 4), y - 1, 3, Math.max(3, line));
        }
      });
      // The critical path on top: one line from span to span, as time goes on.
      context.fillStyle = ink;
      for (const section of path) {
        const y = places.get(section.span_id);
        if (y === undefined) continue;
        const x = ((section.start_ns - full.from) / width) * w;
        const length = Math.max(0.5, ((section.end_ns - section.start_ns) / width) * w);
        context.fillRect(x, y + Math.max(1, line * 0.8) - 1, length, 1);
      }
    };
    draw();
    const observer = new ResizeObserver(draw);
    observer.observe(element);
    return () => observer.disconnect();
  }, [rows, colors, full.from, width, scheme, path, marked]);

  const at = (clientX: number) => {
    const box = canvas.current?.getBoundingClientRect();
    return box ? Math.min(1, Math.max(0, (clientX - box.left) / box.width)) : 0;
  };
  const shown = drag ?? { from: (view.from - full.from) / width, to: (view.to - full.from) / width };
  const left = Math.min(shown.from, shown.to);
  const right = Math.max(shown.from, shown.to);
  const move = (shift: number, zoom: number) => {
    const w = (view.to - view.from) * zoom;
    const middle = (view.from + view.to) / 2 + shift * (view.to - view.from);
    const from = Math.max(full.from, middle - w / 2);
    onZoom({ from, to: Math.min(full.to, from + w) });
  };
  return (
    <div
      className={styles.map}
      role="slider"
      aria-label={t("Part of the trace that is shown")}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(left * 100)}
      tabIndex={0}
      onDoubleClick={() => onZoom(null)}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        setDrag({ from: at(event.clientX), to: at(event.clientX) });
      }}
      onPointerMove={(event) => drag && setDrag({ ...drag, to: at(event.clientX) })}
      onPointerUp={() => {
        if (drag && right - left > 0.004)
          onZoom({ from: full.from + left * width, to: full.from + right * width });
        setDrag(null);
      }}
      onKeyDown={(event) => {
        const step = { ArrowLeft: [-0.25, 1], ArrowRight: [0.25, 1], "+": [0, 0.5], "-": [0, 2] }[event.key];
        if (!step) return;
        event.preventDefault();
        event.stopPropagation();
        move(step[0] ?? 0, step[1] ?? 1);
      }}
    >
      <canvas ref={canvas} height={HEIGHT} />
      <i style={{ left: 0, width: `${left * 100}%` }} />
      <i style={{ left: `${right * 100}%`, right: 0 }} />
    </div>
  );
}
