import { Link } from "wouter";
import { useChanges } from "../../api/hooks";
import { ChangeGlyph } from "../../components/ChangeGlyph";
import { Empty, Failure, Loading } from "../../components/states";
import { TimePicker } from "../../components/TimePicker";
import { ago, moment } from "../../lib/format";
import { t } from "../../lib/i18n";
import { changeWord } from "../../lib/states";
import { around, iso, zoneName } from "../../lib/time";
import { useRange, useUrl } from "../../state/url";

const FALLBACK = { from: "now-24h", to: "now" };

export default function ChangesPage() {
  const { href, set, params } = useUrl();
  const range = useRange(30_000, FALLBACK);
  const service = params.get("service") ?? undefined;
  const query = useChanges(iso(range.start), iso(range.end), service);
  const changes = query.data?.changes ?? [];
  return (
    <div className="page">
      <div className="head">
        <h1>{t("Changes")}</h1>
        {service && (
          <button type="button" className="chip" onClick={() => set({ service: null })}>
            {service} ×
          </button>
        )}
        <span className="grow" />
        <TimePicker
          expression={range.expression}
          range={range}
          onChange={(next) => set({ from: next.from, to: next.to })}
        />
      </div>
      {query.error && <Failure error={query.error} retry={() => query.refetch()} />}
      {query.isPending ? (
        <Loading rows={5} />
      ) : changes.length === 0 && !query.error ? (
        <Empty title={t("Nothing was changed in this time")}>
          {t(
            "Record deploys, flags and configuration with POST /api/v1/changes; they appear on every chart.",
          )}
        </Empty>
      ) : (
        <div className="panel scroll-x">
          <table className="grid">
            <thead>
              <tr>
                <th>{t("When ({zone})", { zone: zoneName() })}</th>
                <th>{t("Change")}</th>
                <th>{t("Service")}</th>
                <th>{t("By")}</th>
                <th>{t("to undo")}</th>
                <th />
              </tr>
            </thead>
            <tbody>
              {changes.map((change) => (
                <tr key={change.id}>
                  <td>
                    {moment(change.at)}
                    <div className="label">{ago(change.at)}</div>
                  </td>
                  <td>
                    <div className="row">
                      <ChangeGlyph kind={change.kind} />
                      <b>{change.title}</b>
                    </div>
                    <div className="label">{changeWord(change.kind)}</div>
                  </td>
                  <td>
                    {change.service} <span className="dim">{change.version}</span>
                  </td>
                  <td>{change.by ?? "–"}</td>
                  <td>
                    <code>{change.undo ?? "–"}</code>
                  </td>
                  <td>
                    <Link
                      href={href("/search", {
                        dataset: "spans",
                        service: change.service,
                        q: `service.name: ${change.service}`,
                        ...around(change.at, 10 * 60e3, 20 * 60e3),
                      })}
                    >
                      {t("before and after")}
                    </Link>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}
