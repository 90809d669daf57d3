// "What would have paged": a stored window through today's rule of this promise, or through one that is being tried.
import { Button, SegmentedControl, Textarea } from "@mantine/core";
import { IconPlayerPlay } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "wouter";
import { useReplay } from "../../api/explore";
import type { ReplayedSlo, Slo } from "../../api/types";
import { Failure, Loading, Notice } from "../../components/states";
import { count, millis, moment, percent, span } from "../../lib/format";
import { t } from "../../lib/i18n";
import { around, iso, type Range } from "../../lib/time";
import { useUrl } from "../../state/url";
import styles from "./Rehearsal.module.css";

type Props = { slo: Slo; range: Range };

const BACK_MS = { day: 86_400e3, week: 7 * 86_400e3, month: 28 * 86_400e3 } as const;

export function Rehearsal({ slo, range }: Props) {
  const [window, setWindow] = useState<"shown" | keyof typeof BACK_MS>("day");
  const [yaml, setYaml] = useState("");
  const [trying, setTrying] = useState(false);
  const replay = useReplay();
  const run = () => {
    const now = Date.now();
    const start = window === "shown" ? range.start : now - BACK_MS[window];
    const end = window === "shown" ? range.end : now;
    const documents = trying && yaml.trim() ? yaml : undefined;
    replay.mutate({ ...(documents ? { documents } : { slo: slo.name }), start: iso(start), end: iso(end) });
  };
  const answer = replay.data;
  return (
    <section className="panel">
      <header>
        <h2>{t("What would have paged")}</h2>
        <span className="label">{t("stored events through the rule of today")}</span>
      </header>
      <div className={`pad ${styles.body}`}>
        <div className="row wrap">
          <SegmentedControl
            size="xs"
            value={window}
            onChange={(value) => setWindow(value as typeof window)}
            data={[
              { value: "shown", label: t("the time shown") },
              { value: "day", label: t("a day") },
              { value: "week", label: t("a week") },
              { value: "month", label: t("four weeks") },
            ]}
            aria-label={t("Window to replay")}
          />
          <Button
            size="compact-sm"
            leftSection={<IconPlayerPlay size={14} />}
            loading={replay.isPending}
            onClick={run}
            disabled={trying && !yaml.trim()}
          >
            {t("Replay")}
          </Button>
          <Button
            size="compact-sm"
            variant="default"
            aria-expanded={trying}
            onClick={() => setTrying(!trying)}
          >
            {t("Try another rule")}
          </Button>
        </div>
        {trying && (
          <Textarea
            autosize
            minRows={6}
            maxRows={18}
            classNames={{ input: "mono" }}
            label={t("Documents to try; nothing of them is kept")}
            placeholder={`apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: ${slo.name}}\nspec: …`}
            value={yaml}
            onChange={(event) => setYaml(event.currentTarget.value)}
          />
        )}
        {replay.isPending ? (
          <Loading rows={2} height={26} />
        ) : replay.error ? (
          <Faults error={replay.error} retry={run} />
        ) : answer ? (
          <>
            {answer.stats.partial.length > 0 && (
              <Notice tone="warn">
                {t("This answer is not whole: {what}", { what: answer.stats.partial.join("; ") })}
              </Notice>
            )}
            <p className={styles.total}>
              <b>{t("{n, plural, =0 {no page} one {# page} other {# pages}}", { n: answer.pages })}</b>{" "}
              <span className="dim">
                {t("{from} to {to}, evaluated every {step}, took {time}", {
                  from: moment(answer.start),
                  to: moment(answer.end),
                  step: span(answer.step_secs),
                  time: millis(answer.stats.run_time_ms),
                })}
              </span>
            </p>
            {answer.slos.map((one) => (
              <Replayed key={one.name} replayed={one} slo={slo} alone={answer.slos.length === 1} />
            ))}
          </>
        ) : (
          <p className="dim">
            {t("Would this rule have caught last week's fault, and how often would it have woken somebody?")}
          </p>
        )}
      </div>
    </section>
  );
}

function Faults({ error, retry }: { error: unknown; retry: () => void }) {
  const faults =
    (error as { problem?: { faults?: { line?: number | null; message: string }[] } }).problem?.faults ?? [];
  return (
    <>
      <Failure error={error} retry={retry} />
      {faults.length > 0 && (
        <ul className="label">
          {faults.slice(0, 10).map((fault) => (
            <li key={`${fault.line}${fault.message}`}>
              {fault.line
                ? t("line {line}: {message}", { line: fault.line, message: fault.message })
                : fault.message}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function Replayed({ replayed, slo, alone }: { replayed: ReplayedSlo; slo: Slo; alone: boolean }) {
  const { href } = useUrl();
  const dataset = slo.indicator?.dataset ?? "spans";
  return (
    <div className={styles.replayed}>
      {!alone && <h3>{replayed.display_name || replayed.name}</h3>}
      {replayed.reason ? (
        <p className="dim">{t("Not replayed: {reason}", { reason: replayed.reason })}</p>
      ) : (
        <p className="dim">
          {t("{good} of {total} good", { good: count(replayed.good), total: count(replayed.total) })}
          {replayed.budget_before != null &&
            replayed.budget_after != null &&
            ` · ${t("budget {before} to {after}", {
              before: percent(replayed.budget_before, 1),
              after: percent(replayed.budget_after, 1),
            })}`}
          {replayed.alerts.length === 0 && ` · ${t("nothing would have fired")}`}
        </p>
      )}
      <ol>
        {replayed.alerts.map((alert) => (
          <li key={alert.detected_at} data-tone={alert.severity === "page" ? "bad" : "warn"}>
            <div className={styles.alert}>
              <b className={styles.severity}>{alert.severity === "page" ? t("page") : t("ticket")}</b>
              <Link
                href={href("/search", {
                  dataset,
                  service: slo.service,
                  q: slo.indicator?.total_filter ?? null,
                  sel: `slo:${slo.name}`,
                  ...around(alert.started_at, 600e3, 600e3),
                })}
              >
                {moment(alert.detected_at)}
              </Link>
              <span>{alert.title}</span>
              <span className="label">
                {alert.resolved_at
                  ? t("for {span}", {
                      span: span((Date.parse(alert.resolved_at) - Date.parse(alert.detected_at)) / 1000),
                    })
                  : t("still firing at the end")}
              </span>
            </div>
            <ul>
              {alert.transitions.map((step) => (
                <li key={`${step.at}${step.kind}`} className="label">
                  {`${moment(step.at)} ${step.kind} → ${step.targets.join(", ") || t("nobody")} · ${step.reason}`}
                </li>
              ))}
            </ul>
          </li>
        ))}
      </ol>
      {replayed.truncated && <p className="dim">{t("and more")}</p>}
    </div>
  );
}
