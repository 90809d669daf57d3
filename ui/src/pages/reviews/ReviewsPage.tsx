// How we handle incidents: figures of a time, the weekly meeting, postmortems, the takeover of a service. The address is the
// state: which of the five, which time, which week, which service.
import { Autocomplete, Button, SegmentedControl } from "@mantine/core";
import { useState } from "react";
import { Link } from "wouter";
import { useServices } from "../../api/hooks";
import {
  type Measure,
  type PostmortemSummary,
  type Review,
  useMeeting,
  usePostmortems,
  useReview,
  useTakeover,
} from "../../api/learning";
import { Empty, Failure, Figure, Loading } from "../../components/states";
import { percent, span } from "../../lib/format";
import { t } from "../../lib/i18n";
import { iso } from "../../lib/time";
import { useUrl } from "../../state/url";
import { Reports } from "./Reports";
import styles from "./Reviews.module.css";
import { SheetPoints } from "./SheetPoints";

const DAYS = ["7", "30", "90", "365"];

export default function ReviewsPage() {
  const { params, set } = useUrl();
  const view = params.get("view") ?? "figures";
  return (
    <div className="page">
      <div className="head">
        <h1>{t("Reviews")}</h1>
        <SegmentedControl
          size="xs"
          value={view}
          onChange={(value) => set({ view: value === "figures" ? null : value })}
          data={[
            { value: "figures", label: t("Figures") },
            { value: "week", label: t("Weekly meeting") },
            { value: "postmortems", label: t("Postmortems") },
            { value: "takeover", label: t("Takeover") },
            { value: "mail", label: t("By mail") },
          ]}
          aria-label={t("View")}
        />
      </div>
      {view === "week" ? (
        <Week />
      ) : view === "postmortems" ? (
        <Postmortems />
      ) : view === "takeover" ? (
        <Takeover />
      ) : view === "mail" ? (
        <Reports />
      ) : (
        <Figures />
      )}
    </div>
  );
}

function Figures() {
  const { params, set } = useUrl();
  const days = DAYS.includes(params.get("days") ?? "") ? (params.get("days") as string) : "30";
  // Kept for as long as the choice stands, or each render would ask anew.
  const [now] = useState(() => Date.now());
  const [start, end] = [iso(now - Number(days) * 86400e3), iso(now)];
  const query = useReview(start, end);
  return (
    <>
      <div className="row wrap">
        <SegmentedControl
          size="xs"
          value={days}
          onChange={(value) => set({ days: value === "30" ? null : value })}
          data={DAYS.map((value) => ({ value, label: t("{n} days", { n: Number(value) }) }))}
          aria-label={t("Time")}
        />
        <span className="grow" />
        <Button
          component="a"
          size="xs"
          variant="default"
          href={`/api/v1/review?format=csv&start=${start}&end=${end}`}
          download
        >
          CSV
        </Button>
      </div>
      {query.error && <Failure error={query.error} retry={() => query.refetch()} />}
      {query.isPending ? <Loading rows={4} /> : query.data && <ReviewFigures review={query.data} />}
    </>
  );
}

