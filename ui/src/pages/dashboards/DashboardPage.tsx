// A dashboard: looked at, or edited by drag. The time and what is chosen are in the URL, so a link shows the same; what is
// edited is kept only when it is saved, and nobody leaves it by accident.
import { ActionIcon, Button, Menu, Select, Tooltip } from "@mantine/core";
import {
  IconArrowBackUp,
  IconArrowForwardUp,
  IconCode,
  IconCopy,
  IconDots,
  IconHistory,
  IconMaximize,
  IconPencil,
  IconPlus,
  IconRefresh,
  IconSettings,
  IconTrash,
} from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { Link, useParams } from "wouter";
import { ApiError } from "../../api/client";
import {
  type Dashboard,
  useDashboard,
  usePutDashboard,
  useRemoveDashboard,
  useServiceDashboard,
  useVariables,
} from "../../api/dashboards";
import { useChanges, useSession } from "../../api/hooks";
import { Empty, Failure, Loading, Notice } from "../../components/states";
import { TimePicker } from "../../components/TimePicker";
import {
  appended,
  type Document,
  type Drawn,
  interpolate,
  type Panel,
  settle,
  unfolded,
  type Variable,
  valuesFrom,
  valuesTo,
} from "../../lib/dashboard";
import { t } from "../../lib/i18n";
import { stepFor } from "../../lib/promql";
import { iso, resolveRange } from "../../lib/time";
import { rangeFrom } from "../../lib/url";
import { useNow, useUrl } from "../../state/url";
import { CodeDialog } from "./CodeDialog";
import styles from "./Dashboards.module.css";
import { fresh } from "./fresh";
import { Grid } from "./Grid";
import { PanelEditor } from "./PanelEditor";
import { type Frame, PanelView } from "./PanelView";
import { Settings } from "./Settings";
import { useDraft } from "./useDraft";
import { Variables } from "./Variables";

const NEW = "new";

export default function DashboardPage() {
  const { name, service } = useParams<{ name?: string; service?: string }>();
  const isNew = name === NEW;
  const kept = useDashboard(isNew || service ? undefined : name);
  const made = useServiceDashboard(service);
  const blank = useMemo<Dashboard>(() => fresh(), []);
  const { data, error, refetch } = service ? made : kept;
  const dashboard = isNew ? blank : data;
  if (dashboard)
    return <Shown key={`${name ?? ""} ${service ?? ""}`} kept={dashboard} isNew={isNew} service={service} />;
  return (
    <div className="page">
      {error ? <Failure error={error} retry={() => refetch()} /> : <Loading rows={4} height={160} />}
    </div>
  );
}

