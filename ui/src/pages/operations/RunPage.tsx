// One run: what it does now, step by step, what was seen before each change, and what people can say to it.
import { Button } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { Link, useParams } from "wouter";
import { useSession } from "../../api/hooks";
import {
  type RunCommand,
  useActions,
  useInventory,
  useRun,
  useRunHistory,
  useStepRun,
} from "../../api/operations";
import type { ActionRun, CloudInventory, RunEvent, RunStepRequest } from "../../api/types";
import { Glyph, Mark } from "../../components/Mark";
import { Failure, Loading, Notice } from "../../components/states";
import { clock, countdown, moment, span } from "../../lib/format";
import { t } from "../../lib/i18n";
import { isLive, runLook, stepLook, targetsOf, verdictLook, withNames } from "../../lib/operations";
import { useAged } from "../../shell/Shell";
import { typing } from "../../shell/Shortcuts";
import { useNow, useUrl } from "../../state/url";
import styles from "./Operations.module.css";
import { PlanView } from "./Plan";

export default function RunPage() {
  const { id = "" } = useParams<{ id: string }>();
  const run = useRun(id);
  const history = useRunHistory(id);
  const inventory = useInventory();
  const actions = useActions();
  const now = useNow(1000);
  const aged = useAged(run.dataUpdatedAt, now);
  if (run.isPending) {
    return (
      <div className="page">
        <Loading rows={5} height={60} />
      </div>
    );
  }
  if (!run.data) {
    return (
      <div className="page">
        <Failure error={run.error} retry={() => run.refetch()} />
      </div>
    );
  }
  return (
    <div className="page">
      <Header run={run.data} inventory={inventory.data} now={now} />
      {run.error && <Failure error={run.error} retry={() => run.refetch()} />}
      {actions.data?.stop && isLive(run.data) && (
        <Notice tone="bad">
          {t("It stands still, for everything is stopped: {reason}", { reason: actions.data.stop.reason })}
        </Notice>
      )}
      <div className={`${styles.sheet} ${aged && !run.data.is_over ? "aged" : ""}`}>
        <div className="stack">
          {["waiting_for_approval", "ready"].includes(run.data.state) ? (
            <section className={`panel ${styles.proposal}`}>
              <h2>{t("What will be done")}</h2>
              <PlanView plan={run.data.plan} inventory={inventory.data} />
            </section>
          ) : (
            <Steps run={run.data} inventory={inventory.data} />
          )}
          <History events={history.data?.events ?? []} inventory={inventory.data} />
        </div>
        <div className={`stack ${styles.act}`}>
          <Commands
            run={run.data}
            mayApprove={actions.data?.may_approve ?? false}
            inventory={inventory.data}
          />
          <Verdict run={run.data} now={now} />
          <Facts run={run.data} />
        </div>
      </div>
    </div>
  );
}

function Header({ run, inventory, now }: { run: ActionRun; inventory?: CloudInventory; now: number }) {
  const { href } = useUrl();
  const look = runLook(run.state);
  const began = run.started_at ? new Date(run.started_at).getTime() : undefined;
  const ended = run.finished_at ? new Date(run.finished_at).getTime() : now;
  return (
    <div className={styles.runHead} data-tone={look.tone}>
      <Glyph shape={look.shape} size={44} />
      <div className="grow">
        <Link href={href("/operations")}>{t("Operations")}</Link>
        <h1>
          {look.word}: <span className="mono">{run.plan.action}</span>
        </h1>
        <p>{targetsOf(run, inventory)}</p>
        {run.reason && <p className={styles.reason}>{withNames(run.reason, inventory)}</p>}
      </div>
      {began !== undefined && (
        <div className={styles.took}>
          <b>{countdown((ended - began) / 1000)}</b>
          <span className="label">{run.finished_at ? t("it took") : t("since its start")}</span>
        </div>
      )}
    </div>
  );
}

