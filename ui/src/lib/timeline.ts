// States over time: what of a line's values is one state, and how long each lasts. Pure.
import { type Mapping, mappingOf, said, type Threshold, toneOf } from "./dashboard";

export type Band = {
  /** Seconds; `to` is where the next begins. */
  from: number;
  to: number;
  text: string;
  tone?: string;
};
export type State = { text: string; tone?: string; secs: number };

type Saying = {
  unit?: string;
  decimals?: number | null;
  mappings?: readonly Mapping[];
  thresholds?: readonly Threshold[];
};

/** A sample holds until the next, the last for a step. Neighbours that mean the same are one band; no sample is no band. */
export function bandsOf(
  xs: readonly number[],
  values: readonly (number | null)[],
  panel: Saying,
  end: number,
): Band[] {
  const bands: Band[] = [];
  const step = xs.length > 1 ? (xs[1] ?? 0) - (xs[0] ?? 0) : 60;
  xs.forEach((from, index) => {
    const state = stateOf(values[index] ?? null, panel);
    if (!state) return;
    const to = Math.min(xs[index + 1] ?? from + step, Math.max(end, from));
    const before = bands.at(-1);
    if (before && before.to === from && before.text === state.text && before.tone === state.tone)
      before.to = to;
    else bands.push({ from, to, ...state });
  });
  return bands;
}

/** Words of the value first, else the span between thresholds that it lies in, else the value. */
function stateOf(value: number | null, panel: Saying): { text: string; tone?: string } | undefined {
  const mapping = mappingOf(value, panel.mappings);
  const plain = said(value, panel.unit, panel.decimals);
  if (mapping) return { text: mapping.text ?? plain, tone: mapping.tone ?? toneOf(value, panel.thresholds) };
  if (value === null) return undefined;
  const steps = [...(panel.thresholds ?? [])].sort((a, b) => a.from - b.from);
  if (steps.length === 0) return { text: plain };
  const reached = steps.filter(({ from }) => value >= from).length;
  const [low, high] = [steps[reached - 1], steps[reached]];
  const limit = (step: Threshold | undefined) => said(step?.from, panel.unit, panel.decimals);
  const text = !low ? `< ${limit(high)}` : !high ? `≥ ${limit(low)}` : `${limit(low)} – ${limit(high)}`;
  return { text, tone: low?.tone };
}

/** All states of all lines, the longest first. */
export function statesOf(lines: readonly (readonly Band[])[]): State[] {
  const found = new Map<string, State>();
  for (const { from, to, text, tone } of lines.flat()) {
    const key = `${tone ?? ""}\n${text}`;
    const state = found.get(key) ?? { text, tone, secs: 0 };
    state.secs += to - from;
    found.set(key, state);
  }
  return [...found.values()].sort((a, b) => b.secs - a.secs || a.text.localeCompare(b.text));
}
