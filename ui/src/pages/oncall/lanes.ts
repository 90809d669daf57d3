// Where shifts lie on the calendar, in shares of its width. Pure.
import type { Shift } from "../../api/oncall";

export type Bar = { shift: Shift; left: number; width: number; isGap: boolean };

/** The part of each shift that lies within [start, end), in shares of it. */
export function bars(shifts: readonly Shift[], start: number, end: number): Bar[] {
  const all = end - start;
  const found: Bar[] = [];
  for (const shift of shifts) {
    const from = Math.max(Date.parse(shift.start), start);
    const to = Math.min(Date.parse(shift.end), end);
    if (to <= from) continue;
    found.push({
      shift,
      left: (from - start) / all,
      width: (to - from) / all,
      isGap: shift.people.length === 0,
    });
  }
  return found;
}

/** Midnights of the local zone within [start, end), with the share at which each lies. */
export function midnights(start: number, end: number): { at: number; left: number }[] {
  const found: { at: number; left: number }[] = [];
  const day = new Date(start);
  day.setHours(0, 0, 0, 0);
  while (day.getTime() < end) {
    if (day.getTime() >= start)
      found.push({ at: day.getTime(), left: (day.getTime() - start) / (end - start) });
    day.setDate(day.getDate() + 1);
  }
  return found;
}

/** The selection after an arrow key: the next shift that somebody could have, or be missing in. */
export function moved(count: number, selected: number | undefined, by: 1 | -1): number | undefined {
  if (count === 0) return undefined;
  if (selected === undefined) return by === 1 ? 0 : count - 1;
  return Math.min(count - 1, Math.max(0, selected + by));
}

/** Everybody keeps their colour as long as the list of people stays the same. */
export const personIndex = (people: readonly string[], person: string) =>
  Math.max(0, [...people].sort().indexOf(person));
