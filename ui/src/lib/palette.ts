// Colours of things that are not a status: services, series. Muted, of like weight in both themes, and none of them is
// the red, amber or green of a state.
const HUES = [
  "#5b7fc7",
  "#7a6cb8",
  "#3f9aa3",
  "#a8749b",
  "#8b8d3f",
  "#4f86a8",
  "#b07a56",
  "#6b8f71",
  "#8a8fa3",
  "#9c6b7f",
];

export const seriesColor = (index: number) => HUES[index % HUES.length] ?? "#888";
export const REST_COLOR = "#9aa1a0";

/** Severities and outcomes keep their meaning; everything else takes the next hue. */
export function colorOf(name: string, index: number, token: (name: string) => string): string {
  if (/^(error|fatal|critical)\d?$/i.test(name)) return token("--bad-fill");
  if (/^5\d\d$/.test(name)) return token("--bad-fill");
  if (/^warn(ing)?\d?$/i.test(name)) return token("--warn-fill");
  if (/^(debug|trace)\d?$/i.test(name)) return token("--line-strong");
  // The ordinary is drawn quietly, so that faults stand out against it.
  if (/^(info|ok|unset|all)\d?$/i.test(name)) return token("--quiet");
  if (/^(other|none)$/.test(name)) return REST_COLOR;
  return seriesColor(index);
}
