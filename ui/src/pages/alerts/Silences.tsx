// What people do not want to hear: the list with its ends, and a form that says what it would hold back before it does.
import { Button, SegmentedControl, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useMemo } from "react";
import { type Silence, useEndSilence, useSetSilence, useSilencePreview, useSilences } from "../../api/oncall";
import { Failure, Loading } from "../../components/states";
import { moment, span } from "../../lib/format";
import { t } from "../../lib/i18n";
import { iso } from "../../lib/time";
import styles from "./Alerts.module.css";

const HOUR = 3_600_000;
const LENGTHS: Record<string, number> = { "1h": HOUR, "4h": 4 * HOUR, "1d": 24 * HOUR, "7d": 168 * HOUR };

export type SilenceDraft = { filter: string; length: string; reason: string };

export function Silences({
  draft,
  setDraft,
  now,
}: {
  draft: SilenceDraft | undefined;
  setDraft: (draft: SilenceDraft | undefined) => void;
  now: number;
}) {
  const silences = useSilences();
  const end = useEndSilence();
  const list = silences.data?.silences ?? [];
  const lasting = list.filter((silence) => silence.state !== "ended");
  const ended = list.filter((silence) => silence.state === "ended").slice(0, 5);
  return (
    <section className="panel">
      <header>
        <h2>{t("Silences")}</h2>
        <Button
          size="compact-xs"
          variant="default"
          onClick={() => setDraft(draft ? undefined : { filter: "", length: "4h", reason: "" })}
        >
          {draft ? t("Close") : t("New silence")}
        </Button>
      </header>
      {draft && <Form draft={draft} setDraft={setDraft} />}
      {silences.error ? (
        <Failure error={silences.error} retry={() => silences.refetch()} />
      ) : silences.isPending ? (
        <Loading rows={1} />
      ) : (
        <ul className={styles.silences}>
          {lasting.length === 0 && <li className="dim">{t("Nothing is silenced.")}</li>}
          {[...lasting, ...ended].map((silence) => (
            <Line key={silence.id} silence={silence} now={now} end={() => end.mutate(silence.id)} />
          ))}
        </ul>
      )}
      {end.error && <Failure error={end.error} />}
    </section>
  );
}

function Line({ silence, now, end }: { silence: Silence; now: number; end: () => void }) {
  const left = (Date.parse(silence.end) - now) / 1000;
  const word =
    silence.state === "ended"
      ? t("ended {time}", { time: moment(silence.end, now) })
      : silence.state === "pending"
        ? t("from {time}", { time: moment(silence.start, now) })
        : t("{time} left", { time: span(Math.max(0, left)) });
  return (
    <li data-ended={silence.state === "ended" || undefined}>
      <div className="row spread">
        <code className="cut">{silence.filter}</code>
        <b className={styles.left}>{word}</b>
      </div>
      <div className="row spread">
        <span className="label">
          {silence.reason} · {silence.author}
        </span>
        {silence.state !== "ended" && !silence.declared && (
          <Button size="compact-xs" variant="subtle" onClick={end}>
            {t("End now")}
          </Button>
        )}
      </div>
    </li>
  );
}

function Form({
  draft,
  setDraft,
}: {
  draft: SilenceDraft;
  setDraft: (draft: SilenceDraft | undefined) => void;
}) {
  const set = useSetSilence();
  const [filter] = useDebouncedValue(draft.filter.trim(), 250);
  const request = useMemo(
    () =>
      filter ? { filter, end: iso(Date.now() + (LENGTHS[draft.length] ?? HOUR)), reason: "" } : undefined,
    [filter, draft.length],
  );
  const preview = useSilencePreview(request);
  const found = preview.data?.preview;
  const change = (part: Partial<SilenceDraft>) => setDraft({ ...draft, ...part });
  return (
    <form
      className={styles.silenceForm}
      onSubmit={(event) => {
        event.preventDefault();
        const end = iso(Date.now() + (LENGTHS[draft.length] ?? HOUR));
        set.mutate(
          { filter: draft.filter, end, reason: draft.reason },
          { onSuccess: () => setDraft(undefined) },
        );
      }}
    >
      <TextInput
        size="xs"
        label={t("Filter")}
        placeholder={"service.name: db and host: db-*"}
        autoFocus
        value={draft.filter}
        onChange={(event) => change({ filter: event.currentTarget.value })}
      />
      <div className="row wrap">
        <SegmentedControl
          size="xs"
          value={draft.length}
          onChange={(length) => change({ length })}
          data={Object.keys(LENGTHS)}
          aria-label={t("Length")}
        />
      </div>
      <TextInput
        size="xs"
        label={t("Reason")}
        value={draft.reason}
        onChange={(event) => change({ reason: event.currentTarget.value })}
      />
      {preview.error && filter ? (
        <Failure error={preview.error} />
      ) : (
        found && (
          <div className={styles.preview} data-tone={found.matching > 0 ? "warn" : "none"}>
            <b>
              {t("{matching} of {of} open alerts would be held back", {
                matching: found.matching,
                of: found.of,
              })}
            </b>
            {found.titles.map((title) => (
              <div key={title} className="cut dim">
                {title}
              </div>
            ))}
          </div>
        )
      )}
      {set.error && <Failure error={set.error} />}
      <Button size="xs" type="submit" loading={set.isPending} disabled={!draft.filter || !draft.reason}>
        {t("Silence until {time}", {
          time: moment(Date.now() + (LENGTHS[draft.length] ?? HOUR)).slice(0, -3),
        })}
      </Button>
    </form>
  );
}
