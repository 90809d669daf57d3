// How a probe, a location, a heartbeat and a day of history are drawn. Pure.
import type { HeartbeatStatus, ProbeDay, ProbeStatus, RunnerStatus } from "../api/uptime";
import { t } from "./i18n";
import type { Look, Tone } from "./states";

const DAY_MS = 86_400_000;
/** Days of a bar row. */
export const DAYS = 90;
/** A certificate that ends within this is on everybody's mind. */
const SOON_DAYS = 14;
const NEAR_DAYS = 30;

export function probeLook(probe: Pick<ProbeStatus, "verdict" | "paused">): Look {
  if (probe.paused) return { tone: "none", shape: "pause", word: t("Paused") };
  switch (probe.verdict) {
    case "up":
      return { tone: "good", shape: "check", word: t("Up") };
    case "degraded":
      return { tone: "warn", shape: "triangle", word: t("Down in places") };
    case "down":
      return { tone: "bad", shape: "octagon", word: t("Down") };
    default:
      return { tone: "none", shape: "diamond", word: t("Not known") };
  }
}

export function locationLook(standing: string): Look {
  switch (standing) {
    case "up":
      return { tone: "good", shape: "check", word: t("Up") };
    case "down":
      return { tone: "bad", shape: "octagon", word: t("Down") };
    case "settling":
      return { tone: "warn", shape: "dashed", word: t("Making sure") };
    case "runner_at_fault":
      return { tone: "info", shape: "diamond", word: t("Probe at fault") };
    case "unable":
      return { tone: "info", shape: "diamond", word: t("Cannot check") };
    case "silent":
      return { tone: "none", shape: "clock", word: t("Silent") };
    default:
      return { tone: "none", shape: "ring", word: t("No measurement yet") };
  }
}

export function heartbeatLook(standing: HeartbeatStatus["standing"]): Look {
  switch (standing) {
    case "up":
      return { tone: "good", shape: "check", word: t("Heard") };
    case "late":
      return { tone: "warn", shape: "clock", word: t("Late") };
    case "missed":
      return { tone: "bad", shape: "octagon", word: t("Missed") };
    case "failed":
      return { tone: "bad", shape: "bolt", word: t("Failed") };
    case "paused":
      return { tone: "none", shape: "pause", word: t("Paused") };
    default:
      return { tone: "none", shape: "ring", word: t("Never heard") };
  }
}

/** Whether somebody who sees red should look at the probe rather than at the target. */
export const atFault = (runners: readonly RunnerStatus[]) =>
  runners.filter((runner) => runner.standing !== "ok" && runner.probes > 0);

export type Bar = {
  day: string;
  tone: Tone;
  share: number | null;
  good: number;
  bad: number;
  unknown: number;
};

/** One bar for each of the last days, the oldest first; a day without a measurement has no share. */
export function bars(days: readonly ProbeDay[], now: number): Bar[] {
  const known = new Map(days.map((day) => [day.day, day]));
  return Array.from({ length: DAYS }, (_, index) => {
    const day = new Date(now - (DAYS - 1 - index) * DAY_MS).toISOString().slice(0, 10);
    const { good = 0, bad = 0, unknown = 0 } = known.get(day) ?? {};
    const share = good + bad > 0 ? good / (good + bad) : null;
    return { day, share, tone: toneOf(share), good, bad, unknown };
  });
}

/** Red means that users noticed: more than a hundredth of the day. */
function toneOf(share: number | null): Tone {
  if (share === null) return "none";
  if (share === 1) return "good";
  return share >= 0.99 ? "warn" : "bad";
}

export type Certificate = {
  probe: ProbeStatus;
  subject: string;
  issuer: string;
  end: number;
  days: number;
  tone: Tone;
};

/** What ends first comes first. */
export function certificates(probes: readonly ProbeStatus[], now: number): Certificate[] {
  const list = probes.flatMap((probe) => {
    const found = probe.last?.certificate;
    if (!found) return [];
    const end = Date.parse(found.chain_not_after);
    const days = Math.floor((end - now) / DAY_MS);
    const tone: Tone = days < SOON_DAYS ? "bad" : days < NEAR_DAYS ? "warn" : "good";
    return [{ probe, subject: found.subject, issuer: found.issuer, end, days, tone }];
  });
  return list.sort((a, b) => a.end - b.end);
}