function Shown({ kept, isNew, service }: { kept: Dashboard; isNew: boolean; service?: string }) {
  const { params, set, navigate, href } = useUrl();
  const client = useQueryClient();
  const session = useSession();
  const canEdit =
    ["editor", "admin", "owner"].includes(session.data?.role ?? "") || session.data?.role === "member";
  const added = params.get("add");
  const [editing, setEditing] = useState(isNew || added !== null);
  const draft = useDraft(kept.document, editing);
  const { document, change, isDirty } = draft;
  const { spec } = document;
  const [dialog, setDialog] = useState<"code" | "versions" | "settings">();
  const [edited, setEdited] = useState<string>();
  const [turned, setTurned] = useState<ReadonlySet<string>>(new Set());
  const box = useRef<HTMLDivElement>(null);

  // Time and variables.
  const now = useNow((spec.refreshSecs ?? 0) * 1000);
  const [asked, setAsked] = useState(0);
  const expression = rangeFrom(params, spec.time);
  const { from, to } = expression;
  const span = useMemo(() => {
    const range = resolveRange({ from, to }, Math.max(now, asked));
    return { ...range, step: stepFor(range.end - range.start) };
  }, [from, to, now, asked]);
  const variables = spec.variables ?? [];
  const wanted = useMemo(() => {
    const found = variables.flatMap(({ name }) => {
      const values = valuesFrom(params.get(`var-${name}`));
      return values ? [[name, values] as const] : [];
    });
    return new Map<string, string[]>(found);
  }, [variables, params]);
  const resolved = useVariables(variables, wanted, span, true);
  const values = resolved.data?.values;
  const changes = useChanges(iso(span.start), iso(span.end), spec.service ?? undefined);
  const marks = useMemo(
    () => (changes.data?.changes ?? []).map(({ at, title }) => ({ at: Date.parse(at), title })),
    [changes.data],
  );
  const onRange = useCallback((start: number, end: number) => set({ from: iso(start), to: iso(end) }), [set]);
  const frame: Frame | undefined = values && { values, span, expression, marks, onRange };

  // A panel that another page hands over.
  useEffect(() => {
    if (!added) return;
    try {
      const panel = JSON.parse(added) as Panel;
      change((old) => ({ ...old, spec: { ...old.spec, panels: appended(old.spec.panels, panel) } }));
    } catch {
      // A link that somebody cut off: there is nothing to add.
    }
    set({ add: null }, { replace: true });
  }, [added, change, set]);

  const setPanels = (panels: readonly Panel[]) =>
    change((old) => ({ ...old, spec: { ...old.spec, panels: panels.map(bare) } }));
  const drawn = useMemo(
    () =>
      editing
        ? (settle(spec.panels).map((panel) => ({ ...panel, key: panel.id, own: new Map() })) as Drawn[])
        : unfolded(spec.panels, values ?? new Map(), turned, resolved.data?.options),
    [spec.panels, values, turned, editing, resolved.data?.options],
  );
  const [save, saving] = useSave(kept, isNew, document, () => {
    setEditing(false);
    draft.reset();
  });
  const begin = () => {
    draft.reset();
    setEditing(true);
  };
  const add = (view: string) => {
    const panels = appended(
      spec.panels,
      view === "row"
        ? { view, w: 24, h: 1, title: t("Heading") }
        : { view, w: 12, h: 8, queries: view === "text" ? [] : [{ promql: "" }] },
    );
    setPanels(panels);
    const made = panels.find((panel) => !spec.panels.some(({ id }) => id === panel.id));
    if (made && view !== "row") setEdited(made.id);
  };
  const isUndo = useRef(draft);
  isUndo.current = draft;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const typing = (event.target as HTMLElement).closest(
        "input, textarea, select, [contenteditable], [role=dialog]",
      );
      if (typing || event.altKey) return;
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
        event.preventDefault();
        if (event.shiftKey) isUndo.current.redo();
        else isUndo.current.undo();
      } else if (event.ctrlKey || event.metaKey) return;
      else if (event.key === "e" && canEdit && !editing) begin();
      else if (event.key === "f") box.current?.requestFullscreen?.();
      else if (event.key === "r") setAsked(Date.now());
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  });
  const panelEdited = spec.panels.find((panel) => panel.id === edited);

  return (
    <div ref={box} className={`page ${styles.page}`} data-editing={editing || undefined}>
      <div className="head">
        <div>
          <div className={`dim ${styles.crumb}`}>
            <Link href={href("/dashboards")}>{t("Dashboards")}</Link>
            {spec.service && (
              <>
                {" · "}
                <Link href={href(`/service/${encodeURIComponent(spec.service)}`)}>{spec.service}</Link>
              </>
            )}
            {spec.team && ` · ${spec.team}`}
          </div>
          <h1>{spec.title}</h1>
        </div>
        <span className="grow" />
        {!editing && (
          <>
            <TimePicker
              expression={expression}
              range={span}
              onChange={(next) => set({ from: next.from, to: next.to })}
            />
            <Tool
              label={t("Ask again (r)")}
              onClick={() => {
                setAsked(Date.now());
                client.invalidateQueries({ queryKey: ["panel"] });
              }}
            >
              <IconRefresh size={16} />
            </Tool>
            <Tool label={t("Full screen (f)")} onClick={() => box.current?.requestFullscreen?.()}>
              <IconMaximize size={16} />
            </Tool>
            <Tool label={t("As code")} onClick={() => setDialog("code")}>
              <IconCode size={16} />
            </Tool>
            {kept.revision.version > 0 && (
              <Tool label={t("Versions")} onClick={() => setDialog("versions")}>
                <IconHistory size={16} />
              </Tool>
            )}
            {canEdit && (
              <Button
                size="xs"
                h={30}
                className={styles.wide}
                leftSection={<IconPencil size={14} />}
                onClick={begin}
              >
                {t("Edit")}
              </Button>
            )}
            {canEdit && kept.revision.version > 0 && <More name={document.metadata.name} />}
          </>
        )}
        {editing && (
          <>
            <Tool label={t("Undo")} disabled={!draft.canUndo} onClick={draft.undo}>
              <IconArrowBackUp size={16} />
            </Tool>
            <Tool label={t("Redo")} disabled={!draft.canRedo} onClick={draft.redo}>
              <IconArrowForwardUp size={16} />
            </Tool>
            <Tool label={t("Title, team, variables")} onClick={() => setDialog("settings")}>
              <IconSettings size={16} />
            </Tool>
            <Menu position="bottom-end" shadow="md">
              <Menu.Target>
                <Button size="xs" h={30} variant="default" leftSection={<IconPlus size={14} />}>
                  {t("Add panel")}
                </Button>
              </Menu.Target>
              <Menu.Dropdown>
                <Menu.Item onClick={() => add("timeSeries")}>{t("Panel")}</Menu.Item>
                <Menu.Item onClick={() => add("text")}>{t("Text")}</Menu.Item>
                <Menu.Item onClick={() => add("row")}>{t("Heading")}</Menu.Item>
              </Menu.Dropdown>
            </Menu>
            <Button
              size="xs"
              h={30}
              variant="default"
              onClick={() => {
                if (isDirty && !window.confirm(t("Throw away what is not saved?"))) return;
                draft.reset();
                if (isNew) navigate("/dashboards");
                else setEditing(false);
              }}
            >
              {t("Cancel")}
            </Button>
            <Button
              size="xs"
              h={30}
              loading={saving.isPending}
              disabled={!isDirty && !isNew && !service}
              onClick={() => (isNew && document.metadata.name === "" ? setDialog("settings") : save())}
            >
              {t("Save")}
            </Button>
          </>
        )}
      </div>
      {saving.error && (
        <Refused error={saving.error} onVersions={() => setDialog("versions")} onReplace={() => save(true)} />
      )}
      {kept.revision.version === 0 && service && !editing && (
        <Notice tone="info">{t("Made from what this service sends. It is kept once you edit it.")}</Notice>
      )}
      <Variables
        variables={variables}
        resolved={resolved.data}
        onChoose={(name, chosen) => set({ [`var-${name}`]: valuesTo(chosen) })}
      />
      {spec.panels.length === 0 ? (
        <Empty
          title={t("Nothing is on this dashboard yet")}
          action={
            editing ? (
              <Button size="xs" leftSection={<IconPlus size={14} />} onClick={() => add("timeSeries")}>
                {t("Add panel")}
              </Button>
            ) : undefined
          }
        >
          {t("Add a panel here, or from Metrics and SQL with “Add to dashboard”.")}
        </Empty>
      ) : resolved.isError && !frame ? (
        <Failure error={resolved.error} retry={() => resolved.refetch()} />
      ) : frame ? (
        <Grid panels={drawn} editing={editing} onLayout={setPanels}>
          {(panel, height, handle) =>
            panel.view === "row" ? (
              <Heading
                panel={panel}
                title={frame ? headingOf(panel, frame) : (panel.title ?? "")}
                isFolded={!editing && Boolean(panel.collapsed) !== turned.has(panel.key)}
                handle={handle}
                onRename={
                  editing
                    ? (title) =>
                        setPanels(spec.panels.map((one) => (one.id === panel.id ? { ...one, title } : one)))
                    : undefined
                }
                variables={variables}
                onRepeat={
                  editing
                    ? (repeat) =>
                        setPanels(
                          spec.panels.map((one) =>
                            one.id === panel.id ? { ...one, repeat: repeat ?? undefined } : one,
                          ),
                        )
                    : undefined
                }
                onRemove={
                  editing
                    ? () => setPanels(settle(spec.panels.filter((one) => one.id !== panel.id)))
                    : undefined
                }
                onFold={() =>
                  setTurned((old) => {
                    const next = new Set(old);
                    if (!next.delete(panel.key)) next.add(panel.key);
                    return next;
                  })
                }
              />
            ) : (
              <PanelView
                {...frame}
                panel={panel}
                height={height}
                handle={handle}
                actions={
                  editing && (
                    <>
                      <Menu.Item leftSection={<IconPencil size={14} />} onClick={() => setEdited(panel.id)}>
                        {t("Edit")}
                      </Menu.Item>
                      <Menu.Item
                        leftSection={<IconCopy size={14} />}
                        onClick={() => setPanels(appended(spec.panels, bare(panel)))}
                      >
                        {t("Copy")}
                      </Menu.Item>
                      <Menu.Item
                        leftSection={<IconTrash size={14} />}
                        color="red"
                        onClick={() => setPanels(settle(spec.panels.filter((one) => one.id !== panel.id)))}
                      >
                        {t("Remove")}
                      </Menu.Item>
                    </>
                  )
                }
              />
            )
          }
        </Grid>
      ) : (
        <Loading rows={3} height={180} />
      )}
      {(dialog === "code" || dialog === "versions") && (
        <CodeDialog
          kept={kept}
          tab={dialog}
          onClose={() => setDialog(undefined)}
          onRestore={(old) => {
            setEditing(true);
            change(() => old);
            setDialog(undefined);
          }}
        />
      )}
      {dialog === "settings" && (
        <Settings
          document={document}
          isNew={isNew}
          onClose={() => setDialog(undefined)}
          onDone={(next) => {
            change(() => next);
            setDialog(undefined);
          }}
        />
      )}
      {panelEdited && frame && (
        <PanelEditor
          panel={panelEdited}
          variables={variables}
          frame={frame}
          onClose={() => setEdited(undefined)}
          onDone={(panel) => {
            setPanels(spec.panels.map((one) => (one.id === panel.id ? panel : one)));
            setEdited(undefined);
          }}
        />
      )}
    </div>
  );
}

