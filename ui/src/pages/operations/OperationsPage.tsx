// What can be done and what is being done. First what waits for the reader, then what is on its way, then the catalogue.
import { Button, TextInput } from "@mantine/core";
import { IconBook, IconEye, IconSearch, IconUsers } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import { Link } from "wouter";
import { useSession } from "../../api/hooks";
import { useActions, useInventory, useRuns, useStop } from "../../api/operations";
import type { ActionInfo, ActionRun, ActionsResponse, CloudInventory } from "../../api/types";
import { StateChip } from "../../components/Mark";
import { Empty, Failure, Loading } from "../../components/states";
import { ago } from "../../lib/format";
import { t } from "../../lib/i18n";
import { areaWord, byArea, levelWord, runLook, targetsOf } from "../../lib/operations";
import { typing } from "../../shell/Shortcuts";
import { useNow, useUrl } from "../../state/url";
import styles from "./Operations.module.css";
import { RunRow } from "./RunRow";

export default function OperationsPage() {
  const actions = useActions();
  const runs = useRuns();
  const inventory = useInventory();
  const session = useSession();
  const now = useNow(1000);
  const me = session.data?.name ?? "";
  const all = runs.data?.runs ?? [];
  const waiting = all.filter(
    (run) =>
      run.state === "waiting_for_human" ||
      (run.state === "waiting_for_approval" && (actions.data?.may_approve || run.author === me)) ||
      (run.state === "ready" && run.author === me),
  );
  return (
    <div className="page">
      <div className="head">
        <h1>{t("Operations")}</h1>
        {actions.data && (
          <span className="chip" data-tone={actions.data.cloud === "simulated" ? "info" : undefined}>
            {actions.data.cloud === "simulated"
              ? t("a simulated cloud: try everything")
              : t("goes to {cloud}", { cloud: actions.data.cloud })}
          </span>
        )}
        <span className="grow" />
        <Button component={Link} href="/operations/credit" size="xs" variant="default">
          {t("Address credit")}
        </Button>
        {actions.data && !actions.data.stop && <StopButton level={actions.data.level} />}
      </div>
      {actions.data?.stop && <Stopped actions={actions.data} now={now} />}
      {actions.error && <Failure error={actions.error} retry={() => actions.refetch()} />}
      {runs.error && <Failure error={runs.error} retry={() => runs.refetch()} />}
      {waiting.length > 0 && (
        <section aria-label={t("Waits for you")} className={styles.waiting}>
          {waiting.map((run) => (
            <Waiting key={run.id} run={run} me={me} inventory={inventory.data} now={now} />
          ))}
        </section>
      )}
      <div className={styles.columns}>
        <div className="stack">
          {actions.isPending ? (
            <Loading rows={6} height={44} />
          ) : (
            <Catalogue list={actions.data?.actions ?? []} />
          )}
        </div>
        <div className="stack">
          <Fleet inventory={inventory.data} error={inventory.error} />
          {runs.isPending ? (
            <Loading rows={4} />
          ) : (
            <Runs runs={all.filter((run) => !waiting.includes(run))} inventory={inventory.data} now={now} />
          )}
        </div>
      </div>
    </div>
  );
}

function StopButton({ level }: { level: string }) {
  const [asking, setAsking] = useState(false);
  const [reason, setReason] = useState("");
  const stop = useStop();
  if (level === "public") return null;
  if (!asking) {
    return (
      <Button size="xs" variant="default" className={styles.stopButton} onClick={() => setAsking(true)}>
        {t("Stop everything…")}
      </Button>
    );
  }
  return (
    <form
      className="row"
      onSubmit={(event) => {
        event.preventDefault();
        if (reason.trim()) stop.mutate(reason.trim(), { onSuccess: () => setAsking(false) });
      }}
    >
      <TextInput
        size="xs"
        w={320}
        autoFocus
        aria-label={t("Why everything is to stop")}
        placeholder={t("Why, for everybody whose run stands still")}
        value={reason}
        error={stop.error ? stop.error.message : undefined}
        onChange={(event) => setReason(event.currentTarget.value)}
        onKeyDown={(event) => event.key === "Escape" && setAsking(false)}
      />
      <Button type="submit" size="xs" color="red" loading={stop.isPending} disabled={!reason.trim()}>
        {t("Stop everything")}
      </Button>
    </form>
  );
}

