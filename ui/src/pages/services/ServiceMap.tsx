// Who calls whom, drawn from left to right. Width is rate, dashes are queues, red is a share of failures that is also written.
import dagre from "@dagrejs/dagre";
import { IconBrandSpeedtest, IconDatabase, IconStack2, IconWorld } from "@tabler/icons-react";
import {
  Background,
  BaseEdge,
  Controls,
  type Edge,
  EdgeLabelRenderer,
  type EdgeProps,
  Handle,
  MarkerType,
  type Node,
  type NodeProps,
  Position,
  ReactFlow,
} from "@xyflow/react";
import "@xyflow/react/dist/base.css";
import { useMemo, useState } from "react";
import type { MapNode, ServiceMapResponse } from "../../api/apm";
import { useSlos } from "../../api/hooks";
import { Glyph } from "../../components/Mark";
import { errorText, failing, rate, softPath } from "../../lib/apm";
import { millis } from "../../lib/format";
import { t } from "../../lib/i18n";
import { type Look, sloLook, type Tone } from "../../lib/states";
import { useUrl } from "../../state/url";
import "./flow.css";
import styles from "./Services.module.css";

const WIDTH = 190;
const HEIGHT = 62;
/** Room for "214/s · 12.5% · 1.24s". */
const WORDS_WIDTH = 118;

type Data = { node: MapNode; look?: Look; dim: boolean; focus: boolean };
type ServiceNode = Node<Data, "service">;

const ICONS = {
  service: IconBrandSpeedtest,
  database: IconDatabase,
  queue: IconStack2,
  external: IconWorld,
} as const;

function Box({ data: { node, look, dim, focus } }: NodeProps<ServiceNode>) {
  const Icon = ICONS[node.kind as keyof typeof ICONS] ?? IconWorld;
  return (
    <div
      className={styles.node}
      data-kind={node.kind}
      data-tone={look?.tone}
      data-dim={dim || undefined}
      data-focus={focus || undefined}
    >
      <Handle type="target" position={Position.Left} className={styles.handle} />
      <div className={styles.nodeName}>
        <Icon size={14} aria-hidden="true" />
        <span className="cut">{node.name}</span>
        {look && (
          <i title={t("Worst promise: {state}", { state: look.word })}>
            <Glyph shape={look.shape} size={13} />
          </i>
        )}
      </div>
      <div className={styles.nodeFacts}>
        <span>{rate(node.figures.per_second)}</span>
        <span data-tone={failing(node.figures.error_ratio) ? "bad" : undefined}>
          {errorText(node.figures.error_ratio)}
        </span>
        <span>p95 {millis(node.figures.p95_ms)}</span>
      </div>
      <Handle type="source" position={Position.Right} className={styles.handle} />
    </div>
  );
}

const TYPES = { service: Box };

type Point = { x: number; y: number };
type CallEdge = Edge<{ points: Point[]; words: string; middle: Point; loud: boolean; dim: boolean }, "call">;

/** A soft line along the way that the layout found round the nodes. */
function Call({ sourceX, sourceY, targetX, targetY, data, style, markerEnd }: EdgeProps<CallEdge>) {
  if (!data) return null;
  const path = softPath([{ x: sourceX, y: sourceY }, ...data.points, { x: targetX, y: targetY }]);
  return (
    <>
      <BaseEdge path={path} style={style} markerEnd={markerEnd} />
      <EdgeLabelRenderer>
        <div
          className={styles.words}
          data-loud={data.loud || undefined}
          data-dim={data.dim || undefined}
          style={{ transform: `translate(-50%, -50%) translate(${data.middle.x}px, ${data.middle.y}px)` }}
        >
          {data.words}
        </div>
      </EdgeLabelRenderer>
    </>
  );
}

const EDGE_TYPES = { call: Call };

/** Places of the nodes; and for each edge the points that it goes through, with room for its words in the middle. */
function laidOut(map: ServiceMapResponse) {
  const graph = new dagre.graphlib.Graph().setDefaultEdgeLabel(() => ({}));
  graph.setGraph({ rankdir: "LR", nodesep: 26, ranksep: 44, marginx: 16, marginy: 16 });
  for (const node of map.nodes) graph.setNode(node.id, { width: WIDTH, height: HEIGHT });
  for (const edge of map.edges)
    if (edge.source !== edge.target)
      graph.setEdge(edge.source, edge.target, { width: WORDS_WIDTH, height: 16, labelpos: "c" });
  dagre.layout(graph);
  const places = new Map(
    map.nodes.map((node) => {
      const { x, y } = graph.node(node.id);
      return [node.id, { x: x - WIDTH / 2, y: y - HEIGHT / 2 }];
    }),
  );
  const ways = new Map(
    map.edges.map((edge) => {
      const way = graph.edge(edge.source, edge.target) as (Point & { points: Point[] }) | undefined;
      // The first and last point lie on the nodes' borders; the line begins and ends at their handles.
      return [edge, { points: way?.points.slice(1, -1) ?? [], middle: { x: way?.x ?? 0, y: way?.y ?? 0 } }];
    }),
  );
  return { places, ways };
}

