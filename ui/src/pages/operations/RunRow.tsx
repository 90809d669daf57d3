// One run on one line: how it stands, what it does, how far it is, whether it helped.
import { Link } from "wouter";
import type { ActionRun, CloudInventory } from "../../api/types";
import { StateChip } from "../../components/Mark";
import { ago, moment } from "../../lib/format";
import { isLive, runLook, targetsOf, verdictLook } from "../../lib/operations";
import { useUrl } from "../../state/url";
import styles from "./Operations.module.css";

type Props = { run: ActionRun; inventory?: CloudInventory; now: number; narrow?: boolean };

export function RunRow({ run, inventory, now, narrow = false }: Props) {
  const { href } = useUrl();
  const done = run.steps.filter((step) => ["done", "skipped"].includes(step.state)).length;
  return (
    <li>
      <Link href={href(`/operations/run/${run.id}`)} className={styles.run}>
        <StateChip look={runLook(run.state)} />
        <span className="grow cut">
          <b className="mono">{run.plan.action}</b> <span className="dim">{targetsOf(run, inventory)}</span>
        </span>
        {isLive(run) && (
          <span className={styles.progress} role="img" aria-label={`${done} / ${run.steps.length}`}>
            <i style={{ width: `${(100 * done) / Math.max(run.steps.length, 1)}%` }} />
          </span>
        )}
        {run.verdict && run.verdict.helped !== "unknown" && (
          <StateChip look={verdictLook(run.verdict.helped)} />
        )}
        {!narrow && run.incident && <span className="dim mono">{run.incident}</span>}
        {!narrow && <span className="dim">{run.author}</span>}
        <time className="dim" title={moment(run.created_at)}>
          {ago(run.created_at, now)}
        </time>
      </Link>
    </li>
  );
}
