// One field for each kind of parameter. What exists is picked by its name; an id is never typed.
import { NativeSelect, NumberInput, TextInput } from "@mantine/core";
import { useState } from "react";
import type { ActionParameter, CloudInventory } from "../../api/types";
import { Empty } from "../../components/states";
import { t } from "../../lib/i18n";
import styles from "./Operations.module.css";

type Props = {
  parameter: ActionParameter;
  value: unknown;
  set: (value: unknown) => void;
  inventory: CloudInventory;
  /** The other values: bounds of one field may follow from another. */
  values: Record<string, unknown>;
  first: boolean;
};

/** A short list needs no filter. */
const FILTER_FROM = 9;
const EXAMPLE_NETWORKS = "203.0.113.7/32, 2001:db8::/48";

export function Field(props: Props) {
  const { parameter, value, set, inventory, values, first } = props;
  const label = fieldWord(parameter.name);
  const common = { label, description: parameter.about, withAsterisk: parameter.required, autoFocus: first };
  switch (parameter.kind) {
    case "instance":
    case "instances":
      return <Machines {...props} label={label} />;
    case "target-group":
      return (
        <Picks
          label={label}
          parameter={parameter}
          value={value}
          set={set}
          options={inventory.target_groups.map((group) => {
            const healthy = group.targets.filter((one) => one.health === "healthy").length;
            const facts = t("{healthy} of {n} healthy", { healthy, n: group.targets.length });
            return { id: group.id, name: group.name, facts };
          })}
        />
      );
    case "listener":
      return (
        <Picks
          label={label}
          parameter={parameter}
          value={value}
          set={set}
          options={inventory.listeners.map((one) => ({
            id: one.id,
            name: one.name,
            facts: one.weights
              .map(({ target_group, weight }) => `${groupName(inventory, target_group)} ${weight}`)
              .join(" · "),
          }))}
        />
      );
    case "scaling-group":
      return (
        <Picks
          label={label}
          parameter={parameter}
          value={value}
          set={set}
          options={inventory.scaling_groups.map((one) => ({
            id: one.name,
            name: one.name,
            facts: t("{n} machines, of {min} to {max}", { n: one.desired, min: one.min, max: one.max }),
          }))}
        />
      );
    case "block-list":
      return (
        <Picks
          label={label}
          parameter={parameter}
          value={value}
          set={set}
          options={inventory.block_lists.map((one) => ({
            id: one.name,
            name: one.name,
            facts: one.networks == null ? "" : t("{n} networks", { n: one.networks }),
          }))}
        />
      );
    case "weights":
      return <Weights {...props} label={label} />;
    case "number": {
      const scaling = inventory.scaling_groups.find((one) => one.name === values.group);
      return (
        <NumberInput
          {...common}
          size="sm"
          w={200}
          allowDecimal={false}
          min={scaling?.min ?? parameter.min ?? undefined}
          max={scaling?.max ?? parameter.max ?? undefined}
          value={typeof value === "number" ? value : ""}
          onChange={(next) => set(typeof next === "number" ? next : undefined)}
        />
      );
    }
    case "networks":
      return (
        <Line
          {...common}
          value={Array.isArray(value) ? (value as string[]).join(", ") : ""}
          placeholder={EXAMPLE_NETWORKS}
          set={(text) =>
            set(
              String(text)
                .split(/[,\s]+/)
                .filter(Boolean),
            )
          }
          lazy
        />
      );
    case "name":
      if (inventory.templates.length > 0 && parameter.name === "template") {
        return (
          <NativeSelect
            {...common}
            size="sm"
            data={["", ...inventory.templates]}
            value={String(value ?? "")}
            onChange={(event) => set(event.currentTarget.value)}
          />
        );
      }
      return <Line {...common} value={value} set={set} max={parameter.length_max ?? undefined} />;
    default:
      return <Line {...common} value={value} set={set} max={parameter.length_max ?? undefined} />;
  }
}

const groupName = (inventory: CloudInventory, id: string) =>
  inventory.target_groups.find((group) => group.id === id)?.name ?? id;

/** Names of parameters as people read them. */
const fieldWord = (name: string) =>
  ({
    instanceIds: t("Machines"),
    instanceId: t("Machine"),
    targetGroup: t("Target group"),
    quarantineGroup: t("Where it is sent"),
    listener: t("Listener"),
    group: t("Scaling group"),
    desiredCapacity: t("Machines wanted"),
    weights: t("Share of traffic"),
    priority: t("Priority"),
    host: t("Host name"),
    sourceIps: t("Source networks"),
    list: t("Block list"),
    addresses: t("Networks"),
    reason: t("Reason"),
    name: t("Name"),
    imageId: t("Image"),
    instanceType: t("Machine type"),
  })[name] ?? name;

/** `lazy` fields are taken over when they are left: what is typed meanwhile is nobody's business. */
function Line({
  value,
  set,
  max,
  lazy = false,
  ...rest
}: {
  value: unknown;
  set: (value: unknown) => void;
  max?: number;
  lazy?: boolean;
  label: string;
  description: string;
  placeholder?: string;
  withAsterisk: boolean;
  autoFocus: boolean;
}) {
  const [typed, setTyped] = useState(String(value ?? ""));
  return (
    <TextInput
      {...rest}
      size="sm"
      maxLength={max}
      value={typed}
      onChange={(event) => {
        setTyped(event.currentTarget.value);
        if (!lazy) set(event.currentTarget.value);
      }}
      onBlur={() => lazy && set(typed)}
      onKeyDown={(event) => lazy && event.key === "Enter" && set(typed)}
    />
  );
}