/** A panel as documents have it, without what drawing added. */
function bare(panel: Panel | Drawn): Panel {
  const { key: _, own: __, ...rest } = panel as Drawn;
  return rest;
}

function useSave(kept: Dashboard, isNew: boolean, document: Document, done: () => void) {
  const put = usePutDashboard();
  const { navigate } = useUrl();
  const save = async (replace = false) => {
    const { version } = kept.revision;
    const queries = (panel: Panel) =>
      panel.queries?.filter((query) =>
        Object.values(query).some((value) => typeof value === "string" && value !== ""),
      );
    const panels = document.spec.panels.map((panel) => ({ ...panel, queries: queries(panel) }));
    const whole = { ...document, spec: { ...document.spec, panels } };
    try {
      const answer = await put.mutateAsync({ document: whole, version: replace ? undefined : version });
      done();
      if (isNew || version === 0)
        navigate(`/dashboards/${encodeURIComponent(answer.document.metadata.name)}`);
    } catch {
      // The mutation holds the error, and the page shows it.
    }
  };
  return [save, put] as const;
}

function Tool({
  label,
  children,
  ...rest
}: {
  label: string;
  disabled?: boolean;
  onClick: () => void;
  children: React.ReactNode;
}) {
  return (
    <Tooltip label={label}>
      <ActionIcon variant="default" size={30} aria-label={label} {...rest}>
        {children}
      </ActionIcon>
    </Tooltip>
  );
}

