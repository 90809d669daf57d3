// The traces behind a metric: the greatest observations that a sender named one for.
import { Button } from "@mantine/core";
import { IconArrowRight } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "wouter";
import type { Example } from "../../lib/exemplars";
import { moment } from "../../lib/format";
import { t } from "../../lib/i18n";
import { valueText } from "../../lib/promql";
import { useUrl } from "../../state/url";
import styles from "./Metrics.module.css";

const FEW = 5;
const MANY = 50;

type Props = {
  examples: readonly Example[];
  unit: string;
  /** The key of the mark that is pointed at. */
  onLight: (key: string | undefined) => void;
};

export function Traces({ examples, unit, onLight }: Props) {
  const { href } = useUrl();
  const [all, setAll] = useState(false);
  const shown = examples.slice(0, all ? MANY : FEW);
  const labels = [...new Set(shown.flatMap((one) => Object.keys(one.labels)))].filter(
    (label) => new Set(shown.map((one) => one.labels[label])).size > 1,
  );
  return (
    <section className={`panel scroll-x ${styles.series}`}>
      <table className="grid">
        <caption className={styles.caption}>
          <i className={styles.diamond} aria-hidden="true" />
          <b>{t("Traces behind it")}</b>{" "}
          <span className="dim">{t("greatest first, {n} in this time", { n: examples.length })}</span>
        </caption>
        <thead>
          <tr>
            <th className={`num ${styles.narrow}`}>{t("value")}</th>
            <th className={styles.narrow}>{t("time")}</th>
            {labels.map((label) => (
              <th key={label}>{label}</th>
            ))}
            <th>{t("Trace")}</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((one) => (
            <tr
              key={one.key}
              onMouseEnter={() => onLight(one.key)}
              onMouseLeave={() => onLight(undefined)}
              onFocus={() => onLight(one.key)}
              onBlur={() => onLight(undefined)}
            >
              <td className="num">
                <b>{valueText(one.value, unit, false)}</b>
              </td>
              <td className={styles.whole}>{moment(one.at * 1000)}</td>
              {labels.map((label) => (
                <td key={label}>{one.labels[label] ?? <span className="dim">{t("none")}</span>}</td>
              ))}
              <td className={styles.whole}>
                <Link
                  href={href(`/trace/${one.trace}`, one.span ? { span: one.span } : {})}
                  className="mono"
                  title={one.trace}
                >
                  {one.trace.slice(0, 12)}… <IconArrowRight size={13} aria-hidden="true" />
                </Link>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {examples.length > FEW && (
        <p className="label">
          <Button size="compact-xs" variant="subtle" onClick={() => setAll(!all)} aria-expanded={all}>
            {all ? t("Show fewer") : t("Show up to {n}", { n: Math.min(MANY, examples.length) })}
          </Button>
        </p>
      )}
    </section>
  );
}
