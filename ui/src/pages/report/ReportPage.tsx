// A person's report: exactly the six fields of the intake form, with class and preliminary level beside them.
import { Button, Checkbox, SegmentedControl, Textarea, TextInput } from "@mantine/core";
import { useState } from "react";
import { useReport, useServices } from "../../api/hooks";
import { Failure } from "../../components/states";
import { clock, day } from "../../lib/format";
import { t } from "../../lib/i18n";
import { CADENCE_MINUTES, CLASSES, className, LEVELS } from "../../lib/states";
import { iso, resolveInstant, zoneName } from "../../lib/time";
import { useNow, useUrl } from "../../state/url";
import styles from "./Report.module.css";

/** `datetime-local` speaks local time without a zone. */
const local = (ms: number) => `${day(ms)}T${clock(ms).slice(0, 5)}`;

export default function ReportPage() {
  const { params, navigate, href } = useUrl();
  const report = useReport();
  const now = useNow(30_000);
  const [hour] = useState(() => ({ start: iso(Date.now() - 3600e3), end: iso(Date.now()) }));
  const services = useServices(hour.start, hour.end);
  const [service, setService] = useState(params.get("service") ?? "");
  const [scope, setScope] = useState("");
  const [status, setStatus] = useState("");
  const [startedAt, setStartedAt] = useState(() => local(Date.now()));
  const [progress, setProgress] = useState("");
  const [next, setNext] = useState("");
  const [kind, setKind] = useState<string>("S1");
  const [level, setLevel] = useState<string>("P1");
  const [drill, setDrill] = useState(false);
  const promised = now + (CADENCE_MINUTES[level] ?? 60) * 60e3;
  const began = resolveInstant(startedAt, now);
  const ready = service.trim() && scope.trim() && status.trim() && progress.trim() && began !== undefined;

  const submit = () =>
    report.mutate(
      {
        service: service.trim(),
        scope: scope.trim(),
        status: status.trim(),
        started_at: iso(began ?? now),
        progress: progress.trim(),
        next_update_at: next ? iso(resolveInstant(next, now) ?? promised) : undefined,
        class: kind,
        level,
        is_drill: drill,
      },
      { onSuccess: (answer) => navigate(href(`/incident/${answer.id}`)) },
    );

  return (
    <div className="page">
      <div className="head">
        <h1>{t("Report an incident")}</h1>
      </div>
      <form
        className={`panel ${styles.form}`}
        onSubmit={(event) => {
          event.preventDefault();
          if (ready) submit();
        }}
      >
        <div className={styles.pair}>
          <div>
            <div className={styles.name}>{t("Preliminary level")}</div>
            <SegmentedControl
              value={level}
              onChange={setLevel}
              data={[...LEVELS]}
              aria-label={t("Preliminary level")}
            />
            <p className="dim">
              {t("An update every {n} minutes. Unsure? Take the higher level.", {
                n: CADENCE_MINUTES[level] ?? 60,
              })}
            </p>
          </div>
          <div>
            <div className={styles.name}>{t("Class")}</div>
            <SegmentedControl value={kind} onChange={setKind} data={[...CLASSES]} aria-label={t("Class")} />
            <p className="dim">{className(kind)}</p>
            <Checkbox
              size="xs"
              label={t("A drill: left out of statistics")}
              checked={drill}
              onChange={(event) => setDrill(event.currentTarget.checked)}
            />
          </div>
        </div>
        <TextInput
          required
          withAsterisk={false}
          label={t("Impacted service")}
          list="services"
          value={service}
          onChange={(event) => setService(event.currentTarget.value)}
          autoFocus
        />
        <datalist id="services">
          {services.data?.services.map((one) => (
            <option key={one.name} value={one.name} />
          ))}
        </datalist>
        <TextInput
          required
          withAsterisk={false}
          label={t("Scope")}
          description={t("Who and where is hit")}
          value={scope}
          onChange={(event) => setScope(event.currentTarget.value)}
        />
        <Textarea
          required
          withAsterisk={false}
          autosize
          minRows={2}
          label={t("Current status")}
          description={t("What is seen now")}
          value={status}
          onChange={(event) => setStatus(event.currentTarget.value)}
        />
        <TextInput
          required
          withAsterisk={false}
          type="datetime-local"
          label={t("Started at ({zone})", { zone: zoneName() })}
          value={startedAt}
          onChange={(event) => setStartedAt(event.currentTarget.value)}
        />
        <Textarea
          required
          withAsterisk={false}
          autosize
          minRows={2}
          label={t("Progress")}
          description={t("How far the handling is")}
          value={progress}
          onChange={(event) => setProgress(event.currentTarget.value)}
        />
        <TextInput
          type="datetime-local"
          label={t("Next update at ({zone})", { zone: zoneName() })}
          description={t("{time} by the level's cadence, unless you promise another time", {
            time: clock(promised).slice(0, 5),
          })}
          value={next || local(promised)}
          onChange={(event) => setNext(event.currentTarget.value)}
        />
        {report.error && <Failure error={report.error} />}
        <div>
          <Button type="submit" loading={report.isPending} disabled={!ready}>
            {t("Report as {level}", { level })}
          </Button>
        </div>
      </form>
    </div>
  );
}