type Option = { id: string; name: string; facts: string; tone?: string; tags?: string };

function Picks({
  label,
  parameter,
  value,
  set,
  options,
}: {
  label: string;
  parameter: ActionParameter;
  value: unknown;
  set: (value: unknown) => void;
  options: Option[];
}) {
  return (
    <fieldset className={styles.field}>
      <legend>
        {label}
        {parameter.required && <em aria-hidden="true"> *</em>}
      </legend>
      {options.length === 0 && <Empty title={t("There is none")} />}
      <ul className={styles.options}>
        {options.map((option) => (
          <li key={option.id}>
            <label
              className={styles.option}
              data-on={value === option.id || undefined}
              htmlFor={`${parameter.name}-${option.id}`}
            >
              <input
                type="radio"
                id={`${parameter.name}-${option.id}`}
                name={parameter.name}
                checked={value === option.id}
                onChange={() => set(option.id)}
              />
              <b>{option.name}</b>
              <span className="dim">{option.facts}</span>
            </label>
          </li>
        ))}
      </ul>
    </fieldset>
  );
}

function Machines({ parameter, value, set, inventory, label }: Props & { label: string }) {
  const [filter, setFilter] = useState("");
  const many = parameter.kind === "instances";
  const chosen = many ? (Array.isArray(value) ? (value as string[]) : []) : value ? [String(value)] : [];
  const groupsOf = (id: string) =>
    inventory.target_groups
      .flatMap((group) =>
        group.targets.filter((one) => one.instance === id).map((one) => `${group.name}: ${one.health}`),
      )
      .join(" · ");
  const wanted = filter.trim().toLowerCase();
  const shown = inventory.instances.filter(
    (one) =>
      !wanted ||
      chosen.includes(one.id) ||
      `${one.name} ${one.id} ${one.zone} ${groupsOf(one.id)}`.toLowerCase().includes(wanted),
  );
  const toggle = (id: string) => {
    if (!many) set(id);
    else set(chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id]);
  };
  return (
    <fieldset className={styles.field}>
      <legend>
        {label}
        {parameter.required && <em aria-hidden="true"> *</em>}
        {many && chosen.length > 0 && <span className="dim"> {t("{n} chosen", { n: chosen.length })}</span>}
      </legend>
      {inventory.instances.length >= FILTER_FROM && (
        <TextInput
          size="xs"
          placeholder={t("Name, zone, group…")}
          aria-label={t("Narrow the machines")}
          value={filter}
          onChange={(event) => setFilter(event.currentTarget.value)}
        />
      )}
      {inventory.instances.length === 0 && <Empty title={t("There is none")} />}
      <ul className={styles.options} data-many={shown.length > 10 || undefined}>
        {shown.map((one) => {
          const on = chosen.includes(one.id);
          return (
            <li key={one.id}>
              <label
                className={styles.option}
                data-on={on || undefined}
                htmlFor={`${parameter.name}-${one.id}`}
              >
                <input
                  type={many ? "checkbox" : "radio"}
                  id={`${parameter.name}-${one.id}`}
                  checked={on}
                  onChange={() => toggle(one.id)}
                />
                <b>{one.name}</b>
                <span className="chip" data-tone={one.state === "running" ? "good" : "none"}>
                  {one.state}
                </span>
                <span className="dim cut">{groupsOf(one.id)}</span>
                <span className="dim">{one.zone}</span>
              </label>
            </li>
          );
        })}
      </ul>
    </fieldset>
  );
}

/** Shares of one listener's traffic; the bar shows what each group will get. */
function Weights({ value, set, inventory, values, label }: Props & { label: string }) {
  const listener = inventory.listeners.find((one) => one.id === values.listener);
  const current = Object.fromEntries((listener?.weights ?? []).map((one) => [one.target_group, one.weight]));
  const weights = (value as Record<string, number> | undefined) ?? {};
  const shown = { ...current, ...weights };
  const groups = inventory.target_groups.filter(
    (group) => group.id in shown || inventory.target_groups.length <= 6,
  );
  const total = groups.reduce((sum, group) => sum + (shown[group.id] ?? 0), 0);
  const share = (id: string) => (total > 0 ? Math.round((100 * (shown[id] ?? 0)) / total) : 0);
  const change = (id: string, weight: number) => {
    const next = { ...shown, [id]: weight };
    for (const key of Object.keys(next)) if (!next[key] && !(key in current)) delete next[key];
    set(next);
  };
  return (
    <fieldset className={styles.field}>
      <legend>
        {label} <em aria-hidden="true">*</em>
      </legend>
      {!listener && <p className="dim">{t("Choose a listener first.")}</p>}
      <ul className={styles.options}>
        {groups.map((group) => (
          <li key={group.id} className={styles.weight}>
            <b>{group.name}</b>
            <span className={styles.share} role="img" aria-label={`${share(group.id)} %`}>
              <i style={{ width: `${share(group.id)}%` }} />
            </span>
            <span className="num">{share(group.id)} %</span>
            <NumberInput
              size="xs"
              w={88}
              min={0}
              max={999}
              allowDecimal={false}
              aria-label={t("Weight of {name}", { name: group.name })}
              value={shown[group.id] ?? 0}
              onChange={(next) => change(group.id, typeof next === "number" ? next : 0)}
            />
          </li>
        ))}
      </ul>
    </fieldset>
  );
}
