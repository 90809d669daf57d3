// Settings, and what they would have done to the last day before anybody turns them on.
import { Button, NumberInput, SegmentedControl, Textarea, TextInput } from "@mantine/core";
import { useState } from "react";
import { type Rehearsal, type Settings, type Status, useRehearse, useSetCredit } from "../../api/credit";
import { useInventory } from "../../api/operations";
import { Failure, Figure, Notice } from "../../components/states";
import { count, moment } from "../../lib/format";
import { t } from "../../lib/i18n";
import { iso } from "../../lib/time";
import styles from "./Credit.module.css";
import { modeLook, ruleWord } from "./words";

const HOURS = [1, 24, 168] as const;
const EXAMPLE_FILTER = "service.name: edge";
const EXAMPLE_NETWORK = "198.51.100.0/24";

/** As it is sent: without the empty lines that somebody is still writing in. */
const clean = (draft: Settings): Settings => ({
  ...draft,
  allow: draft.allow.map((line) => line.trim()).filter((line) => line !== ""),
});

export function SettingsPanel({
  status,
  maySet,
  onClose,
}: {
  status: Status;
  maySet: boolean;
  onClose: () => void;
}) {
  const [draft, setDraft] = useState<Settings>(status.settings);
  const [hours, setHours] = useState<number>(24);
  const save = useSetCredit();
  const rehearse = useRehearse();
  const cloud = useInventory();
  const change = (part: Partial<Settings>) => setDraft({ ...draft, ...part });
  const number = (value: number | string, part: (value: number) => Partial<Settings>) => {
    if (value !== "" && Number.isFinite(Number(value))) change(part(Number(value)));
  };
  const lists = cloud.data?.block_lists.map((list) => list.name) ?? [];
  return (
    <div className={styles.two}>
      <form
        className="panel"
        aria-label={t("Settings")}
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate(clean(draft), { onSuccess: onClose });
        }}
      >
        <header>
          <h2>{t("Settings")}</h2>
        </header>
        <div className={`pad stack ${styles.form}`}>
          <SegmentedControl
            value={draft.mode}
            onChange={(mode) => change({ mode })}
            data={[
              { value: "off", label: t("Off") },
              { value: "watch", label: t("Watch") },
              { value: "propose", label: t("Propose") },
              { value: "act", label: t("Act") },
            ]}
            aria-label={t("Mode")}
          />
          <p className="dim">{modeLook(draft.mode).word}</p>
          <TextInput
            label={t("Whose access logs are believed")}
            description={t("A filter. Whoever may write such a line may have an address blocked.")}
            placeholder={EXAMPLE_FILTER}
            value={draft.from}
            onChange={(event) => change({ from: event.currentTarget.value })}
          />
          <SegmentedControl
            size="xs"
            value={draft.dataset}
            onChange={(dataset) => change({ dataset })}
            data={[
              { value: "logs", label: t("Logs") },
              { value: "spans", label: t("Spans") },
            ]}
            aria-label={t("Dataset")}
          />
          <Textarea
            label={t("Never blocked")}
            description={t("Networks, one a line. Private ones and this node's own never are.")}
            placeholder={EXAMPLE_NETWORK}
            autosize
            minRows={2}
            value={draft.allow.join("\n")}
            onChange={(event) => change({ allow: event.currentTarget.value.split("\n") })}
          />
          <div className={styles.pair}>
            <TextInput
              label={t("Address set of the firewall")}
              description={lists.length > 0 ? lists.join(", ") : undefined}
              value={draft.list}
              onChange={(event) => change({ list: event.currentTarget.value })}
            />
            <TextInput
              label={t("The one for IPv6")}
              value={draft.list_ipv6 ?? ""}
              onChange={(event) => change({ list_ipv6: event.currentTarget.value || null })}
            />
            <NumberInput
              label={t("Blocked at (points)")}
              min={1}
              value={draft.block_at}
              onChange={(value) => number(value, (block_at) => ({ block_at }))}
            />
            <NumberInput
              label={t("Released below (points)")}
              min={0.1}
              value={draft.release_at}
              onChange={(value) => number(value, (release_at) => ({ release_at }))}
            />
            <NumberInput
              label={t("Points halve in (s)")}
              min={1}
              value={draft.half_life_secs}
              onChange={(value) => number(value, (half_life_secs) => ({ half_life_secs }))}
            />
            <NumberInput
              label={t("First block (s)")}
              min={1}
              value={draft.block_secs}
              onChange={(value) => number(value, (block_secs) => ({ block_secs }))}
            />
            <NumberInput
              label={t("Longest block (s)")}
              min={1}
              value={draft.block_secs_max}
              onChange={(value) => number(value, (block_secs_max) => ({ block_secs_max }))}
            />
            <NumberInput
              label={t("Blocked at a time")}
              min={1}
              value={draft.blocks_max}
              onChange={(value) => number(value, (blocks_max) => ({ blocks_max }))}
            />
          </div>
          {save.error && <Failure error={save.error} />}
          <div className="row">
            {maySet && (
              <Button type="submit" loading={save.isPending}>
                {t("Put in force")}
              </Button>
            )}
            <Button variant="default" onClick={onClose}>
              {t("Close")}
            </Button>
          </div>
        </div>
      </form>
      <section className="panel" aria-label={t("Rehearsal")}>
        <header>
          <h2>{t("What these settings would have done")}</h2>
        </header>
        <div className="pad stack">
          <div className="row wrap">
            <SegmentedControl
              size="xs"
              value={String(hours)}
              onChange={(value) => setHours(Number(value))}
              data={HOURS.map((value) => ({
                value: String(value),
                label: value === 168 ? t("last week") : value === 24 ? t("last day") : t("last hour"),
              }))}
              aria-label={t("Time")}
            />
            <Button
              size="xs"
              loading={rehearse.isPending}
              onClick={() =>
                rehearse.mutate({
                  settings: clean(draft),
                  start: iso(Date.now() - hours * 3600e3),
                })
              }
            >
              {t("Rehearse")}
            </Button>
            <span className="dim">{t("Nothing is blocked.")}</span>
          </div>
          {rehearse.error && <Failure error={rehearse.error} />}
          {rehearse.data && <Rehearsed found={rehearse.data} />}
        </div>
      </section>
    </div>
  );
}

