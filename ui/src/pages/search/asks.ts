// What can be explained on this page, and how each of it is asked. Pure but for the words.
import type { Selection, Slo } from "../../api/types";
import { duration, failing } from "../../lib/context";
import { both, clause } from "../../lib/filter";
import { t } from "../../lib/i18n";
import type { DatasetName } from "../../lib/url";
import type { Ask } from "./Guide";

/** Promises offered: the ones in trouble come first. */
const PROMISES_SHOWN = 3;

type Given = {
  dataset: DatasetName;
  service?: string | null;
  slos: readonly Slo[];
  /** Milliseconds that 19 of 20 spans of the service stay below. */
  p95?: number | null;
  /** The window was zoomed into, and the wider one is known. */
  zoomed: boolean;
};

export type Explaining = Ask & {
  /** What the rows that are compared have in common, selected or not. */
  within?: string;
};

const troubled = (slo: Slo) =>
  Number(slo.status === "exhausted" || slo.alert_id != null || slo.status === "at_risk");

export function asksOf({ dataset, service, slos, p95, zoomed }: Given): Explaining[] {
  const asks: Explaining[] = [];
  if (zoomed) asks.push({ id: "window", label: t("this window") });
  const promises = slos
    .filter(
      (slo) => slo.indicator?.dataset === dataset && (service ? slo.service === service : troubled(slo)),
    )
    .sort((a, b) => troubled(b) - troubled(a));
  for (const slo of promises.slice(0, PROMISES_SHOWN)) {
    asks.push({
      id: `slo:${slo.name}`,
      label: t("what breaks “{promise}”", { promise: slo.display_name || slo.name }),
      filter: slo.indicator?.bad_filter,
      within: slo.indicator?.total_filter,
    });
  }
  const failed = failing(dataset);
  if (failed)
    asks.push({ id: "failed", label: dataset === "logs" ? t("error lines") : t("failures"), filter: failed });
  if (dataset === "spans" && service && p95)
    asks.push({
      id: "slow",
      label: t("slower than {time}", { time: duration(p95) }),
      filter: `duration > ${duration(p95)}`,
    });
  return asks;
}

/** A selection that no chip stands for: a filter that a link brought along, or the time since a change. */
export function askOf(id: string | null, asks: readonly Explaining[]): Explaining | undefined {
  if (!id) return undefined;
  const known = asks.find((ask) => ask.id === id);
  if (known) return known;
  if (id.startsWith("f:")) return { id, label: id.slice(2), filter: id.slice(2) };
  if (id.startsWith("since:")) return { id, label: t("since then") };
  return undefined;
}

type Window = { start: string; end: string };

/** The question behind an ask: all rows that take part, and which of them are selected. */
export function compared(
  ask: Explaining,
  filter: string,
  service: string | null | undefined,
  range: Window,
  wide: Window | undefined,
): { filter: string; range: Window; selected: Selection } {
  if (ask.id === "window") return { filter, range: wide ?? range, selected: range };
  if (ask.id.startsWith("since:"))
    return { filter, range, selected: { start: ask.id.slice("since:".length) } };
  // Within rows that are all selected nothing could differ: then they are compared with what they are a part of.
  const own = ask.filter ?? "";
  const rest = filter.trim() === own.trim() || filter.endsWith(` and ${own}`) ? "" : filter;
  const base =
    ask.within !== undefined
      ? both(ask.within, rest)
      : rest || (service ? clause("service.name", service) : "");
  return { filter: base, range, selected: { filter: own } };
}
