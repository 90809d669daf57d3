// Numbers and times as people read them. Pure; the locale is an argument with the active language as default.
import { i18n } from "@lingui/core";

const locale = () => i18n.locale || "en";

/** 12 345 → `12,345`; large ones compact: 1 234 567 → `1.2M`. */
export function count(value: number | null | undefined): string {
  if (value == null) return "–";
  if (Math.abs(value) < 100_000) {
    return new Intl.NumberFormat(locale(), { maximumFractionDigits: value % 1 === 0 ? 0 : 1 }).format(value);
  }
  // English letters in every language: 1.2M is read the same by operators everywhere, 124萬 is not.
  return new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }).format(value);
}

/** A fraction as percent with as many decimals as the target has nines: 0.99953 for target 0.999 → `99.953%`. */
export function percent(fraction: number | null | undefined, decimals = 2): string {
  if (fraction == null) return "–";
  // Round down near one: 99.9996 % must never read as 100 %.
  const scale = 10 ** decimals;
  const value = fraction * 100;
  const rounded =
    value > 99 && value < 100 ? Math.floor(value * scale + 1e-9) / scale : Math.round(value * scale) / scale;
  return `${rounded.toFixed(decimals)}%`;
}

/** Decimals that an SLI needs beside its target: one more than the target's own, two at least, four at most. */
export function decimalsFor(target: number): number {
  const text = (target * 100).toFixed(6).replace(/0+$/, "");
  return Math.min(4, Math.max(1, text.split(".")[1]?.length ?? 0) + 1);
}

/** The target itself, no more decimals than it has: 0.999 → `99.9%`. */
export function targetText(target: number): string {
  return `${Number((target * 100).toFixed(6))}%`;
}

/** A span of time, two units at most: `1h 52m`, `43s`, `3d 4h`. Takes seconds. */
export function span(seconds: number | null | undefined): string {
  if (seconds == null || !Number.isFinite(seconds)) return "–";
  const sign = seconds < 0 ? "−" : "";
  const s = Math.abs(seconds);
  if (s < 1) return s === 0 ? "0s" : `${sign}${Math.round(s * 1000)}ms`;
  if (s < 10) return `${sign}${(Math.floor(s * 10) / 10).toFixed(1).replace(/\.0$/, "")}s`;
  const whole = Math.floor(s);
  const d = Math.floor(whole / 86_400);
  const h = Math.floor((whole % 86_400) / 3600);
  const m = Math.floor((whole % 3600) / 60);
  const rest = whole % 60;
  const parts = d
    ? [`${d}d`, h && d < 100 ? `${h}h` : ""]
    : h
      ? [`${h}h`, m ? `${m}m` : ""]
      : m
        ? [`${m}m`, rest ? `${rest}s` : ""]
        : [`${rest}s`];
  return sign + parts.filter(Boolean).join(" ");
}

/** Minutes of budget: `38.4 min`, `12 min`, `3 h 20 min` beyond two hours. */
export function minutes(value: number): string {
  const abs = Math.abs(value);
  if (abs >= 120) return span(value * 60);
  if (abs < 10 && abs > 0) return `${value < 0 ? "−" : ""}${abs.toFixed(1)}m`;
  return `${value < 0 ? "−" : ""}${Math.floor(abs)}m`;
}

/** A duration of work from nanoseconds: `412µs`, `38.2ms`, `1.24s`. */
export function nanos(ns: number): string {
  if (ns < 1e3) return `${ns}ns`;
  if (ns < 1e6) return `${short(ns / 1e3)}µs`;
  if (ns < 1e9) return `${short(ns / 1e6)}ms`;
  if (ns < 60e9) return `${short(ns / 1e9)}s`;
  return span(ns / 1e9);
}

export const millis = (ms: number | null | undefined) => (ms == null ? "–" : nanos(ms * 1e6));

const short = (x: number) => (x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x.toFixed(2));

/** Decimal units as disks are sold: 30 380 000 → `30.4 MB`. */
export function bytes(value: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let n = value;
  let unit = 0;
  while (n >= 1000 && unit < units.length - 1) {
    n /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? n : short(n)} ${units[unit]}`;
}

const pad = (n: number, width = 2) => String(n).padStart(width, "0");

/** Local wall time `14:03:22`, with milliseconds if asked. */
export function clock(at: number | string, withMillis = false): string {
  const d = new Date(at);
  const base = `${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}`;
  return withMillis ? `${base}.${pad(d.getMilliseconds(), 3)}` : base;
}

export function day(at: number | string): string {
  const d = new Date(at);
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())}`;
}

/** `14:03:22` today, `11-20 14:03:22` otherwise. */
export function moment(at: number | string, now = Date.now(), withMillis = false): string {
  return day(at) === day(now) ? clock(at, withMillis) : `${day(at).slice(5)} ${clock(at, withMillis)}`;
}

/** `4m 10s ago`, as text of the active language. */
export function ago(at: number | string, now = Date.now()): string {
  const seconds = Math.max(0, (now - new Date(at).getTime()) / 1000);
  const format = new Intl.RelativeTimeFormat(locale(), {
    numeric: seconds < 1 ? "auto" : "always",
    style: "short",
  });
  if (seconds < 60) return format.format(-Math.floor(seconds), "second");
  if (seconds < 3600) return format.format(-Math.floor(seconds / 60), "minute");
  if (seconds < 86_400) return format.format(-Math.floor(seconds / 3600), "hour");
  return format.format(-Math.floor(seconds / 86_400), "day");
}

/** `4:07` or `-1:30` for clocks that count down. */
export function countdown(seconds: number): string {
  const s = Math.floor(Math.abs(seconds));
  const h = Math.floor(s / 3600);
  const tail = `${h ? pad(Math.floor((s % 3600) / 60)) : Math.floor(s / 60)}:${pad(s % 60)}`;
  return `${seconds < 0 ? "−" : ""}${h ? `${h}:` : ""}${tail}`;
}
