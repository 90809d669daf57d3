// What there is, and how much of it keeps to the standards: the score in big figures, what is worst, whose it is, and each
// thing with what is wrong with it. The address is the state: the filter, and which thing is open.
import { Button, SegmentedControl } from "@mantine/core";
import { useRef } from "react";
import { type Score, useCollect, useImport, useScore } from "../../api/inventory";
import { Empty, Failure, Loading, Notice } from "../../components/states";
import { ago } from "../../lib/format";
import { t } from "../../lib/i18n";
import { useUrl } from "../../state/url";
import styles from "./Inventory.module.css";
import { ResourcePanel } from "./ResourcePanel";
import { Resources } from "./Resources";
import { Breakdown, WorstStandards } from "./Standards";
import { Waivers } from "./Waivers";

export default function InventoryPage() {
  const { params, set } = useUrl();
  const score = useScore();
  const view = params.get("view") ?? "things";
  const open = params.get("key");
  return (
    <div className="page">
      <div className="head">
        <h1>{t("Inventory")}</h1>
        <SegmentedControl
          size="xs"
          value={view}
          onChange={(value) => set({ view: value === "things" ? null : value, key: null })}
          data={[
            { value: "things", label: t("Standards and things") },
            { value: "waivers", label: t("Waivers") },
          ]}
          aria-label={t("View")}
        />
        <span className="grow" />
        <Take canCollect={score.data?.can_collect ?? false} />
      </div>
      {score.error && <Failure error={score.error} retry={() => score.refetch()} />}
      {score.isPending ? (
        <Loading rows={4} />
      ) : (
        score.data &&
        (view === "waivers" ? (
          <Waivers />
        ) : score.data.resources === 0 ? (
          <Nothing />
        ) : (
          <>
            <Headline score={score.data} />
            <Unknown score={score.data} />
            {open ? (
              <ResourcePanel id={open} onClose={() => set({ key: null })} />
            ) : (
              <>
                <div className={styles.two}>
                  <WorstStandards rules={score.data.rules} />
                  <div className="stack">
                    <Breakdown title={t("By owner")} groups={score.data.owners} field="owner" />
                    <Breakdown title={t("By kind")} groups={score.data.kinds} field="kind" />
                  </div>
                </div>
                <Resources kinds={score.data.kinds.map((kind) => kind.name)} />
              </>
            )}
          </>
        ))
      )}
    </div>
  );
}

const tone = (score: number | null | undefined) =>
  score == null ? "none" : score >= 90 ? "good" : score >= 70 ? "warn" : "bad";

function Headline({ score }: { score: Score }) {
  const { total, days } = score;
  const judged = total.passed + total.failed + total.unknown;
  const share = (count: number) => `${(100 * count) / Math.max(1, judged)}%`;
  const first = days.at(-31) ?? days[0];
  const change =
    total.score != null && first?.tally.score != null && days.length > 1
      ? total.score - first.tally.score
      : null;
  return (
    <section className={`panel ${styles.headline}`} aria-label={t("Score")}>
      <div className={styles.score} data-tone={tone(total.score)}>
        <strong>{total.score == null ? "–" : total.score.toFixed(1)}</strong>
        {total.score != null && <span>%</span>}
        <div className="label">
          {t("passed of what was judged")}
          {change != null && (
            <>
              {" · "}
              {change >= 0 ? "▲" : "▼"} {Math.abs(change).toFixed(1)}{" "}
              {t("since {day}", { day: first?.day ?? "" })}
            </>
          )}
        </div>
      </div>
      <div className={styles.parts}>
        <div
          className={styles.bar}
          role="img"
          aria-label={t("{passed} passed, {failed} failed, {unknown} unknown", {
            passed: total.passed,
            failed: total.failed,
            unknown: total.unknown,
          })}
        >
          <i data-part="passed" style={{ width: share(total.passed) }} />
          <i data-part="failed" style={{ width: share(total.failed) }} />
          <i data-part="unknown" style={{ width: share(total.unknown) }} />
        </div>
        <dl className={styles.counts}>
          <div data-part="passed">
            <dt>{t("passed")}</dt>
            <dd>{total.passed}</dd>
          </div>
          <div data-part="failed">
            <dt>{t("failed")}</dt>
            <dd>{total.failed}</dd>
          </div>
          <div data-part="unknown" title={t("What was not collected lowers the score as a failure does.")}>
            <dt>{t("not known")}</dt>
            <dd>{total.unknown}</dd>
          </div>
          <div data-part="waived">
            <dt>{t("waived, apart")}</dt>
            <dd>{total.waived}</dd>
          </div>
          <div>
            <dt>{t("things")}</dt>
            <dd>{score.resources}</dd>
          </div>
        </dl>
      </div>
      <Trend score={score} />
    </section>
  );
}

