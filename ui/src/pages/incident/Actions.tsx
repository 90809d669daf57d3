// What a person can do to an incident, by button and by key. Each answer from the server replaces what is on screen.
import { Button, NativeSelect, SegmentedControl, Textarea, TextInput } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { type Step, useStep } from "../../api/hooks";
import type { Incident, StepRequest } from "../../api/types";
import { Failure } from "../../components/states";
import { t } from "../../lib/i18n";
import { CADENCE_MINUTES, CLASSES, className, isOpen, LEVELS } from "../../lib/states";
import { typing } from "../../shell/Shortcuts";
import { useUrl } from "../../state/url";
import styles from "./Incident.module.css";

type Mode =
  | "acknowledge"
  | "confirm"
  | "update"
  | "note"
  | "mitigate"
  | "resolve"
  | "cancel"
  | "assign"
  | "reopen"
  | "review";

const KEYS: Record<string, Mode> = {
  a: "acknowledge",
  c: "confirm",
  u: "update",
  n: "note",
  m: "mitigate",
  r: "resolve",
};

/** Steps that make sense in a state; the server has the last word. */
export function possible(incident: Pick<Incident, "state" | "marks" | "confirmed_level">): Mode[] {
  if (incident.state === "resolved") return ["note", "review", "reopen"];
  if (!isOpen(incident.state)) return incident.state === "cancelled" ? ["reopen"] : ["note"];
  const steps: Mode[] = [];
  if (!incident.marks.acknowledged_at) steps.push("acknowledge");
  steps.push("confirm", "update", "note");
  if (!incident.marks.mitigated_at) steps.push("mitigate");
  steps.push("resolve", "assign", "cancel");
  return steps;
}

export function Actions({ incident, draft }: { incident: Incident; draft: string }) {
  const [mode, setMode] = useState<Mode | null>(null);
  const step = useStep(incident.id);
  const steps = possible(incident);
  // An answer closes its own form and not the one that was opened since.
  const send = (name: Step, body: StepRequest) =>
    step.mutate({ step: name, body }, { onSuccess: () => setMode((open) => (open === name ? null : open)) });
  const choose = (next: Mode) => {
    if (next === "acknowledge") send("acknowledge", {});
    else setMode(next === mode ? null : next);
  };

  const latest = useRef({ steps, choose });
  latest.current = { steps, choose };
  // The acknowledge link of a page leads here with `?do=acknowledge`: whoever opens it has taken the incident.
  const { params, set } = useUrl();
  const asked = params.get("do");
  useEffect(() => {
    if (!asked) return;
    set({ do: null }, { replace: true });
    if (asked === "acknowledge" && latest.current.steps.includes("acknowledge"))
      latest.current.choose("acknowledge");
  }, [asked, set]);
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.metaKey || event.ctrlKey || event.altKey) return;
      if (event.key === "Escape") setMode(null);
      const wanted = KEYS[event.key];
      if (!wanted || typing(event) || !latest.current.steps.includes(wanted)) return;
      event.preventDefault();
      latest.current.choose(wanted);
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, []);

  const words: Record<Mode, string> = {
    acknowledge: t("Acknowledge"),
    confirm: incident.confirmed_level ? t("Change level") : t("Confirm level"),
    update: t("Post an update"),
    note: t("Add a note"),
    mitigate: t("Mitigate"),
    resolve: t("Resolve"),
    cancel: t("Cancel incident"),
    assign: t("Hand over"),
    reopen: t("Reopen"),
    review: t("Mark as reviewed"),
  };
  const primary: Mode | undefined = steps.includes("acknowledge")
    ? "acknowledge"
    : steps.includes("update")
      ? "update"
      : steps[0];
  const quiet: Mode[] = ["cancel", "assign"];
  const key = (name: Mode) => Object.entries(KEYS).find(([, value]) => value === name)?.[0];
  return (
    <section className={`panel pad ${styles.actions}`} aria-label={t("Actions")}>
      <div className={styles.buttons}>
        {steps.map((name) => (
          <Button
            key={name}
            size={quiet.includes(name) ? "compact-xs" : "xs"}
            variant={name === primary ? "filled" : quiet.includes(name) ? "subtle" : "default"}
            aria-pressed={mode === name}
            loading={step.isPending && step.variables?.step === name}
            rightSection={key(name) ? <kbd className={styles.kbd}>{key(name)}</kbd> : undefined}
            onClick={() => choose(name)}
          >
            {words[name]}
          </Button>
        ))}
      </div>
      {step.error && <Failure error={step.error} />}
      {mode === "confirm" && (
        <Confirm incident={incident} send={(body) => send("confirm", body)} busy={step.isPending} />
      )}
      {mode === "update" && (
        <Update
          key={`${incident.id}-${draft.length}`}
          incident={incident}
          draft={draft}
          send={(body) => send("update", body)}
          busy={step.isPending}
        />
      )}
      {mode && !["confirm", "update", "acknowledge"].includes(mode) && (
        <Words
          key={mode}
          mode={mode}
          title={words[mode]}
          send={(text) => send(mode, mode === "assign" ? { commander: text } : text ? { text } : {})}
          busy={step.isPending}
        />
      )}
    </section>
  );
}

