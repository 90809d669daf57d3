// Shifts over time: what holds on top, the layers beneath it. Gaps are red. A shift is chosen by mouse or arrow keys and
// changed beside the calendar.
import { Button } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { type ScheduleNow, type ShiftsResponse, useRemoveOverride } from "../../api/oncall";
import { Failure } from "../../components/states";
import { moment } from "../../lib/format";
import { t } from "../../lib/i18n";
import { seriesColor } from "../../lib/palette";
import { typing } from "../../shell/Shortcuts";
import { bars, midnights, moved, personIndex } from "./lanes";
import styles from "./Oncall.module.css";
import { type Mode, ShiftPanel } from "./ShiftPanel";

type Props = { data: ShiftsResponse; schedule: ScheduleNow; start: number; end: number; now: number };

const MODES: Record<string, Mode> = { t: "take", o: "override", s: "swap" };

export function Calendar({ data, schedule, start, end, now }: Props) {
  const [selected, setSelected] = useState<number>();
  const [mode, setMode] = useState<Mode>();
  const result = bars(data.shifts, start, end);
  const chosen = selected === undefined ? undefined : result[selected]?.shift;
  const latest = useRef({ count: result.length, chosen });
  latest.current = { count: result.length, chosen };
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.metaKey || event.ctrlKey || event.altKey) return;
      if (event.key === "Escape") {
        setMode(undefined);
        setSelected(undefined);
      }
      if (typing(event)) return;
      if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
        event.preventDefault();
        const by = event.key === "ArrowRight" ? 1 : -1;
        setSelected((before) => moved(latest.current.count, before, by));
      }
      const wanted = MODES[event.key];
      if (wanted && latest.current.chosen) {
        event.preventDefault();
        setMode(wanted);
      }
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, []);
  const people = [...new Set([...schedule.people, ...data.shifts.flatMap((shift) => shift.people)])];
  const color = (names: readonly string[]) => seriesColor(personIndex(people, names[0] ?? ""));
  const nowLeft = (now - start) / (end - start);
  const days = midnights(start, end);
  const everyDay = days.length <= 16;
  const lanes = [...data.layers].reverse();
  return (
    <div className={styles.calendarColumns}>
      <div className={styles.calendar} role="group" aria-label={t("Calendar of shifts")}>
        <div className={styles.axis} aria-hidden="true">
          {days.map(({ at, left }, index) => {
            const date = new Date(at);
            if (!everyDay && index % 2 === 1) return null;
            return (
              <span
                key={at}
                style={{ left: `${left * 100}%` }}
                data-weekend={date.getDay() % 6 === 0 || undefined}
              >
                {date.toLocaleDateString(undefined, { weekday: "short", day: "numeric" })}
              </span>
            );
          })}
        </div>
        <div className={styles.lane} data-result="true">
          <div className={styles.laneName}>{t("On call")}</div>
          <div className={styles.track}>
            <Lines days={days} />
            {result.map(({ shift, left, width, isGap }, index) => (
              <button
                key={shift.start}
                type="button"
                className={isGap ? styles.gap : styles.shift}
                data-override={shift.override_id ? true : undefined}
                aria-pressed={selected === index}
                style={{
                  left: `${left * 100}%`,
                  width: `${width * 100}%`,
                  background: isGap ? undefined : color(shift.people),
                }}
                title={`${shift.people.join(", ") || t("Nobody")} · ${moment(shift.start)} – ${moment(shift.end)} · ${shift.because}`}
                onClick={() => {
                  setSelected(index);
                  setMode(undefined);
                }}
              >
                {(width > 0.06 || (!isGap && width > 0.034)) && (
                  <span>{isGap ? t("Nobody") : shift.people.join(", ")}</span>
                )}
              </button>
            ))}
            {nowLeft >= 0 && nowLeft <= 1 && (
              <i className={styles.now} style={{ left: `${nowLeft * 100}%` }} aria-hidden="true" />
            )}
          </div>
        </div>
        {lanes.map((layer) => (
          <div key={layer.name} className={styles.lane}>
            <div className={styles.laneName}>{layer.name}</div>
            <div className={styles.track}>
              <Lines days={days} />
              {bars(layer.shifts, start, end)
                .filter((bar) => !bar.isGap)
                .map(({ shift, left, width }) => (
                  <div
                    key={shift.start}
                    className={styles.quiet}
                    style={{
                      left: `${left * 100}%`,
                      width: `${width * 100}%`,
                      borderColor: color(shift.people),
                    }}
                    title={`${shift.people.join(", ")} · ${moment(shift.start)} – ${moment(shift.end)}`}
                  >
                    <span>{shift.people.join(", ")}</span>
                  </div>
                ))}
            </div>
          </div>
        ))}
        <p className={`label ${styles.keys}`}>
          {t("← → choose a shift, t takes it, o puts somebody else there, s swaps it, Esc lets go")}
        </p>
      </div>
      <div className={styles.side}>
        <ShiftPanel
          key={`${chosen?.start}-${mode}`}
          schedule={schedule}
          shift={chosen}
          shifts={data.shifts}
          mode={mode}
          setMode={setMode}
        />
        <Overrides data={data} />
        <Load data={data} />
      </div>
    </div>
  );
}

