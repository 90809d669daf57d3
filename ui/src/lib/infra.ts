// Words and figures of infrastructure and saturation.
import { bytes, count, span } from "./format";
import { t } from "./i18n";

/** What a filter looks like. */
export const FILTER_EXAMPLE = "cloud.region: eu-1 web-*";

/** A value of a measure with its unit, short enough for a cell. */
export function figure(value: number | null | undefined, unit: string): string {
  if (value == null) return "–";
  if (unit === "ratio") return `${(value * 100).toFixed(value < 0.0995 ? 1 : 0)} %`;
  if (unit === "bytes") return bytes(Math.round(value));
  if (unit === "bytes/s") return `${bytes(Math.round(value))}/s`;
  if (unit === "cores" || (unit === "" && Math.abs(value) < 100)) return value.toFixed(2);
  if (unit === "s") return value < 1 ? `${(value * 1000).toFixed(0)} ms` : `${value.toFixed(2)} s`;
  return count(Math.round(value));
}

/** How warm a cell is, 0 to 1: of a share itself, of anything else against the highest. */
export function heat(value: number | null | undefined, unit: string, highest: number): number {
  if (value == null || value <= 0) return 0;
  return Math.min(1, unit === "ratio" ? value : value / (highest || 1));
}

/** Where the arrow keys lead among cells that stand at these places. */
export function neighbour(places: readonly { x: number; y: number }[], from: number, key: string): number {
  const here = places[from];
  if (!here) return 0;
  if (key === "ArrowRight") return Math.min(places.length - 1, from + 1);
  if (key === "ArrowLeft") return Math.max(0, from - 1);
  const isDown = key === "ArrowDown";
  const rows = places.filter((place) => (isDown ? place.y > here.y + 1 : place.y < here.y - 1));
  if (rows.length === 0) return from;
  const row = isDown ? Math.min(...rows.map((place) => place.y)) : Math.max(...rows.map((place) => place.y));
  let best = from;
  let least = Number.POSITIVE_INFINITY;
  places.forEach((place, index) => {
    const away = Math.abs(place.x - here.x);
    if (Math.abs(place.y - row) <= 1 && away < least) {
      least = away;
      best = index;
    }
  });
  return best;
}

/** `2d 4h`, and beyond what is foreseen nothing but that. */
export const until = (at: string | null | undefined, now: number) =>
  at ? span(Math.max(0, (Date.parse(at) - now) / 1000)) : undefined;

export const kindWord = (kind: string) =>
  ({
    host: t("Hosts"),
    pod: t("Pods"),
    container: t("Containers"),
    process: t("Processes"),
    target: t("Targets"),
  })[kind] ?? kind;

export const resourceWord = (resource: string) =>
  ({
    disk: t("disk"),
    inodes: t("inodes"),
    volume: t("volume"),
    memory: t("memory"),
    "container memory": t("container memory"),
    heap: t("heap"),
    "file descriptors": t("file descriptors"),
    "connection pool": t("connection pool"),
    connections: t("connections"),
    quota: t("quota"),
    query: t("your query"),
  })[resource] ?? resource;
