// Who sends how much against which limits, and removals that wait until somebody confirms them.
import { Button, Modal } from "@mantine/core";
import { useState } from "react";
import { useConfirmLimits, useSession } from "../../api/hooks";
import type { Removal, ScopeStatus } from "../../api/types";
import { Failure, Notice } from "../../components/states";
import { bytes, count } from "../../lib/format";
import { t } from "../../lib/i18n";
import styles from "./Status.module.css";

const who = (one: ScopeStatus) =>
  ({
    organisation: t("everybody without a team"),
    team: t("team {name}", { name: one.name }),
    dataset: t("dataset {name}", { name: one.name }),
  })[one.scope] ?? `${one.scope} ${one.name}`;

const reasonWord = (reason: string) =>
  ({
    event_rate: t("events a second"),
    byte_rate: t("bytes a second"),
    stored_bytes: t("stored bytes"),
    dataset_limit: t("limit of the dataset"),
  })[reason] ?? reason;

const limit = (one: ScopeStatus) =>
  [
    one.events_per_second != null && t("{count} events/s", { count: count(one.events_per_second) }),
    one.bytes_per_second != null && t("{bytes}/s", { bytes: bytes(one.bytes_per_second) }),
    one.stored_bytes_max != null && t("{bytes} stored", { bytes: bytes(one.stored_bytes_max) }),
  ]
    .filter(Boolean)
    .join(" · ");

export function Senders({ scopes }: { scopes: ScopeStatus[] }) {
  if (scopes.length === 0) return null;
  return (
    <section className="panel scroll-x">
      <table className="grid">
        <thead>
          <tr>
            <th>{t("Who sends")}</th>
            <th className="num">{t("Events")}</th>
            <th className="num">{t("Sent")}</th>
            <th className="num">{t("Stored")}</th>
            <th>{t("Limits")}</th>
            <th>{t("Refused requests")}</th>
          </tr>
        </thead>
        <tbody>
          {scopes.map((one) => (
            <tr key={`${one.scope} ${one.name}`}>
              <td>
                <b>{who(one)}</b>
              </td>
              <td className="num">{count(one.accepted_events)}</td>
              <td className="num">{bytes(one.accepted_bytes)}</td>
              <td className="num">{bytes(one.stored_bytes)}</td>
              <td>{limit(one) || <span className="dim">{t("none")}</span>}</td>
              <td>
                {one.refused.map((refused) => (
                  <span key={refused.reason} className={styles.reason}>
                    {reasonWord(refused.reason)} <b>{count(refused.count)}</b>
                  </span>
                ))}
                {one.is_over && <b className={styles.over}>{t("over its limit now")}</b>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** What limits would delete at once; nothing of it goes before somebody who may says so. */
export function Removals({ removals }: { removals: Removal[] }) {
  const role = useSession().data?.role;
  const [asked, setAsked] = useState<Removal>();
  const confirm = useConfirmLimits();
  const mayConfirm = role === "admin" || role === "owner";
  return (
    <>
      {removals.map((one) => (
        <Notice key={one.limit} tone="warn">
          {t("{limit} would delete {share} % at once, so it is not in force yet.", {
            limit: one.limit,
            share: Math.round((one.bytes * 100) / Math.max(one.live_bytes, 1)),
          })}{" "}
          {mayConfirm && (
            <Button size="compact-xs" variant="default" onClick={() => setAsked(one)}>
              {t("Look at it")}
            </Button>
          )}
        </Notice>
      ))}
      <Modal
        lockScroll={false}
        opened={asked !== undefined}
        onClose={() => setAsked(undefined)}
        title={t("Delete what the limit asks for?")}
        centered
        closeButtonProps={{ "aria-label": t("Close") }}
      >
        {asked && (
          <div className="stack">
            <p>
              {t("{limit}: {rows} rows in {segments} segments, {bytes} of {live}.", {
                limit: asked.limit,
                rows: count(asked.rows),
                segments: count(asked.segments),
                bytes: bytes(asked.bytes),
                live: bytes(asked.live_bytes),
              })}
            </p>
            <p className="dim">{t("It cannot be taken back. A wider limit keeps the rows.")}</p>
            {confirm.error && <Failure error={confirm.error} />}
            <Button
              color="red"
              loading={confirm.isPending}
              onClick={() => confirm.mutate([asked.limit], { onSuccess: () => setAsked(undefined) })}
            >
              {t("Delete {count} rows", { count: count(asked.rows) })}
            </Button>
          </div>
        )}
      </Modal>
    </>
  );
}
