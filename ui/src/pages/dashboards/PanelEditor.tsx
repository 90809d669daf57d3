// One panel, edited beside a live preview of it.
import { ActionIcon, Button, Checkbox, Modal, NumberInput, Select, Textarea, TextInput } from "@mantine/core";
import { IconPlus, IconTrash } from "@tabler/icons-react";
import { lazy, Suspense, useMemo, useState } from "react";
import { useMetricMetadata, useMetricNames } from "../../api/metrics";
import {
  BUILT_IN,
  interpolated,
  LANGUAGES,
  type Language,
  languageOf,
  type Panel,
  type PanelQuery,
  textOf,
  type Variable,
  VIEWS,
} from "../../lib/dashboard";
import { t } from "../../lib/i18n";
import { catalogue, type Metric } from "../../lib/promql";
import { DATASETS } from "../../lib/url";
import styles from "./Dashboards.module.css";
import { type Frame, PanelView } from "./PanelView";

const PromqlEditor = lazy(() => import("../../components/PromqlEditor"));

export const viewWord = (view: string) =>
  ({
    timeSeries: t("Lines over time"),
    stat: t("One number"),
    gauge: t("Gauge"),
    bars: t("Bars"),
    table: t("Table"),
    heatmap: t("Heatmap"),
    stateTimeline: t("States over time"),
    logs: t("Log lines"),
    text: t("Text"),
    row: t("Heading"),
  })[view] ?? view;

const UNITS = [
  "seconds",
  "milliseconds",
  "nanoseconds",
  "bytes",
  "bits",
  "ratio",
  "percent",
  "perSecond",
  "requestsPerSecond",
  "operationsPerSecond",
  "bytesPerSecond",
  "bitsPerSecond",
  "celsius",
  "hertz",
  "volts",
  "amperes",
  "watts",
  "rotationsPerMinute",
  "usDollars",
  "timestamp",
];
const TONES = ["good", "warn", "bad", "info"];
const PREVIEW_HEIGHT = 340;

const languageWord = (language: Language) =>
  ({ promql: "PromQL", sql: "SQL", search: t("Search"), slo: t("Promise"), uptime: t("Uptime") })[language];

type Props = {
  panel: Panel;
  variables: readonly Variable[];
  frame: Frame;
  onClose: () => void;
  onDone: (panel: Panel) => void;
};

