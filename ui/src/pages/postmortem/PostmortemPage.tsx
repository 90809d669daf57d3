// What one incident teaches: facts as they were on the right, what people write about them on the left, and the gate.
import { Button, Textarea, TextInput } from "@mantine/core";
import { useState } from "react";
import { Link, useParams } from "wouter";
import { ApiError } from "../../api/client";
import { type Postmortem, useEditPostmortem, usePostmortem, useStepPostmortem } from "../../api/learning";
import { Empty, Failure, Loading, Notice } from "../../components/states";
import { clock, moment, span } from "../../lib/format";
import { t } from "../../lib/i18n";
import { useUrl } from "../../state/url";
import { FrozenCharts } from "./FrozenCharts";
import { Measures } from "./Measures";
import styles from "./Postmortem.module.css";

const sectionTitles = (): [string, string][] => [
  ["overview", t("Overview")],
  ["what_happened", t("What happened")],
  ["impact", t("Impact")],
  ["contributing_factors", t("Contributing factors")],
  ["resolution", t("Resolution")],
  ["went_well", t("What went well")],
  ["went_badly", t("What went badly")],
  ["lucky", t("Where we were lucky")],
  ["meeting", t("Meeting")],
  ["internal_mail", t("Internal mail")],
  ["external_message", t("External message")],
];

export default function PostmortemPage() {
  const { id = "" } = useParams<{ id: string }>();
  const query = usePostmortem(id);
  const step = useStepPostmortem(id);
  if (!query.data) {
    const isMissing = query.error instanceof ApiError && query.error.problem.status === 404;
    return (
      <div className="page">
        <div className="head">
          <h1>{t("Postmortem of {incident}", { incident: id })}</h1>
        </div>
        {query.isPending ? (
          <Loading rows={6} height={80} />
        ) : isMissing ? (
          <Empty
            title={t("There is none yet")}
            action={
              <Button
                size="xs"
                loading={step.isPending}
                onClick={() => step.mutate({ step: "draft", version: 0 })}
              >
                {t("Draft it from the timeline")}
              </Button>
            }
          >
            {t(
              "An incident that must be learnt from gets one when it is resolved, every other when somebody asks.",
            )}
          </Empty>
        ) : (
          <Failure error={query.error} retry={() => query.refetch()} />
        )}
        {step.error && <Failure error={step.error} />}
      </div>
    );
  }
  return <Editor key={id} id={id} postmortem={query.data} />;
}

