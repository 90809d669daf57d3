// How clients behave: who is on the way to a block, who is blocked and for how much longer, and why. The address that is
// open, or whether the settings are, is in the URL.
import { Button } from "@mantine/core";
import { useState } from "react";
import { Link } from "wouter";
import { type Address, type Block, type Status, useCredit, useRelease } from "../../api/credit";
import { useSession } from "../../api/hooks";
import { Empty, Failure, Figure, Loading, Notice } from "../../components/states";
import { ago, count, countdown, moment } from "../../lib/format";
import { t } from "../../lib/i18n";
import { useNow, useUrl } from "../../state/url";
import { AddressPanel } from "./AddressPanel";
import styles from "./Credit.module.css";
import { SettingsPanel } from "./SettingsPanel";
import { modeLook, phaseLook, ruleWord } from "./words";

export default function CreditPage() {
  const { params, set } = useUrl();
  const credit = useCredit();
  const session = useSession();
  const changing = params.get("view") === "settings";
  const setChanging = (open: boolean) => set({ view: open ? "settings" : null });
  const open = params.get("address");
  const mayAct = ["responder", "editor", "admin", "owner"].includes(session.data?.role ?? "");
  const maySet = ["admin", "owner"].includes(session.data?.role ?? "");
  const status = credit.data;
  return (
    <div className="page">
      <div className="head">
        <h1>{t("Address credit")}</h1>
        {status && (
          <span className="chip" data-tone={modeLook(status.settings.mode).tone}>
            {modeLook(status.settings.mode).word}
          </span>
        )}
        <span className="grow" />
        {status && mayAct && !changing && (
          <Button size="xs" variant="default" onClick={() => setChanging(true)}>
            {maySet ? t("Settings and rehearsal") : t("Rehearse settings")}
          </Button>
        )}
      </div>
      {credit.error && <Failure error={credit.error} retry={() => credit.refetch()} />}
      {credit.isPending && !credit.error && <Loading rows={5} />}
      {status && changing && (
        <SettingsPanel status={status} maySet={maySet} onClose={() => setChanging(false)} />
      )}
      {status &&
        !changing &&
        (status.settings.mode === "off" && status.blocks.length === 0 ? (
          <Off maySet={maySet} onOpen={() => setChanging(true)} />
        ) : (
          <>
            <Headline status={status} />
            {open && <AddressPanel address={open} onClose={() => set({ address: null })} />}
            <div className={styles.two}>
              <Worst status={status} open={open} onOpen={(address) => set({ address })} />
              <Blocks
                blocks={status.blocks}
                mayAct={mayAct}
                onOpen={(address) => set({ address })}
                open={open}
              />
            </div>
          </>
        ))}
    </div>
  );
}

function Off({ maySet, onOpen }: { maySet: boolean; onOpen: () => void }) {
  return (
    <Empty
      title={t("Nobody is watched")}
      action={
        maySet && (
          <Button size="xs" onClick={onOpen}>
            {t("Rehearse it over the last day")}
          </Button>
        )
      }
    >
      {t(
        "Give each client address a score from your access logs: probes for secrets, injections, refused sign-ins. It halves every few minutes. Watch first; block later, by yourself or by rule.",
      )}
    </Empty>
  );
}

function Headline({ status }: { status: Status }) {
  const { settings } = status;
  const inForce = status.blocks.filter((block) => block.phase === "blocked" || block.phase === "releasing");
  const waiting = status.blocks.filter((block) => block.phase === "asked" && block.needs_approval);
  const near = status.worst.filter((one) => one.score >= settings.block_at / 2);
  return (
    <>
      <div className={styles.figures}>
        <Figure
          label={t("Blocked now")}
          value={count(inForce.length)}
          unit={t("of at most {max}", { max: settings.blocks_max })}
          tone={inForce.length > 0 ? "bad" : undefined}
        />
        <Figure
          label={t("Half way to a block")}
          value={count(near.length)}
          tone={near.length > 0 ? "warn" : undefined}
        />
        <Figure label={t("Addresses known")} value={count(status.addresses)} />
        <Figure label={t("Requests scored")} value={count(status.requests)} unit={t("since the start")} />
      </div>
      {waiting.length > 0 && waiting[0]?.run && (
        <Notice tone="warn">
          {t("{count, plural, one {# address waits} other {# addresses wait}} for somebody's approval.", {
            count: waiting.length,
          })}{" "}
          <Link href={`/operations/run/${waiting[0].run}`}>{t("Look at the plan")}</Link>
        </Notice>
      )}
      {status.left_out > 0 && (
        <Notice tone="warn">
          {t("{count} requests were not scored: too many came at once.", { count: count(status.left_out) })}
        </Notice>
      )}
      {!status.is_complete && settings.mode !== "off" && (
        <Notice tone="info">{t("The stored logs are still being counted: scores may be too low.")}</Notice>
      )}
    </>
  );
}

