// The edges of the map as a table: what the picture shows, for the keyboard, for screen readers and for sorting by pain.
import { Link } from "wouter";
import type { MapEdge, ServiceMapResponse } from "../../api/apm";
import { Glyph } from "../../components/Mark";
import { errorText, failing, rate } from "../../lib/apm";
import { clause } from "../../lib/filter";
import { count, millis } from "../../lib/format";
import { t } from "../../lib/i18n";
import { useUrl } from "../../state/url";
import styles from "./Service.module.css";

type Props = { map: ServiceMapResponse; of?: string };

export function Calls({ map, of }: Props) {
  const names = new Map(map.nodes.map((node) => [node.id, node]));
  const worst = (edge: MapEdge) => edge.figures.errors + edge.unanswered;
  const edges = map.edges.toSorted((a, b) => worst(b) - worst(a) || b.figures.total_ms - a.figures.total_ms);
  return (
    <div className="panel scroll-x">
      <table className={`grid ${styles.table}`}>
        <thead>
          <tr>
            <th>{t("Caller")}</th>
            <th>{t("Called")}</th>
            <th className="num">{t("Rate")}</th>
            <th className="num">{t("Errors")}</th>
            <th className="num">p50</th>
            <th className="num">p95</th>
            <th className="num">{t("Unanswered")}</th>
          </tr>
        </thead>
        <tbody>
          {edges.map((edge) => (
            <tr key={`${edge.source}→${edge.target}`}>
              <td>
                <Name node={names.get(edge.source)} of={of} />
              </td>
              <td>
                <Name node={names.get(edge.target)} of={of} caller={names.get(edge.source)?.name} />
                {edge.is_async && <span className="label"> {t("queue")}</span>}
              </td>
              <td className="num" title={t("{n} calls", { n: count(edge.figures.requests) })}>
                {rate(edge.figures.per_second)}
              </td>
              <td className="num">
                <span
                  className={styles.bad}
                  data-tone={failing(edge.figures.error_ratio) ? "bad" : undefined}
                >
                  {failing(edge.figures.error_ratio) && <Glyph shape="triangle" size={12} />}
                  {errorText(edge.figures.error_ratio)}
                </span>
              </td>
              <td className="num">{millis(edge.figures.p50_ms)}</td>
              <td className="num">{millis(edge.figures.p95_ms)}</td>
              <td className="num">
                {edge.unanswered > 0 ? (
                  <span title={t("Calls that the called service sent no span for")}>
                    {count(edge.unanswered)}
                  </span>
                ) : (
                  "0"
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {edges.length === 0 && <p className="pad dim">{t("Nobody calls, and nobody is called.")}</p>}
    </div>
  );
}

type NameProps = { node?: ServiceMapResponse["nodes"][number]; of?: string; caller?: string };

/** A service leads to its page; anything else to the caller's spans that name it. */
function Name({ node, of, caller }: NameProps) {
  const { href } = useUrl();
  if (!node) return <span className="dim">–</span>;
  if (node.kind === "service" && node.name !== of)
    return (
      <Link href={href(`/service/${encodeURIComponent(node.name)}`, { service: node.name, q: null })}>
        {node.name}
      </Link>
    );
  if (node.kind === "service" || !caller) return <b>{node.name}</b>;
  return (
    <Link
      href={href("/search", {
        dataset: "spans",
        service: caller,
        q: `${clause("service.name", caller)} and kind: (client or producer)`,
      })}
    >
      {node.name} <span className="label">{kindWord(node.kind)}</span>
    </Link>
  );
}

const kindWord = (kind: string) =>
  ({ database: t("database"), queue: t("queue"), external: t("external") })[kind] ?? kind;
