// The lines as a table: it is the legend, the values under the cursor, and what fell silent.
import { count, moment, span } from "../../lib/format";
import { t } from "../../lib/i18n";
import { REST_COLOR, seriesColor } from "../../lib/palette";
import { type Condition, type Line, valueText } from "../../lib/promql";
import styles from "./Metrics.module.css";

type Props = {
  lines: readonly Line[];
  compared: readonly Line[];
  comparedWith?: string;
  /** How many of them the chart has. */
  drawn: number;
  /** The point under the cursor. */
  hover?: { index: number; at: number };
  unit: string;
  perSecond: boolean;
  onLight: (key: string | undefined) => void;
  onFilter?: (condition: Condition) => void;
};

export function SeriesTable(props: Props) {
  const { lines, compared, comparedWith, drawn, hover, unit, perSecond, onLight, onFilter } = props;
  const labels = [...new Set(lines.flatMap((line) => Object.keys(line.labels)))];
  const earlier = new Map(compared.map((line) => [line.key, line]));
  const text = (value: number | null | undefined) => valueText(value, unit, perSecond);
  return (
    <div className={`panel scroll-x ${styles.series}`}>
      <table className="grid">
        <thead>
          <tr>
            {labels.length === 0 ? (
              <th>{t("Series")}</th>
            ) : (
              labels.map((label) => <th key={label}>{label}</th>)
            )}
            <th className="num">{hover ? moment(hover.at * 1000) : t("last value")}</th>
            <th className="num">{t("lowest")}</th>
            <th className="num">{t("average")}</th>
            <th className="num">{t("highest")}</th>
            {comparedWith && <th className="num">{t("against {when}", { when: comparedWith })}</th>}
          </tr>
        </thead>
        <tbody>
          {lines.map((line, index) => {
            const before = earlier.get(line.key)?.mean;
            const change = before && line.mean !== null ? line.mean / before - 1 : undefined;
            return (
              <tr
                key={line.key}
                onMouseEnter={() => onLight(line.key)}
                onMouseLeave={() => onLight(undefined)}
              >
                {labels.length === 0 ? (
                  <td>
                    <Swatch index={index} only={lines.length === 1} drawn={drawn} />
                    {t("all series together")}
                  </td>
                ) : (
                  labels.map((label, column) => (
                    <td key={label}>
                      {column === 0 && <Swatch index={index} only={lines.length === 1} drawn={drawn} />}
                      {onFilter && line.labels[label] !== undefined ? (
                        <button
                          type="button"
                          className="plain"
                          title={t("Only {value}", { value: line.labels[label] ?? "" })}
                          onClick={() => onFilter({ label, op: "=", value: line.labels[label] ?? "" })}
                        >
                          {line.labels[label]}
                        </button>
                      ) : (
                        (line.labels[label] ?? <span className="dim">{t("none")}</span>)
                      )}
                    </td>
                  ))
                )}
                <td className="num">
                  {!hover && line.endedAt ? (
                    <span className="chip" data-tone="warn">
                      {t("silent for {time}", { time: span(Date.now() / 1000 - line.endedAt) })}
                    </span>
                  ) : (
                    <b>{text(hover ? line.values[hover.index] : line.last)}</b>
                  )}
                </td>
                <td className="num">{text(line.min)}</td>
                <td className="num">{text(line.mean)}</td>
                <td className="num">{text(line.max)}</td>
                {comparedWith && (
                  <td className="num">
                    {change === undefined ? (
                      <span className="dim">{t("not there")}</span>
                    ) : (
                      `${change > 0 ? "+" : change < 0 ? "−" : "±"}${count(Math.abs(Math.round(change * 1000) / 10))}%`
                    )}
                  </td>
                )}
              </tr>
            );
          })}
        </tbody>
      </table>
      {lines.length > drawn && (
        <p className="label">
          {t("The chart has the {n} largest of {all}.", { n: drawn, all: lines.length })}
        </p>
      )}
    </div>
  );
}

function Swatch({ index, only, drawn }: { index: number; only: boolean; drawn: number }) {
  const colour = only ? "var(--accent)" : index < drawn ? seriesColor(index) : REST_COLOR;
  return <i className={styles.swatch} style={{ background: colour }} aria-hidden="true" />;
}
