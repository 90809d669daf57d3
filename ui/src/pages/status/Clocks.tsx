// Senders whose stamps are not of the time at which they arrive. One that is ahead has a wrong clock for certain; one that
// is behind may only send late.
import { Link } from "wouter";
import { useClocks } from "../../api/hooks";
import type { SourceClock } from "../../api/types";
import { Mark } from "../../components/Mark";
import { Failure } from "../../components/states";
import { ago, count, span } from "../../lib/format";
import { t } from "../../lib/i18n";
import { useUrl } from "../../state/url";

const AHEAD = "bad";
const BEHIND = "warn";

export function Clocks({ now }: { now: number }) {
  const query = useClocks();
  const clocks = query.data;
  if (query.error) return <Failure error={query.error} retry={() => query.refetch()} />;
  if (!clocks) return null;
  const differing = clocks.ahead + clocks.behind;
  return (
    <section className="panel scroll-x">
      <header>
        <h2>{t("Sources whose clocks differ")}</h2>
        <span className="dim">
          {t("{differing} of {sources} in the last {window}", {
            differing: count(differing),
            sources: count(clocks.sources),
            window: span(clocks.window_secs),
          })}
        </span>
      </header>
      {clocks.worst.length === 0 ? (
        <p className="pad dim">
          {clocks.sources === 0
            ? t("Nothing was sent lately that names its service or its host.")
            : t("The clocks of all sources agree with this node's.")}
        </p>
      ) : (
        <table className="grid">
          <thead>
            <tr>
              <th>{t("Service")}</th>
              <th>{t("Host, pod or instance")}</th>
              <th>{t("Its clock")}</th>
              <th className="num">{t("Difference")}</th>
              <th>{t("Last heard")}</th>
            </tr>
          </thead>
          <tbody>
            {clocks.worst.map((one) => (
              <Row key={`${one.service} ${one.place}`} source={one} now={now} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Row({ source, now }: { source: SourceClock; now: number }) {
  const { href } = useUrl();
  const isAhead = source.ahead_secs > 0;
  // What it sent lies where its clock says, which is hardly where one looks.
  const search = href("/search", {
    dataset: source.dataset,
    q: source.filter,
    service: null,
    from: source.start,
    to: source.end,
  });
  return (
    <tr>
      <td>
        <Link href={search}>
          <b>{source.service || t("without a service")}</b>
        </Link>
      </td>
      <td className="mono" title={source.place_field}>
        {source.place || "–"}
      </td>
      <td>
        <Mark
          look={
            isAhead
              ? { tone: AHEAD, shape: "octagon", word: t("is ahead") }
              : { tone: BEHIND, shape: "triangle", word: t("is behind, or it sends late") }
          }
        />
      </td>
      <td className="num">{span(Math.abs(source.ahead_secs))}</td>
      <td>{ago(source.heard_at, now)}</td>
    </tr>
  );
}
