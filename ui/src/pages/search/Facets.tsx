// Top values of each field: click to include, the minus to exclude, the bars to split the histogram by it.
import { IconChartBar, IconMinus } from "@tabler/icons-react";
import { useState } from "react";
import type { FacetsResponse } from "../../api/types";
import { Loading } from "../../components/states";
import { clause, has } from "../../lib/filter";
import { count, percent } from "../../lib/format";
import { t } from "../../lib/i18n";
import styles from "./Search.module.css";

type Props = {
  facets?: FacetsResponse;
  loading: boolean;
  filter: string;
  split?: string;
  onPick: (field: string, value: string, out: boolean) => void;
  onSplit: (field: string) => void;
};

/** Values shown before "more". */
const FIRST_VALUES = 5;

export function Facets({ facets, loading, filter, split, onPick, onSplit }: Props) {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  if (loading) {
    return (
      <aside className={styles.facets}>
        <Loading rows={6} height={90} />
      </aside>
    );
  }
  return (
    <aside className={styles.facets} aria-label={t("Top values")}>
      {facets?.facets.map((facet) => {
        const all = open.has(facet.field);
        const values = facet.values.slice(0, all ? undefined : FIRST_VALUES);
        return (
          <section key={facet.field}>
            <header>
              <h2 className="cut" title={facet.field}>
                {facet.field}
              </h2>
              {facet.present < facet.total && facet.total > 0 && (
                <span className="label">{percent(facet.present / facet.total, 0)}</span>
              )}
              <button
                type="button"
                className={styles.tool}
                aria-pressed={split === facet.field}
                aria-label={t("Split the histogram by {field}", { field: facet.field })}
                onClick={() => onSplit(facet.field)}
              >
                <IconChartBar size={13} />
              </button>
            </header>
            {values.length === 0 && <p className="label">{t("no values in this time")}</p>}
            <ul>
              {values.map((one) => {
                const picked = has(filter, clause(facet.field, one.value));
                return (
                  <li key={one.value} data-picked={picked || undefined}>
                    <i
                      style={{ width: `${(one.count / Math.max(1, facet.values[0]?.count ?? 1)) * 100}%` }}
                      aria-hidden="true"
                    />
                    <button
                      type="button"
                      className={styles.value}
                      aria-pressed={picked}
                      onClick={() => onPick(facet.field, one.value, false)}
                      title={one.value}
                    >
                      <span className="cut">{one.value}</span>
                      <span>{count(one.count)}</span>
                    </button>
                    <button
                      type="button"
                      className={styles.tool}
                      aria-label={t("Exclude {value}", { value: one.value })}
                      onClick={() => onPick(facet.field, one.value, true)}
                    >
                      <IconMinus size={13} />
                    </button>
                  </li>
                );
              })}
            </ul>
            {!all && facet.values.length > FIRST_VALUES && (
              <button
                type="button"
                className={`plain label ${styles.more}`}
                onClick={() => setOpen(new Set([...open, facet.field]))}
              >
                {t("{n} more", { n: facet.values.length - FIRST_VALUES })}
              </button>
            )}
          </section>
        );
      })}
    </aside>
  );
}
