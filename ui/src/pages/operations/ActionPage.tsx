// One operation: the form on the left, its plan on the right, made anew with every change. What is started is exactly the
// plan that stands there, or nothing.
import { Button, NativeSelect } from "@mantine/core";
import { useEffect, useMemo, useRef, useState } from "react";
import { Link } from "wouter";
import { useIncidents } from "../../api/hooks";
import { useActions, useInventory, usePlan, useRead, useStartRun } from "../../api/operations";
import type { ActionInfo, CloudInventory } from "../../api/types";
import { Empty, Failure, Loading, Notice } from "../../components/states";
import { t } from "../../lib/i18n";
import { complete, withNames } from "../../lib/operations";
import { isOpen } from "../../lib/states";
import { useUrl } from "../../state/url";
import { Field } from "./Fields";
import styles from "./Operations.module.css";
import { Traits } from "./OperationsPage";
import { PlanView } from "./Plan";

export default function ActionPage() {
  const { params, href } = useUrl();
  const name = params.get("action") ?? "";
  const actions = useActions();
  const inventory = useInventory();
  const action = actions.data?.actions.find((one) => one.name === name);
  return (
    <div className="page">
      <div className="head">
        <div>
          <Link href={href("/operations")}>{t("Operations")}</Link>
          <h1 className={styles.title}>{action?.summary || name}</h1>
        </div>
        {action && <code className="dim">{action.path ?? action.name}</code>}
        <span className="grow" />
        {action && <Traits action={action} />}
      </div>
      {actions.error && <Failure error={actions.error} retry={() => actions.refetch()} />}
      {inventory.error && <Failure error={inventory.error} retry={() => inventory.refetch()} />}
      {actions.data?.stop && (
        <Notice tone="bad">
          {t("Everything is stopped: {reason}", { reason: actions.data.stop.reason })}
        </Notice>
      )}
      {actions.isPending || (inventory.isPending && !inventory.error) ? (
        <Loading rows={4} />
      ) : !action ? (
        <Empty title={t("There is no such operation")}>{name}</Empty>
      ) : inventory.data ? (
        <Sheet key={action.name} action={action} inventory={inventory.data} />
      ) : null}
    </div>
  );
}

function Sheet({ action, inventory }: { action: ActionInfo; inventory: CloudInventory }) {
  const { params } = useUrl();
  const [values, setValues] = useState<Record<string, unknown>>(() => preset(action, params));
  const sent = useMemo(() => complete(action.parameters, values), [action, values]);
  const settled = useSettled(sent);
  return (
    <div className={styles.sheet}>
      <form className="stack" onSubmit={(event) => event.preventDefault()}>
        {action.outline && action.outline.length > 0 && (
          <ol className={styles.outline}>
            {action.outline.map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ol>
        )}
        {action.parameters.length === 0 && <p className="dim">{t("It takes nothing.")}</p>}
        {action.parameters.map((parameter, index) => (
          <Field
            key={parameter.name}
            parameter={parameter}
            value={values[parameter.name]}
            values={values}
            inventory={inventory}
            first={index === 0}
            set={(value) => setValues((before) => ({ ...before, [parameter.name]: value }))}
          />
        ))}
      </form>
      {action.reads ? (
        <Read action={action} values={settled} inventory={inventory} />
      ) : (
        <Planned action={action} values={settled} inventory={inventory} />
      )}
    </div>
  );
}

/** Values from the address, so that an incident or a chat can lead here with the form filled. */
function preset(action: ActionInfo, params: URLSearchParams): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const { name, kind } of action.parameters) {
    const given = params.get(name);
    if (given === null) continue;
    if (kind === "instances" || kind === "networks") values[name] = given.split(",").filter(Boolean);
    else if (kind === "number") values[name] = Number(given);
    else if (kind !== "weights") values[name] = given;
  }
  return values;
}

/** The values once nobody has changed them for a moment: a plan costs the provider a few calls. */
function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), 250);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}

type Side = { action: ActionInfo; values: Record<string, unknown> | undefined; inventory: CloudInventory };

