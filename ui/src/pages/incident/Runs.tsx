// Operations of this incident, and the way to the next one.
import { Link } from "wouter";
import { useInventory, useRuns } from "../../api/operations";
import { t } from "../../lib/i18n";
import { useUrl } from "../../state/url";
import styles from "../operations/Operations.module.css";
import { RunRow } from "../operations/RunRow";

export function Runs({ incident, now }: { incident: string; now: number }) {
  const runs = useRuns(incident);
  const inventory = useInventory();
  const { href } = useUrl();
  const list = runs.data?.runs ?? [];
  return (
    <section className="panel">
      <header>
        <h2>{t("Operations")}</h2>
        <Link href={href("/operations", { incident })}>{t("Run one for this incident")}</Link>
      </header>
      {list.length === 0 ? (
        <p className="pad dim">{runs.error ? runs.error.message : t("None yet")}</p>
      ) : (
        <ul className={styles.runs}>
          {list.map((run) => (
            <RunRow key={run.id} run={run} inventory={inventory.data} now={now} narrow />
          ))}
        </ul>
      )}
    </section>
  );
}