export default function ServiceMap({ map, focus }: { map: ServiceMapResponse; focus?: string }) {
  const { href, navigate } = useUrl();
  const slos = useSlos();
  const [over, setOver] = useState<string | null>(null);
  const { places, ways } = useMemo(() => laidOut(map), [map]);
  const looks = useMemo(() => {
    const worst = new Map<string, Look>();
    const order: Tone[] = ["bad", "warn", "good", "none", "info"];
    for (const slo of slos.data?.slos ?? []) {
      const look = sloLook(slo);
      const known = worst.get(slo.service);
      if (!known || order.indexOf(look.tone) < order.indexOf(known.tone)) worst.set(slo.service, look);
    }
    return worst;
  }, [slos.data]);
  const near = useMemo(() => {
    if (!over) return undefined;
    const ids = new Set([over]);
    for (const edge of map.edges) {
      if (edge.source === over) ids.add(edge.target);
      if (edge.target === over) ids.add(edge.source);
    }
    return ids;
  }, [over, map.edges]);
  const nodes: ServiceNode[] = map.nodes.map((node) => ({
    id: node.id,
    type: "service",
    position: places.get(node.id) ?? { x: 0, y: 0 },
    data: {
      node,
      look: node.kind === "service" ? looks.get(node.name) : undefined,
      dim: near ? !near.has(node.id) : false,
      focus: node.kind === "service" && node.name === focus,
    },
    ariaLabel: t("{name}: {rate}, {errors} failed, p95 {latency}", {
      name: node.name,
      rate: rate(node.figures.per_second),
      errors: errorText(node.figures.error_ratio),
      latency: millis(node.figures.p95_ms),
    }),
    width: WIDTH,
    height: HEIGHT,
  }));
  const busiest = Math.max(1e-9, ...map.edges.map((edge) => edge.figures.per_second));
  // A service that calls itself is told by the table: a loop would hide more than it says.
  const edges: CallEdge[] = map.edges
    .filter((edge) => edge.source !== edge.target)
    .map((edge) => {
      const bad =
        failing(edge.figures.error_ratio) || failing(edge.unanswered / Math.max(1, edge.figures.requests));
      const color = bad ? "var(--bad-fill)" : "var(--line-strong)";
      const near = over === edge.source || over === edge.target;
      return {
        id: `${edge.source}→${edge.target}`,
        source: edge.source,
        target: edge.target,
        type: "call",
        data: {
          points: ways.get(edge)?.points ?? [],
          middle: ways.get(edge)?.middle ?? { x: 0, y: 0 },
          words:
            near || bad
              ? `${rate(edge.figures.per_second)} · ${errorText(edge.figures.error_ratio)} · ${millis(edge.figures.p95_ms)}`
              : rate(edge.figures.per_second),
          loud: bad,
          dim: Boolean(over) && !near,
        },
        style: {
          stroke: color,
          strokeWidth: 1.2 + 3 * Math.sqrt(edge.figures.per_second / busiest),
          strokeDasharray: edge.is_async ? "6 4" : undefined,
          opacity: over && !near ? 0.2 : 1,
        },
        markerEnd: { type: MarkerType.ArrowClosed, color, width: 10, height: 10 },
      };
    });
  return (
    <div className={styles.map}>
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={TYPES}
        edgeTypes={EDGE_TYPES}
        fitView
        fitViewOptions={{ maxZoom: 1.15, padding: 0.08 }}
        minZoom={0.15}
        maxZoom={2}
        nodesDraggable={false}
        nodesConnectable={false}
        edgesFocusable={false}
        elementsSelectable
        proOptions={{ hideAttribution: true }}
        onNodeMouseEnter={(_, node) => setOver(node.id)}
        onNodeMouseLeave={() => setOver(null)}
        onNodeClick={(_, node) => {
          if (node.data.node.kind === "service")
            navigate(
              href(`/service/${encodeURIComponent(node.data.node.name)}`, { service: node.data.node.name }),
            );
        }}
        aria-label={t("Service map")}
      >
        <Background gap={22} size={1} />
        <Controls showInteractive={false} />
      </ReactFlow>
    </div>
  );
}