/** The score of each day, from 0 to 100: a line that cannot be made to look better by its scale. */
function Trend({ score }: { score: Score }) {
  const days = score.days.slice(-90);
  if (days.length < 2) {
    return (
      <div className={styles.trend}>
        <p className="dim">{t("The trend begins tomorrow: one point is kept for each day.")}</p>
      </div>
    );
  }
  const at = (index: number) => (index / (days.length - 1)) * 300;
  const points = days.map((day, index) => `${at(index)},${100 - (day.tally.score ?? 0)}`).join(" ");
  return (
    <figure className={styles.trend}>
      <svg viewBox="0 0 300 100" preserveAspectRatio="none" role="img" aria-label={t("Score by day")}>
        <line x1="0" x2="300" y1="10" y2="10" />
        <polyline points={points} />
      </svg>
      <figcaption className="label">
        {days[0]?.day} – {days.at(-1)?.day}
      </figcaption>
    </figure>
  );
}

/** What a provider did not tell: never green, and never silently left out. */
function Unknown({ score }: { score: Score }) {
  const refused = score.listings.filter(
    (one) => one.problem && one.provider === "aws" && !one.problem.startsWith("a file"),
  );
  if (refused.length === 0) return null;
  return (
    <Notice tone="warn">
      {t("{n} kinds could not be listed whole, so nothing new is known of them:", { n: refused.length })}{" "}
      {refused.map((one) => (
        <span
          key={`${one.account}${one.region}${one.kind}`}
          className={styles.refused}
          title={one.problem ?? ""}
        >
          <b>{one.kind}</b> {one.account} · {one.complete_at ? ago(one.complete_at) : t("never seen")}
        </span>
      ))}
    </Notice>
  );
}

function Nothing() {
  return (
    <Empty title={t("Nothing is known yet")}>
      {t("Collect from the configured account, or take a file in:")}
      <code className={styles.hint}>
        {"aws ec2 describe-instances > instances.json"}
        <br />
        {"nines inventory import instances.json --complete"}
      </code>
    </Empty>
  );
}

/** Collect now, or take a file in. */
function Take({ canCollect }: { canCollect: boolean }) {
  const collect = useCollect();
  const take = useImport();
  const input = useRef<HTMLInputElement>(null);
  const failed = collect.error ?? take.error;
  return (
    <>
      {failed && <Failure error={failed} />}
      {take.data && (
        <span className="label">{t("taken in from {source}", { source: take.data.source })}</span>
      )}
      <Button
        component="a"
        size="xs"
        variant="default"
        href="/api/v1/inventory/resources?format=csv"
        download
      >
        CSV
      </Button>
      <input
        ref={input}
        type="file"
        hidden
        accept=".json,.yaml,.yml,.ndjson,.jsonl,.tfstate"
        onChange={async (event) => {
          const file = event.currentTarget.files?.[0];
          if (file)
            take.mutate({ text: await file.text(), file: file.name, complete: false, dry_run: false });
          if (input.current) input.current.value = "";
        }}
      />
      <Button size="xs" variant="default" loading={take.isPending} onClick={() => input.current?.click()}>
        {t("Import a file")}
      </Button>
      {canCollect && (
        <Button size="xs" loading={collect.isPending} onClick={() => collect.mutate(undefined)}>
          {t("Collect now")}
        </Button>
      )}
    </>
  );
}
