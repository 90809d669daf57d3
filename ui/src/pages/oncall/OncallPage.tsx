// Who is called, in letters that can be read across the room; then when, as a calendar that can be changed in place.
import { Button, SegmentedControl } from "@mantine/core";
import { IconCalendarPlus, IconChevronLeft, IconChevronRight } from "@tabler/icons-react";
import { useMemo } from "react";
import { type OncallTeam, type ScheduleNow, useCreateCalendar, useOncall, useShifts } from "../../api/oncall";
import { Glyph } from "../../components/Mark";
import { Empty, Failure, Loading } from "../../components/states";
import { moment, span } from "../../lib/format";
import { t } from "../../lib/i18n";
import { iso, zoneName } from "../../lib/time";
import { useNow, useUrl } from "../../state/url";
import { Calendar } from "./Calendar";
import styles from "./Oncall.module.css";

const DAY = 86_400_000;
const LENGTHS = { "7": 7, "14": 14, "28": 28 } as const;

export default function OncallPage() {
  const { params, set } = useUrl();
  const now = useNow(1000);
  const oncall = useOncall();
  const schedules = oncall.data?.schedules ?? [];
  const name = params.get("schedule") ?? schedules[0]?.name;
  const schedule = schedules.find((one) => one.name === name) ?? schedules[0];
  const days = LENGTHS[(params.get("days") ?? "14") as keyof typeof LENGTHS] ?? 14;
  const shift = Number(params.get("shift") ?? 0);
  const start = useMemo(() => {
    const today = new Date();
    today.setHours(0, 0, 0, 0);
    return today.getTime() + shift * DAY;
  }, [shift]);
  const end = start + days * DAY;
  const shifts = useShifts(schedule?.name, iso(start), iso(end));

  if (oncall.isPending) {
    return (
      <div className="page">
        <Loading rows={4} height={96} />
      </div>
    );
  }
  const move = (by: number) => set({ shift: shift + by === 0 ? null : String(shift + by) });
  return (
    <div className="page">
      <div className="head">
        <h1>{t("On call")}</h1>
      </div>
      {oncall.error && <Failure error={oncall.error} retry={() => oncall.refetch()} />}
      {oncall.data && oncall.data.teams.length === 0 && (
        <div className="panel">
          <Empty title={t("No team yet")}>
            {t("Apply a Team, a Schedule and an EscalationPolicy, and whoever is on call stands here.")}
          </Empty>
        </div>
      )}
      <div className={styles.teams}>
        {oncall.data?.teams.map((team) => (
          <Team key={team.name} team={team} schedules={schedules} now={now} />
        ))}
      </div>
      {schedule && (
        <section className="panel">
          <header className={styles.bar}>
            {schedules.length > 1 ? (
              <SegmentedControl
                size="xs"
                value={schedule.name}
                onChange={(value) => set({ schedule: value })}
                data={schedules.map((one) => one.name)}
                aria-label={t("Schedule")}
              />
            ) : (
              <h2>{t("Schedule {name}", { name: schedule.name })}</h2>
            )}
            <span className="dim">
              {t("times in {zone}; hand-overs by {scheduleZone}", {
                zone: zoneName(),
                scheduleZone: schedule.time_zone,
              })}
            </span>
            <div className={styles.barTools}>
              <Button.Group>
                <Button
                  size="compact-sm"
                  variant="default"
                  onClick={() => move(-days)}
                  aria-label={t("Earlier")}
                >
                  <IconChevronLeft size={15} />
                </Button>
                <Button size="compact-sm" variant="default" onClick={() => set({ shift: null })}>
                  {t("Today")}
                </Button>
                <Button
                  size="compact-sm"
                  variant="default"
                  onClick={() => move(days)}
                  aria-label={t("Later")}
                >
                  <IconChevronRight size={15} />
                </Button>
              </Button.Group>
              <SegmentedControl
                size="xs"
                value={String(days)}
                onChange={(value) => set({ days: value === "14" ? null : value })}
                data={Object.values(LENGTHS).map((n) => ({
                  value: String(n),
                  label: t("{n} days", { n }),
                }))}
                aria-label={t("Length")}
              />
              <Feed schedule={schedule.name} />
            </div>
          </header>
          {shifts.error ? (
            <Failure error={shifts.error} retry={() => shifts.refetch()} />
          ) : shifts.data ? (
            <Calendar data={shifts.data} schedule={schedule} start={start} end={end} now={now} />
          ) : (
            <Loading rows={3} height={40} />
          )}
        </section>
      )}
    </div>
  );
}

/** One team: the names first, then what decides, then who comes next. */
function Team({ team, schedules, now }: { team: OncallTeam; schedules: ScheduleNow[]; now: number }) {
  const { href } = useUrl();
  const schedule = schedules.find((one) => team.schedules.includes(one.name));
  const nobody = team.on_call.length === 0;
  const left = schedule?.next_at ? (Date.parse(schedule.next_at) - now) / 1000 : undefined;
  return (
    <section className={`panel ${styles.team}`} data-nobody={(nobody && team.policy) || undefined}>
      <div className="row spread">
        <h2>{team.name}</h2>
        {team.first_line && <span className="chip">{t("first line")}</span>}
      </div>
      <div className={styles.names} data-tone={nobody && team.policy ? "bad" : undefined}>
        {nobody ? (
          team.policy ? (
            <>
              <Glyph shape="octagon" size={26} /> {t("Nobody")}
            </>
          ) : (
            <span className={styles.unset}>{t("no policy")}</span>
          )
        ) : (
          team.on_call.map((person) => <span key={person}>{person}</span>)
        )}
      </div>
      <p className="dim">
        {team.policy
          ? schedule
            ? t("policy {policy}, {because}", { policy: team.policy, because: schedule.because })
            : t("policy {policy}", { policy: team.policy })
          : t("Pages go by the routes of the SLO: {channels}", {
              channels: team.channels.join(", ") || t("none"),
            })}
      </p>
      {schedule?.next_at && left !== undefined && (
        <p className={styles.next}>
          <b>{schedule.next.join(", ") || t("Nobody")}</b>{" "}
          {t("takes over in {time}, {at}", {
            time: span(Math.max(0, left)),
            at: moment(schedule.next_at, now).slice(0, -3),
          })}
        </p>
      )}
      {schedule?.gap && (
        <p className={styles.gapLine} data-tone="bad">
          <Glyph shape="triangle" size={14} />{" "}
          <a href={href("/oncall", { schedule: schedule.name })}>
            {t("a gap from {from} to {to}", {
              from: moment(schedule.gap.start, now).slice(0, -3),
              to: moment(schedule.gap.end, now).slice(0, -3),
            })}
          </a>
        </p>
      )}
    </section>
  );
}

/** An address for calendar programs; its secret is shown once. */
function Feed({ schedule }: { schedule: string }) {
  const create = useCreateCalendar(schedule);
  if (create.data) {
    return (
      <input
        className={styles.feed}
        readOnly
        value={create.data.url}
        onFocus={(event) => event.target.select()}
        aria-label={t("Address of the calendar")}
      />
    );
  }
  return (
    <Button
      size="compact-sm"
      variant="default"
      leftSection={<IconCalendarPlus size={15} />}
      loading={create.isPending}
      onClick={() => create.mutate()}
    >
      {t("Calendar feed")}
    </Button>
  );
}
