// Where the escalation stands: whom it called, by what, whether that arrived, and what happens next and when.
import { Button } from "@mantine/core";
import { useEffect, useRef } from "react";
import { useStep } from "../../api/hooks";
import type { Escalation as State } from "../../api/oncall";
import { Glyph, StateChip } from "../../components/Mark";
import { Failure } from "../../components/states";
import { countdown, moment } from "../../lib/format";
import { t } from "../../lib/i18n";
import { type Look, pageLook, type Tone } from "../../lib/states";
import { typing } from "../../shell/Shortcuts";
import styles from "./Escalation.module.css";

function phase(state: State): { tone: Tone; word: string } {
  switch (state.phase) {
    case "acknowledged":
      return { tone: "good", word: t("{name} has it", { name: state.acknowledged_by ?? "?" }) };
    case "held":
      return { tone: "none", word: t("held by {what}", { what: state.held_by ?? "?" }) };
    case "exhausted":
      return { tone: "bad", word: t("nobody answered; the first line was told") };
    case "over":
      return { tone: "none", word: t("over") };
    default:
      return { tone: "warn", word: t("nobody has answered yet") };
  }
}

/** What became of a call. One that needs no page has nothing to arrive. */
function callLook(call: State["calls"][number]): Look {
  if (call.state === "waiting") return { tone: "none", shape: "clock", word: t("Waits for the digest") };
  if (call.state === "none") return { tone: "none", shape: "ring", word: t("Done") };
  return pageLook(call.state);
}

const stepMark = (state: string) =>
  state === "done" ? "check" : state === "running" ? "bolt" : state === "next" ? "clock" : "ring";

export function Escalation({ state, now }: { state: State; now: number }) {
  const step = useStep(state.incident);
  const { tone, word } = phase(state);
  const secs = state.next_at ? (Date.parse(state.next_at) - now) / 1000 : undefined;
  const canEscalate = !["over"].includes(state.phase);
  const escalate = () => step.mutate({ step: "escalate", body: {} });
  const latest = useRef({ canEscalate, escalate });
  latest.current = { canEscalate, escalate };
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.key !== "e" || event.metaKey || event.ctrlKey || event.altKey || typing(event)) return;
      if (!latest.current.canEscalate) return;
      event.preventDefault();
      latest.current.escalate();
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, []);
  return (
    <section className={`panel ${styles.escalation}`} data-tone={tone} aria-label={t("Escalation")}>
      <div className="row spread">
        <span className="label">
          {t("Escalation by policy {policy}, round {round} of {rounds}", {
            policy: state.policy,
            round: state.round,
            rounds: state.rounds,
          })}
        </span>
      </div>
      <p className={styles.phase}>{word}</p>
      {secs !== undefined && (
        <p className={styles.next}>
          <b role="timer">{countdown(Math.max(0, secs))}</b> <span>{state.next}</span>
        </p>
      )}
      <ol className={styles.steps}>
        {state.steps.map((one) => (
          <li key={one.name} data-state={one.state}>
            <Glyph shape={stepMark(one.state)} size={13} />
            <span className="grow">
              <b>{one.name}</b> <span className="dim">{one.targets.join(", ")}</span>
            </span>
            <span className="dim">{countdown(one.timeout_secs)}</span>
          </li>
        ))}
      </ol>
      {canEscalate && (
        <Button
          size="xs"
          variant="default"
          onClick={escalate}
          loading={step.isPending}
          rightSection={<kbd className={styles.kbd}>{"e"}</kbd>}
        >
          {t("Call the next now")}
        </Button>
      )}
      {step.error && <Failure error={step.error} />}
      {state.calls.length > 0 && (
        <ul className={styles.calls}>
          {state.calls
            .slice()
            .reverse()
            .map((call, index) => (
              <li key={`${call.at}-${call.what}-${call.person}-${call.channel}-${index}`}>
                <div className="row spread">
                  <span className="cut">
                    <b>{call.person ?? (call.what === "first_line" ? t("first line") : call.channel)}</b>{" "}
                    <span className="dim">
                      {call.person
                        ? call.channel
                          ? t("by {channel}", { channel: call.channel })
                          : t("ticket")
                        : call.what.replace("_", " ")}
                    </span>
                  </span>
                  <StateChip look={callLook(call)} />
                </div>
                <div className="label">
                  {moment(call.delivered_at ?? call.at, now)}
                  {call.error && <span className={styles.error}>{` · ${call.error}`}</span>}
                </div>
              </li>
            ))}
        </ul>
      )}
    </section>
  );
}