function Planned({ action, values, inventory }: Side) {
  const plan = usePlan(action.name, values);
  const start = useStartRun();
  const incidents = useIncidents();
  const { params, set, navigate, href } = useUrl();
  const open = (incidents.data?.incidents ?? []).filter((one) => isOpen(one.state));
  const incident = params.get("incident") ?? "";
  // A second press, or a lost answer, is the same run: until the plan is another one.
  const hash = plan.data?.hash ?? "";
  const key = useMemo(() => `${hash.slice(0, 16)}-${crypto.randomUUID()}`, [hash]);
  const ready = values !== undefined && plan.data && !plan.error && !plan.isPlaceholderData;
  const submit = () => {
    if (!ready || !values || !plan.data || start.isPending) return;
    start.mutate(
      {
        action: action.name,
        arguments: values,
        plan_hash: plan.data.hash,
        idempotency_key: key,
        incident: incident || undefined,
      },
      { onSuccess: (run) => navigate(href(`/operations/run/${run.id}`)) },
    );
  };
  const latest = useRef(submit);
  latest.current = submit;
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if ((event.metaKey || event.ctrlKey) && event.key === "Enter") latest.current();
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, []);
  return (
    <aside className={`panel ${styles.side}`} aria-label={t("Plan")} aria-live="polite">
      <h2>{t("What will be done")}</h2>
      {values === undefined ? (
        <p className="dim">
          {t("The plan appears as soon as the form is filled. Nothing is done before you say so.")}
        </p>
      ) : plan.error ? (
        <Failure error={plan.error} />
      ) : plan.data ? (
        <PlanView plan={plan.data} inventory={inventory} />
      ) : (
        <Loading rows={3} height={30} />
      )}
      {open.length > 0 && (
        <NativeSelect
          size="xs"
          label={t("Belongs to an incident")}
          value={incident}
          onChange={(event) => set({ incident: event.currentTarget.value || null }, { replace: true })}
          data={[
            { value: "", label: t("none") },
            ...open.map((one) => ({ value: one.id, label: `${one.id} · ${one.title}` })),
          ]}
        />
      )}
      {start.error && <Failure error={start.error} />}
      <Button
        size="md"
        disabled={!ready}
        loading={start.isPending}
        onClick={submit}
        rightSection={<kbd className={styles.kbd}>{"Ctrl ⏎"}</kbd>}
      >
        {plan.data?.four_eyes ? t("Ask for approval") : t("Do it")}
      </Button>
    </aside>
  );
}

function Read({ action, values, inventory }: Side) {
  const read = useRead(action.name, values);
  const rows = read.data ? flat(read.data.seen) : [];
  return (
    <aside className={`panel ${styles.side}`} aria-label={t("Answer")} aria-live="polite">
      <h2>{t("What there is now")}</h2>
      {values === undefined ? (
        <p className="dim">{t("Choose on the left.")}</p>
      ) : read.error ? (
        <Failure error={read.error} retry={() => read.refetch()} />
      ) : read.data ? (
        rows.length === 0 ? (
          <Empty title={t("There is none")} />
        ) : (
          <dl className={styles.facts}>
            {rows.map(([name, text]) => (
              <div key={name}>
                <dt>{withNames(name, inventory)}</dt>
                <dd>{text}</dd>
              </div>
            ))}
          </dl>
        )
      ) : (
        <Loading rows={3} height={30} />
      )}
    </aside>
  );
}

/** An answer as lines of name and value. */
function flat(seen: Record<string, unknown>): [string, string][] {
  const lines: [string, string][] = [];
  for (const [name, value] of Object.entries(seen)) {
    if (Array.isArray(value)) {
      for (const item of value as Record<string, unknown>[]) {
        const [first, ...rest] = Object.values(item).map(String);
        lines.push([first ?? name, rest.join(" · ")]);
      }
    } else if (value && typeof value === "object") {
      for (const [key, inner] of Object.entries(value)) lines.push([key, String(inner)]);
    } else lines.push([name, String(value)]);
  }
  return lines;
}