function Steps({ run, inventory }: { run: ActionRun; inventory?: CloudInventory }) {
  return (
    <section className="panel" aria-label={t("Steps")}>
      <ol className={styles.steps}>
        {run.steps.map((step, index) => {
          const look = stepLook(step.state);
          const planned = run.plan.steps[index];
          const group =
            planned?.group && planned.group !== run.plan.steps[index - 1]?.group ? planned.group : "";
          return (
            <li key={`${index}-${step.description}`} data-tone={look.tone} data-state={step.state}>
              <span className={styles.stepMark}>
                <Glyph shape={look.shape} size={18} />
              </span>
              <div className="grow">
                {group && <span className={styles.group}>{group}</span>}
                <div className="row wrap">
                  <b>{withNames(step.description, inventory)}</b>
                  <span className={step.state === "pending" ? "sr" : styles.stepWord}>{look.word}</span>
                </div>
                {step.reason && <p>{withNames(step.reason, inventory)}</p>}
                <p className="dim">
                  {[
                    step.before && t("before: {seen}", { seen: withNames(step.before, inventory) }),
                    step.calls > 0 && t("{n, plural, one {# call} other {# calls}}", { n: step.calls }),
                    step.calls === 0 &&
                      step.state === "done" &&
                      planned?.kind === "change" &&
                      t("was so already"),
                    step.undo && t("takes it back: {what}", { what: withNames(step.undo, inventory) }),
                    step.started_at && clock(step.started_at),
                  ]
                    .filter(Boolean)
                    .join(" · ")}
                </p>
              </div>
            </li>
          );
        })}
      </ol>
    </section>
  );
}

function Commands({
  run,
  mayApprove,
  inventory,
}: {
  run: ActionRun;
  mayApprove: boolean;
  inventory?: CloudInventory;
}) {
  const session = useSession();
  const step = useStepRun(run.id);
  const [asked, setAsked] = useState(false);
  const mine = session.data?.name === run.author;
  const send = (command: RunCommand, body?: RunStepRequest) => step.mutate({ step: command, body });
  const approvable = run.state === "waiting_for_approval" && mayApprove && !mine;
  const approve = () => send("approve", { plan_hash: run.plan.hash });
  const cancellable = ["waiting_for_approval", "ready", "running"].includes(run.state);
  const keys: Record<string, (() => void) | undefined> = {
    a: approvable ? approve : undefined,
    s: run.state === "ready" ? () => send("start") : undefined,
  };
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.metaKey || event.ctrlKey || event.altKey || typing(event)) return;
      latest.current[event.key]?.();
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, []);
  const busy = (name: RunCommand) => step.isPending && step.variables?.step === name;
  if (run.is_over) return step.error ? <Failure error={step.error} /> : null;
  return (
    <section className={`panel ${styles.side}`} aria-label={t("What you can say")}>
      {step.error && <Failure error={step.error} />}
      {run.state === "waiting_for_approval" && (
        <>
          <h2>
            {mine
              ? t("Somebody else has to approve it")
              : t("{name} asks for your approval of exactly this", { name: run.author })}
          </h2>
          {approvable ? (
            <Button
              size="md"
              loading={busy("approve")}
              onClick={approve}
              rightSection={<kbd className={styles.kbd}>a</kbd>}
            >
              {t("Approve this plan")}
            </Button>
          ) : (
            !mine && <p className="dim">{t("Approving is for administrators.")}</p>
          )}
        </>
      )}
      {run.state === "ready" && (
        <Button
          size="md"
          loading={busy("start")}
          onClick={() => send("start")}
          rightSection={<kbd className={styles.kbd}>s</kbd>}
        >
          {t("Start it")}
        </Button>
      )}
      {run.state === "waiting_for_human" && (
        <>
          <h2>{t("It waits for your answer")}</h2>
          <p>{withNames(run.reason ?? "", inventory)}</p>
          <div className="row wrap">
            <Button size="xs" loading={busy("answer")} onClick={() => send("answer", { answer: "done" })}>
              {t("It is done: go on")}
            </Button>
            <Button size="xs" variant="default" onClick={() => send("answer", { answer: "retry" })}>
              {t("Try again")}
            </Button>
            <Button
              size="xs"
              variant="default"
              color="red"
              onClick={() => send("answer", { answer: "compensate" })}
            >
              {t("Take everything back")}
            </Button>
          </div>
        </>
      )}
      {cancellable &&
        (run.cancelled_by ? (
          <p>{t("{name} asked to cancel", { name: run.cancelled_by })}</p>
        ) : (
          <Button
            size="xs"
            color="red"
            variant={asked ? "filled" : "light"}
            loading={busy("cancel")}
            onBlur={() => setAsked(false)}
            onClick={() => (asked ? send("cancel") : setAsked(true))}
          >
            {run.state === "running"
              ? asked
                ? t("Stop and take back what was done?")
                : t("Cancel and take back")
              : asked
                ? t("Give it up?")
                : t("Give it up")}
          </Button>
        ))}
    </section>
  );
}

