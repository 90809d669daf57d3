// Ctrl-K: jump to a page, a promise, an incident, a service, or a trace by its id.
import { Spotlight, type SpotlightActionData, type SpotlightFilterFunction } from "@mantine/spotlight";
import {
  IconArrowRight,
  IconGauge,
  IconSearch,
  IconSitemap,
  IconTimeline,
  IconTool,
  IconUrgent,
} from "@tabler/icons-react";
import { type ComponentType, useMemo, useState } from "react";
import { useIncidents, useSlos } from "../api/hooks";
import { useActions } from "../api/operations";
import { t } from "../lib/i18n";
import { sloLook } from "../lib/states";
import { useUrl } from "../state/url";

const TRACE_ID = /^[0-9a-f]{32}$/i;
/** More than this many hits of one kind are not read by anybody. */
const MAX_HITS = 12;

/** Every word must occur somewhere; the order of the list stays, so that searching for the text comes last. */
function matching(query: string, actions: Parameters<SpotlightFilterFunction>[1]) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return actions.filter((action) => {
    if (!("label" in action)) return true;
    const text = [action.id, action.label, action.description, action.keywords]
      .flat()
      .join(" ")
      .toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

export default function Palette({
  pages,
}: {
  pages: readonly (readonly [string, string, ComponentType<{ size?: number }>])[];
}) {
  const [query, setQuery] = useState("");
  const { navigate, href } = useUrl();
  const slos = useSlos();
  const incidents = useIncidents();
  const actionList = useActions();

  const actions = useMemo(() => {
    const text = query.trim();
    const list: SpotlightActionData[] = [];
    if (TRACE_ID.test(text)) {
      list.push({
        id: "trace",
        label: t("Open trace {id}", { id: text.slice(0, 12) }),
        leftSection: <IconTimeline size={18} />,
        onClick: () => navigate(href(`/trace/${text.toLowerCase()}`)),
        keywords: [text],
      });
    }
    for (const slo of slos.data?.slos ?? []) {
      list.push({
        id: `slo-${slo.name}`,
        label: slo.display_name || slo.name,
        description: `${sloLook(slo).word} · ${slo.service} · ${slo.name}`,
        leftSection: <IconGauge size={18} />,
        onClick: () => navigate(href(`/slo/${encodeURIComponent(slo.name)}`)),
      });
    }
    for (const incident of incidents.data?.incidents ?? []) {
      list.push({
        id: incident.id,
        label: incident.title,
        description: `${incident.id} · ${incident.level} · ${incident.service}`,
        leftSection: <IconUrgent size={18} />,
        onClick: () => navigate(href(`/incident/${incident.id}`)),
      });
    }
    for (const [to, label, Icon] of pages)
      list.push({ id: to, label, leftSection: <Icon size={18} />, onClick: () => navigate(href(to)) });
    list.push({
      id: "report",
      label: t("Report an incident"),
      leftSection: <IconArrowRight size={18} />,
      onClick: () => navigate(href("/incidents/new")),
    });
    for (const action of actionList.data?.actions ?? []) {
      list.push({
        id: `action-${action.name}`,
        label: t("Operation: {summary}", { summary: action.summary || action.name }),
        description: action.name,
        leftSection: <IconTool size={18} />,
        onClick: () => navigate(href("/operations/new", { action: action.name })),
      });
    }
    for (const service of new Set((slos.data?.slos ?? []).map((slo) => slo.service))) {
      list.push({
        id: `service-${service}`,
        label: t("Spans of {service}", { service }),
        leftSection: <IconSitemap size={18} />,
        onClick: () =>
          navigate(href("/search", { dataset: "spans", q: `service.name: ${service}`, service })),
      });
    }
    if (text && !TRACE_ID.test(text)) {
      list.push({
        id: "search",
        label: t("Search for “{text}”", { text }),
        keywords: [text],
        leftSection: <IconSearch size={18} />,
        onClick: () => navigate(href("/search", { q: text })),
      });
    }
    return list;
  }, [query, slos.data, incidents.data, actionList.data, pages, navigate, href]);

  return (
    <Spotlight
      actions={actions}
      query={query}
      onQueryChange={setQuery}
      limit={MAX_HITS}
      filter={matching}
      overlayProps={{ blur: 0, backgroundOpacity: 0.45 }}
      scrollable
      maxHeight={420}
      nothingFound={t("Nothing found")}
      searchProps={{
        placeholder: t("Promise, incident, service, trace id, page…"),
        "aria-label": t("Jump to…"),
        leftSection: <IconSearch size={18} />,
      }}
      lockScroll={false}
      shortcut={null}
    />
  );
}
