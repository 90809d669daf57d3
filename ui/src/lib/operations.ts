// How runs and their steps are drawn and said. Pure.
import type { ActionInfo, ActionParameter, ActionRun, CloudInventory } from "../api/types";
import { t } from "./i18n";
import type { Look } from "./states";

export function runLook(state: string): Look {
  switch (state) {
    case "waiting_for_approval":
      return { tone: "warn", shape: "clock", word: t("Waits for approval") };
    case "ready":
      return { tone: "info", shape: "ring", word: t("Ready to start") };
    case "running":
      return { tone: "info", shape: "dashed", word: t("Running") };
    case "compensating":
      return { tone: "warn", shape: "triangle", word: t("Taking back") };
    case "waiting_for_human":
      return { tone: "bad", shape: "pause", word: t("Waits for a person") };
    case "done":
      return { tone: "good", shape: "check", word: t("Done") };
    case "compensated":
      return { tone: "none", shape: "check", word: t("Taken back") };
    default:
      return { tone: "none", shape: "ring", word: t("Cancelled") };
  }
}

export function stepLook(state: string): Look {
  switch (state) {
    case "running":
      return { tone: "info", shape: "dashed", word: t("Running") };
    case "unknown":
      return { tone: "warn", shape: "diamond", word: t("No answer came, looking") };
    case "done":
      return { tone: "good", shape: "check", word: t("Done") };
    case "failed":
      return { tone: "bad", shape: "octagon", word: t("Failed") };
    case "compensating":
      return { tone: "warn", shape: "triangle", word: t("Taking back") };
    case "compensated":
      return { tone: "none", shape: "check", word: t("Taken back") };
    case "skipped":
      return { tone: "none", shape: "ring", word: t("Skipped") };
    case "waiting_for_human":
      return { tone: "bad", shape: "pause", word: t("Waits for a person") };
    default:
      return { tone: "none", shape: "dot", word: t("To come") };
  }
}

export function verdictLook(helped: string): Look {
  switch (helped) {
    case "better":
      return { tone: "good", shape: "check", word: t("It helped") };
    case "worse":
      return { tone: "bad", shape: "octagon", word: t("It made things worse") };
    case "same":
      return { tone: "none", shape: "ring", word: t("No difference") };
    default:
      return { tone: "none", shape: "diamond", word: t("Nobody can say") };
  }
}

export const levelWord = (level: string) =>
  ({
    public: t("reads only"),
    protected: t("for responders"),
    private: t("for administrators"),
  })[level] ?? level;

const AREAS = ["ec2", "elb", "asg", "waf", "runbook"] as const;

export const areaWord = (area: string) =>
  ({
    ec2: t("Machines"),
    elb: t("Load balancing"),
    asg: t("Capacity and traffic"),
    waf: t("Firewall"),
    runbook: t("Runbooks"),
  })[area] ?? area;

/** Actions that hold every word of the search, by area, areas in their order. */
export function byArea(actions: readonly ActionInfo[], search: string): [string, ActionInfo[]][] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const groups = new Map<string, ActionInfo[]>();
  for (const action of actions) {
    const area = action.name.split(/[./]/)[0] ?? "";
    const text = `${action.name} ${action.summary} ${areaWord(area)}`.toLowerCase();
    if (!words.every((word) => text.includes(word))) continue;
    groups.set(area, [...(groups.get(area) ?? []), action]);
  }
  const order = (area: string) => {
    const at = AREAS.indexOf(area as (typeof AREAS)[number]);
    return at < 0 ? AREAS.length : at;
  };
  return [...groups].sort(([a], [b]) => order(a) - order(b));
}

/** Ids in a text as people know them: `start instance shop-web-4`. */
export function withNames(text: string, inventory: CloudInventory | undefined): string {
  if (!inventory) return text;
  let named = text;
  for (const { id, name } of [...inventory.instances, ...inventory.target_groups, ...inventory.listeners])
    if (id !== name && named.includes(id)) named = named.split(id).join(name);
  return named;
}

/** What a run touches, in a few words. */
export function targetsOf(run: Pick<ActionRun, "plan">, inventory: CloudInventory | undefined): string {
  const named = (target: string) => {
    const listener = target.match(/^listener\/(.+)\/(weights|rules\/\d+)$/);
    return listener ? (listener[1] ?? target) : target;
  };
  const names = run.plan.targets
    .map(named)
    .map((target) =>
      withNames(
        target.replace(/^(instance|target-group|scaling-group|block-list|launch-template|terminated)\//, ""),
        inventory,
      ),
    );
  return names.length > 3
    ? t("{names} and {n} more", { names: names.slice(0, 3).join(", "), n: names.length - 3 })
    : names.join(", ");
}

/** The arguments to send, or `undefined` while a required one is missing. */
export function complete(
  parameters: readonly ActionParameter[],
  values: Record<string, unknown>,
): Record<string, unknown> | undefined {
  const sent: Record<string, unknown> = {};
  for (const { name, required } of parameters) {
    const value = values[name];
    const empty =
      value === undefined ||
      value === "" ||
      (Array.isArray(value) && value.length === 0) ||
      (typeof value === "object" &&
        value !== null &&
        !Array.isArray(value) &&
        Object.keys(value).length === 0);
    if (!empty) sent[name] = value;
    else if (required) return undefined;
  }
  return sent;
}

/** What an incident shows of a run that is not over, or the last word on one that is. */
export const isLive = (run: Pick<ActionRun, "state">) =>
  ["running", "compensating", "waiting_for_human"].includes(run.state);
