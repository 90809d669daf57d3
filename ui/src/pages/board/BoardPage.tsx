// The promise board: every promise, worst first, readable across a room. `?wall=1` leaves everything else away.
import { ActionIcon, Tooltip } from "@mantine/core";
import { IconMaximize, IconMinimize } from "@tabler/icons-react";
import { useSlos } from "../../api/hooks";
import type { Slo } from "../../api/types";
import { Glyph } from "../../components/Mark";
import { Empty, Failure, Loading } from "../../components/states";
import { clock } from "../../lib/format";
import { t } from "../../lib/i18n";
import { type Look, sloLook } from "../../lib/states";
import { zoneName } from "../../lib/time";
import { useAged } from "../../shell/Shell";
import { useNow, useUrl } from "../../state/url";
import styles from "./Board.module.css";
import { SloRow } from "./SloRow";

export function BoardPage() {
  const query = useSlos();
  const now = useNow(1000);
  const { params, set } = useUrl();
  const aged = useAged(query.dataUpdatedAt, now);
  const slos = query.data?.slos ?? [];
  const wanted = params.get("state");
  const service = params.get("service");
  const shown = slos.filter(
    (slo) => (!wanted || bucket(slo) === wanted) && (!service || slo.service === service),
  );
  const wall = params.get("wall") === "1";

  return (
    <div className={`page ${wall ? styles.wall : ""}`}>
      <div className="head">
        <h1>{t("Promises")}</h1>
        <Tally
          slos={slos}
          wanted={wanted}
          choose={(state) => set({ state: state === wanted ? null : state })}
        />
        <span className="grow" />
        {service && (
          <button type="button" className="chip" onClick={() => set({ service: null })}>
            {service} ×
          </button>
        )}
        <span className={aged ? styles.old : "dim"}>
          {query.data ? t("as of {time}", { time: `${clock(query.data.at)} ${zoneName()}` }) : ""}
          {aged && ` · ${t("old figures")}`}
        </span>
        <Tooltip label={wall ? t("Leave the wall view") : t("Wall view")}>
          <ActionIcon
            variant="default"
            aria-label={wall ? t("Leave the wall view") : t("Wall view")}
            onClick={() => set({ wall: wall ? null : 1 })}
          >
            {wall ? <IconMinimize size={16} /> : <IconMaximize size={16} />}
          </ActionIcon>
        </Tooltip>
      </div>
      {query.error && <Failure error={query.error} retry={() => query.refetch()} />}
      {query.isPending ? (
        <Loading rows={6} height={84} />
      ) : slos.length === 0 && !query.error ? (
        <Empty title={t("No promise has been made yet")}>
          {t(
            "Declare one in OpenSLO and apply it: {command}. It is back-filled from the data that is already here.",
            { command: "nines apply -f slo.yaml" },
          )}
        </Empty>
      ) : shown.length === 0 && slos.length > 0 ? (
        <Empty
          title={t("No promise is in this state")}
          action={
            <button type="button" className="plain" onClick={() => set({ state: null, service: null })}>
              {t("Show all")}
            </button>
          }
        />
      ) : (
        <ol className={`${styles.board} ${aged ? "aged" : ""}`} aria-label={t("Promises, worst first")}>
          {shown.map((slo) => (
            <SloRow key={slo.name} slo={slo} />
          ))}
        </ol>
      )}
    </div>
  );
}

type Bucket = "exhausted" | "at_risk" | "healthy" | "unmeasured";

const bucket = (slo: Slo): Bucket =>
  slo.measurement === "measured" ? ((slo.status ?? "unmeasured") as Bucket) : "unmeasured";

/** How many promises stand where; a click shows only these. */
function Tally({
  slos,
  wanted,
  choose,
}: {
  slos: Slo[];
  wanted: string | null;
  choose: (state: Bucket) => void;
}) {
  const kinds: [Bucket, Look][] = [
    ["exhausted", sloLook({ measurement: "measured", status: "exhausted" })],
    ["at_risk", sloLook({ measurement: "measured", status: "at_risk" })],
    ["healthy", sloLook({ measurement: "measured", status: "healthy" })],
    ["unmeasured", { tone: "none", shape: "dashed", word: t("Not measured") }],
  ];
  return (
    <div className={styles.tally} role="group" aria-label={t("Filter by state")}>
      {kinds.map(([kind, look]) => {
        const n = slos.filter((slo) => bucket(slo) === kind).length;
        return (
          <button
            type="button"
            key={kind}
            data-tone={n ? look.tone : "none"}
            data-zero={n === 0 || undefined}
            aria-pressed={wanted === kind}
            onClick={() => choose(kind)}
          >
            <Glyph shape={look.shape} size={15} />
            <b>{n}</b>
            <span>{look.word}</span>
          </button>
        );
      })}
    </div>
  );
}
