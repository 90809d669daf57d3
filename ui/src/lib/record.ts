// A record in a line: what people read first, by dataset. Pure.
import type { EventRow } from "../api/types";
import { nanos } from "./format";

export const text = (value: unknown): string =>
  value == null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);

/** A value that a filter can be made of. */
export const isPlain = (value: unknown): value is string | number | boolean =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean";

/** A cell of a column: durations with their unit, everything else as it is. */
export const cellText = (field: string, value: unknown): string =>
  typeof value === "number" && /(^|[._])duration_ns$/.test(field) ? nanos(value) : text(value);

export type Line = {
  /** How bad, in a word, and the field that says so. */
  level: string;
  levelField: string;
  tone?: "bad" | "warn";
  /** Nanoseconds, of a span. */
  duration?: number;
  text: string;
  detail: string;
};

export function summary(dataset: string, record: EventRow): Line {
  if (dataset === "spans") {
    const failed = record.status_code === "error";
    return {
      level: failed ? "error" : text(record.kind),
      levelField: failed ? "status_code" : "kind",
      tone: failed ? "bad" : undefined,
      duration: Number(record.duration_ns ?? 0),
      text: text(record.name),
      detail: [record["http.response.status_code"], record["error.type"], record.status_message]
        .filter(Boolean)
        .map(text)
        .join(" · "),
    };
  }
  const level = text(record.severity_text || (record.status_code === "error" ? "ERROR" : ""));
  const value = record.value === undefined ? "" : ` = ${text(record.value)}`;
  return {
    level: level || "·",
    levelField: record.severity_text ? "severity_text" : "status_code",
    tone: /^(error|fatal)/i.test(level) ? "bad" : /^warn/i.test(level) ? "warn" : undefined,
    text: text(record.body ?? record.title ?? record.name) + value || rest(record),
    detail: "",
  };
}

const rest = (record: EventRow) =>
  Object.entries(record)
    .filter(([key]) => key !== "timestamp" && key !== "service.name")
    .slice(0, 6)
    .map(([key, value]) => `${key}=${text(value)}`)
    .join(" ");

/** Fields that say which stream a record belongs to, the narrowest first that it has: its process, then its service. */
export function streamOf(record: EventRow): { field: string; value: string }[][] {
  const has = (field: string) => record[field] !== undefined && record[field] !== "";
  const of = (...fields: string[]) =>
    fields.filter(has).map((field) => ({ field, value: text(record[field]) }));
  const process = ["k8s.pod.name", "service.instance.id", "container.id", "host.name"].find(has);
  const streams = [
    ...(process ? [of("service.name", process)] : []),
    ...(has("service.name") ? [of("service.name")] : []),
    ...(has("trace_id") ? [of("trace_id")] : []),
    [],
  ];
  return streams;
}