function Rehearsed({ found }: { found: Rehearsal }) {
  if (found.requests === 0) {
    return (
      <Notice tone="warn">
        {t(
          "No line with a client's address and a status in that time: does the filter name your access logs?",
        )}
      </Notice>
    );
  }
  return (
    <>
      <div className={styles.figures}>
        <Figure
          label={t("Blocks")}
          value={count(found.blocks_count)}
          unit={t("over {count} requests", { count: count(found.requests) })}
        />
        <Figure label={t("Requests stopped")} value={count(found.stopped)} />
        <Figure
          label={t("of them answered with 2xx")}
          value={count(found.stopped_answered_well)}
          unit={t("what it may have hurt")}
          tone={found.stopped_answered_well > 0 ? "warn" : "good"}
        />
      </div>
      {found.blocks.length > 0 && (
        <div className="scroll-x">
          <table className="grid">
            <thead>
              <tr>
                <th>{t("Network")}</th>
                <th>{t("From")}</th>
                <th>{t("To")}</th>
                <th className="num">{t("Stopped")}</th>
                <th className="num">{t("of them 2xx")}</th>
                <th>{t("Because it")}</th>
              </tr>
            </thead>
            <tbody>
              {found.blocks.slice(0, 50).map((block) => (
                <tr key={`${block.network}${block.since}`}>
                  <td className="mono">{block.network}</td>
                  <td>{moment(block.since)}</td>
                  <td>{block.ended_at ? moment(block.ended_at) : t("still")}</td>
                  <td className="num">{count(block.requests)}</td>
                  <td className="num" data-tone={block.answered_well > 0 ? "warn" : undefined}>
                    <b style={{ color: block.answered_well > 0 ? "var(--tone)" : undefined }}>
                      {count(block.answered_well)}
                    </b>
                  </td>
                  <td>{block.because[0] && ruleWord(block.because[0].rule)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