/** Two minutes after its end the promises of the incident's services say whether it helped. */
function Verdict({ run, now }: { run: ActionRun; now: number }) {
  if (run.verdict) {
    return (
      <section className={`panel ${styles.verdict}`} data-tone={verdictLook(run.verdict.helped).tone}>
        <Mark look={verdictLook(run.verdict.helped)} size={22} />
        <p>{run.verdict.text}</p>
      </section>
    );
  }
  if (run.state !== "done" || !run.verdict_due_at || !run.incident) return null;
  const left = (new Date(run.verdict_due_at).getTime() - now) / 1000;
  return (
    <section className={`panel ${styles.verdict}`} data-tone="none">
      <b>{t("Did it help?")}</b>
      <p>
        {left > 0
          ? t("The promises answer in {time}.", { time: countdown(left) })
          : t("The promises are being asked.")}
      </p>
    </section>
  );
}

function Facts({ run }: { run: ActionRun }) {
  const { href } = useUrl();
  const facts: [string, React.ReactNode][] = [
    [t("Asked for by"), run.is_automated ? t("{name}, a rule", { name: run.author }) : run.author],
    [t("Asked for at"), moment(run.created_at)],
  ];
  if (run.approval) facts.push([t("Approved by"), `${run.approval.by}, ${moment(run.approval.at)}`]);
  if (run.started_at) facts.push([t("Started at"), moment(run.started_at)]);
  if (run.finished_at && run.started_at) {
    const secs = (new Date(run.finished_at).getTime() - new Date(run.started_at).getTime()) / 1000;
    facts.push([t("Took"), span(secs)]);
  }
  if (run.incident) {
    facts.push([
      t("Incident"),
      <Link key="incident" href={href(`/incident/${run.incident}`)}>
        {run.incident}
      </Link>,
    ]);
  }
  facts.push([t("Run"), <code key="run">{run.id}</code>]);
  facts.push([t("Plan"), <code key="plan">{run.plan.hash.slice(0, 16)}</code>]);
  return (
    <section className="panel">
      <dl className={styles.facts}>
        {facts.map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <p className="pad">
        <Link href={href("/audit", { text: `runs/${run.id}` })}>{t("In the audit log")}</Link>
      </p>
    </section>
  );
}

const EVENT_TONE: Record<string, string> = {
  step_done: "good",
  finished: "good",
  approved: "good",
  step_failed: "bad",
  waiting_for_human: "bad",
  compensating: "warn",
  step_compensated: "warn",
  cancel_requested: "warn",
  unknown: "warn",
  calling: "info",
};

function History({ events, inventory }: { events: RunEvent[]; inventory?: CloudInventory }) {
  if (events.length === 0) return null;
  return (
    <section className="panel">
      <header>
        <h2>{t("What happened")}</h2>
      </header>
      <ol className={styles.history}>
        {[...events].reverse().map((event) => (
          <li key={event.sequence}>
            <time className="mono dim">{clock(event.at)}</time>
            <i data-tone={EVENT_TONE[event.kind] ?? "none"} aria-hidden="true" />
            <span>{withNames(event.text, inventory)}</span>
            <span className="dim">{event.actor.startsWith("nines/") ? "" : event.actor}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}
