import type { EventRow } from "../../api/types";
import { Empty } from "../../components/states";
import { clock } from "../../lib/format";
import { t } from "../../lib/i18n";
import styles from "./Trace.module.css";

/** The log records of the trace in order; a click opens the span that wrote them. */
export function TraceLogs({
  logs,
  colors,
  onSpan,
}: {
  logs: EventRow[];
  colors: Map<string, string>;
  onSpan: (span: string) => void;
}) {
  if (logs.length === 0) {
    return (
      <div className="panel">
        <Empty title={t("No log record carries this trace id")}>
          {t("Log with the trace context to see records here.")}
        </Empty>
      </div>
    );
  }
  return (
    <ol className={`panel ${styles.logs}`}>
      {logs.map((log, i) => {
        const severity = String(log.severity_text ?? "");
        const tone = /^(error|fatal)/i.test(severity) ? "bad" : /^warn/i.test(severity) ? "warn" : undefined;
        const span = typeof log.span_id === "string" ? log.span_id : undefined;
        return (
          <li key={i}>
            <button type="button" disabled={!span} onClick={() => span && onSpan(span)}>
              <time className="mono">{clock(log.timestamp, true)}</time>
              <span data-tone={tone} className={styles.severity}>
                {severity}
              </span>
              <span>
                <i style={{ background: colors.get(String(log["service.name"])) }} aria-hidden="true" />{" "}
                {String(log["service.name"] ?? "")}
              </span>
              <span className="mono">{String(log.body ?? "")}</span>
            </button>
          </li>
        );
      })}
    </ol>
  );
}