export function PanelEditor({ panel, variables, frame, onClose, onDone }: Props) {
  const [draft, setDraft] = useState(panel);
  // What is typed is asked when its field is left, not with each letter.
  const [shown, setShown] = useState(panel);
  const change = (changes: Partial<Panel>, ask = true) => {
    const next = { ...draft, ...changes };
    setDraft(next);
    if (ask) setShown(next);
  };
  const queries = draft.queries ?? [];
  const setQuery = (index: number, query: PanelQuery, ask = true) =>
    change({ queries: queries.map((one, at) => (at === index ? query : one)) }, ask);
  const word = (text: string) => text || undefined;
  const asksNothing =
    shown.view !== "text" && shown.view !== "row" && !shown.queries?.some((one) => textOf(one).trim());
  const names = useMetricNames(frame.span);
  const metadata = useMetricMetadata();
  const metrics = useMemo(
    () => catalogue(names.data ?? [], metadata.data ?? new Map()),
    [names.data, metadata.data],
  );
  return (
    <Modal
      lockScroll={false}
      opened
      onClose={onClose}
      size="min(1180px, 96vw)"
      title={t("Panel")}
      closeButtonProps={{ "aria-label": t("Close") }}
    >
      <div className={styles.editor}>
        <div className={styles.form}>
          <div className="row">
            <TextInput
              className="grow"
              size="xs"
              label={t("Title")}
              value={draft.title ?? ""}
              data-autofocus
              onChange={(event) => change({ title: event.currentTarget.value })}
            />
            <Select
              size="xs"
              label={t("View")}
              allowDeselect={false}
              data={VIEWS.map((view) => ({ value: view, label: viewWord(view) }))}
              value={draft.view}
              onChange={(view) => view && change({ view })}
            />
          </div>
          {draft.view === "text" ? (
            <Textarea
              size="xs"
              label={t("Markdown")}
              minRows={10}
              autosize
              maxRows={18}
              value={draft.text ?? ""}
              onChange={(event) => change({ text: event.currentTarget.value })}
            />
          ) : (
            <>
              {queries.map((query, index) => (
                <QueryForm
                  key={index}
                  query={query}
                  metrics={metrics}
                  variables={variables}
                  frame={frame}
                  onChange={(next, ask) => setQuery(index, next, ask)}
                  onLeave={() => setShown(draft)}
                  onRemove={() => change({ queries: queries.filter((_, at) => at !== index) })}
                />
              ))}
              <Button
                size="compact-sm"
                variant="default"
                leftSection={<IconPlus size={13} />}
                onClick={() => change({ queries: [...queries, { promql: "" }] }, false)}
              >
                {t("Another query")}
              </Button>
              <div className={styles.fields}>
                <Select
                  size="xs"
                  label={t("Unit")}
                  placeholder={t("plain number")}
                  searchable
                  clearable
                  data={UNITS}
                  value={draft.unit || null}
                  onChange={(unit) => change({ unit: unit ?? undefined })}
                />
                <NumberInput
                  size="xs"
                  label={t("Decimals")}
                  min={0}
                  max={10}
                  value={draft.decimals ?? ""}
                  onChange={(value) => change({ decimals: typeof value === "number" ? value : undefined })}
                />
                <NumberInput
                  size="xs"
                  label={t("Lowest")}
                  value={draft.min ?? ""}
                  onChange={(value) => change({ min: typeof value === "number" ? value : undefined })}
                />
                <NumberInput
                  size="xs"
                  label={t("Highest")}
                  value={draft.max ?? ""}
                  onChange={(value) => change({ max: typeof value === "number" ? value : undefined })}
                />
                <Select
                  size="xs"
                  label={t("Of a line")}
                  allowDeselect={false}
                  data={["last", "mean", "max", "min", "sum"]}
                  value={draft.calculation ?? "last"}
                  onChange={(value) =>
                    change({ calculation: value === "last" ? undefined : (value ?? undefined) })
                  }
                />
                <Select
                  size="xs"
                  label={t("Legend")}
                  allowDeselect={false}
                  data={["bottom", "right", "table", "hidden"]}
                  value={draft.legend ?? "bottom"}
                  onChange={(value) =>
                    change({ legend: value === "bottom" ? undefined : (value ?? undefined) })
                  }
                />
                <Select
                  size="xs"
                  label={t("Once for each")}
                  clearable
                  data={variables.filter((one) => one.multiple).map(({ name }) => name)}
                  value={draft.repeat ?? null}
                  onChange={(repeat) => change({ repeat: repeat ?? undefined })}
                />
                <Checkbox
                  size="xs"
                  mt={22}
                  label={t("Stacked")}
                  checked={Boolean(draft.stack)}
                  onChange={(event) => change({ stack: event.currentTarget.checked || undefined })}
                />
              </div>
              <Thresholds panel={draft} onChange={(thresholds) => change({ thresholds })} />
            </>
          )}
          <TextInput
            size="xs"
            label={t("What it is good for")}
            value={draft.description ?? ""}
            onChange={(event) => change({ description: word(event.currentTarget.value) })}
          />
        </div>
        <div className={styles.preview}>
          <p className="label">{t("As it will look")}</p>
          <div style={{ height: PREVIEW_HEIGHT }} className={styles.alone}>
            {asksNothing ? (
              <p className="dim">{t("Write a query to see it here.")}</p>
            ) : (
              <PanelView
                {...frame}
                always
                panel={{ ...shown, key: "preview", own: new Map() }}
                height={PREVIEW_HEIGHT}
              />
            )}
          </div>
        </div>
      </div>
      <div className={`row ${styles.actions}`}>
        <span className="grow" />
        <Button size="xs" variant="default" onClick={onClose}>
          {t("Cancel")}
        </Button>
        <Button size="xs" onClick={() => onDone(draft)}>
          {t("Take it over")}
        </Button>
      </div>
    </Modal>
  );
}

type QueryProps = {
  query: PanelQuery;
  metrics: readonly Metric[];
  variables: readonly Variable[];
  frame: Frame;
  onChange: (query: PanelQuery, ask?: boolean) => void;
  onLeave: () => void;
  onRemove: () => void;
};