type FormProps = { send: (body: StepRequest) => void; busy: boolean };

function Confirm({ incident, send, busy }: FormProps & { incident: Incident }) {
  const [level, setLevel] = useState(incident.level);
  const [kind, setKind] = useState(incident.class);
  return (
    <form
      className={styles.form}
      onSubmit={(event) => {
        event.preventDefault();
        send({ level, class: kind === incident.class ? undefined : kind });
      }}
    >
      <SegmentedControl
        size="sm"
        value={level}
        onChange={setLevel}
        data={LEVELS.map((value) => ({ value, label: value }))}
        aria-label={t("Level")}
      />
      <p className="dim">
        {t("{level} promises an update every {n} minutes.", { level, n: CADENCE_MINUTES[level] ?? 0 })}
      </p>
      <NativeSelect
        size="xs"
        label={t("Class")}
        value={kind}
        onChange={(event) => setKind(event.currentTarget.value)}
        data={CLASSES.map((value) => ({ value, label: `${value} · ${className(value)}` }))}
      />
      <Button type="submit" size="xs" loading={busy} data-autofocus>
        {t("Confirm {level}", { level })}
      </Button>
    </form>
  );
}

function Update({ incident, draft, send, busy }: FormProps & { incident: Incident; draft: string }) {
  const [text, setText] = useState(draft);
  const [scope, setScope] = useState(incident.scope);
  const [status, setStatus] = useState(incident.status);
  const [progress, setProgress] = useState(incident.progress);
  const changed = (now: string, before: string) => (now !== before ? now : undefined);
  const submit = () => {
    if (text.trim())
      send({
        text: text.trim(),
        scope: changed(scope, incident.scope),
        status: changed(status, incident.status),
        progress: changed(progress, incident.progress),
      });
  };
  return (
    <form
      className={styles.form}
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
      onKeyDown={(event) => (event.metaKey || event.ctrlKey) && event.key === "Enter" && submit()}
    >
      <Textarea
        size="xs"
        autosize
        minRows={4}
        maxRows={14}
        label={t("Update, drafted from what changed since the last one")}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        autoFocus
      />
      <TextInput
        size="xs"
        label={t("Scope")}
        value={scope}
        onChange={(event) => setScope(event.currentTarget.value)}
      />
      <TextInput
        size="xs"
        label={t("Current status")}
        value={status}
        onChange={(event) => setStatus(event.currentTarget.value)}
      />
      <TextInput
        size="xs"
        label={t("Progress")}
        value={progress}
        onChange={(event) => setProgress(event.currentTarget.value)}
      />
      <Button
        type="submit"
        size="xs"
        loading={busy}
        disabled={!text.trim()}
        rightSection={<kbd className={styles.kbd}>{"Ctrl ⏎"}</kbd>}
      >
        {t("Post and promise the next one in {n} minutes", {
          n: Math.round(incident.clock.cadence_secs / 60),
        })}
      </Button>
    </form>
  );
}

const NEEDS_TEXT: Mode[] = ["note", "cancel", "assign"];

function Words({
  mode,
  title,
  send,
  busy,
}: {
  mode: Mode;
  title: string;
  send: (text: string) => void;
  busy: boolean;
}) {
  const [text, setText] = useState("");
  const label =
    {
      note: t("Note"),
      assign: t("Who leads from now on"),
      cancel: t("Why this is no incident"),
      mitigate: t("What was done (optional)"),
      resolve: t("What fixed it (optional)"),
    }[mode as string] ?? t("Comment (optional)");
  const ready = !NEEDS_TEXT.includes(mode) || Boolean(text.trim());
  return (
    <form
      className={styles.form}
      onSubmit={(event) => {
        event.preventDefault();
        if (ready) send(text.trim());
      }}
    >
      <TextInput
        size="xs"
        label={label}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        autoFocus
      />
      <Button type="submit" size="xs" loading={busy} disabled={!ready}>
        {title}
      </Button>
    </form>
  );
}
