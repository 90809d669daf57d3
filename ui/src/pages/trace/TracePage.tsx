// One trace: the map of the whole on top, the tree with its bars below, and beside it what one span knows.
import { Button, CloseButton, SegmentedControl, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { Link, useParams } from "wouter";
import { useTrace } from "../../api/hooks";
import type { TraceService } from "../../api/types";
import { Failure, Figure, Loading, Notice } from "../../components/states";
import { bytes, count, millis, moment, nanos, percent } from "../../lib/format";
import { t } from "../../lib/i18n";
import { seriesColor } from "../../lib/palette";
import { around, zoneName } from "../../lib/time";
import { ancestors, find, layout, sectionsBySpan, services, visible } from "../../lib/waterfall";
import { typing } from "../../shell/Shortcuts";
import { useUrl } from "../../state/url";
import { MiniMap } from "./MiniMap";
import { SpanPanel } from "./SpanPanel";
import styles from "./Trace.module.css";
import { TraceLogs } from "./TraceLogs";
import { Waterfall } from "./Waterfall";

/** Part of the trace that is drawn, in ns from its first span. */
export type View = { from: number; to: number };

/** A trace with more spans than this opens with only its first levels unfolded. */
const FOLD_ABOVE = 2_000;
const FOLD_DEPTH = 3;
/** A trace that leaves room on the screen shows its logs below the spans. */
const SHORT_TRACE = 24;

export default function TracePage() {
  const { id = "" } = useParams<{ id: string }>();
  const { params, set, href } = useUrl();
  const query = useTrace(id);
  const spans = useMemo(() => query.data?.spans ?? [], [query.data]);
  const logs = useMemo(() => query.data?.logs ?? [], [query.data]);
  const made = useMemo(() => layout(spans), [spans]);
  const colors = useMemo(
    () => new Map([...services(spans)].map(([name, i]) => [name, seriesColor(i)])),
    [spans],
  );
  const [collapsed, setCollapsed] = useState<ReadonlySet<string>>(new Set());
  const [zoom, setZoom] = useState<View | null>(null);
  const [sought, setSought] = useState(params.get("find") ?? "");
  const seek = useRef<HTMLInputElement>(null);
  const sections = useMemo(() => sectionsBySpan(query.data?.critical_path ?? []), [query.data]);
  const onlyCritical = params.get("only") === "critical";
  const full = useMemo(() => ({ from: made.startNs, to: made.startNs + made.durationNs }), [made]);
  const view = zoom ?? full;
  const showLogs = params.get("tab") === "logs";
  const selected = params.get("span");
  const select = useCallback((span: string | null) => set({ span }, { replace: true }), [set]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new trace starts unfolded and unzoomed
  useEffect(() => {
    setZoom(null);
    setCollapsed(
      new Set(
        made.rows.length > FOLD_ABOVE
          ? made.rows
              .filter((row) => row.depth >= FOLD_DEPTH && row.descendants > 0)
              .map((row) => row.span.span_id)
          : [],
      ),
    );
  }, [id, made]);

  const rows = useMemo(() => {
    const unfolded = visible(made.rows, collapsed);
    return onlyCritical ? unfolded.filter((row) => row.span.critical) : unfolded;
  }, [made, collapsed, onlyCritical]);
  const found = useMemo(() => find(made.rows, sought), [made, sought]);
  const marked = useMemo(
    () => new Set(found.map((index) => made.rows[index]?.span.span_id ?? "")),
    [found, made],
  );
  const toggle = useCallback(
    (span: string) =>
      setCollapsed((before) => {
        const next = new Set(before);
        if (!next.delete(span)) next.add(span);
        return next;
      }),
    [],
  );
  /** Goes to the next match, or with −1 to the one before, unfolding what hides it. */
  const hop = useCallback(
    (direction: 1 | -1) => {
      if (found.length === 0) return;
      const at = made.rows.findIndex((row) => row.span.span_id === selected);
      const next =
        direction > 0
          ? (found.find((index) => index > at) ?? found[0])
          : (found.findLast((index) => index < at) ?? found.at(-1));
      const row = made.rows[next ?? -1];
      if (next === undefined || !row) return;
      const above = ancestors(made.rows, next);
      setCollapsed((before) => {
        if (!above.some((span) => before.has(span))) return before;
        const open = new Set(before);
        for (const span of above) open.delete(span);
        return open;
      });
      if (onlyCritical && !row.span.critical) set({ only: null, span: row.span.span_id }, { replace: true });
      else select(row.span.span_id);
    },
    [found, made, selected, select, set, onlyCritical],
  );
  useKeys({
    rows,
    selected,
    select,
    collapsed,
    toggle,
    hop,
    seek: () => seek.current?.focus(),
    critical: () => set({ only: onlyCritical ? null : "critical" }, { replace: true }),
  });

  if (query.isPending) {
    return (
      <div className="page">
        <Loading rows={14} height={20} />
      </div>
    );
  }
  if (!query.data) {
    return (
      <div className="page">
        <Failure error={query.error} retry={() => query.refetch()} />
      </div>
    );
  }
  const root = made.rows[0];
  const errors = spans.filter((span) => span.status === "error").length;
  const current = made.rows.find((row) => row.span.span_id === selected);
  const when = root ? around(root.span.start, 5 * 60e3, 10 * 60e3) : undefined;
  return (
    <div className={`page ${styles.page}`}>
      <div className={styles.head}>
        <div className="grow">
          <div className="row wrap dim">
            <span className="mono">{id}</span>
            {root && <span>{`${moment(root.span.start, Date.now(), true)} ${zoneName()}`}</span>}
            <span>
              {t("{time}, {bytes} scanned", {
                time: millis(query.data.stats.run_time_ms),
                bytes: bytes(query.data.stats.bytes_scanned),
              })}
            </span>
          </div>
          <h1>{root ? `${root.span.service} · ${root.span.name}` : id}</h1>
        </div>
        <div className={styles.figures}>
          <Figure label={t("took")} value={nanos(made.durationNs)} />
          <Figure label={t("spans")} value={count(spans.length)} />
          <Figure label={t("errors")} value={count(errors)} tone={errors ? "bad" : undefined} />
        </div>
      </div>
      {query.data.truncated && (
        <Notice tone="warn">
          {t("The trace is larger than what is shown: {n} spans were read.", { n: count(spans.length) })}
        </Notice>
      )}
      <Mended data={query.data} />
      <CriticalBar services={query.data.services ?? []} colors={colors} />
      <MiniMap
        rows={made.rows}
        full={full}
        view={view}
        colors={colors}
        onZoom={setZoom}
        path={query.data.critical_path ?? []}
        marked={marked}
      />
      <div className={styles.bar}>
        <SegmentedControl
          size="xs"
          value={showLogs ? "logs" : "spans"}
          onChange={(tab) => set({ tab: tab === "logs" ? "logs" : null }, { replace: true })}
          data={[
            { value: "spans", label: t("Spans") },
            { value: "logs", label: t("Logs ({n})", { n: logs.length }) },
          ]}
        />
        <Button size="compact-xs" variant="default" onClick={() => setCollapsed(new Set())}>
          {t("Unfold all")}
        </Button>
        <Button
          size="compact-xs"
          variant="default"
          onClick={() =>
            setCollapsed(
              new Set(
                made.rows
                  .filter((row) => row.depth >= 1 && row.descendants > 0)
                  .map((row) => row.span.span_id),
              ),
            )
          }
        >
          {t("Fold")}
        </Button>
        <Button
          size="compact-xs"
          variant={onlyCritical ? "filled" : "default"}
          aria-pressed={onlyCritical}
          onClick={() => set({ only: onlyCritical ? null : "critical" }, { replace: true })}
        >
          {t("Critical path only")}
        </Button>
        <TextInput
          ref={seek}
          size="xs"
          className={styles.find}
          leftSection={<IconSearch size={13} />}
          placeholder={t("Find in this trace")}
          aria-label={t("Find in this trace")}
          value={sought}
          onChange={(event) => {
            setSought(event.currentTarget.value);
            set({ find: event.currentTarget.value || null }, { replace: true });
          }}
          onKeyDown={(event) => {
            if (event.key === "Enter") hop(event.shiftKey ? -1 : 1);
            else if (event.key === "Escape") seek.current?.blur();
            else return;
            event.preventDefault();
            event.stopPropagation();
          }}
          rightSection={
            sought ? (
              <CloseButton
                size="xs"
                aria-label={t("Clear")}
                onClick={() => {
                  setSought("");
                  set({ find: null }, { replace: true });
                }}
              />
            ) : null
          }
        />
        {sought && (
          <span className="dim" role="status">
            {t("{n, plural, =0 {nothing found} one {# span} other {# spans}}", { n: found.length })}
          </span>
        )}
        {zoom && (
          <Button size="compact-xs" variant="default" onClick={() => setZoom(null)}>
            {t("Whole trace")}
          </Button>
        )}
        <span className="grow" />
        <Link href={href("/search", { dataset: "spans", q: `trace_id: ${id}`, ...when })}>
          {t("Its spans in search")}
        </Link>
        <Link href={href("/search", { dataset: "logs", q: `trace_id: ${id}`, ...when })}>
          {t("Its logs in search")}
        </Link>
      </div>
      <div className={styles.body} data-panel={current ? true : undefined}>
        <div className={styles.main}>
          {!showLogs && (
            <Waterfall
              rows={rows}
              view={view}
              colors={colors}
              collapsed={collapsed}
              toggle={toggle}
              selected={selected}
              select={select}
              logs={logs}
              sections={sections}
              marked={marked}
              traceStart={root ? Date.parse(root.span.start) - root.span.offset_ns / 1e6 : 0}
            />
          )}
          {(showLogs || (logs.length > 0 && made.rows.length <= SHORT_TRACE)) && (
            <TraceLogs logs={logs} colors={colors} onSpan={select} />
          )}
        </div>
        {current && (
          <SpanPanel
            row={current}
            total={made.durationNs}
            traceId={id}
            logs={logs.filter((log) => log.span_id === current.span.span_id)}
            close={() => select(null)}
          />
        )}
      </div>
    </div>
  );
}

type TraceData = NonNullable<ReturnType<typeof useTrace>["data"]>;

/** What had to be mended in the trace, said once. */
function Mended({ data }: { data: TraceData }) {
  const shifted = data.spans.filter((span) => span.shifted_ns);
  const most = shifted.reduce((most, span) => Math.max(most, Math.abs(span.shifted_ns ?? 0)), 0);
  const hosts = new Set(shifted.map((span) => span.service));
  return (
    <>
      {(data.lost_parents ?? 0) > 0 && (
        <Notice tone="info">
          {t("{n, plural, one {# span names a parent} other {# spans name parents}} that did not arrive.", {
            n: data.lost_parents ?? 0,
          })}
        </Notice>
      )}
      {shifted.length > 0 && (
        <Notice tone="info">
          {t(
            "Clocks disagree: spans of {services} were moved by up to {time}, so that no answer comes before its question.",
            {
              services: [...hosts].slice(0, 4).join(", "),
              time: nanos(most),
            },
          )}
        </Notice>
      )}
      {(data.duplicates ?? 0) > 0 && (
        <Notice tone="info">
          {t("{n, plural, one {# span} other {# spans}} came more than once; copies are left out.", {
            n: data.duplicates ?? 0,
          })}
        </Notice>
      )}
    </>
  );
}

/** Where the time went: the critical path by service. */
function CriticalBar({ services, colors }: { services: TraceService[]; colors: Map<string, string> }) {
  const total = services.reduce((sum, one) => sum + one.critical_ns, 0);
  const share = services
    .filter((one) => one.critical_ns > 0)
    .map((one) => ({ ...one, share: one.critical_ns / total }));
  if (share.length === 0) return null;
  return (
    <div className={styles.critical}>
      <div
        className={styles.criticalBar}
        role="img"
        aria-label={share.map((one) => `${one.name} ${percent(one.share, 0)}`).join(", ")}
      >
        {share.map((one) => (
          <i key={one.name} style={{ width: `${one.share * 100}%`, background: colors.get(one.name) }} />
        ))}
      </div>
      <div className={styles.legend}>
        <span className="dim">{t("critical path")}</span>
        {share.map((one) => (
          <span key={one.name}>
            <i style={{ background: colors.get(one.name) }} />
            {one.name} <b>{percent(one.share, 0)}</b> <span className="dim">{nanos(one.critical_ns)}</span>
          </span>
        ))}
      </div>
    </div>
  );
}

type Keys = {
  rows: ReturnType<typeof visible>;
  selected: string | null;
  select: (span: string | null) => void;
  collapsed: ReadonlySet<string>;
  toggle: (span: string) => void;
  hop: (direction: 1 | -1) => void;
  seek: () => void;
  critical: () => void;
};

function useKeys(keys: Keys) {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.metaKey || event.ctrlKey || event.altKey || typing(event)) return;
      const { rows, selected, select, collapsed, toggle, hop, seek, critical } = latest.current;
      const at = rows.findIndex((row) => row.span.span_id === selected);
      const go = (index: number) => {
        const row = rows[Math.min(rows.length - 1, Math.max(0, index))];
        if (row) select(row.span.span_id);
      };
      const row = rows[at];
      if (event.key === "j" || event.key === "ArrowDown") go(at + 1);
      else if (event.key === "k" || event.key === "ArrowUp") go(at - 1);
      else if (event.key === "ArrowLeft" && row?.descendants && !collapsed.has(row.span.span_id))
        toggle(row.span.span_id);
      else if (event.key === "ArrowRight" && row && collapsed.has(row.span.span_id)) toggle(row.span.span_id);
      else if (event.key === "e") {
        const next = rows.findIndex((one, i) => i > at && one.span.status === "error");
        go(next >= 0 ? next : rows.findIndex((one) => one.span.status === "error"));
      } else if (event.key === "f") seek();
      else if (event.key === "n") hop(1);
      else if (event.key === "N") hop(-1);
      else if (event.key === "c") critical();
      else if (event.key === "Escape") select(null);
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, []);
}
