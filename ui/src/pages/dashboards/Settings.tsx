// What is true of the whole dashboard: its title and name, whose it is, its time, its variables.
import { ActionIcon, Button, Checkbox, Modal, NumberInput, Select, TextInput } from "@mantine/core";
import { IconPlus, IconTrash } from "@tabler/icons-react";
import { useState } from "react";
import type { Document, Variable } from "../../lib/dashboard";
import { t } from "../../lib/i18n";
import styles from "./Dashboards.module.css";
import { nameFrom } from "./fresh";

type Props = {
  document: Document;
  isNew: boolean;
  onClose: () => void;
  onDone: (document: Document) => void;
};
const KINDS = ["label", "query", "list", "interval", "constant", "text"];

export function Settings({ document, isNew, onClose, onDone }: Props) {
  const [name, setName] = useState(document.metadata.name);
  const [spec, setSpec] = useState(document.spec);
  const put = (changes: Partial<Document["spec"]>) => setSpec((old) => ({ ...old, ...changes }));
  const word = (text: string) => text.trim() || undefined;
  const own = name || (isNew ? nameFrom(spec.title) : "");
  const variables = spec.variables ?? [];
  const setVariable = (index: number, next: Variable) =>
    put({ variables: variables.map((one, at) => (at === index ? next : one)) });
  return (
    <Modal
      lockScroll={false}
      opened
      onClose={onClose}
      size={720}
      title={t("Title, team, variables")}
      closeButtonProps={{ "aria-label": t("Close") }}
    >
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          onDone({ ...document, metadata: { name: own }, spec });
        }}
      >
        <div className={styles.fields}>
          <TextInput
            size="xs"
            label={t("Title")}
            required
            data-autofocus
            value={spec.title}
            onChange={(event) => put({ title: event.currentTarget.value })}
          />
          <TextInput
            size="xs"
            label={t("Name in addresses and files")}
            required
            disabled={!isNew}
            value={own}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <TextInput
            size="xs"
            label={t("Service")}
            value={spec.service ?? ""}
            onChange={(event) => put({ service: word(event.currentTarget.value) })}
          />
          <TextInput
            size="xs"
            label={t("Team")}
            value={spec.team ?? ""}
            onChange={(event) => put({ team: word(event.currentTarget.value) })}
          />
          <TextInput
            size="xs"
            label={t("From")}
            value={spec.time.from}
            onChange={(event) => put({ time: { ...spec.time, from: event.currentTarget.value } })}
          />
          <NumberInput
            size="xs"
            label={t("Ask again every … seconds")}
            min={5}
            value={spec.refreshSecs ?? ""}
            onChange={(value) => put({ refreshSecs: typeof value === "number" ? value : undefined })}
          />
        </div>
        <TextInput
          size="xs"
          label={t("What it is good for")}
          value={spec.description ?? ""}
          onChange={(event) => put({ description: word(event.currentTarget.value) })}
        />
        <h3>{t("Variables")}</h3>
        {variables.map((variable, index) => (
          <div key={index} className={`row ${styles.variableForm}`}>
            <TextInput
              size="xs"
              w={110}
              label={t("Name")}
              required
              value={variable.name}
              onChange={(event) => setVariable(index, { ...variable, name: event.currentTarget.value })}
            />
            <Select
              size="xs"
              w={100}
              label={t("Kind")}
              allowDeselect={false}
              data={KINDS}
              value={variable.kind}
              onChange={(kind) =>
                kind &&
                setVariable(index, {
                  name: variable.name,
                  title: variable.title,
                  multiple: variable.multiple,
                  all: variable.all,
                  kind,
                  ...(kind === "list" || kind === "interval" ? { options: [] } : {}),
                })
              }
            />
            <Definition variable={variable} onChange={(next) => setVariable(index, next)} />
            <Checkbox
              size="xs"
              mt={20}
              label={t("several")}
              checked={Boolean(variable.multiple)}
              onChange={(event) =>
                setVariable(index, { ...variable, multiple: event.currentTarget.checked || undefined })
              }
            />
            <Checkbox
              size="xs"
              mt={20}
              label={t("all")}
              checked={Boolean(variable.all)}
              onChange={(event) =>
                setVariable(index, { ...variable, all: event.currentTarget.checked || undefined })
              }
            />
            <ActionIcon
              mt={20}
              variant="subtle"
              color="gray"
              aria-label={t("Remove")}
              onClick={() => put({ variables: variables.filter((_, at) => at !== index) })}
            >
              <IconTrash size={15} />
            </ActionIcon>
          </div>
        ))}
        <div className="row">
          <Button
            size="compact-sm"
            variant="default"
            leftSection={<IconPlus size={13} />}
            onClick={() => put({ variables: [...variables, { name: "", kind: "label", label: "" }] })}
          >
            {t("Variable")}
          </Button>
          <span className="grow" />
          <Button size="xs" type="submit" disabled={!own || !spec.title.trim()}>
            {t("Take it over")}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

function Definition({ variable, onChange }: { variable: Variable; onChange: (variable: Variable) => void }) {
  switch (variable.kind) {
    case "label":
      return (
        <>
          <TextInput
            size="xs"
            w={110}
            label={t("Label")}
            required
            value={variable.label ?? ""}
            onChange={(event) => onChange({ ...variable, label: event.currentTarget.value })}
          />
          <TextInput
            size="xs"
            className="grow"
            label={t("of the series")}
            placeholder={"up"}
            value={variable.of ?? ""}
            onChange={(event) => onChange({ ...variable, of: event.currentTarget.value || undefined })}
          />
        </>
      );
    case "query":
      return (
        <TextInput
          size="xs"
          className="grow"
          label={"PromQL"}
          required
          value={variable.promql ?? ""}
          onChange={(event) => onChange({ ...variable, promql: event.currentTarget.value })}
        />
      );
    case "constant":
      return (
        <TextInput
          size="xs"
          className="grow"
          label={t("Value")}
          value={variable.value ?? ""}
          onChange={(event) => onChange({ ...variable, value: event.currentTarget.value })}
        />
      );
    case "text":
      return <span className="grow" />;
    default:
      return (
        <TextInput
          size="xs"
          className="grow"
          label={t("Values, with commas between")}
          value={(variable.options ?? []).join(", ")}
          onChange={(event) =>
            onChange({ ...variable, options: event.currentTarget.value.split(",").map((one) => one.trim()) })
          }
          onBlur={() => onChange({ ...variable, options: (variable.options ?? []).filter(Boolean) })}
        />
      );
  }
}
