// What is waived: of what, why, who answers for it, who agreed, and until when.
import { Button } from "@mantine/core";
import { useSession } from "../../api/hooks";
import { useApproveWaiver, useRemoveWaiver, useWaivers, type Waiver } from "../../api/inventory";
import { Empty, Failure, Loading } from "../../components/states";
import { t } from "../../lib/i18n";
import styles from "./Inventory.module.css";

const scope = (waiver: Waiver) =>
  [waiver.resource, waiver.kind, waiver.account, waiver.owner_is].filter(Boolean).join(" · ");

const stateOf = (waiver: Waiver) =>
  waiver.state === "asked"
    ? { word: t("waits for a second person"), tone: "warn" }
    : waiver.state === "in_force"
      ? { word: t("in force"), tone: "info" }
      : { word: t("ended"), tone: "none" };

export function Waivers() {
  const query = useWaivers();
  const session = useSession();
  const approve = useApproveWaiver();
  const remove = useRemoveWaiver();
  const mayAct = ["editor", "admin", "owner"].includes(session.data?.role ?? "");
  const failed = query.error ?? approve.error ?? remove.error;
  if (query.isPending && !query.error) return <Loading rows={3} />;
  return (
    <>
      {failed && <Failure error={failed} retry={() => query.refetch()} />}
      {query.data?.waivers.length === 0 && (
        <Empty title={t("Nothing is waived")}>
          {t("Open a thing and waive one of its failures, with a reason and an end.")}
        </Empty>
      )}
      <ul className={styles.waivers}>
        {query.data?.waivers.map((waiver) => {
          const state = stateOf(waiver);
          return (
            <li key={waiver.id} className="panel pad" data-ended={waiver.state === "ended" || undefined}>
              <div className="row wrap">
                <span className="chip" data-tone={state.tone}>
                  {state.word}
                </span>
                <strong>{waiver.rule}</strong>
                <span className="mono dim">{scope(waiver)}</span>
                <span className="grow" />
                <span className="label">{t("until {day}", { day: waiver.ends_at.slice(0, 10) })}</span>
              </div>
              <p>{waiver.reason}</p>
              <div className="row wrap">
                <span className="dim">
                  {t("{owner} answers for it; asked by {by}", { owner: waiver.owner, by: waiver.asked_by })}
                  {waiver.approved_by && ` · ${t("approved by {name}", { name: waiver.approved_by })}`}
                </span>
                <span className="grow" />
                {mayAct && waiver.state === "asked" && (
                  <Button
                    size="compact-xs"
                    loading={approve.isPending}
                    onClick={() => approve.mutate(waiver.id)}
                  >
                    {t("Approve")}
                  </Button>
                )}
                {mayAct && waiver.state !== "ended" && (
                  <Button size="compact-xs" variant="default" onClick={() => remove.mutate(waiver.id)}>
                    {waiver.state === "asked" ? t("Withdraw") : t("End it now")}
                  </Button>
                )}
              </div>
            </li>
          );
        })}
      </ul>
    </>
  );
}
