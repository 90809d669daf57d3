// One unit: how it stands and why it is thought so, its figures, what is seen through it, and where to look next.
import { Button, TextInput } from "@mantine/core";
import { IconX } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import { Link } from "wouter";
import { useSession } from "../../api/hooks";
import { type InfraUnit, type InfraUnitDetail, useRetire, useUnit } from "../../api/infra";
import { Failure, Loading } from "../../components/states";
import { ago, moment, span } from "../../lib/format";
import { t } from "../../lib/i18n";
import { figure, kindWord, resourceWord, until } from "../../lib/infra";
import { useUrl } from "../../state/url";
import styles from "./Infrastructure.module.css";
import { Line } from "./Line";
import { StateWord } from "./StateWord";

const LABELS_SHOWN = 14;

type Props = {
  kind: string;
  id: string;
  now: number;
  /** As the grid has it, with its value and history. */
  shown?: InfraUnit;
  unit: string;
  measure: string;
  onClose: () => void;
};

export function UnitPanel({ kind, id, now, shown, unit, measure, onClose }: Props) {
  const query = useUnit(kind, id);
  const box = useRef<HTMLElement>(null);
  useEffect(() => box.current?.focus({ preventScroll: true }), []);
  return (
    <aside
      ref={box}
      tabIndex={-1}
      className={`panel ${styles.unit}`}
      aria-label={shown?.name ?? id}
      onKeyDown={(event) => event.key === "Escape" && onClose()}
    >
      <header>
        <h2 className={styles.unitName}>{query.data?.unit.name ?? shown?.name ?? id}</h2>
        <button type="button" className="plain" aria-label={t("Close")} onClick={onClose}>
          <IconX size={16} />
        </button>
      </header>
      <div className="pad stack">
        {query.error && <Failure error={query.error} retry={() => query.refetch()} />}
        {query.isPending && <Loading rows={3} />}
        {query.data && <Standing detail={query.data} now={now} />}
        {shown?.history?.some((value) => value != null) && (
          <figure className={styles.figure}>
            <figcaption>
              <span className="label">{measure}</span>
              <b>{figure(shown.value, unit)}</b>
              {shown.score != null && (
                <span className="chip" data-tone="warn">
                  {shown.place === "high" ? t("high in its group") : t("low in its group")}
                </span>
              )}
            </figcaption>
            <Line
              values={shown.history ?? []}
              full={unit === "ratio"}
              width={340}
              height={64}
              label={t("{name} over time", { name: shown.name })}
            />
          </figure>
        )}
        {query.data && <Rest detail={query.data} now={now} />}
      </div>
    </aside>
  );
}

function Standing({ detail, now }: { detail: InfraUnitDetail; now: number }) {
  const { unit } = detail;
  return (
    <div className={styles.standing}>
      <StateWord unit={unit} now={now} />
      {unit.reason && <p>{unit.reason}</p>}
      <p className="dim">
        {t("last report {when}, every {interval}; first seen {first}", {
          when: ago(detail.last_seen, now),
          interval: span(detail.interval_secs),
          first: moment(detail.first_seen, now),
        })}
      </p>
      {unit.state !== "reporting" && <Retire unit={unit} />}
    </div>
  );
}

/** What the data cannot tell, a person does. */
function Retire({ unit }: { unit: InfraUnit }) {
  const session = useSession();
  const retire = useRetire();
  const [reason, setReason] = useState("");
  if (session.data?.role === "viewer") return null;
  if (unit.state === "gone" && !unit.reason?.includes("retired it")) return null;
  const isRetired = unit.state === "gone";
  const send = (text: string) => retire.mutate({ kind: unit.kind, id: unit.id, reason: text });
  return (
    <form
      className="row"
      onSubmit={(event) => {
        event.preventDefault();
        send(isRetired ? "" : reason);
      }}
    >
      {!isRetired && (
        <TextInput
          size="xs"
          className="grow"
          required
          aria-label={t("Why it is gone on purpose")}
          placeholder={t("scaled in, replaced by …")}
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
        />
      )}
      <Button type="submit" size="compact-sm" variant="default" loading={retire.isPending}>
        {isRetired ? t("It is not gone") : t("It is gone on purpose")}
      </Button>
      {retire.error && <span data-tone="bad">{retire.error.message}</span>}
    </form>
  );
}

function Rest({ detail, now }: { detail: InfraUnitDetail; now: number }) {
  const { href } = useUrl();
  const { unit } = detail;
  const host = unit.kind === "host" ? unit.name : (detail.labels.host_name ?? detail.reporter?.name);
  const filter =
    unit.kind === "pod" ? `k8s.pod.name: "${unit.name}"` : host ? `host.name: "${host}"` : `"${unit.name}"`;
  const labels = Object.entries(detail.labels).sort(([a], [b]) => a.localeCompare(b));
  return (
    <>
      <nav className={styles.links} aria-label={t("Look next")}>
        <Link href={href("/search", { dataset: "logs", q: filter })}>{t("Logs")}</Link>
        <Link href={href("/changes")}>{t("What changed")}</Link>
        <Link href={href("/saturation", { q: unit.name })}>{t("Saturation")}</Link>
        {detail.queries.slice(0, 5).map((one) => (
          <Link
            key={one.name}
            href={href("/explore/metrics", { expr: narrowed(one.expressions, unit.name) })}
          >
            {one.name}
          </Link>
        ))}
      </nav>
      {detail.saturation.length > 0 && (
        <ul className={styles.limits}>
          {detail.saturation.map((row) => (
            <li key={row.id}>
              <Link href={href("/saturation", { row: row.id })} className="cut">
                {resourceWord(row.resource)} {row.name}
              </Link>
              <meter min={0} max={1} high={0.9} value={row.ratio} aria-label={row.name} />
              <b>{figure(row.ratio, "ratio")}</b>
              <span className="dim">
                {row.full_at ? t("full in {time}", { time: until(row.full_at, now) ?? "" }) : ""}
              </span>
            </li>
          ))}
        </ul>
      )}
      {detail.reporter && (
        <p>
          <span className="label">{t("seen through")}</span>{" "}
          <Link
            href={`/infrastructure?kind=${detail.reporter.kind}&unit=${encodeURIComponent(detail.reporter.id)}`}
          >
            {detail.reporter.name}
          </Link>{" "}
          <StateWord unit={detail.reporter} now={now} />
        </p>
      )}
      {detail.parts.length > 0 && (
        <section>
          <h2>{t("Runs here")}</h2>
          <ul className={styles.parts}>
            {detail.parts.map((part) => (
              <li key={`${part.kind}${part.id}`}>
                <Link
                  className="cut"
                  href={`/infrastructure?kind=${part.kind}&unit=${encodeURIComponent(part.id)}`}
                >
                  {part.name}
                </Link>
                <span className="label">{kindWord(part.kind)}</span>
                <StateWord unit={part} now={now} />
              </li>
            ))}
          </ul>
        </section>
      )}
      <dl className={styles.labels}>
        {labels.slice(0, LABELS_SHOWN).map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className="mono">{value}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}

/** The expressions for this unit alone: whichever label holds its name. */
const narrowed = (expressions: readonly string[], name: string) => {
  const first = expressions.join(" or ");
  return `(${first}) and on (instance) count by (instance) ({instance=~"${name.replace(/[^\w-]/g, ".")}(:[0-9]+)?"})`;
};