function Stopped({ actions, now }: { actions: ActionsResponse; now: number }) {
  const stop = useStop();
  const { stop: on } = actions;
  if (!on) return null;
  return (
    <div className={styles.stopped} role="alert">
      <div className="grow">
        <b>{t("Everything is stopped")}</b>
        <p>{on.reason}</p>
        <span>
          {t("by {name}", { name: on.by })} · {ago(on.at, now)}
        </span>
        {stop.error && <p>{stop.error.message}</p>}
      </div>
      {actions.level === "private" ? (
        <Button
          size="xs"
          variant="white"
          color="red"
          loading={stop.isPending}
          onClick={() => stop.mutate(undefined)}
        >
          {t("Let runs go on")}
        </Button>
      ) : (
        <span>{t("an administrator can lift it")}</span>
      )}
    </div>
  );
}

function Waiting({
  run,
  me,
  inventory,
  now,
}: {
  run: ActionRun;
  me: string;
  inventory?: CloudInventory;
  now: number;
}) {
  const { href } = useUrl();
  const look = runLook(run.state);
  const words =
    run.state === "waiting_for_human"
      ? t("needs an answer")
      : run.state === "ready"
        ? t("is approved: start it")
        : run.author === me
          ? t("waits for somebody else to approve it")
          : t("{name} asks for your approval", { name: run.author });
  return (
    <Link href={href(`/operations/run/${run.id}`)} className={styles.wait} data-tone={look.tone}>
      <StateChip look={look} />
      <div className="grow">
        <b>{words}</b>
        <div className="cut">
          <span className="mono">{run.plan.action}</span> · {targetsOf(run, inventory)}
          {run.incident && ` · ${run.incident}`}
        </div>
      </div>
      <span className="dim">{ago(run.created_at, now)}</span>
    </Link>
  );
}

function Catalogue({ list }: { list: ActionInfo[] }) {
  const { params, set, href } = useUrl();
  const search = params.get("find") ?? "";
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.key !== "/" || event.metaKey || event.ctrlKey || typing(event)) return;
      event.preventDefault();
      field.current?.focus();
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, []);
  const groups = byArea(list, search);
  return (
    <>
      <TextInput
        ref={field}
        size="md"
        leftSection={<IconSearch size={17} />}
        rightSection={<kbd className={styles.kbd}>{"/"}</kbd>}
        placeholder={t("What do you want to do?")}
        aria-label={t("Find an operation")}
        value={search}
        onChange={(event) => set({ find: event.currentTarget.value || null }, { replace: true })}
      />
      {groups.length === 0 ? (
        <Empty title={t("No operation has these words")}>
          {t("Runbooks of your own come with nines apply, as kind: Runbook.")}
        </Empty>
      ) : (
        groups.map(([area, actions]) => (
          <section key={area} className={styles.area}>
            <h2>{areaWord(area)}</h2>
            <ul>
              {actions.map((action) => (
                <li key={action.name}>
                  <Link
                    href={href("/operations/new", { action: action.name, incident: params.get("incident") })}
                    className={styles.action}
                  >
                    <span className="grow">
                      <b>{action.summary || action.name}</b>
                      <span className="mono dim">{action.name}</span>
                    </span>
                    <Traits action={action} />
                  </Link>
                </li>
              ))}
            </ul>
          </section>
        ))
      )}
    </>
  );
}

export function Traits({ action }: { action: Pick<ActionInfo, "reads" | "four_eyes" | "level" | "name"> }) {
  return (
    <span className={styles.traits}>
      {action.name.startsWith("runbook/") && <IconBook size={15} aria-hidden="true" />}
      {action.reads && <IconEye size={15} aria-hidden="true" />}
      {action.four_eyes && (
        <span className={styles.eyes}>
          <IconUsers size={15} aria-hidden="true" />
          {t("second person")}
        </span>
      )}
      <span>{levelWord(action.level)}</span>
    </span>
  );
}