function ReviewFigures({ review }: { review: Review }) {
  const most = Math.max(1, ...review.load.map((load) => load.calls));
  const toil = review.toil_share ?? null;
  return (
    <div className="stack">
      <section className={`panel pad ${styles.figures}`} aria-label={t("Figures")}>
        <Figure
          label={t("Incidents")}
          value={review.incidents}
          unit={`P0 ${review.p0} · P1 ${review.p1} · P2 ${review.p2}`}
        />
        <Figure
          label={t("MTTD, detect")}
          value={span(review.median.mttd_secs)}
          unit={t("median; mean {mean}", { mean: span(review.mean.mttd_secs) })}
        />
        <Figure
          label={t("MTTA, acknowledge")}
          value={span(review.median.mtta_secs)}
          unit={t("median; mean {mean}", { mean: span(review.mean.mtta_secs) })}
        />
        <Figure
          label={t("MTTR, resolve")}
          value={span(review.median.mttr_secs)}
          unit={t("median; mean {mean}", { mean: span(review.mean.mttr_secs) })}
        />
        <Figure label={t("Updates in time")} value={percent(review.on_time_rate, 0)} />
        <Figure
          label={t("Closed by the first line")}
          value={percent(review.first_line_share, 0)}
          unit={t("of {n} that escalated", { n: review.escalated })}
        />
        <Figure
          label={t("Toil")}
          value={percent(toil, 0)}
          unit={t("{time} with an incident in hand", { time: span(review.toil_secs) })}
          tone={toil != null && toil > 0.5 ? "bad" : undefined}
        />
        <Figure
          label={t("Postmortems")}
          value={`${review.postmortems_closed} / ${review.postmortems_due}`}
          unit={t("{n} overdue", { n: review.postmortems_overdue.length })}
          tone={review.postmortems_overdue.length > 0 ? "warn" : undefined}
        />
      </section>
      <div className={styles.two}>
        <section className="panel">
          <header>
            <h2>{t("Calls by person")}</h2>
          </header>
          <div className="pad">
            {review.load.length === 0 ? (
              <p className="dim">{t("Nobody was on call and nobody was called.")}</p>
            ) : (
              <table className="grid">
                <thead>
                  <tr>
                    <th>{t("Person")}</th>
                    <th className="num">{t("Calls")}</th>
                    <th className="num">{t("Each shift")}</th>
                    <th className="num">{t("On call")}</th>
                    <th className="num">{t("In hand")}</th>
                    <th style={{ width: "26%" }} aria-label={t("Share")} />
                  </tr>
                </thead>
                <tbody>
                  {review.load.map((load) => (
                    <tr key={load.person}>
                      <td>{load.person}</td>
                      <td className="num">{load.calls}</td>
                      <td className="num">{load.calls_per_shift?.toFixed(1) ?? "–"}</td>
                      <td className="num">{span(load.on_call_secs)}</td>
                      <td className="num">{span(load.in_hand_secs)}</td>
                      <td>
                        <span className={styles.bar} style={{ width: `${(load.calls / most) * 100}%` }} />
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            )}
          </div>
        </section>
        <Carried measures={review.measures} />
        {review.drills.length > 0 && (
          <section className="panel">
            <header>
              <h2>{t("Drills")}</h2>
              <span className="dim">{t("left out of every figure above")}</span>
            </header>
            <ul className={`pad ${styles.list}`}>
              {review.drills.map((drill) => (
                <li key={drill.incident}>
                  <span className="mono dim">{drill.incident}</span>
                  <span className="grow">{drill.title}</span>
                  <span>
                    {t("recovered in {rto}, lost {rpo}", {
                      rto: span(drill.recovery_secs),
                      rpo: span(drill.data_lost_secs),
                    })}
                  </span>
                </li>
              ))}
            </ul>
          </section>
        )}
      </div>
    </div>
  );
}

/** What was promised in earlier postmortems and meetings and is not done. */
function Carried({ measures }: { measures: Measure[] }) {
  const { href } = useUrl();
  return (
    <section className="panel">
      <header>
        <h2>{t("Carried over")}</h2>
        <span className="dim">{t("{n} open", { n: measures.length })}</span>
      </header>
      {measures.length === 0 ? (
        <p className="pad dim">{t("Every measure is done.")}</p>
      ) : (
        <ul className={`pad ${styles.list}`}>
          {measures.map((measure) => (
            <li key={`${measure.origin}/${measure.number}`} data-tone={measure.overdue ? "bad" : undefined}>
              <span className="chip">{measure.due ?? t("no day")}</span>
              <span className="grow">{measure.text}</span>
              <span className="dim">{measure.owner ?? t("nobody")}</span>
              {measure.origin?.startsWith("INC-") ? (
                <Link className="mono" href={href(`/postmortem/${measure.origin}`)}>
                  {measure.origin}
                </Link>
              ) : (
                <span className="mono dim">{measure.origin}</span>
              )}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Week() {
  const { params } = useUrl();
  const query = useMeeting(params.get("week") ?? "now");
  if (query.isPending) return <Loading rows={5} />;
  if (!query.data) return <Failure error={query.error} retry={() => query.refetch()} />;
  const meeting = query.data;
  return (
    <div className="stack">
      <h2>
        {t("Week {week}", { week: meeting.week })}{" "}
        <span className="dim">
          {t("{urgent} urgent alerts, {other} others", {
            urgent: meeting.alerts_urgent,
            other: meeting.alerts_other,
          })}
        </span>
      </h2>
      <ReviewFigures review={meeting.review} />
      <section className="panel">
        <header>
          <h2>{t("Promises")}</h2>
        </header>
        <ul className={`pad ${styles.list}`}>
          {meeting.promises.map((promise) => (
            <li key={promise}>{promise}</li>
          ))}
        </ul>
      </section>
      <SheetPoints kind="meetings" sheet={meeting.sheet} />
    </div>
  );
}

function Postmortems() {
  const { href } = useUrl();
  const query = usePostmortems();
  if (query.isPending) return <Loading rows={4} />;
  if (!query.data) return <Failure error={query.error} retry={() => query.refetch()} />;
  const list = query.data.postmortems;
  if (list.length === 0)
    return (
      <Empty title={t("No postmortem yet")}>
        {t("One is drafted from the timeline when a P0 or P1 is resolved.")}
      </Empty>
    );
  const tone = (one: PostmortemSummary) => (one.state === "closed" ? "good" : one.overdue ? "bad" : "warn");
  return (
    <div className="panel scroll-x">
      <table className="grid">
        <thead>
          <tr>
            <th>{t("State")}</th>
            <th>{t("Incident")}</th>
            <th>{t("Level")}</th>
            <th>{t("Owner")}</th>
            <th>{t("Due")}</th>
            <th className="num">{t("Open measures")}</th>
          </tr>
        </thead>
        <tbody>
          {list.map((one) => (
            <tr key={one.incident}>
              <td>
                <span className="chip" data-tone={tone(one)}>
                  {one.state === "closed" ? t("closed") : one.overdue ? t("overdue") : t("draft")}
                </span>
              </td>
              <td>
                <Link href={href(`/postmortem/${one.incident}`)}>{one.title}</Link>
                <div className="dim">
                  <span className="mono">{one.incident}</span> · {one.service}
                  {one.is_drill && ` · ${t("drill")}`}
                </div>
              </td>
              <td>{one.level}</td>
              <td>{one.owner ?? "–"}</td>
              <td>{one.due ?? "–"}</td>
              <td className="num">{one.measures_open}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Takeover() {
  const { params, set } = useUrl();
  const service = params.get("service") ?? "";
  const [hour] = useState(() => ({ start: iso(Date.now() - 86400e3), end: iso(Date.now()) }));
  const services = useServices(hour.start, hour.end);
  const [text, setText] = useState(service);
  const query = useTakeover(service);
  return (
    <div className="stack">
      <form
        className="row"
        onSubmit={(event) => {
          event.preventDefault();
          set({ service: text.trim() || null });
        }}
      >
        <Autocomplete
          size="xs"
          placeholder={t("Which service?")}
          value={text}
          onChange={setText}
          onOptionSubmit={(value) => set({ service: value })}
          data={[...new Set((services.data?.services ?? []).map((one) => one.name))]}
          aria-label={t("Service")}
        />
        <Button size="xs" type="submit" variant="default">
          {t("Open")}
        </Button>
        {query.data && (
          <span className="dim">
            {t("{n} of {all} steps are done", {
              n: query.data.points.filter((point) => point.done).length,
              all: query.data.points.length,
            })}
          </span>
        )}
      </form>
      {query.error && <Failure error={query.error} retry={() => query.refetch()} />}
      {service && query.data && <SheetPoints kind="takeovers" sheet={query.data} />}
      {!service && (
        <Empty title={t("Taking over a service")}>
          {t("Twelve steps, with what the node knows about each.")}
        </Empty>
      )}
    </div>
  );
}