function More({ name }: { name: string }) {
  const remove = useRemoveDashboard();
  const { navigate } = useUrl();
  return (
    <Menu position="bottom-end" shadow="md">
      <Menu.Target>
        <ActionIcon variant="default" size={30} aria-label={t("More")}>
          <IconDots size={16} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item
          color="red"
          leftSection={<IconTrash size={14} />}
          onClick={() => {
            if (window.confirm(t("Remove this dashboard and its versions?")))
              remove.mutate(name, { onSuccess: () => navigate("/dashboards") });
          }}
        >
          {t("Remove")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function Refused({
  error,
  onVersions,
  onReplace,
}: {
  error: unknown;
  onVersions: () => void;
  onReplace: () => void;
}) {
  const isConflict = error instanceof ApiError && error.problem.status === 409;
  return (
    <>
      <Failure error={error} />
      {isConflict && (
        <div className="row">
          <Button size="compact-sm" variant="default" onClick={onVersions}>
            {t("What was changed")}
          </Button>
          <Button size="compact-sm" variant="default" onClick={onReplace}>
            {t("Save mine in its place")}
          </Button>
        </div>
      )}
    </>
  );
}

/** With its variables put in; copies of a repeated heading that do not name theirs say it behind. */
function headingOf(panel: Drawn, { values, span }: Frame): string {
  const title = panel.title ?? "";
  const own = panel.own ?? new Map();
  const said = interpolate(title, new Map([...values, ...own]), span, "promql");
  const value = panel.repeat ? own.get(panel.repeat)?.chosen[0] : undefined;
  return value === undefined || said.includes(value) ? said : `${said} · ${value}`;
}

type HeadingProps = {
  panel: Drawn;
  title: string;
  isFolded: boolean;
  handle: React.ReactNode;
  onFold: () => void;
  onRename?: (title: string) => void;
  variables: readonly Variable[];
  onRepeat?: (variable: string | null) => void;
  onRemove?: () => void;
};

function Heading({
  panel,
  title,
  isFolded,
  handle,
  onFold,
  onRename,
  onRemove,
  variables,
  onRepeat,
}: HeadingProps) {
  return (
    <div className={styles.heading}>
      {onRename ? (
        <>
          <input
            aria-label={t("Heading")}
            defaultValue={panel.title ?? ""}
            onBlur={(event) =>
              event.currentTarget.value !== (panel.title ?? "") && onRename(event.currentTarget.value)
            }
          />
          {handle}
          {variables.some((one) => one.multiple) && (
            <Select
              size="xs"
              w={150}
              clearable
              className={styles.headingRepeat}
              aria-label={t("Once for each")}
              placeholder={t("Once for each")}
              data={variables.filter((one) => one.multiple).map(({ name }) => name)}
              value={panel.repeat ?? null}
              onChange={onRepeat}
            />
          )}
          <ActionIcon variant="subtle" color="gray" size={24} aria-label={t("Remove")} onClick={onRemove}>
            <IconTrash size={14} />
          </ActionIcon>
        </>
      ) : (
        <button type="button" aria-expanded={!isFolded} onClick={onFold}>
          <i aria-hidden="true" />
          <h2>{title}</h2>
        </button>
      )}
    </div>
  );
}
