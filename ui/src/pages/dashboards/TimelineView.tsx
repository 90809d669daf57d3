// States over time: a band for each line, with its words in it, and below how long each state lasted.
import { type PointerEvent, useMemo, useState } from "react";
import type { Answer } from "../../api/dashboards";
import { Glyph } from "../../components/Mark";
import { type Drawn, dressed } from "../../lib/dashboard";
import { clock, span as lasting, moment, percent } from "../../lib/format";
import { t } from "../../lib/i18n";
import { colorOf } from "../../lib/palette";
import type { Shape } from "../../lib/states";
import { type Band, bandsOf, type State, statesOf } from "../../lib/timeline";
import styles from "./Dashboards.module.css";
import type { Frame } from "./PanelView";

/** Rows that can be read in one panel; the rest is counted. */
const LINES_MAX = 60;
const STATES_SHOWN_MAX = 8;
const TICKS = 5;
const SHAPES: Record<string, Shape> = {
  good: "check",
  warn: "triangle",
  bad: "octagon",
  info: "dot",
  none: "diamond",
};

type Props = Pick<Frame, "span"> & { panel: Drawn; answer: Answer };

export function TimelineView({ panel, answer, span }: Props) {
  const [start, end] = [span.start / 1000, span.end / 1000];
  const [at, setAt] = useState<{ line: string; band: Band; left: number; top: number }>();
  const lines = useMemo(
    () =>
      dressed(answer.lines, panel.overrides).map((line) => ({
        line,
        bands: bandsOf(answer.xs, line.values, { ...panel, unit: line.unit ?? panel.unit }, end),
      })),
    [answer, panel, end],
  );
  const states = useMemo(() => statesOf(lines.map(({ bands }) => bands)), [lines]);
  const all = states.reduce((sum, { secs }) => sum + secs, 0);
  const share = (secs: number) => (100 * secs) / Math.max(1, end - start);
  const colour = (state: Pick<State, "text" | "tone">) =>
    state.tone
      ? undefined
      : colorOf(
          state.text,
          states.findIndex(({ text }) => text === state.text),
          (name) => `var(${name})`,
        );
  const point = (event: PointerEvent<HTMLElement>, line: string, band: Band) => {
    const box = event.currentTarget.closest("[data-timeline]")?.getBoundingClientRect();
    setAt({ line, band, left: event.clientX - (box?.left ?? 0), top: event.clientY - (box?.top ?? 0) });
  };
  return (
    <div className={styles.timeline} data-timeline="">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: so that it scrolls by keyboard */}
      <div className={styles.tracks} tabIndex={0}>
        {lines.slice(0, LINES_MAX).map(({ line, bands }) => (
          <div key={line.key} className={styles.track1}>
            <span className="cut" title={line.name}>
              {line.name || t("all series together")}
            </span>
            <div role="img" aria-label={told(line.name, bands)} onPointerLeave={() => setAt(undefined)}>
              {bands.map((band) => (
                <i
                  key={band.from}
                  data-tone={band.tone}
                  style={{
                    left: `${share(Math.max(band.from, start) - start)}%`,
                    width: `${share(band.to - Math.max(band.from, start))}%`,
                    background: colour(band),
                  }}
                  onPointerMove={(event) => point(event, line.name, band)}
                >
                  <b>{band.text}</b>
                </i>
              ))}
            </div>
          </div>
        ))}
        {lines.length > LINES_MAX && (
          <p className="label">{t("{n} more lines are not drawn", { n: lines.length - LINES_MAX })}</p>
        )}
      </div>
      <div className={styles.ticks} aria-hidden="true">
        {Array.from({ length: TICKS }, (_, index) => (
          <span key={index}>{tick(start + ((end - start) * index) / (TICKS - 1), end - start)}</span>
        ))}
      </div>
      {panel.legend !== "hidden" && (
        <ul className={styles.states}>
          {states.slice(0, STATES_SHOWN_MAX).map((state) => (
            <li key={`${state.tone} ${state.text}`}>
              {state.tone ? (
                <span data-tone={state.tone}>
                  <Glyph shape={SHAPES[state.tone] ?? "diamond"} size={12} />
                </span>
              ) : (
                <i style={{ background: colour(state) }} aria-hidden="true" />
              )}
              {state.text} <span className="dim">{percent(state.secs / Math.max(1, all), 1)}</span>
            </li>
          ))}
          {states.length > STATES_SHOWN_MAX && (
            <li className="dim">{`+${states.length - STATES_SHOWN_MAX}`}</li>
          )}
        </ul>
      )}
      {at && (
        <div
          className={styles.bandTip}
          data-left={at.band.from > (start + end) / 2 || undefined}
          style={{ left: at.left, top: at.top }}
        >
          <strong>{at.band.text}</strong>
          <span>{at.line}</span>
          <span className="dim">
            {moment(at.band.from * 1000)} – {clock(at.band.to * 1000)}, {lasting(at.band.to - at.band.from)}
          </span>
        </div>
      )}
    </div>
  );
}

const tick = (secs: number, span: number) =>
  span > 172_800 ? moment(secs * 1000).slice(0, 11) : clock(secs * 1000).replace(/:\d\d$/, "");

function told(name: string, bands: readonly Band[]): string {
  const all = bands.reduce((sum, { from, to }) => sum + to - from, 0);
  const parts = statesOf([bands]).map(({ text, secs }) => `${text} ${percent(secs / Math.max(1, all), 1)}`);
  return `${name}: ${parts.join(", ")}`;
}
