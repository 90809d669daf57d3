// The filter line: CodeMirror with suggestions from the server's real fields and values. A fault that the server names
// by its offset is underlined, and its "did you mean" is one click.
import {
  acceptCompletion,
  autocompletion,
  type CompletionContext,
  type CompletionResult,
  closeBrackets,
  completionKeymap,
  completionStatus,
  selectedCompletionIndex,
  setSelectedCompletion,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { HighlightStyle, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, setDiagnostics } from "@codemirror/lint";
import { EditorState, Prec } from "@codemirror/state";
import { EditorView, keymap, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "react";
import { type Query, suggest } from "../../api/hooks";
import type { Notice, Problem } from "../../api/types";
import { Glyph } from "../../components/Mark";
import { byteToUnit, unitToByte } from "../../lib/filter";
import { count } from "../../lib/format";
import { t } from "../../lib/i18n";
import { typing } from "../../shell/Shortcuts";
import styles from "./Search.module.css";

type Props = {
  /** A new object is an order to hold its value, even if it is the same as before. */
  text: { value: string };
  onText: (text: string) => void;
  onRun: (text: string) => void;
  query: Query;
  /** The filter that was asked, of which notices and faults speak. */
  asked: string;
  fault?: Problem;
  notices?: readonly Notice[];
};

/** Enough to colour a filter; the server is the one that parses it. */
const language = StreamLanguage.define<unknown>({
  token(stream) {
    if (stream.eatSpace()) return null;
    if (stream.match(/^"(?:\\.|[^"\\])*"?/)) return "string";
    if (stream.match(/^(?:and|or|not)\b/i)) return "keyword";
    if (stream.match(/^[\w.@-]+(?=\s*(?::|=|!=|>=|<=|>|<))/)) return "propertyName";
    if (stream.match(/^(?:>=|<=|!=|[:=<>()])/)) return "operator";
    if (stream.match(/^\d[\w.]*/)) return "number";
    stream.match(/^[^\s()":=<>!]+/) || stream.next();
    return null;
  },
});

const colours = HighlightStyle.define([
  { tag: tags.propertyName, color: "var(--accent)" },
  { tag: tags.keyword, color: "var(--ink-3)", fontWeight: "600" },
  { tag: tags.string, color: "var(--info)" },
  { tag: tags.number, color: "var(--info)" },
  { tag: tags.operator, color: "var(--ink-3)" },
]);

const look = EditorView.theme({
  "&": { fontSize: "13px" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "20px", padding: "7px 8px" },
  ".cm-content": { padding: "0", caretColor: "var(--ink)" },
  ".cm-line": { padding: "0 2px" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": { background: "var(--accent-soft)" },
  ".cm-placeholder": { color: "var(--ink-3)" },
  ".cm-lintRange-error": {
    background: "none",
    textDecoration: "underline wavy var(--bad-fill)",
    textUnderlineOffset: "3px",
  },
  ".cm-tooltip": {
    border: "1px solid var(--line-strong)",
    borderRadius: "var(--radius)",
    background: "var(--panel)",
    color: "var(--ink)",
    boxShadow: "var(--shadow)",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", maxHeight: "300px" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": {
    display: "flex",
    justifyContent: "space-between",
    gap: "24px",
    padding: "3px 10px",
  },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { background: "var(--accent-soft)", color: "var(--ink)" },
  ".cm-completionDetail": { fontStyle: "normal", color: "var(--ink-3)", margin: "0" },
});

/** Tab takes the selected suggestion, or the first one; without suggestions it leaves the field as everywhere. */
const acceptFirst = (view: EditorView) => {
  if (completionStatus(view.state) !== "active") return false;
  if (selectedCompletionIndex(view.state) === null) view.dispatch({ effects: setSelectedCompletion(0) });
  return acceptCompletion(view);
};

const NO_NOTICES: readonly Notice[] = [];

/** Keystrokes within this time are one question. */
const PAUSE_MS = 120;

export default function FilterLine({
  text,
  onText,
  onRun,
  query,
  asked,
  fault,
  notices = NO_NOTICES,
}: Props) {
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef({ onText, onRun, query });
  latest.current = { onText, onRun, query };

  // biome-ignore lint/correctness/useExhaustiveDependencies: the editor is made once, `text` flows in below
  useEffect(() => {
    if (!box.current) return;
    const complete = async (context: CompletionContext): Promise<CompletionResult | null> => {
      const all = context.state.doc.toString();
      const abort = new AbortController();
      context.addEventListener("abort", () => abort.abort(), { onDocChange: true });
      if (!context.explicit) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      if (context.aborted) return null;
      try {
        const answer = await suggest(latest.current.query, all, unitToByte(all, context.pos), abort.signal);
        return {
          from: byteToUnit(all, answer.replace_start),
          to: byteToUnit(all, answer.replace_end),
          filter: false,
          options: answer.suggestions.map((suggestion) => ({
            label: suggestion.text.trim() || suggestion.text,
            apply: insertion(
              suggestion.kind,
              suggestion.text,
              all.slice(byteToUnit(all, answer.replace_end)),
            ),
            detail: suggestion.count != null ? count(suggestion.count) : (suggestion.detail ?? undefined),
            type: suggestion.kind,
          })),
        };
      } catch {
        return null;
      }
    };
    const run = (target: EditorView) => {
      latest.current.onRun(target.state.doc.toString().trim());
      return true;
    };
    // In a shadow tree the editor puts its styles into constructed sheets; elsewhere it would insert style elements,
    // which the content security policy forbids.
    const shadow = box.current.shadowRoot ?? box.current.attachShadow({ mode: "open" });
    const made = new EditorView({
      parent: shadow,
      root: shadow,
      state: EditorState.create({
        doc: text.value,
        extensions: [
          // One line: pasted line breaks become spaces.
          EditorState.transactionFilter.of((tr) =>
            tr.docChanged && tr.newDoc.lines > 1
              ? [
                  tr,
                  {
                    changes: {
                      from: 0,
                      to: tr.newDoc.length,
                      insert: tr.newDoc.toString().replace(/\s*\n\s*/g, " "),
                    },
                    sequential: true,
                  },
                ]
              : tr,
          ),
          Prec.highest(
            keymap.of([
              { key: "Mod-Enter", run },
              { key: "Tab", run: acceptFirst },
            ]),
          ),
          autocompletion({
            override: [complete],
            activateOnTyping: true,
            icons: false,
            selectOnOpen: false,
            activateOnCompletion: (completion) => completion.type === "field",
            defaultKeymap: true,
          }),
          keymap.of([...completionKeymap, { key: "Enter", run }, ...historyKeymap, ...defaultKeymap]),
          history(),
          closeBrackets(),
          language,
          syntaxHighlighting(colours),
          look,
          placeholder("service.name: checkout and http.response.status_code >= 500"),
          EditorView.contentAttributes.of({ "aria-label": t("Filter") }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) latest.current.onText(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = made;
    const listen = (event: KeyboardEvent) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || typing(event)) return;
      event.preventDefault();
      made.focus();
    };
    addEventListener("keydown", listen);
    return () => {
      removeEventListener("keydown", listen);
      made.destroy();
    };
  }, []);

  useEffect(() => {
    const editor = view.current;
    if (editor && editor.state.doc.toString() !== text.value) {
      editor.dispatch({
        changes: { from: 0, to: editor.state.doc.length, insert: text.value },
        selection: { anchor: text.value.length },
      });
    }
  }, [text]);

  useEffect(() => {
    const editor = view.current;
    if (!editor) return;
    const doc = editor.state.doc.toString();
    const marks: Diagnostic[] = [];
    if (fault?.offset != null) {
      const from = Math.min(byteToUnit(doc, fault.offset), doc.length);
      const word = /^[^\s()":=<>!]+/.exec(doc.slice(from))?.[0].length ?? 1;
      const to = Math.min(doc.length, from + word);
      marks.push({
        from: to > from ? from : Math.max(0, from - 1),
        to,
        severity: "error",
        message: fault.detail,
      });
    }
    for (const notice of notices) {
      const from = notice.replace ? doc.indexOf(notice.replace) : -1;
      if (from >= 0)
        marks.push({
          from,
          to: from + (notice.replace?.length ?? 0),
          severity: "error",
          message: notice.message,
        });
    }
    editor.dispatch(setDiagnostics(editor.state, marks));
  }, [fault, notices]);

  const better = fault ? replacement(asked, fault) : undefined;
  return (
    <div className="grow">
      <div ref={box} className={styles.editor} data-fault={fault ? true : undefined} />
      {notices.map((notice) => {
        const next = corrected(asked, notice);
        return (
          <div key={notice.message} className={styles.fault} role="alert" data-tone="warn">
            <Glyph shape="triangle" size={13} />
            <span>{notice.message}</span>
            {next && (
              <button type="button" className="plain" onClick={() => onRun(next)}>
                {t("Use {word}", { word: notice.with ?? "" })}
              </button>
            )}
          </div>
        );
      })}
      {fault && (
        <div className={styles.fault} role="alert" data-tone="bad">
          <Glyph shape="octagon" size={13} />
          <span>{fault.detail}</span>
          {better ? (
            <button type="button" className="plain" onClick={() => onRun(better)}>
              {fault.hint}
            </button>
          ) : (
            <span className="dim">{fault.hint}</span>
          )}
        </div>
      )}
    </div>
  );
}

/** A field is followed by its colon, so that its values are suggested next. */
export function insertion(kind: string, text: string, rest: string): string {
  return kind === "field" && !/[\s:=<>!]$/.test(text) && !/^\s*[:=<>!]/.test(rest) ? `${text}: ` : text;
}

/** The filter with what a notice proposes; every place of the word, never a part of a longer one. */
export function corrected(filter: string, notice: Notice): string | undefined {
  if (!notice.replace || !notice.with) return undefined;
  const word = notice.replace.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return filter.replace(new RegExp(`(?<![\\w.@-])${word}(?![\\w.@-])`, "g"), () => notice.with ?? "");
}

/** "did you mean X?" applied at the offset. */
export function replacement(text: string, fault: Pick<Problem, "hint" | "offset">): string | undefined {
  const meant = /did you mean [`"'“]?([\w.@/-]+?)[`"'”]?\s*\??$/i.exec(fault.hint ?? "")?.[1];
  if (!meant || fault.offset == null) return undefined;
  const at = byteToUnit(text, fault.offset);
  const wrong = /^[\w.@/-]+/.exec(text.slice(at))?.[0];
  return wrong ? text.slice(0, at) + meant + text.slice(at + wrong.length) : undefined;
}