function QueryForm({ query, metrics, variables, frame, onChange, onLeave, onRemove }: QueryProps) {
  const language = languageOf(query);
  const { legend, hidden, instant } = query;
  const put = (next: Language, text: string): PanelQuery => ({
    [next]: text,
    ...(next === "search" ? { dataset: query.dataset ?? "logs", splitBy: query.splitBy } : {}),
    legend,
    hidden,
    instant,
  });
  return (
    <div className={styles.query} role="group" aria-label={t("Query")} onBlur={onLeave}>
      <div className="row">
        <Select
          size="xs"
          w={120}
          aria-label={t("Language")}
          allowDeselect={false}
          data={LANGUAGES.map((value) => ({ value, label: languageWord(value) }))}
          value={language}
          onChange={(next) => next && onChange(put(next as Language, textOf(query)), false)}
        />
        {language === "search" && (
          <>
            <Select
              size="xs"
              w={110}
              aria-label={t("Dataset")}
              allowDeselect={false}
              data={[...DATASETS]}
              value={query.dataset ?? "logs"}
              onChange={(dataset) => onChange({ ...query, dataset: dataset ?? undefined })}
            />
            <TextInput
              size="xs"
              w={130}
              placeholder={t("split by")}
              aria-label={t("split by")}
              value={query.splitBy ?? ""}
              onChange={(event) =>
                onChange({ ...query, splitBy: event.currentTarget.value || undefined }, false)
              }
            />
          </>
        )}
        {language === "promql" && (
          <TextInput
            size="xs"
            className="grow"
            placeholder={t("legend, such as {pattern}", { pattern: "{{instance}}" })}
            aria-label={t("Legend")}
            value={legend ?? ""}
            onChange={(event) =>
              onChange({ ...query, legend: event.currentTarget.value || undefined }, false)
            }
          />
        )}
        <span className="grow" />
        <ActionIcon variant="subtle" color="gray" aria-label={t("Remove this query")} onClick={onRemove}>
          <IconTrash size={15} />
        </ActionIcon>
      </div>
      {language === "promql" ? (
        <Suspense fallback={<div className={styles.mono}>{textOf(query)}</div>}>
          <PromqlEditor
            multiline
            autoFocus={false}
            text={textOf(query)}
            metrics={metrics}
            window={frame.span}
            variables={[...variables.map(({ name }) => name), ...BUILT_IN]}
            put={(text) => interpolated(text, frame.values, frame.span, "promql")}
            onText={(text) => onChange(put("promql", text), false)}
            onRun={(text) => onChange(put("promql", text))}
          />
        </Suspense>
      ) : (
        <Textarea
          size="xs"
          aria-label={t("Query")}
          autosize
          minRows={language === "slo" || language === "uptime" ? 1 : 2}
          maxRows={12}
          spellCheck={false}
          classNames={{ input: styles.mono }}
          value={textOf(query)}
          onChange={(event) => onChange(put(language, event.currentTarget.value), false)}
        />
      )}
    </div>
  );
}

function Thresholds({
  panel,
  onChange,
}: {
  panel: Panel;
  onChange: (thresholds: Panel["thresholds"]) => void;
}) {
  const thresholds = panel.thresholds ?? [];
  return (
    <div className={styles.thresholds}>
      <span className="label">{t("Thresholds")}</span>
      {thresholds.map((threshold, index) => (
        <div key={index} className="row">
          <NumberInput
            size="xs"
            w={110}
            aria-label={t("From this value on")}
            value={threshold.from}
            onChange={(value) =>
              onChange(
                thresholds.map((one, at) => (at === index ? { ...one, from: Number(value) || 0 } : one)),
              )
            }
          />
          <Select
            size="xs"
            w={96}
            aria-label={t("State")}
            allowDeselect={false}
            data={TONES}
            value={threshold.tone}
            onChange={(tone) =>
              onChange(thresholds.map((one, at) => (at === index ? { ...one, tone: tone ?? "warn" } : one)))
            }
          />
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={t("Remove this threshold")}
            onClick={() => onChange(thresholds.filter((_, at) => at !== index))}
          >
            <IconTrash size={15} />
          </ActionIcon>
        </div>
      ))}
      <Button
        size="compact-xs"
        variant="default"
        leftSection={<IconPlus size={12} />}
        onClick={() => onChange([...thresholds, { from: thresholds.at(-1)?.from ?? 0, tone: "warn" }])}
      >
        {t("Threshold")}
      </Button>
    </div>
  );
}
