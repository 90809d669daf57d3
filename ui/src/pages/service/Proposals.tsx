// What a service could promise, with reasons from its past, and whom its alerts would reach: one click keeps it.
import { Button } from "@mantine/core";
import { IconCheck } from "@tabler/icons-react";
import { useApplyDocuments, useServiceDefaults } from "../../api/defaults";
import { useSession } from "../../api/hooks";
import { Failure } from "../../components/states";
import { targetText } from "../../lib/format";
import { t } from "../../lib/i18n";
import styles from "./Service.module.css";

const EDITORS = ["editor", "admin", "owner"];

/** Nothing, once the service promises something. */
export function Proposals({ service }: { service: string }) {
  const found = useServiceDefaults(service);
  const apply = useApplyDocuments();
  const session = useSession();
  const { slos = [], proposals = [], route } = found.data ?? {};
  if (!found.data || slos.length > 0 || proposals.length === 0) return null;
  const canEdit = EDITORS.includes(session.data?.role ?? "");
  return (
    <section className={styles.proposals} aria-label={t("What it could promise")}>
      <div className="row">
        <h2>{t("It promises nothing yet")}</h2>
        <span className="grow" />
        {canEdit && (
          <Button
            size="compact-sm"
            leftSection={<IconCheck size={14} />}
            loading={apply.isPending}
            onClick={() => apply.mutate(proposals.map(({ yaml }) => yaml).join("\n---\n"))}
          >
            {t("Promise this")}
          </Button>
        )}
      </div>
      <dl>
        {proposals.map(({ name, target, description, reason }) => (
          <div key={name}>
            <dt>
              <b>{targetText(target)}</b> {description}
            </dt>
            <dd className="dim">{reason}</dd>
          </div>
        ))}
      </dl>
      <p className="dim">
        {route?.by === "policy"
          ? t("Its alerts call by the policy {policy} of {team}.", {
              policy: route.policy ?? "",
              team: route.team ?? "",
            })
          : route?.by === "nobody"
            ? t("Nobody would hear of its alerts: give it an owner, or name a team as the first line.")
            : t("Its alerts go to {channels}.", { channels: (route?.channels ?? []).join(", ") })}
      </p>
      {apply.error && <Failure error={apply.error} />}
    </section>
  );
}
