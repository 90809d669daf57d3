// What can be done with the rows on screen: columns, wrapping, a link, a file.
import { ActionIcon, Button, Menu, Popover, TextInput, Tooltip } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import {
  IconCheck,
  IconColumns3,
  IconCopy,
  IconDownload,
  IconPlayerPlay,
  IconPlayerStop,
  IconTextWrap,
} from "@tabler/icons-react";
import { useRef, useState } from "react";
import { ApiError } from "../../api/client";
import { EXPORT_ROWS_MAX, exportRows, useFields } from "../../api/explore";
import type { Query } from "../../api/hooks";
import { count } from "../../lib/format";
import { t } from "../../lib/i18n";
import { iso, type Range } from "../../lib/time";
import styles from "./Toolbar.module.css";

type Props = {
  query: Query;
  range: Range;
  columns: readonly string[];
  onColumns: (columns: readonly string[]) => void;
  wrap: boolean;
  onWrap: (wrap: boolean) => void;
  live: boolean;
  onLive: (live: boolean) => void;
};

export function Toolbar({ query, range, columns, onColumns, wrap, onWrap, live, onLive }: Props) {
  return (
    <>
      <Button
        size="compact-sm"
        variant={live ? "filled" : "default"}
        leftSection={live ? <IconPlayerStop size={14} /> : <IconPlayerPlay size={14} />}
        onClick={() => onLive(!live)}
      >
        {live ? t("Stop following") : t("Follow live")}
      </Button>
      <ColumnChooser dataset={query.dataset} columns={columns} onColumns={onColumns} />
      <Tooltip label={wrap ? t("One line for each row") : t("Show whole texts")}>
        <ActionIcon
          variant={wrap ? "filled" : "default"}
          aria-label={t("Show whole texts")}
          aria-pressed={wrap}
          onClick={() => onWrap(!wrap)}
        >
          <IconTextWrap size={16} />
        </ActionIcon>
      </Tooltip>
      <CopyLink range={range} />
      <Export query={query} columns={columns} />
    </>
  );
}

/** Fields listed before the search narrows them. */
const FIELDS_SHOWN = 60;

function ColumnChooser({
  dataset,
  columns,
  onColumns,
}: {
  dataset: string;
  columns: readonly string[];
  onColumns: (columns: readonly string[]) => void;
}) {
  const [search, setSearch] = useState("");
  const fields = useFields(dataset);
  const words = search.toLowerCase();
  const names = (fields.data?.fields ?? [])
    .map((field) => field.name)
    .filter((name) => name !== "timestamp" && name.toLowerCase().includes(words));
  const toggle = (name: string) =>
    onColumns(columns.includes(name) ? columns.filter((column) => column !== name) : [...columns, name]);
  return (
    <Popover position="bottom-end" shadow="md" trapFocus>
      <Popover.Target>
        <Tooltip label={t("Columns")}>
          <ActionIcon variant={columns.length ? "filled" : "default"} aria-label={t("Columns")}>
            <IconColumns3 size={16} />
          </ActionIcon>
        </Tooltip>
      </Popover.Target>
      <Popover.Dropdown className={styles.columns}>
        <TextInput
          size="xs"
          placeholder={t("find a field")}
          aria-label={t("Find a field")}
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
          data-autofocus
        />
        <ul>
          {[
            ...columns.filter((name) => name.toLowerCase().includes(words)),
            ...names.filter((name) => !columns.includes(name)),
          ]
            .slice(0, FIELDS_SHOWN)
            .map((name) => (
              <li key={name}>
                <label className="mono">
                  <input type="checkbox" checked={columns.includes(name)} onChange={() => toggle(name)} />
                  {name}
                </label>
              </li>
            ))}
          {fields.data && names.length === 0 && <li className="label">{t("no such field")}</li>}
        </ul>
        {columns.length > 0 && (
          <Button size="compact-xs" variant="default" onClick={() => onColumns([])}>
            {t("The usual line again")}
          </Button>
        )}
      </Popover.Dropdown>
    </Popover>
  );
}

function CopyLink({ range }: { range: Range }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    // A permalink holds instants: what a colleague opens later is what is on screen now.
    const url = new URL(location.href);
    url.searchParams.set("from", iso(range.start));
    url.searchParams.set("to", iso(range.end));
    url.searchParams.delete("live");
    try {
      await navigator.clipboard.writeText(url.toString());
      setDone(true);
      setTimeout(() => setDone(false), 1500);
    } catch {
      notifications.show({ message: url.toString(), title: t("Copy this link") });
    }
  };
  return (
    <Tooltip label={t("Copy a link to exactly this view")}>
      <ActionIcon variant="default" aria-label={t("Copy a link to exactly this view")} onClick={copy}>
        {done ? <IconCheck size={16} /> : <IconCopy size={16} />}
      </ActionIcon>
    </Tooltip>
  );
}

function Export({ query, columns }: { query: Query; columns: readonly string[] }) {
  const [busy, setBusy] = useState(false);
  const abort = useRef<AbortController | undefined>(undefined);
  const save = async (kind: "csv" | "ndjson") => {
    abort.current = new AbortController();
    setBusy(true);
    try {
      const { blob, cut } = await exportRows(query, kind, columns, abort.current.signal);
      const url = URL.createObjectURL(blob);
      const anchor = document.createElement("a");
      anchor.href = url;
      anchor.download = `${query.dataset}-${query.start.slice(0, 19).replaceAll(":", "")}.${kind}`;
      anchor.click();
      setTimeout(() => URL.revokeObjectURL(url), 0);
      if (cut)
        notifications.show({
          color: "yellow",
          title: t("The file is not whole"),
          message: t("It was cut at {n} rows: narrow the time or the filter.", { n: count(EXPORT_ROWS_MAX) }),
        });
    } catch (error) {
      if (!abort.current.signal.aborted)
        notifications.show({
          color: "red",
          title: t("There is no file"),
          message: error instanceof ApiError ? error.problem.detail : String(error),
        });
    } finally {
      setBusy(false);
    }
  };
  if (busy)
    return (
      <Button size="compact-sm" variant="default" onClick={() => abort.current?.abort()}>
        {t("Cancel the export")}
      </Button>
    );
  const limit = t("{n} rows at most", { n: count(EXPORT_ROWS_MAX) });
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon variant="default" aria-label={t("Save as a file")}>
          <IconDownload size={16} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{limit}</Menu.Label>
        <Menu.Item onClick={() => save("csv")}>{t("All matches as CSV")}</Menu.Item>
        <Menu.Item onClick={() => save("ndjson")}>{t("All matches as JSON, one to a line")}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
