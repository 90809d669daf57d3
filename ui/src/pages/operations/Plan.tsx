// What will be done, before it is done: the steps, what they touch, and who has to say yes.
import { IconCheck, IconClockPause, IconHandStop, IconPlayerPlay } from "@tabler/icons-react";
import type { ActionPlan, CloudInventory } from "../../api/types";
import { t } from "../../lib/i18n";
import { levelWord, withNames } from "../../lib/operations";
import styles from "./Operations.module.css";

const ICONS = { change: IconPlayerPlay, wait: IconClockPause, manual: IconHandStop } as const;

export function PlanView({ plan, inventory }: { plan: ActionPlan; inventory?: CloudInventory }) {
  const nothing = plan.steps.every((step) => step.is_met);
  return (
    <>
      <ol className={styles.plan}>
        {plan.steps.map((step, index) => {
          const Icon = step.is_met ? IconCheck : (ICONS[step.kind as keyof typeof ICONS] ?? IconPlayerPlay);
          const group = step.group && step.group !== plan.steps[index - 1]?.group ? step.group : "";
          return (
            <li
              key={`${index}-${step.description}`}
              data-met={step.is_met || undefined}
              data-kind={step.kind}
            >
              {group && <span className={styles.group}>{group}</span>}
              <Icon size={15} aria-hidden="true" />
              <span>{withNames(step.description, inventory)}</span>
              {step.is_met && <small>{t("so already")}</small>}
              {step.on_failure === "human" && <small>{t("asks a person if it fails")}</small>}
              {step.on_failure === "continue" && <small>{t("goes on if it fails")}</small>}
            </li>
          );
        })}
      </ol>
      <Radius plan={plan} inventory={inventory} />
      <p className={styles.who}>
        {nothing && <b>{t("There is nothing to do: it is all so already.")}</b>}
        {plan.four_eyes ? (
          <b>{t("A second person has to approve exactly this plan.")}</b>
        ) : (
          t("No approval is needed.")
        )}{" "}
        <span className="dim">
          {levelWord(plan.level)} · {t("plan")} <code>{plan.hash.slice(0, 12)}</code>
        </span>
      </p>
    </>
  );
}

function Radius({ plan, inventory }: { plan: ActionPlan; inventory?: CloudInventory }) {
  const { radius } = plan;
  const empty =
    radius.machines.length + radius.target_groups.length + radius.capacities.length + radius.networks === 0;
  if (empty) return null;
  return (
    <div className={styles.radius}>
      <h3>{t("What it touches")}</h3>
      {radius.machines.length > 0 && (
        <div>
          <span>{t("{n, plural, one {# machine} other {# machines}}", { n: radius.machines.length })}</span>
          <b>{radius.machines.map((id) => withNames(id, inventory)).join(", ")}</b>
        </div>
      )}
      {radius.target_groups.map((group) => {
        const lost = group.healthy - group.healthy_min;
        return (
          <div key={group.target_group}>
            <span>{withNames(group.target_group, inventory)}</span>
            <span className={styles.dots} aria-hidden="true">
              {Array.from({ length: Math.min(group.healthy, 24) }, (_, i) => (
                <i key={i} data-lost={i >= group.healthy_min || undefined} />
              ))}
            </span>
            <b data-tone={lost > 0 ? "warn" : "good"}>
              {lost > 0
                ? t("{n} healthy, {least} stay", { n: group.healthy, least: group.healthy_min })
                : t("{n} healthy, all stay", { n: group.healthy })}
            </b>
          </div>
        );
      })}
      {radius.capacities.map((one) => (
        <div key={one.group}>
          <span>{one.group}</span>
          <b>{t("{from} → {to} machines", { from: one.from, to: one.to })}</b>
        </div>
      ))}
      {radius.networks > 0 && (
        <div>
          <span>{t("Networks")}</span>
          <b>{radius.networks}</b>
        </div>
      )}
    </div>
  );
}
