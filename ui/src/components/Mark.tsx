// Status drawn three ways at once: colour, shape and word. The shapes differ in outline, so they are told apart in
// greyscale, by colour-blind people and across a room.
import type { ReactNode } from "react";
import type { Look, Shape } from "../lib/states";
import styles from "./Mark.module.css";

const line = {
  fill: "none",
  stroke: "var(--panel)",
  strokeWidth: 2.2,
  strokeLinecap: "round",
  strokeLinejoin: "round",
} as const;
const outline = {
  fill: "none",
  stroke: "currentColor",
  strokeWidth: 2.2,
  strokeLinecap: "round",
  strokeLinejoin: "round",
} as const;

const SHAPES: Record<Shape, ReactNode> = {
  check: (
    <>
      <circle cx="12" cy="12" r="10" fill="currentColor" />
      <path d="m7.5 12.4 3 3 6-6.4" {...line} />
    </>
  ),
  triangle: (
    <>
      <path d="M12 2.4 22.6 21H1.4Z" fill="currentColor" stroke="currentColor" strokeLinejoin="round" />
      <path d="M12 9.2v5.2m0 3v.1" {...line} />
    </>
  ),
  octagon: (
    <>
      <path d="M7.6 1.6h8.8l6 6v8.8l-6 6H7.6l-6-6V7.6Z" fill="currentColor" />
      <path d="m8.4 8.4 7.2 7.2m0-7.2-7.2 7.2" {...line} />
    </>
  ),
  bolt: (
    <>
      <path d="M7.6 1.6h8.8l6 6v8.8l-6 6H7.6l-6-6V7.6Z" fill="currentColor" />
      <path d="M13 5.6 8.6 12.8h4L11 18.4l4.8-7.6h-4Z" fill="var(--panel)" />
    </>
  ),
  dashed: <circle cx="12" cy="12" r="9.4" {...outline} strokeDasharray="4.4 3.6" />,
  ring: <circle cx="12" cy="12" r="9.4" {...outline} />,
  dot: <circle cx="12" cy="12" r="6" fill="currentColor" />,
  clock: (
    <>
      <circle cx="12" cy="12" r="9.6" {...outline} />
      <path d="M12 6.6V12l3.6 2.4" {...outline} />
    </>
  ),
  diamond: (
    <>
      <path d="M12 1.8 22.2 12 12 22.2 1.8 12Z" {...outline} />
      <path d="M9.4 9.6a2.6 2.6 0 1 1 3.6 2.6c-.7.3-1 .8-1 1.5m0 2.7v.1" {...outline} strokeWidth={1.9} />
    </>
  ),
  pause: (
    <>
      <rect x="2.4" y="2.4" width="19.2" height="19.2" rx="3" {...outline} />
      <path d="M9 8v8m6-8v8" {...outline} />
    </>
  ),
};

export function Glyph({ shape, size = 16 }: { shape: Shape; size?: number }) {
  return (
    <svg className={styles.glyph} width={size} height={size} viewBox="0 0 24 24" aria-hidden="true">
      {SHAPES[shape]}
    </svg>
  );
}

/** The word is always there; `size` scales shape and word together. */
export function Mark({ look, size = 16 }: { look: Look; size?: number }) {
  return (
    <span className={styles.mark} data-tone={look.tone}>
      <Glyph shape={look.shape} size={size} />
      <span>{look.word}</span>
    </span>
  );
}

/** The same as a filled chip, for tables and headers. */
export function StateChip({ look }: { look: Look }) {
  return (
    <span className="chip" data-tone={look.tone}>
      <Glyph shape={look.shape} size={12} />
      {look.word}
    </span>
  );
}
