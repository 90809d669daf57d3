// The points of a meeting or the steps of a takeover: what the node knows, what people add, and the tick.
import { Checkbox, Textarea } from "@mantine/core";
import { useState } from "react";
import { type Sheet, useEditSheet } from "../../api/learning";
import { Failure } from "../../components/states";
import { t } from "../../lib/i18n";
import styles from "./Reviews.module.css";

const names = (): Record<string, string> => ({
  present: t("Present"),
  coming_changes: t("Coming changes in production"),
  decisions: t("Decisions"),
  asks_of_others: t("What we ask of others"),
  asks_of_us: t("What others ask of us"),
  tech_sync: t("Technical sync"),
  product: t("The product"),
  documents: t("Documents"),
  resources: t("Resources and inventory"),
  architecture: t("Architecture"),
  recent_faults: t("Recent faults"),
  requirements: t("Requirements"),
  developers: t("The developers"),
  expectations: t("What is expected"),
  metrics: t("How it is measured"),
  progress: t("What is under way"),
  improvements: t("Improvements"),
  value: t("The value of it"),
});

type Props = { kind: "meetings" | "takeovers"; sheet: Sheet };

export function SheetPoints({ kind, sheet }: Props) {
  const edit = useEditSheet(kind, sheet.key);
  return (
    <section className="panel">
      {edit.error && <Failure error={edit.error} />}
      {sheet.points.map((point) => (
        <Point
          key={`${sheet.key}/${point.name}`}
          title={names()[point.name] ?? point.name}
          point={point}
          save={(text, done) =>
            edit.mutate({ version: sheet.version, points: { [point.name]: { text, done } } })
          }
        />
      ))}
    </section>
  );
}

type PointProps = {
  title: string;
  point: Sheet["points"][number];
  save: (text: string, done: boolean) => void;
};

function Point({ title, point, save }: PointProps) {
  const [draft, setDraft] = useState<string | null>(null);
  return (
    <div className={styles.point} data-done={point.done || undefined}>
      <div className="row">
        <Checkbox
          size="xs"
          checked={point.done}
          onChange={(event) => save(point.text, event.currentTarget.checked)}
          aria-label={t("{title} is done", { title })}
        />
        <h3>{title}</h3>
        {point.done_by && <span className="label">{point.done_by}</span>}
      </div>
      {point.facts.length > 0 && (
        <ul>
          {point.facts.map((fact) => (
            <li key={fact}>{fact}</li>
          ))}
        </ul>
      )}
      <Textarea
        size="xs"
        variant="unstyled"
        autosize
        minRows={1}
        ml={26}
        placeholder={t("Write…")}
        value={draft ?? point.text}
        onChange={(event) => setDraft(event.currentTarget.value)}
        onBlur={() => {
          if (draft !== null && draft !== point.text) save(draft, point.done);
          setDraft(null);
        }}
        aria-label={title}
      />
    </div>
  );
}