function Worst({
  status,
  open,
  onOpen,
}: {
  status: Status;
  open: string | null;
  onOpen: (address: string) => void;
}) {
  const now = useNow(5000);
  const [shown, setShown] = useState(15);
  const limit = status.settings.block_at;
  const list = status.worst.filter((one) => one.score >= 0.05);
  return (
    <section className="panel" aria-label={t("Worst addresses")}>
      <header>
        <h2>{t("Worst addresses")}</h2>
        <span className="label">{t("blocked at {points} points", { points: limit })}</span>
      </header>
      {list.length === 0 ? (
        <p className="pad dim">{t("Nobody has misbehaved lately.")}</p>
      ) : (
        <ul className={styles.worst}>
          {list.slice(0, shown).map((one) => (
            <li key={one.network}>
              <button
                type="button"
                onClick={() => onOpen(one.address)}
                aria-current={open === one.address || undefined}
              >
                <Score one={one} limit={limit} />
                <span className={styles.who}>
                  <b className="mono">{one.network.replace(/\/32$/, "")}</b>
                  <small>
                    {one.because
                      .slice(0, 2)
                      .map((reason) => ruleWord(reason.rule))
                      .join(" · ")}
                  </small>
                </span>
                <small className="dim">{ago(one.last_at, now)}</small>
              </button>
            </li>
          ))}
        </ul>
      )}
      {list.length > shown && (
        <div className="pad">
          <Button size="compact-xs" variant="default" onClick={() => setShown(shown + 50)}>
            {t("Show more")}
          </Button>
        </div>
      )}
    </section>
  );
}

/** A score against the line at which it ends in a block: the line stands at two thirds, so that both sides can be seen. */
export function Score({ one, limit }: { one: Pick<Address, "score" | "because">; limit: number }) {
  const full = limit * 1.5;
  return (
    <span
      className={styles.score}
      data-tone={one.score >= limit ? "bad" : one.score >= limit / 2 ? "warn" : "none"}
    >
      <strong>{one.score >= 100 ? Math.round(one.score) : one.score.toFixed(1)}</strong>
      <span className={styles.bar} aria-hidden="true">
        {one.because.map((reason, place) => (
          <i
            key={reason.rule}
            data-place={Math.min(place, 3)}
            style={{ width: `${(100 * reason.points) / Math.max(full, one.score)}%` }}
          />
        ))}
        <em style={{ left: `${(100 * limit) / Math.max(full, one.score)}%` }} />
      </span>
    </span>
  );
}

function Blocks({
  blocks,
  mayAct,
  open,
  onOpen,
}: {
  blocks: Block[];
  mayAct: boolean;
  open: string | null;
  onOpen: (address: string) => void;
}) {
  const now = useNow(1000);
  const release = useRelease();
  return (
    <section className="panel" aria-label={t("Blocks")}>
      <header>
        <h2>{t("Blocks")}</h2>
      </header>
      {release.error && <Failure error={release.error} />}
      {blocks.length === 0 ? (
        <p className="pad dim">{t("Nobody is blocked.")}</p>
      ) : (
        <ul className={styles.blocks}>
          {blocks.map((block) => {
            const look = phaseLook(block);
            const left = (Date.parse(block.until) - now) / 1000;
            const address = block.network.replace(/\/\d+$/, "");
            return (
              <li key={`${block.network}${block.since}`} data-over={block.ended_at != null || undefined}>
                <span className={styles.left}>
                  {block.phase === "blocked" && (
                    <strong>{left > 0 ? countdown(left) : t("until it is calm")}</strong>
                  )}
                  <span className="chip" data-tone={look.tone}>
                    {look.word}
                  </span>
                </span>
                <button
                  type="button"
                  className={`plain ${styles.who}`}
                  onClick={() => onOpen(address)}
                  aria-current={open === address || undefined}
                >
                  <b className="mono">{block.network.replace(/\/32$/, "")}</b>
                  <small>
                    {block.because[0] && ruleWord(block.because[0].rule)} ·{" "}
                    {t("{points} points", { points: Math.round(block.score) })}
                    {block.times > 1 && ` · ${t("{times} times within a day", { times: block.times })}`}
                  </small>
                  {block.reason && <small>{block.reason}</small>}
                </button>
                <span className={styles.acts}>
                  {block.ended_at && <small className="dim">{moment(block.ended_at)}</small>}
                  {block.run && (
                    <Link href={`/operations/run/${block.run}`} className="label">
                      {block.phase === "asked" && block.needs_approval ? t("Look at the plan") : t("run")}
                    </Link>
                  )}
                  {mayAct && ["blocked", "asked"].includes(block.phase) && (
                    <Button
                      size="compact-xs"
                      variant="default"
                      loading={release.isPending && release.variables === block.network}
                      onClick={() => release.mutate(block.network)}
                    >
                      {t("Release")}
                    </Button>
                  )}
                </span>
              </li>
            );
          })}
        </ul>
      )}
    </section>
  );
}
