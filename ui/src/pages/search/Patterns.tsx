// What the lines say: one row for each thing that some program writes, how often, since when, and what is new or surging.
// A click shows its lines.
import { usePatterns } from "../../api/explore";
import type { Query } from "../../api/hooks";
import type { LogPattern } from "../../api/types";
import { Empty, Failure, Loading } from "../../components/states";
import { bytes, clock, count, millis, percent } from "../../lib/format";
import { t } from "../../lib/i18n";
import styles from "./Patterns.module.css";

type Props = { query: Query; run: number; onPick: (filter: string) => void };

/** Services named beside a pattern. */
const SERVICES_SHOWN = 3;
/** OpenTelemetry's numbers: 13 begins warnings, 17 errors. */
const toneOf = (severity: number) => (severity >= 17 ? "bad" : severity >= 13 ? "warn" : undefined);

export function Patterns({ query, run, onPick }: Props) {
  const patterns = usePatterns(query, run);
  const data = patterns.data;
  if (patterns.error) return <Failure error={patterns.error} retry={() => patterns.refetch()} />;
  if (!data) return <Loading rows={10} height={34} />;
  if (data.patterns.length === 0)
    return (
      <Empty title={t("No line in this time")}>{t("Widen the time range, or take a condition away.")}</Empty>
    );
  // News first: that is what one looks for; the rest by how often it occurs, as it came.
  const news = (pattern: LogPattern) => Number(pattern.surge != null) + Number(pattern.is_new);
  const sorted = data.patterns.toSorted((a, b) => news(b) - news(a));
  return (
    <div className={styles.patterns} data-old={patterns.isPlaceholderData || undefined}>
      <p className="label">
        {t("{found} patterns in {lines} lines, {time}, {bytes} scanned", {
          found: count(data.found),
          lines: count(data.lines),
          time: millis(data.stats.run_time_ms),
          bytes: bytes(data.stats.bytes_scanned),
        })}
        {data.sampled && ` · ${t("a sample: counts are estimates")}`}
      </p>
      <ol aria-label={t("Patterns")}>
        {sorted.map((pattern) => (
          <li key={pattern.id} data-tone={toneOf(pattern.severity_number)}>
            <div className={styles.figures}>
              <b>{count(pattern.count)}</b>
              <span className="label">{percent(pattern.share, pattern.share < 0.01 ? 2 : 0)}</span>
            </div>
            <Trend values={pattern.trend} label={t("Lines over time")} />
            <button
              type="button"
              className={styles.template}
              disabled={!pattern.filter}
              title={pattern.example}
              onClick={() => onPick(pattern.filter)}
            >
              <Template text={pattern.template} />
            </button>
            <div className={styles.about}>
              {pattern.is_new && (
                <span className="chip" data-tone="info">
                  {t("new since {time}", { time: clock(pattern.first_seen) })}
                </span>
              )}
              {pattern.surge && (
                <span className="chip" data-tone="warn">
                  {t("surging: {recent} lately, {expected} usual", {
                    recent: count(pattern.surge.recent),
                    expected: count(Number(pattern.surge.expected.toFixed(1))),
                  })}
                </span>
              )}
              <span className="label cut">
                {pattern.services
                  .slice(0, SERVICES_SHOWN)
                  .map((service) => service.name)
                  .join(", ")}
                {pattern.services.length > SERVICES_SHOWN && " …"}
              </span>
            </div>
          </li>
        ))}
      </ol>
    </div>
  );
}

/** The words as they are, the variables as marks. */
function Template({ text }: { text: string }) {
  return text
    .split(/(<[^<>\s]*>)/)
    .map((part, index) =>
      part.startsWith("<") && part.endsWith(">") ? (
        <i key={`${index}${part}`}>{part.slice(1, -1) || "*"}</i>
      ) : (
        part
      ),
    );
}

const WIDTH = 96;
const HEIGHT = 24;

function Trend({ values, label }: { values: readonly number[]; label: string }) {
  const top = Math.max(...values, 1);
  const step = WIDTH / Math.max(1, values.length);
  return (
    <svg width={WIDTH} height={HEIGHT} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label}>
      {values.map((value, index) => (
        <rect
          key={index}
          x={index * step}
          width={Math.max(1, step - 0.5)}
          y={HEIGHT - (value / top) * (HEIGHT - 1)}
          height={(value / top) * (HEIGHT - 1)}
        />
      ))}
    </svg>
  );
}
