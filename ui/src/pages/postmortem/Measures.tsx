// What will be done about it: text, kind, owner, day, ticket, done. The list is saved as a whole.
import { ActionIcon, Button, Checkbox, NativeSelect, TextInput } from "@mantine/core";
import { IconTrash } from "@tabler/icons-react";
import { useState } from "react";
import type { Measure } from "../../api/learning";
import { t } from "../../lib/i18n";
import styles from "./Postmortem.module.css";

const empty = (): Measure => ({ number: 0, text: "", kind: "long_term", done: false, overdue: false });

type Props = { measures: Measure[]; save: (measures: Measure[]) => void; busy: boolean };

export function Measures({ measures, save, busy }: Props) {
  const [rows, setRows] = useState<Measure[] | null>(null);
  const shown = rows ?? measures;
  const change = (index: number, part: Partial<Measure>) =>
    setRows(shown.map((row, i) => (i === index ? { ...row, ...part } : row)));
  return (
    <div className={styles.measures}>
      {shown.map((row, index) => (
        <div
          key={row.number || `new-${index}`}
          className={styles.measure}
          data-done={row.done || undefined}
          data-tone={row.overdue ? "bad" : undefined}
        >
          <Checkbox
            size="xs"
            checked={row.done ?? false}
            onChange={(event) => change(index, { done: event.currentTarget.checked })}
            aria-label={t("Done")}
          />
          <TextInput
            size="xs"
            className="grow"
            placeholder={t("What will be done")}
            value={row.text}
            onChange={(event) => change(index, { text: event.currentTarget.value })}
            aria-label={t("Measure")}
          />
          <NativeSelect
            size="xs"
            value={row.kind}
            onChange={(event) => change(index, { kind: event.currentTarget.value })}
            data={[
              { value: "long_term", label: t("long-term") },
              { value: "short_term", label: t("short-term") },
            ]}
            aria-label={t("Kind")}
          />
          <TextInput
            size="xs"
            w={110}
            placeholder={t("Owner")}
            value={row.owner ?? ""}
            onChange={(event) => change(index, { owner: event.currentTarget.value })}
            aria-label={t("Owner")}
          />
          <TextInput
            size="xs"
            w={132}
            type="date"
            value={row.due ?? ""}
            onChange={(event) => change(index, { due: event.currentTarget.value || undefined })}
            aria-label={t("Due")}
          />
          <TextInput
            size="xs"
            w={110}
            placeholder={t("Ticket")}
            value={row.ticket ?? ""}
            onChange={(event) => change(index, { ticket: event.currentTarget.value })}
            aria-label={t("Ticket")}
          />
          {row.overdue && <span className="chip">{t("overdue")}</span>}
          <ActionIcon
            size="sm"
            variant="subtle"
            color="gray"
            onClick={() => setRows(shown.filter((_, i) => i !== index))}
            aria-label={t("Remove")}
          >
            <IconTrash size={14} />
          </ActionIcon>
        </div>
      ))}
      <div className="row">
        <Button size="compact-xs" variant="default" onClick={() => setRows([...shown, empty()])}>
          {t("Add a measure")}
        </Button>
        {rows && (
          <Button
            size="compact-xs"
            loading={busy}
            disabled={rows.some((row) => !row.text.trim())}
            onClick={() => {
              save(rows);
              setRows(null);
            }}
          >
            {t("Save measures")}
          </Button>
        )}
      </div>
    </div>
  );
}
