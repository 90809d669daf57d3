// The words of address credit for people.
import type { Block } from "../../api/credit";
import { t } from "../../lib/i18n";

export const ruleWord = (rule: string) =>
  ({
    "secret-probe": t("looks for secrets"),
    injection: t("tries injections"),
    denied: t("is refused"),
    missing: t("asks for what is not there"),
    "no-agent": t("does not say what it is"),
    volume: t("plain requests"),
  })[rule] ?? rule;

export const modeLook = (mode: string) =>
  ({
    off: { word: t("off"), tone: "none" },
    watch: { word: t("watches, blocks nobody"), tone: "info" },
    propose: { word: t("proposes, a person approves"), tone: "warn" },
    act: { word: t("blocks by itself"), tone: "bad" },
  })[mode] ?? { word: mode, tone: "none" };

export const phaseLook = (block: Pick<Block, "phase" | "needs_approval">) =>
  block.phase === "asked"
    ? block.needs_approval
      ? { word: t("waits for approval"), tone: "warn" }
      : { word: t("on its way"), tone: "warn" }
    : block.phase === "blocked"
      ? { word: t("blocked"), tone: "bad" }
      : block.phase === "releasing"
        ? { word: t("on its way out"), tone: "info" }
        : block.phase === "released"
          ? { word: t("released"), tone: "none" }
          : { word: t("did not come about"), tone: "none" };
