// How the editors of SQL, PromQL and Cedar look: one set of colours, one theme. What one of them has besides, it adds.
import { HighlightStyle } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

export const colours = HighlightStyle.define([
  { tag: tags.propertyName, color: "var(--accent)" },
  { tag: tags.keyword, color: "var(--ink)", fontWeight: "650" },
  { tag: tags.string, color: "var(--info)" },
  { tag: tags.number, color: "var(--info)" },
  { tag: tags.function(tags.variableName), color: "var(--good)" },
  { tag: tags.comment, color: "var(--ink-3)", fontStyle: "italic" },
]);

const TOOLTIP = {
  border: "1px solid var(--line-strong)",
  borderRadius: "var(--radius)",
  background: "var(--panel)",
  color: "var(--ink)",
  boxShadow: "var(--shadow)",
};

export const theme = EditorView.theme({
  "&": { fontSize: "13px" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "20px" },
  ".cm-content": { caretColor: "var(--ink)" },
  ".cm-gutters": { background: "none", border: "0", color: "var(--ink-3)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": { background: "var(--accent-soft)" },
  ".cm-placeholder": { color: "var(--ink-3)" },
  ".cm-lintRange-error": { textDecoration: "underline wavy var(--bad)", textUnderlineOffset: "3px" },
  ".cm-tooltip": TOOLTIP,
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", maxHeight: "260px" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": {
    display: "flex",
    justifyContent: "space-between",
    gap: "24px",
    padding: "3px 10px",
  },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { background: "var(--accent-soft)", color: "var(--ink)" },
  ".cm-completionDetail": { fontStyle: "normal", color: "var(--ink-3)", margin: "0" },
});
