// One panel: its frame, its states, and the view of what it asked. It asks once it is near the screen, and what fails says
// why in its own frame.
import { ActionIcon, Menu } from "@mantine/core";
import { IconDots, IconExternalLink } from "@tabler/icons-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { ApiError } from "../../api/client";
import { type Answer, usePanel } from "../../api/dashboards";
import { Glyph } from "../../components/Mark";
import { type Drawn, interpolate, languageOf, type Span, textOf, type Values } from "../../lib/dashboard";
import { t } from "../../lib/i18n";
import type { RangeExpression } from "../../lib/time";
import { link } from "../../lib/url";
import { useUrl } from "../../state/url";
import styles from "./Dashboards.module.css";
import { HeatmapView } from "./HeatmapView";
import { LinesView } from "./LinesView";
import { Markdown } from "./Markdown";
import { TimelineView } from "./TimelineView";
import { BarsView, GaugeView, LogsView, ProbesView, SlosView, StatView, TableView } from "./Views";

export type Mark = { at: number; title: string };
export type Frame = {
  values: Values;
  span: Span;
  expression: RangeExpression;
  marks: readonly Mark[];
  onRange: (start: number, end: number) => void;
};
type Props = Frame & {
  panel: Drawn;
  height: number;
  handle?: ReactNode;
  actions?: ReactNode;
  /** It is looked at by itself, so that nobody need scroll to it. */
  always?: boolean;
};

const HEAD = 30;

export function PanelView({ panel, height, handle, actions, always, ...frame }: Props) {
  const box = useRef<HTMLElement>(null);
  const isNear = useNear(box, Boolean(always));
  const own: Values = panel.own?.size ? new Map([...frame.values, ...panel.own]) : frame.values;
  const asked = usePanel(panel, own, frame.span, isNear && panel.view !== "text");
  const title = interpolate(panel.title ?? "", own, frame.span, "promql");
  const body = height - (panel.title || handle || actions ? HEAD : 8);
  return (
    <section
      ref={box}
      className={styles.panel}
      aria-label={title || panel.id}
      data-state={asked.isError ? "failed" : asked.isPending ? "asking" : "shown"}
    >
      <header className={styles.head}>
        <h3 title={panel.description || title}>{title}</h3>
        {asked.isError && asked.data && <Problem error={asked.error} />}
        {asked.data && asked.data.faults.length > 0 && <Faults texts={asked.data.faults} />}
        {handle}
        <PanelMenu panel={panel} own={own} {...frame}>
          {actions}
        </PanelMenu>
      </header>
      <div className={styles.body} style={{ height: body }} data-stale={asked.isPlaceholderData || undefined}>
        {panel.view === "text" ? (
          <Markdown text={interpolate(panel.text ?? "", own, frame.span, "promql")} />
        ) : asked.data ? (
          <Shown panel={panel} own={own} answer={asked.data} height={body} {...frame} />
        ) : asked.isError ? (
          <Failed error={asked.error} retry={() => asked.refetch()} />
        ) : (panel.queries ?? []).every((query) => query.hidden) ? (
          <p className={styles.nothing}>{t("This panel asks nothing yet")}</p>
        ) : asked.isFetching ? (
          <div className={styles.asking} role="status" aria-label={t("Loading")} />
        ) : (
          <div className={styles.asking} aria-hidden="true" />
        )}
      </div>
    </section>
  );
}

type ShownProps = Frame & { panel: Drawn; own: Values; answer: Answer; height: number };

function Shown({ panel, own, answer, height, ...frame }: ShownProps) {
  if (answer.slos.length > 0 && panel.view !== "timeSeries") return <SlosView slos={answer.slos} />;
  if (answer.probes.length > 0) return <ProbesView probes={answer.probes} />;
  if (answer.records) return <LogsView records={answer.records} />;
  if (panel.view === "table") return <TableView panel={panel} answer={answer} />;
  if (panel.view === "heatmap" && (answer.heat || answer.lines.length > 0))
    return <HeatmapView panel={panel} answer={answer} height={height} />;
  if (panel.view === "stateTimeline" && answer.lines.length > 0)
    return <TimelineView panel={panel} answer={answer} span={frame.span} />;
  const isEmpty = answer.lines.every((line) => line.values.every((value) => value === null));
  if (isEmpty) return <p className={styles.nothing}>{t("No point in this time")}</p>;
  switch (panel.view) {
    case "stat":
      return <StatView panel={panel} answer={answer} />;
    case "gauge":
      return <GaugeView panel={panel} answer={answer} />;
    case "bars":
      return <BarsView panel={panel} answer={answer} />;
    default:
      return (
        <LinesView
          panel={panel}
          answer={answer}
          height={height}
          hrefOf={(query) => placeOf(panel, query, own, frame)}
          {...frame}
        />
      );
  }
}

