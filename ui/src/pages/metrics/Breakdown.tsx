// What tells the series of a metric apart: each label with its values. A click on the label groups by it, on a value keeps
// only that one.
import { IconMinus, IconX } from "@tabler/icons-react";
import { useState } from "react";
import { count } from "../../lib/format";
import { t } from "../../lib/i18n";
import type { breakdown, Condition } from "../../lib/promql";
import styles from "./Metrics.module.css";

type Parts = ReturnType<typeof breakdown>;
type Props = {
  parts: Parts;
  /** Labels of who sends, which are on `target_info`. */
  senders: Parts;
  by: readonly string[];
  where: readonly Condition[];
  truncated: boolean;
  onGroup: (label: string) => void;
  onFilter: (condition: Condition) => void;
  onDrop: (condition: Condition) => void;
};

const FIRST_VALUES = 6;

export function Breakdown({ parts, senders, by, where, truncated, onGroup, onFilter, onDrop }: Props) {
  return (
    <aside className={styles.breakdown} aria-label={t("Break down")}>
      {where.length > 0 && (
        <ul className={styles.conditions}>
          {where.map((one) => (
            <li key={`${one.label}${one.op}`}>
              <span className="cut mono" title={`${one.label} ${one.op} ${one.value}`}>
                {one.label} {one.op} {one.value || '""'}
              </span>
              <button type="button" aria-label={t("Take this filter away")} onClick={() => onDrop(one)}>
                <IconX size={13} />
              </button>
            </li>
          ))}
        </ul>
      )}
      <header>
        <h2>{t("Group by")}</h2>
        {truncated && <span className="label">{t("of the first series")}</span>}
      </header>
      {parts.map((part) => (
        <Label
          key={part.label}
          part={part}
          on={by.includes(part.label)}
          onGroup={onGroup}
          onFilter={onFilter}
        />
      ))}
      {senders.length > 0 && (
        <header>
          <h2>{t("Who sends it")}</h2>
        </header>
      )}
      {senders.map((part) => (
        <Label
          key={part.label}
          part={part}
          on={by.includes(part.label)}
          onGroup={onGroup}
          onFilter={onFilter}
        />
      ))}
      {parts.length === 0 && senders.length === 0 && (
        <p className="label">{t("One series, without labels")}</p>
      )}
    </aside>
  );
}

type LabelProps = { part: Parts[number]; on: boolean } & Pick<Props, "onGroup" | "onFilter">;

function Label({ part, on, onGroup, onFilter }: LabelProps) {
  const [open, setOpen] = useState(false);
  const values = [...part.values].sort((a, b) => b[1] - a[1]);
  const shown = open
    ? values.slice(0, 100)
    : on || values.length <= FIRST_VALUES
      ? values.slice(0, FIRST_VALUES)
      : [];
  return (
    <section className={styles.label}>
      <div className={styles.labelHead}>
        <button type="button" className={styles.group} aria-pressed={on} onClick={() => onGroup(part.label)}>
          <span className="cut">{part.label}</span>
        </button>
        <button
          type="button"
          className={styles.more}
          aria-expanded={open}
          onClick={() => setOpen(!open)}
          aria-label={t("{n} values of {label}", { n: count(part.values.size), label: part.label })}
        >
          {count(part.values.size)}
        </button>
      </div>
      {shown.length > 0 && (
        <ul>
          {shown.map(([value]) => (
            <li key={value}>
              <button
                type="button"
                className="cut plain"
                title={t("Only {value}", { value })}
                onClick={() => onFilter({ label: part.label, op: "=", value })}
              >
                {value}
              </button>
              <button
                type="button"
                className={styles.without}
                aria-label={t("Without {value}", { value })}
                onClick={() => onFilter({ label: part.label, op: "!=", value })}
              >
                <IconMinus size={12} />
              </button>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
