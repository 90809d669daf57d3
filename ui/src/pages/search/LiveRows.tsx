// Rows as they come in. Bounded, pausable, and plain about what is left out.
import { Button } from "@mantine/core";
import { IconPlayerPause, IconPlayerPlay } from "@tabler/icons-react";
import { useState } from "react";
import { TAIL_ROWS_MAX, useTail } from "../../api/explore";
import { Empty } from "../../components/states";
import { count } from "../../lib/format";
import { t } from "../../lib/i18n";
import { type OnPick, Rows } from "./Rows";
import styles from "./Search.module.css";

type Props = {
  dataset: string;
  filter: string;
  columns: readonly string[];
  wrap: boolean;
  onPick: OnPick;
  onColumn: (field: string) => void;
};

export function LiveRows({ dataset, filter, columns, wrap, onPick, onColumn }: Props) {
  const [paused, setPaused] = useState(false);
  const tail = useTail(dataset, filter, true, paused);
  const words = {
    connecting: t("Connecting"),
    live: t("Live"),
    lost: t("Connection lost, trying again"),
    paused: t("Paused; what comes meanwhile is found by searching"),
  }[tail.state];
  return (
    <>
      <div className={styles.meta} role="status">
        <strong className={styles.lamp} data-state={tail.state}>
          {words}
        </strong>
        <span className="dim">
          {t("{n, plural, one {# row} other {# rows}} since the start", { n: tail.seen })}
        </span>
        {tail.skipped > 0 && (
          <span className="chip" data-tone="warn">
            {t("{n} skipped: they came faster than they can be read", { n: count(tail.skipped) })}
          </span>
        )}
        {tail.unread > 0 && (
          <span className="chip" data-tone="warn">
            {t("{n} not looked at: ingest is busy", { n: count(tail.unread) })}
          </span>
        )}
        {tail.rows.length >= TAIL_ROWS_MAX && (
          <span className="label">{t("the newest {n} are kept", { n: count(TAIL_ROWS_MAX) })}</span>
        )}
        <Button
          size="compact-sm"
          variant="default"
          leftSection={paused ? <IconPlayerPlay size={14} /> : <IconPlayerPause size={14} />}
          onClick={() => setPaused(!paused)}
        >
          {paused ? t("Go on") : t("Pause")}
        </Button>
      </div>
      {tail.rows.length === 0 ? (
        <Empty title={t("Waiting for the first row")}>
          {t("Rows that match are shown as they come in.")}
        </Empty>
      ) : (
        <Rows
          records={tail.rows}
          dataset={dataset}
          columns={columns}
          wrap={wrap}
          more={false}
          loadMore={() => {}}
          onPick={onPick}
          onColumn={onColumn}
        />
      )}
    </>
  );
}
