// One place that says how a promise, an alert or a page is drawn: tone (colour), shape and word always go together.
import type { Slo } from "../api/types";
import { t } from "./i18n";

export type Tone = "good" | "warn" | "bad" | "none" | "info";
export type Shape =
  | "check"
  | "triangle"
  | "octagon"
  | "dashed"
  | "clock"
  | "diamond"
  | "pause"
  | "ring"
  | "dot"
  | "bolt";
export type Look = { tone: Tone; shape: Shape; word: string };

/** Only a measured promise may be green; every other state says what is missing. */
export function sloLook(slo: Pick<Slo, "measurement" | "status">): Look {
  switch (slo.measurement) {
    case "measured":
      break;
    case "too_few":
      return { tone: "none", shape: "dashed", word: t("Too few events") };
    case "stale":
      return { tone: "none", shape: "clock", word: t("Stale") };
    case "paused":
      return { tone: "none", shape: "pause", word: t("Paused") };
    default:
      return { tone: "none", shape: "diamond", word: t("Invalid") };
  }
  switch (slo.status) {
    case "healthy":
      return { tone: "good", shape: "check", word: t("Healthy") };
    case "at_risk":
      return { tone: "warn", shape: "triangle", word: t("At risk") };
    case "exhausted":
      return { tone: "bad", shape: "octagon", word: t("Exhausted") };
    default:
      return { tone: "none", shape: "diamond", word: t("Invalid") };
  }
}

/** The measurement has a tone of its own: below the promise it is never drawn calm, however much budget is left. */
export function sliTone(slo: Pick<Slo, "measurement" | "status" | "sli" | "target">): Tone {
  const { tone } = sloLook(slo);
  return tone === "good" && slo.sli != null && slo.sli < slo.target ? "warn" : tone;
}

export function alertLook(state: string): Look {
  if (state === "firing") return { tone: "bad", shape: "bolt", word: t("Firing") };
  if (state === "pending") return { tone: "warn", shape: "dashed", word: t("Pending") };
  if (state === "resolved") return { tone: "none", shape: "check", word: t("Resolved") };
  return { tone: "none", shape: "ring", word: t("Inactive") };
}

export function pageLook(state: string): Look {
  switch (state) {
    case "delivered":
      return { tone: "good", shape: "check", word: t("Delivered") };
    case "sending":
      return { tone: "info", shape: "dashed", word: t("Sending") };
    case "queued":
      return { tone: "warn", shape: "clock", word: t("Queued") };
    case "undeliverable":
      return { tone: "bad", shape: "octagon", word: t("Undeliverable") };
    default:
      return { tone: "none", shape: "ring", word: t("Superseded") };
  }
}

export function incidentLook(state: string): Look {
  switch (state) {
    case "reported":
      return { tone: "bad", shape: "bolt", word: t("Reported") };
    case "confirmed":
      return { tone: "bad", shape: "octagon", word: t("Confirmed") };
    case "responding":
      return { tone: "warn", shape: "triangle", word: t("Responding") };
    case "mitigated":
      return { tone: "info", shape: "dashed", word: t("Mitigated") };
    case "resolved":
      return { tone: "good", shape: "check", word: t("Resolved") };
    case "reviewed":
      return { tone: "none", shape: "check", word: t("Reviewed") };
    case "merged":
      return { tone: "none", shape: "ring", word: t("Merged") };
    default:
      return { tone: "none", shape: "ring", word: t("Cancelled") };
  }
}

export const isOpen = (state: string) => ["reported", "confirmed", "responding", "mitigated"].includes(state);

export const categoryWord = (category: string) =>
  ({
    availability: t("Availability"),
    latency: t("Latency"),
    errors: t("Errors"),
    saturation: t("Saturation"),
  })[category] ?? t("Custom");

export const changeWord = (kind: string) =>
  ({
    deploy: t("Deploy"),
    feature_flag: t("Feature flag"),
    config: t("Configuration"),
    infrastructure: t("Infrastructure"),
  })[kind] ?? kind;

export const className = (code: string) =>
  ({
    S1: t("Customer complaint"),
    S2: t("Found by monitoring"),
    S3: t("Routine change gone wrong"),
    P4: t("Internal operations"),
  })[code] ?? code;

export const CLASSES = ["S1", "S2", "S3", "P4"] as const;
export const LEVELS = ["P0", "P1", "P2"] as const;
/** Minutes between updates that each level promises unless the server is told otherwise. */
export const CADENCE_MINUTES: Record<string, number> = { P0: 10, P1: 20, P2: 60 };
