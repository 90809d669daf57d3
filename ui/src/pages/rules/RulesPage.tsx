// Rules & targets: what is scraped and how it went, what is evaluated and what it says. What is wrong stands first.
import { SegmentedControl, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useMemo } from "react";
import { useAlerts } from "../../api/hooks";
import { useRules, useTargets } from "../../api/rules";
import { Empty, Failure, Figure, Loading } from "../../components/states";
import { count } from "../../lib/format";
import { t } from "../../lib/i18n";
import { pools, type Show, totals, wanted } from "../../lib/rules";
import { useAged } from "../../shell/Shell";
import { useNow, useUrl } from "../../state/url";
import { Group } from "./Group";
import { PoolPanel } from "./Pool";
import styles from "./Rules.module.css";

const SHOWS: Show[] = ["all", "firing", "pending", "broken"];

export default function RulesPage() {
  const { params, set } = useUrl();
  const now = useNow(1000);
  const rules = useRules();
  const targets = useTargets();
  const alerts = useAlerts();
  const view = params.get("view") === "targets" ? "targets" : "rules";
  const show = SHOWS.find((one) => one === params.get("show")) ?? "all";
  const words = params.get("q") ?? "";
  const all = rules.data ?? [];
  const sum = useMemo(() => totals(rules.data ?? []), [rules.data]);
  const groups = useMemo(() => wanted(rules.data ?? [], show, words), [rules.data, show, words]);
  const active = targets.data?.activeTargets ?? [];
  const jobs = useMemo(
    () => pools(targets.data?.activeTargets ?? [], targets.data?.droppedTargetCounts ?? null, words),
    [targets.data, words],
  );
  const up = active.filter((target) => target.health === "up").length;
  const down = active.filter((target) => target.health === "down").length;
  const query = view === "rules" ? rules : targets;
  const aged = useAged(query.dataUpdatedAt, now);
  return (
    <div className="page">
      <div className="head">
        <h1>{t("Rules & targets")}</h1>
        <SegmentedControl
          size="xs"
          value={view}
          onChange={(next) => set({ view: next === "rules" ? null : next, show: null })}
          data={[
            { value: "rules", label: t("Rules") },
            { value: "targets", label: t("Targets") },
          ]}
          aria-label={t("What is shown")}
        />
        <span className="grow" />
        <TextInput
          size="xs"
          w={260}
          leftSection={<IconSearch size={14} />}
          placeholder={view === "rules" ? t("name, file or expression") : t("job, address or label")}
          aria-label={t("Find")}
          value={words}
          onChange={(event) => set({ q: event.currentTarget.value || null }, { replace: true })}
        />
      </div>
      <div className={styles.figures}>
        <Figure label={t("firing")} value={count(sum.firing)} tone={sum.firing ? "bad" : undefined} />
        <Figure label={t("pending")} value={count(sum.pending)} tone={sum.pending ? "warn" : undefined} />
        <Figure
          label={t("cannot be evaluated")}
          value={count(sum.broken)}
          tone={sum.broken ? "bad" : undefined}
        />
        <Figure label={t("rules")} value={count(sum.rules)} />
        <Figure label={t("targets up")} value={count(up)} unit={t("of {n}", { n: count(active.length) })} />
        <Figure label={t("targets down")} value={count(down)} tone={down ? "bad" : undefined} />
      </div>
      {query.error && <Failure error={query.error} retry={() => query.refetch()} />}
      {query.isPending ? (
        <Loading rows={5} height={64} />
      ) : (
        <div className={aged ? "aged stack" : "stack"}>
          {view === "rules" ? (
            <>
              {all.length > 0 && (
                <SegmentedControl
                  className={styles.shows}
                  size="xs"
                  value={show}
                  onChange={(next) => set({ show: next === "all" ? null : next })}
                  data={[
                    { value: "all", label: t("All") },
                    { value: "firing", label: t("Firing") },
                    { value: "pending", label: t("Pending") },
                    { value: "broken", label: t("Broken") },
                  ]}
                  aria-label={t("Filter by state")}
                />
              )}
              {all.length === 0 && rules.data && <NoRules />}
              {all.length > 0 && groups.length === 0 && <NothingLikeThat />}
              {groups.map((group) => (
                <Group
                  key={`${group.file}\n${group.name}`}
                  group={group}
                  now={now}
                  foreign={alerts.data?.foreign ?? []}
                />
              ))}
            </>
          ) : (
            <>
              {active.length === 0 && jobs.length === 0 && targets.data && !words && <NoTargets />}
              {words && jobs.length === 0 && <NothingLikeThat />}
              {jobs.map((pool) => (
                <PoolPanel key={pool.name} pool={pool} now={now} />
              ))}
            </>
          )}
        </div>
      )}
    </div>
  );
}

const NothingLikeThat = () => (
  <div className="panel">
    <Empty title={t("Nothing like that")}>{t("Look for other words, or show all.")}</Empty>
  </div>
);

const NoRules = () => (
  <div className="panel">
    <Empty
      title={t("No rules yet")}
      action={<code className={styles.command}>{"nines apply -f rules.yml"}</code>}
    >
      {t("Rule files of Prometheus load as they are; their alerts call people like any other.")}
    </Empty>
  </div>
);

const NoTargets = () => (
  <div className="panel">
    <Empty
      title={t("Nothing is scraped yet")}
      action={<code className={styles.command}>{"nines apply -f prometheus.yml"}</code>}
    >
      {t("The scrape configurations of a prometheus.yml load as they are.")}
    </Empty>
  </div>
);
