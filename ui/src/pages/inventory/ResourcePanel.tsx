// One thing with every verdict: the fact, why it matters, how to mend it, and a way to answer for it until a day.
import { Button, Modal, NumberInput, Textarea, TextInput } from "@mantine/core";
import { useState } from "react";
import { useSession } from "../../api/hooks";
import { type Resource, useAskWaiver, useResource, type Verdict } from "../../api/inventory";
import { Failure, Loading } from "../../components/states";
import { ago } from "../../lib/format";
import { t } from "../../lib/i18n";
import { iso } from "../../lib/time";
import styles from "./Inventory.module.css";
import { severityTone, severityWord } from "./Standards";

const DAYS_MAX = 366;
const REASON_CHARS_MIN = 10;

export function ResourcePanel({ id, onClose }: { id: string; onClose: () => void }) {
  const query = useResource(id);
  const [waived, setWaived] = useState<Verdict>();
  return (
    <section className="panel">
      <header>
        <h2>{query.data?.name ?? id}</h2>
        <Button size="compact-xs" variant="default" onClick={onClose}>
          {t("All things")}
        </Button>
      </header>
      {query.error && <Failure error={query.error} retry={() => query.refetch()} />}
      {query.isPending && !query.error ? (
        <Loading rows={4} />
      ) : (
        query.data && <Detail resource={query.data} onWaive={setWaived} />
      )}
      {waived && query.data && (
        <Waive resource={query.data} verdict={waived} onClose={() => setWaived(undefined)} />
      )}
    </section>
  );
}

const wordOf = (verdict: string) =>
  ({ passed: t("passed"), failed: t("failed"), unknown: t("not known"), waived: t("waived") })[verdict] ??
  verdict;

function Detail({ resource, onWaive }: { resource: Resource; onWaive: (verdict: Verdict) => void }) {
  const tags = Object.entries(resource.tags);
  return (
    <div className={`pad ${styles.detail}`}>
      <div>
        <p className="mono dim">{resource.key}</p>
        <p>
          {resource.owner ? t("owned by {owner}", { owner: resource.owner }) : t("nobody owns it")} ·{" "}
          {resource.gone_at
            ? t("gone {when}", { when: ago(resource.gone_at) })
            : t("seen {when}", { when: ago(resource.last_seen_at) })}
        </p>
        <p>
          {tags.map(([key, value]) => (
            <span key={key} className={styles.tag}>
              {key} <b>{value}</b>
            </span>
          ))}
        </p>
        <ul className={styles.verdicts}>
          {resource.verdicts.map((verdict) => (
            <li key={verdict.rule} data-part={verdict.verdict}>
              <div className={styles.word}>{wordOf(verdict.verdict)}</div>
              <div>
                <h3>
                  {verdict.title}{" "}
                  <span className="chip" data-tone={severityTone(verdict.severity)}>
                    {severityWord(verdict.severity)}
                  </span>
                </h3>
                <p className={styles.because}>{verdict.because}</p>
                {verdict.verdict !== "passed" && (
                  <>
                    <p>
                      <span className="label">{t("why")}</span> {verdict.why}
                    </p>
                    <p>
                      <span className="label">{t("mend")}</span> {verdict.mend}{" "}
                      {verdict.link && (
                        <a href={verdict.link} target="_blank" rel="noreferrer">
                          {t("read more")}
                        </a>
                      )}
                    </p>
                  </>
                )}
              </div>
              {(verdict.verdict === "failed" || verdict.verdict === "unknown") && !resource.gone_at && (
                <Button size="compact-xs" variant="default" onClick={() => onWaive(verdict)}>
                  {t("Waive")}
                </Button>
              )}
            </li>
          ))}
        </ul>
      </div>
      <details className={styles.tree}>
        <summary>{t("What was collected")}</summary>
        <pre>{JSON.stringify(resource.attributes ?? null, null, 2)}</pre>
      </details>
    </div>
  );
}

function Waive({
  resource,
  verdict,
  onClose,
}: {
  resource: Resource;
  verdict: Verdict;
  onClose: () => void;
}) {
  const session = useSession();
  const [reason, setReason] = useState("");
  const [owner, setOwner] = useState(resource.owner ?? session.data?.name ?? "");
  const [days, setDays] = useState<number | string>(30);
  const ask = useAskWaiver();
  const ready = reason.trim().length >= REASON_CHARS_MIN && owner.trim() !== "" && Number(days) >= 1;
  return (
    <Modal
      opened
      lockScroll={false}
      onClose={onClose}
      title={t("Waive: {title}", { title: verdict.title })}
      centered
      closeButtonProps={{ "aria-label": t("Close") }}
    >
      {ask.data ? (
        <div className="stack">
          <p>{t("Asked for. It waives nothing until somebody else approves it, under Waivers.")}</p>
          <Button onClick={onClose}>{t("Close")}</Button>
        </div>
      ) : (
        <form
          className="stack"
          onSubmit={(event) => {
            event.preventDefault();
            ask.mutate({
              rule: verdict.rule,
              resource: resource.key,
              reason: reason.trim(),
              owner: owner.trim(),
              ends_at: iso(Date.now() + Number(days) * 86400e3),
            });
          }}
        >
          <p className="dim">{resource.name}</p>
          <Textarea
            label={t("Why it may stay as it is")}
            description={t("For whoever reads it in a year.")}
            value={reason}
            autosize
            minRows={3}
            data-autofocus
            onChange={(event) => setReason(event.currentTarget.value)}
          />
          <TextInput
            label={t("Who answers for it")}
            value={owner}
            onChange={(event) => setOwner(event.currentTarget.value)}
          />
          <NumberInput label={t("Days")} min={1} max={DAYS_MAX} value={days} onChange={setDays} />
          {ask.error && <Failure error={ask.error} />}
          <Button type="submit" disabled={!ready} loading={ask.isPending}>
            {t("Ask for it")}
          </Button>
        </form>
      )}
    </Modal>
  );
}
