// What can be chosen above a dashboard; what is chosen is in the URL.
import { Button, Checkbox, Popover, Select, TextInput } from "@mantine/core";
import { IconChevronDown } from "@tabler/icons-react";
import { useState } from "react";
import type { Resolved } from "../../api/dashboards";
import { Notice } from "../../components/states";
import { ALL, type Variable } from "../../lib/dashboard";
import { t } from "../../lib/i18n";
import styles from "./Dashboards.module.css";

type Props = {
  variables: readonly Variable[];
  resolved?: Resolved;
  onChoose: (name: string, chosen: string[]) => void;
};
/** Values of a list that can be looked through; more are found by typing. */
const SHOWN_MAX = 200;

export function Variables({ variables, resolved, onChoose }: Props) {
  const shown = variables.filter((variable) => !variable.hidden && variable.kind !== "constant");
  if (shown.length === 0) return null;
  return (
    <>
      <div className={styles.variables} role="group" aria-label={t("Variables")}>
        {shown.map((variable) => {
          const value = resolved?.values.get(variable.name);
          const options = resolved?.options.get(variable.name) ?? [];
          const choose = (chosen: string[]) => onChoose(variable.name, chosen);
          const name = variable.title || variable.name;
          return (
            <div key={variable.name} className={styles.variable}>
              <span className="label">{name}</span>
              {variable.kind === "text" ? (
                <TypedValue name={name} value={value?.chosen[0] ?? ""} onChoose={choose} />
              ) : variable.multiple ? (
                <Several
                  name={name}
                  options={options}
                  all={Boolean(variable.all)}
                  chosen={value?.all ? [ALL] : (value?.chosen ?? [])}
                  onChoose={choose}
                />
              ) : (
                <Select
                  size="xs"
                  aria-label={name}
                  searchable={options.length > 8}
                  limit={SHOWN_MAX}
                  allowDeselect={false}
                  data={[
                    ...(variable.all ? [{ value: ALL, label: t("all") }] : []),
                    ...[...new Set([...options, ...(value?.all ? [] : (value?.chosen ?? []))])],
                  ]}
                  value={value?.all ? ALL : (value?.chosen[0] ?? null)}
                  onChange={(next) => next !== null && choose([next])}
                  comboboxProps={{ width: "max-content", position: "bottom-start" }}
                />
              )}
            </div>
          );
        })}
      </div>
      {resolved?.faults.map((text) => (
        <Notice key={text} tone="warn">
          {text}
        </Notice>
      ))}
    </>
  );
}

function TypedValue({
  name,
  value,
  onChoose,
}: {
  name: string;
  value: string;
  onChoose: (chosen: string[]) => void;
}) {
  const [text, setText] = useState(value);
  return (
    <TextInput
      size="xs"
      aria-label={name}
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
      onBlur={() => onChoose([text])}
      onKeyDown={(event) => event.key === "Enter" && onChoose([text])}
    />
  );
}

function Several(props: {
  name: string;
  options: readonly string[];
  all: boolean;
  chosen: readonly string[];
  onChoose: (chosen: string[]) => void;
}) {
  const { name, options, all, chosen, onChoose } = props;
  const [find, setFind] = useState("");
  const isAll = chosen.includes(ALL);
  const found = options
    .filter((option) => option.toLowerCase().includes(find.toLowerCase()))
    .slice(0, SHOWN_MAX);
  const words = isAll
    ? t("all")
    : chosen.length <= 2
      ? chosen.join(", ")
      : t("{n} chosen", { n: chosen.length });
  const flip = (option: string) => {
    const now = isAll ? [] : chosen;
    const next = now.includes(option) ? now.filter((one) => one !== option) : [...now, option];
    onChoose(next.length === 0 ? (all ? [ALL] : []) : next);
  };
  return (
    <Popover position="bottom-start" shadow="md" trapFocus>
      <Popover.Target>
        <Button
          size="xs"
          variant="default"
          fw={500}
          aria-label={`${name}: ${words}`}
          rightSection={<IconChevronDown size={13} />}
        >
          {words || t("none")}
        </Button>
      </Popover.Target>
      <Popover.Dropdown className={styles.several}>
        <TextInput
          size="xs"
          placeholder={t("find…")}
          aria-label={t("find…")}
          value={find}
          onChange={(event) => setFind(event.currentTarget.value)}
        />
        {all && <Checkbox size="xs" label={t("all")} checked={isAll} onChange={() => onChoose([ALL])} />}
        <div className={styles.options}>
          {found.map((option) => (
            <Checkbox
              key={option}
              size="xs"
              label={option}
              checked={!isAll && chosen.includes(option)}
              onChange={() => flip(option)}
            />
          ))}
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}