/** Where the same question can be looked at closer, with the same time. */
export function placeOf(
  panel: Drawn,
  query: number,
  own: Values,
  { span, expression }: Frame,
): string | undefined {
  const asked = (panel.queries ?? []).filter((one) => !one.hidden)[query];
  if (!asked) return undefined;
  const put = interpolate(textOf(asked), own, span, languageOf(asked));
  const to = (path: string, more: Record<string, string>) =>
    link(path, new URLSearchParams(), { ...expression, ...more });
  switch (languageOf(asked)) {
    case "sql":
      return to("/sql", { sql: put });
    case "search":
      return to("/search", { dataset: asked.dataset ?? "logs", q: put });
    case "slo":
      return to(`/slo/${encodeURIComponent(put)}`, {});
    case "uptime":
      return to("/uptime", { probe: put });
    default:
      return to("/explore/metrics", { expr: put });
  }
}

function PanelMenu({
  panel,
  own,
  children,
  ...frame
}: Frame & { panel: Drawn; own: Values; children?: ReactNode }) {
  const { navigate } = useUrl();
  const there = placeOf(panel, 0, own, frame);
  const links = panel.links ?? [];
  if (!there && links.length === 0 && !children) return null;
  return (
    <Menu position="bottom-end" shadow="md">
      <Menu.Target>
        <ActionIcon
          variant="subtle"
          color="gray"
          size={24}
          className={styles.more}
          aria-label={t("What can be done with {name}", { name: panel.title || panel.id })}
        >
          <IconDots size={15} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {there && (
          <Menu.Item leftSection={<IconExternalLink size={14} />} onClick={() => navigate(there)}>
            {t("Look closer")}
          </Menu.Item>
        )}
        {links.map(({ title, url }) => (
          <Menu.Item key={url} component="a" href={interpolate(url, own, frame.span, "promql")}>
            {title}
          </Menu.Item>
        ))}
        {children}
      </Menu.Dropdown>
    </Menu>
  );
}

const detailOf = (error: unknown) =>
  error instanceof ApiError
    ? [error.problem.detail, error.problem.hint].filter(Boolean).join("; ")
    : String(error);

function Failed({ error, retry }: { error: unknown; retry: () => void }) {
  return (
    <div className={styles.failed} role="alert" data-tone="bad">
      <Glyph shape="octagon" size={16} />
      <p>{detailOf(error)}</p>
      <button type="button" className="plain" onClick={retry}>
        {t("Try again")}
      </button>
    </div>
  );
}

/** What is shown is older than what was asked: it says so and why. */
function Problem({ error }: { error: unknown }) {
  return (
    <span className={styles.problem} data-tone="warn" title={detailOf(error)}>
      <Glyph shape="clock" size={13} /> {t("stale")}
    </span>
  );
}

function Faults({ texts }: { texts: readonly string[] }) {
  return (
    <span className={styles.problem} data-tone="warn" title={texts.join("\n")}>
      <Glyph shape="triangle" size={13} />{" "}
      {t("{n, plural, one {# query failed} other {# queries failed}}", { n: texts.length })}
    </span>
  );
}

/** Whether something was on the screen or near it; once seen it stays so until it is far away. */
function useNear(box: React.RefObject<HTMLElement | null>, always: boolean): boolean {
  const [isNear, setNear] = useState(always);
  useEffect(() => {
    const element = box.current;
    if (!element || always) return;
    const observer = new IntersectionObserver(([entry]) => setNear(entry?.isIntersecting ?? false), {
      rootMargin: "240px 0px",
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [box, always]);
  return isNear;
}