function Lines({ days }: { days: { at: number; left: number }[] }) {
  return (
    <>
      {days.map(({ at, left }) => (
        <i
          key={at}
          className={styles.line}
          data-weekend={new Date(at).getDay() % 6 === 0 || undefined}
          style={{ left: `${left * 100}%`, width: `${100 / Math.max(1, days.length)}%` }}
          aria-hidden="true"
        />
      ))}
    </>
  );
}

/** What people changed by hand, each with its way back. */
function Overrides({ data }: { data: ShiftsResponse }) {
  const remove = useRemoveOverride(data.schedule);
  if (data.overrides.length === 0) return null;
  return (
    <section className={styles.block}>
      <h2>{t("Changed by hand")}</h2>
      {remove.error && <Failure error={remove.error} />}
      <ul>
        {data.overrides.map((change) => (
          <li key={change.id} className="row spread">
            <div className="grow">
              <b>{change.people.join(", ")}</b>{" "}
              {change.instead_of && (
                <span className="dim">{t("for {person}", { person: change.instead_of })}</span>
              )}
              <div className="label">
                {`${moment(change.start).slice(0, -3)} – ${moment(change.end).slice(0, -3)} · `}
                {change.reason || t("no reason given")} · {change.author}
              </div>
            </div>
            <Button size="compact-xs" variant="subtle" onClick={() => remove.mutate(change.id)}>
              {t("Undo")}
            </Button>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Who carries how much in what is shown: hours, split by how much they hurt. */
function Load({ data }: { data: ShiftsResponse }) {
  const total = (one: ShiftsResponse["load"][number]) =>
    one.day_hours + one.night_hours + one.weekend_hours + one.holiday_hours;
  const most = Math.max(1, ...data.load.map(total));
  return (
    <section className={styles.block}>
      <h2>{t("Load in this time")}</h2>
      <ul className={styles.load}>
        {data.load.map((one) => (
          <li key={one.person}>
            <span className="cut">{one.person}</span>
            <span className={styles.loadBar}>
              <i data-kind="day" style={{ width: `${(one.day_hours / most) * 100}%` }} />
              <i data-kind="night" style={{ width: `${(one.night_hours / most) * 100}%` }} />
              <i
                data-kind="weekend"
                style={{ width: `${((one.weekend_hours + one.holiday_hours) / most) * 100}%` }}
              />
            </span>
            <span className="dim">{t("{n} h", { n: Math.round(total(one)) })}</span>
          </li>
        ))}
      </ul>
      <p className="label">{t("blue is day, grey is night, hatched is weekend or holiday")}</p>
    </section>
  );
}
