// One bar for the pages that look at telemetry: which service, which time, and where else to look with the same
// service, time and filter. All of it lives in the URL, so every link of the application carries it along.
import { Select } from "@mantine/core";
import type { ReactNode } from "react";
import { Link } from "wouter";
import { t } from "../lib/i18n";
import type { Range, RangeExpression } from "../lib/time";
import { DATASETS } from "../lib/url";
import { useUrl } from "../state/url";
import styles from "./ContextBar.module.css";
import { TimePicker } from "./TimePicker";

type Props = {
  /** The place that is lit: a dataset's name or a path. */
  here: string;
  services: readonly string[];
  service?: string | null;
  onService: (service: string | null) => void;
  expression: RangeExpression;
  range: Range;
  onRange: (next: RangeExpression) => void;
  /** A promise of the service, to go to with the same time. */
  promise?: string;
  /** What links take along beside what the URL has: the service of a page that is about one. */
  carry?: Record<string, string | null>;
  children?: ReactNode;
};

export const datasetWord = (dataset: string) =>
  ({
    logs: t("Logs"),
    spans: t("Spans"),
    metrics: t("Metrics"),
    probes: t("Probes"),
    beacons: t("Beacons"),
    changes: t("Changes"),
  })[dataset] ?? dataset;

export function ContextBar({
  here,
  services,
  service,
  onService,
  expression,
  range,
  onRange,
  promise,
  carry = {},
  children,
}: Props) {
  const { href } = useUrl();
  const known = [...new Set([...services, ...(service ? [service] : [])])].sort();
  const places: [string, string, string][] = [
    ...DATASETS.map(
      (dataset) =>
        [dataset, datasetWord(dataset), href("/search", { ...carry, dataset })] as [string, string, string],
    ),
    ["sql", "SQL", href("/sql", carry)],
    ...(promise
      ? [["slo", t("Promise"), href(`/slo/${encodeURIComponent(promise)}`)] as [string, string, string]]
      : []),
  ];
  return (
    <div className={styles.bar}>
      <Select
        size="xs"
        className={styles.service}
        aria-label={t("Service")}
        placeholder={t("all services")}
        data={known}
        value={service ?? null}
        onChange={onService}
        clearable
        searchable
        comboboxProps={{ width: 240, position: "bottom-start" }}
      />
      <nav className={styles.places} aria-label={t("The same service and time in")}>
        {places.map(([key, word, to]) => (
          <Link key={key} href={to} aria-current={key === here ? "page" : undefined}>
            {word}
          </Link>
        ))}
      </nav>
      {children}
      <span className="grow" />
      <TimePicker expression={expression} range={range} onChange={onRange} />
    </div>
  );
}