function Editor({ id, postmortem }: { id: string; postmortem: Postmortem }) {
  const { href } = useUrl();
  const edit = useEditPostmortem(id);
  const step = useStepPostmortem(id);
  const { summary, facts, version } = postmortem;
  const closed = summary.state === "closed";
  return (
    <div className="page">
      <div className="head">
        <div className="grow">
          <div className="row wrap dim">
            <b className="chip" data-tone={closed ? "good" : summary.overdue ? "bad" : "warn"}>
              {closed ? t("closed") : summary.overdue ? t("overdue") : t("draft")}
            </b>
            <Link href={href(`/incident/${summary.incident}`)} className="mono">
              {summary.incident}
            </Link>
            <span>
              {summary.level} · {facts.class} · {facts.services.join(", ")}
            </span>
            {summary.is_drill && <b className="chip">{t("drill")}</b>}
            {summary.due && !closed && <span>{t("due {day}", { day: summary.due })}</span>}
            {postmortem.closed_by && (
              <span>
                {t("closed by {name} {time}", {
                  name: postmortem.closed_by,
                  time: moment(postmortem.closed_at ?? ""),
                })}
              </span>
            )}
          </div>
          <h1>{summary.title}</h1>
        </div>
        <Button
          component="a"
          size="xs"
          variant="default"
          href={`/api/v1/postmortems/${encodeURIComponent(id)}/markdown`}
          download
        >
          {t("Markdown")}
        </Button>
        {closed ? (
          <Button size="xs" variant="default" onClick={() => step.mutate({ step: "reopen", version })}>
            {t("Reopen")}
          </Button>
        ) : (
          <Button
            size="xs"
            disabled={postmortem.missing.length > 0}
            loading={step.isPending}
            onClick={() => step.mutate({ step: "close", version })}
          >
            {t("Close")}
          </Button>
        )}
      </div>
      {(step.error || edit.error) && <Failure error={step.error ?? edit.error} />}
      {!closed && postmortem.missing.length > 0 && (
        <Notice tone="info">
          {t("Before it can be closed:")}
          <ul className={styles.missing}>
            {postmortem.missing.map((missing) => (
              <li key={missing}>{missing}</li>
            ))}
          </ul>
        </Notice>
      )}
      <div className={styles.columns}>
        <div className="stack">
          <section className="panel">
            <header>
              <h2>{t("Measures")}</h2>
              <span className="dim">{t("one long-term measure with an owner and a day, at least")}</span>
            </header>
            <div className="pad">
              <Measures
                measures={postmortem.measures}
                save={(measures) => edit.mutate({ version, measures })}
                busy={edit.isPending}
              />
            </div>
          </section>
          <section className="panel">
            {sectionTitles().map(([name, title]) => (
              <Section
                key={name}
                title={title}
                text={postmortem.sections[name] ?? ""}
                locked={closed}
                save={(text) => edit.mutate({ version, sections: { [name]: text } })}
              />
            ))}
          </section>
        </div>
        <div className="stack">
          <section className="panel pad">
            <Owner
              owner={summary.owner ?? ""}
              locked={closed}
              save={(owner) => edit.mutate({ version, owner })}
            />
            <Facts postmortem={postmortem} />
          </section>
          <section className="panel pad">
            <h2>{t("Promises over the incident")}</h2>
            <FrozenCharts charts={facts.charts} />
          </section>
          <section className="panel pad">
            <h2>{t("Timeline")}</h2>
            <ol className={styles.timeline}>
              {facts.timeline.map((line, i) => (
                <li key={`${line.at}-${i}`} className={styles.line}>
                  <time className="mono dim" dateTime={line.at}>
                    {clock(line.at)}
                  </time>
                  <span>
                    <b>{line.actor}</b> {line.text}
                  </span>
                </li>
              ))}
            </ol>
          </section>
        </div>
      </div>
    </div>
  );
}

type TextProps = { locked: boolean; save: (text: string) => void };

function Section({ title, text, locked, save }: TextProps & { title: string; text: string }) {
  const [draft, setDraft] = useState<string | null>(null);
  const done = () => {
    if (draft !== null && draft !== text) save(draft);
    setDraft(null);
  };
  return (
    <div className={styles.section}>
      <h2>{title}</h2>
      {draft === null ? (
        <button
          type="button"
          className={`plain ${styles.text}`}
          disabled={locked}
          onClick={() => setDraft(text)}
          aria-label={t("Edit {title}", { title })}
        >
          {text || <span className="dim">{locked ? "–" : t("Write…")}</span>}
        </button>
      ) : (
        <Textarea
          size="sm"
          autosize
          minRows={3}
          maxRows={30}
          value={draft}
          onChange={(event) => setDraft(event.currentTarget.value)}
          onBlur={done}
          onKeyDown={(event) => {
            if (event.key === "Escape") setDraft(null);
            if ((event.metaKey || event.ctrlKey) && event.key === "Enter") done();
          }}
          aria-label={title}
          autoFocus
        />
      )}
    </div>
  );
}

function Owner({ owner, locked, save }: TextProps & { owner: string }) {
  const [name, setName] = useState(owner);
  return (
    <TextInput
      size="xs"
      label={t("Owner")}
      value={name}
      disabled={locked}
      onChange={(event) => setName(event.currentTarget.value)}
      onBlur={() => name.trim() !== owner && save(name.trim())}
    />
  );
}

function Facts({ postmortem }: { postmortem: Postmortem }) {
  const { facts } = postmortem;
  const { marks, times } = facts;
  const rows: [string, string][] = [
    [t("Fault began"), marks.fault_start_at ? moment(marks.fault_start_at) : "–"],
    [t("MTTD, detect"), span(times.mttd_secs)],
    [t("MTTA, acknowledge"), span(times.mtta_secs)],
    [t("MTTR, resolve"), span(times.mttr_secs)],
    [t("Resolved"), marks.resolved_at ? moment(marks.resolved_at) : "–"],
    [t("Updates in time"), `${facts.updates_kept} / ${facts.updates_kept + facts.updates_missed}`],
    [t("Responders"), facts.people.join(", ") || "–"],
  ];
  return (
    <dl className={styles.facts}>
      {rows.map(([name, value]) => (
        <div key={name} style={{ display: "contents" }}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
