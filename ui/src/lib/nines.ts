// The scale of nines: 0.9 → 1, 0.99 → 2, 0.999 → 3. Promises and what is measured differ by factors, not by distances,
// so they are laid out by the logarithm of what fails.

/** The scale's ends: below one nine and above five everything is drawn at the edge. */
export const MIN_NINES = 1;
export const MAX_NINES = 5;

/** @example ninesOf(0.999) === 3 */
export function ninesOf(fraction: number): number {
  if (fraction >= 1) return MAX_NINES;
  return Math.min(MAX_NINES, Math.max(0, -Math.log10(1 - fraction)));
}

/** Position on the scale, 0 at the left edge and 1 at the right one. */
export function position(fraction: number): number {
  return Math.min(1, Math.max(0, (ninesOf(fraction) - MIN_NINES) / (MAX_NINES - MIN_NINES)));
}

/** Ticks: whole nines are major, the eight steps of failure between them (0.2 %, 0.3 % …) minor. */
export function ticks(): { at: number; major: boolean; label?: string }[] {
  const list: { at: number; major: boolean; label?: string }[] = [];
  for (let nines = MIN_NINES; nines <= MAX_NINES; nines++) {
    const failing = 10 ** -nines;
    const label = `${((1 - failing) * 100).toFixed(Math.max(0, nines - 2))}`;
    list.push({ at: position(1 - failing), major: true, label });
    if (nines === MAX_NINES) break;
    for (let step = 9; step >= 2; step--)
      list.push({ at: position(1 - (failing / 10) * step), major: false });
  }
  return list;
}
