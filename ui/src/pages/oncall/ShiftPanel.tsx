// What can be done with the chosen shift: take it, put somebody else there, swap it.
import { Button, NativeSelect, TextInput } from "@mantine/core";
import { useState } from "react";
import { type ScheduleNow, type Shift, useShiftChange } from "../../api/oncall";
import { Failure } from "../../components/states";
import { moment } from "../../lib/format";
import { t } from "../../lib/i18n";
import styles from "./Oncall.module.css";

export type Mode = "take" | "override" | "swap";

type Props = {
  schedule: ScheduleNow;
  shift: Shift | undefined;
  shifts: Shift[];
  mode: Mode | undefined;
  setMode: (mode: Mode | undefined) => void;
};

export function ShiftPanel({ schedule, shift, shifts, mode, setMode }: Props) {
  const change = useShiftChange(schedule.name);
  const [reason, setReason] = useState("");
  const [person, setPerson] = useState(schedule.people[0] ?? "");
  const others = shifts.filter(
    (other) =>
      shift && other.people.length > 0 && !other.people.includes(shift.people[0] ?? "") && other !== shift,
  );
  const [swapStart, setSwapStart] = useState(others[0]?.start ?? "");
  if (!shift) {
    return (
      <section className={styles.block}>
        <h2>{t("Choose a shift")}</h2>
        <p className="dim">{t("Then take it, give it to somebody, or swap it for another.")}</p>
      </section>
    );
  }
  const times = { start: shift.start, end: shift.end };
  const done = { onSuccess: () => setMode(undefined) };
  const send = () => {
    if (mode === "take") change.mutate({ call: "take", body: { ...times, reason } }, done);
    if (mode === "override")
      change.mutate({ call: "overrides", body: { ...times, people: [person], reason } }, done);
    const other = others.find((one) => one.start === swapStart);
    if (mode === "swap" && other) {
      const body = {
        first: shift.people[0] ?? "",
        first_start: shift.start,
        first_end: shift.end,
        second: other.people[0] ?? "",
        second_start: other.start,
        second_end: other.end,
        reason,
      };
      change.mutate({ call: "swap", body }, done);
    }
  };
  const isGap = shift.people.length === 0;
  const words: Record<Mode, string> = {
    take: isGap ? t("Cover it myself") : t("Take it"),
    override: t("Put somebody there"),
    swap: t("Swap it"),
  };
  const modes: Mode[] = isGap || others.length === 0 ? ["take", "override"] : ["take", "override", "swap"];
  return (
    <section className={styles.block}>
      <h2 data-tone={isGap ? "bad" : undefined} className={styles.chosen}>
        {shift.people.join(", ") || t("Nobody")}
      </h2>
      <p>
        {moment(shift.start).slice(0, -3)} – {moment(shift.end).slice(0, -3)}
      </p>
      <p className="dim">{shift.because}</p>
      <div className={styles.choices}>
        {modes.map((name) => (
          <Button
            key={name}
            size="xs"
            variant={mode === name ? "filled" : "default"}
            aria-pressed={mode === name}
            onClick={() => setMode(mode === name ? undefined : name)}
            rightSection={<kbd className={styles.kbd}>{name[0]}</kbd>}
          >
            {words[name]}
          </Button>
        ))}
      </div>
      {change.error && <Failure error={change.error} />}
      {mode && (
        <form
          className={styles.form}
          onSubmit={(event) => {
            event.preventDefault();
            send();
          }}
        >
          {mode === "override" && (
            <NativeSelect
              size="xs"
              label={t("Who")}
              value={person}
              onChange={(event) => setPerson(event.currentTarget.value)}
              data={schedule.people}
            />
          )}
          {mode === "swap" && (
            <NativeSelect
              size="xs"
              label={t("For which shift")}
              value={swapStart}
              onChange={(event) => setSwapStart(event.currentTarget.value)}
              data={others.map((other) => ({
                value: other.start,
                label: `${other.people.join(", ")} · ${moment(other.start).slice(0, -3)}`,
              }))}
            />
          )}
          <TextInput
            size="xs"
            label={t("Reason")}
            data-autofocus
            autoFocus
            value={reason}
            onChange={(event) => setReason(event.currentTarget.value)}
          />
          <Button size="xs" type="submit" loading={change.isPending}>
            {words[mode]}
          </Button>
        </form>
      )}
    </section>
  );
}
