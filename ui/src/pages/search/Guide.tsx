// The strip under the filter line: what to ask first. Each chip explains some rows against the rest: those that break a
// promise, those that fail, those that are slow, those of the window that was zoomed into.
import { IconArrowBackUp, IconGitCommit, IconZoomQuestion } from "@tabler/icons-react";
import type { Change } from "../../api/types";
import { clock } from "../../lib/format";
import { t } from "../../lib/i18n";
import { changeWord } from "../../lib/states";
import styles from "./Guide.module.css";

export type Ask = { id: string; label: string; filter?: string };

type Props = {
  asks: readonly Ask[];
  active?: string;
  onAsk: (id: string | undefined) => void;
  /** There is a wider window to go back to. */
  onBack?: () => void;
  changes: readonly Change[];
  onChange: (change: Change) => void;
};

/** Changes named beside the asks; the histogram marks all of them. */
const CHANGES_SHOWN = 3;

export function Guide({ asks, active, onAsk, onBack, changes, onChange }: Props) {
  if (asks.length === 0 && changes.length === 0 && !onBack) return null;
  return (
    <div className={styles.guide}>
      {onBack && (
        <button type="button" className={styles.chip} onClick={onBack}>
          <IconArrowBackUp size={14} aria-hidden="true" />
          {t("Back to the wider time")}
        </button>
      )}
      {asks.length > 0 && <span className="label">{t("What is different about")}</span>}
      {asks.map((ask) => (
        <button
          key={ask.id}
          type="button"
          className={styles.chip}
          aria-pressed={active === ask.id}
          title={ask.filter}
          onClick={() => onAsk(active === ask.id ? undefined : ask.id)}
        >
          <IconZoomQuestion size={14} aria-hidden="true" />
          <span className="cut">{ask.label}</span>
        </button>
      ))}
      {changes.length > 0 && <span className="label">{t("Changed in this time")}</span>}
      {changes.slice(0, CHANGES_SHOWN).map((change) => (
        <button
          key={change.id}
          type="button"
          className={styles.chip}
          data-kind="change"
          title={[
            changeWord(change.kind),
            change.by && t("by {name}", { name: change.by }),
            change.undo && t("undo: {how}", { how: change.undo }),
          ]
            .filter(Boolean)
            .join(" · ")}
          onClick={() => onChange(change)}
        >
          <IconGitCommit size={14} aria-hidden="true" />
          <span className="cut">{`${clock(change.at)} ${change.title}`}</span>
        </button>
      ))}
      {changes.length > CHANGES_SHOWN && (
        <span className="label">{t("{n} more", { n: changes.length - CHANGES_SHOWN })}</span>
      )}
    </div>
  );
}
