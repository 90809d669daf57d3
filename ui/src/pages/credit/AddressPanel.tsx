// One address: what its score is made of, its last requests with the rules that each breaks, its blocks.
import { Button } from "@mantine/core";
import { Link } from "wouter";
import { useExplanation } from "../../api/credit";
import { Failure, Loading, Notice } from "../../components/states";
import { clock, moment } from "../../lib/format";
import { t } from "../../lib/i18n";
import { useUrl } from "../../state/url";
import styles from "./Credit.module.css";
import { phaseLook, ruleWord } from "./words";

export function AddressPanel({ address, onClose }: { address: string; onClose: () => void }) {
  const query = useExplanation(address);
  const { href } = useUrl();
  const found = query.data;
  const search = href("/search", { q: `client.address: "${address}"`, address: null });
  return (
    <section className={`panel ${styles.address}`} aria-label={address}>
      <header>
        <h2 className="mono">{found?.network.replace(/\/32$/, "") ?? address}</h2>
        <span className="row">
          <Button component={Link} href={search} size="compact-xs" variant="default">
            {t("Search its requests")}
          </Button>
          <Button size="compact-xs" variant="subtle" onClick={onClose}>
            {t("Close")}
          </Button>
        </span>
      </header>
      {query.error && <Failure error={query.error} retry={() => query.refetch()} />}
      {query.isPending && !query.error && <Loading rows={3} />}
      {found?.never && <Notice tone="info">{t("Never blocked: {why}", { why: found.never })}</Notice>}
      {found && (
        <div className={styles.explained}>
          <div className="pad">
            <span className="label">{t("What the score is made of")}</span>
            {found.standing ? (
              <table className={styles.reasons}>
                <tbody>
                  {found.standing.because.map((reason) => (
                    <tr key={reason.rule}>
                      <td className="num">{reason.points.toFixed(1)}</td>
                      <td>{ruleWord(reason.rule)}</td>
                      <td className="mono dim">{reason.rule}</td>
                    </tr>
                  ))}
                  <tr>
                    <td className="num">
                      <strong>{found.standing.score.toFixed(1)}</strong>
                    </td>
                    <td colSpan={2}>{t("points now")}</td>
                  </tr>
                </tbody>
              </table>
            ) : (
              <p className="dim">{t("Nothing is known against it.")}</p>
            )}
            {found.blocks.length > 0 && (
              <>
                <span className="label">{t("Blocks")}</span>
                <ul className={styles.history}>
                  {found.blocks.slice(0, 5).map((block) => (
                    <li key={block.since}>
                      <span className="chip" data-tone={phaseLook(block).tone}>
                        {phaseLook(block).word}
                      </span>{" "}
                      {moment(block.since)} – {moment(block.ended_at ?? block.until)}
                    </li>
                  ))}
                </ul>
              </>
            )}
          </div>
          <div className="scroll-x">
            <table className="grid">
              <thead>
                <tr>
                  <th>{t("Last requests")}</th>
                  <th className="num">{t("Status")}</th>
                  <th>{t("Path")}</th>
                  <th>{t("Breaks")}</th>
                </tr>
              </thead>
              <tbody>
                {found.requests.slice(0, 12).map((request) => (
                  <tr key={`${request.at}${request.path}`}>
                    <td className="mono">{clock(request.at)}</td>
                    <td className="num">{request.status}</td>
                    <td className={`mono ${styles.path}`} title={request.path}>
                      {request.path}
                    </td>
                    <td>
                      {request.rules
                        .filter((rule) => rule !== "volume")
                        .map((rule) => ruleWord(rule))
                        .join(" · ")}
                    </td>
                  </tr>
                ))}
                {found.requests.length === 0 && (
                  <tr>
                    <td colSpan={4} className="dim">
                      {t("No request within the last hour.")}
                    </td>
                  </tr>
                )}
              </tbody>
            </table>
          </div>
        </div>
      )}
    </section>
  );
}