/** Every machine as a cell under its target group: what there is, at a glance. */
function Fleet({ inventory, error }: { inventory?: CloudInventory; error: unknown }) {
  if (error && !inventory) return <Failure error={error} />;
  if (!inventory) return <Loading rows={2} />;
  const inGroups = new Set(
    inventory.target_groups.flatMap((group) => group.targets.map((one) => one.instance)),
  );
  const loose = inventory.instances.filter((one) => !inGroups.has(one.id));
  const nameOf = (id: string) => inventory.instances.find((one) => one.id === id)?.name ?? id;
  return (
    <section className="panel">
      <header>
        <h2>{t("What there is")}</h2>
        <span className="dim">
          {t("{n, plural, one {# machine} other {# machines}}", { n: inventory.instances.length })}
          {inventory.is_partial && ` · ${t("there is more than is listed")}`}
        </span>
      </header>
      <div className={styles.fleet}>
        {[...inventory.target_groups]
          .sort((a, b) => Number(a.targets.length === 0) - Number(b.targets.length === 0))
          .map((group) => (
            <div key={group.id}>
              <div className="label">{group.name}</div>
              <ul>
                {group.targets.length === 0 && <li className="dim">{t("nobody in it")}</li>}
                {group.targets.map((target) => (
                  <li key={target.instance} className={styles.cell} data-tone={healthTone(target.health)}>
                    <b>{nameOf(target.instance)}</b>
                    <span>{target.health}</span>
                  </li>
                ))}
              </ul>
            </div>
          ))}
        {loose.length > 0 && (
          <div>
            <div className="label">{t("in no group")}</div>
            <ul>
              {loose.map((one) => (
                <li
                  key={one.id}
                  className={styles.cell}
                  data-tone={one.state === "running" ? "info" : "none"}
                >
                  <b>{one.name}</b>
                  <span>{one.state}</span>
                </li>
              ))}
            </ul>
          </div>
        )}
      </div>
      {(inventory.scaling_groups.length > 0 || inventory.listeners.length > 0) && (
        <dl className={styles.facts}>
          {inventory.listeners.map((one) => {
            const total = one.weights.reduce((sum, { weight }) => sum + weight, 0) || 1;
            return (
              <div key={one.id}>
                <dt>{t("traffic of {name}", { name: one.name })}</dt>
                <dd>
                  {one.weights
                    .filter(({ weight }) => weight > 0)
                    .map(({ target_group, weight }) => {
                      const name = inventory.target_groups.find((group) => group.id === target_group)?.name;
                      return `${name ?? target_group} ${Math.round((100 * weight) / total)} %`;
                    })
                    .join(" · ")}
                </dd>
              </div>
            );
          })}
          {inventory.scaling_groups.map((one) => (
            <div key={one.name}>
              <dt>{t("capacity of {name}", { name: one.name })}</dt>
              <dd>{t("{n}, of {min} to {max}", { n: one.desired, min: one.min, max: one.max })}</dd>
            </div>
          ))}
        </dl>
      )}
    </section>
  );
}

const healthTone = (health: string) =>
  health === "healthy" ? "good" : health === "unhealthy" ? "bad" : health === "unused" ? "none" : "warn";

function Runs({ runs, inventory, now }: { runs: ActionRun[]; inventory?: CloudInventory; now: number }) {
  if (runs.length === 0) {
    return (
      <Empty title={t("Nothing has been run yet")}>
        {t("Choose an operation: its plan is shown before anything is done.")}
      </Empty>
    );
  }
  return (
    <section className="panel">
      <header>
        <h2>{t("Runs")}</h2>
      </header>
      <ul className={styles.runs}>
        {runs.slice(0, 40).map((run) => (
          <RunRow key={run.id} run={run} inventory={inventory} now={now} />
        ))}
      </ul>
    </section>
  );
}
