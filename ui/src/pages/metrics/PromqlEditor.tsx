// PromQL with completion from the node: metrics, functions, labels of the metric at hand and their values.
import {
  acceptCompletion,
  autocompletion,
  type Completion,
  type CompletionContext,
  closeBrackets,
  completionKeymap,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { HighlightStyle, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { EditorState, Prec } from "@codemirror/state";
import { drawSelection, EditorView, keymap, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "react";
import { api } from "../../api/client";
import { t } from "../../lib/i18n";
import { AGGREGATIONS, FUNCTIONS, KEYWORDS, type Metric, placeAt, selector } from "../../lib/promql";
import type { Range } from "../../lib/time";
import styles from "./Metrics.module.css";

type Props = { text: string; metrics: readonly Metric[]; window: Range; onRun: (text: string) => void };

const WORDS = new RegExp(`^(?:${[...KEYWORDS, ...AGGREGATIONS].join("|")})\\b`, "i");
const CALLS = new RegExp(`^(?:${FUNCTIONS.join("|")})(?=\\s*\\()`);
const WINDOWS = ["1m", "2m", "5m", "15m", "1h", "6h", "1d"];

/** Enough to colour PromQL; the server is the one that parses it. */
const language = StreamLanguage.define<unknown>({
  token(stream) {
    if (stream.eatSpace()) return null;
    if (stream.match(/^#.*/)) return "comment";
    if (stream.match(/^"(?:[^"\\]|\\.)*"?/) || stream.match(/^'(?:[^'\\]|\\.)*'?/)) return "string";
    if (stream.match(WORDS)) return "keyword";
    if (stream.match(CALLS)) return "function";
    if (stream.match(/^\d[\w.]*/)) return "number";
    if (stream.match(/^[A-Za-z_][\w]*(?=\s*(?:=|!=|=~|!~)\s*")/)) return "propertyName";
    stream.match(/^[\w:]+/) || stream.next();
    return null;
  },
});

const colours = HighlightStyle.define([
  { tag: tags.propertyName, color: "var(--accent)" },
  { tag: tags.keyword, color: "var(--ink)", fontWeight: "650" },
  { tag: tags.string, color: "var(--info)" },
  { tag: tags.number, color: "var(--info)" },
  { tag: tags.function(tags.variableName), color: "var(--good)" },
  { tag: tags.comment, color: "var(--ink-3)", fontStyle: "italic" },
]);

const look = EditorView.theme({
  "&": { fontSize: "13px" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "20px", padding: "4px 2px" },
  ".cm-content": { caretColor: "var(--ink)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": { background: "var(--accent-soft)" },
  ".cm-placeholder": { color: "var(--ink-3)" },
  ".cm-tooltip": {
    border: "1px solid var(--line-strong)",
    borderRadius: "var(--radius)",
    background: "var(--panel)",
    color: "var(--ink)",
    boxShadow: "var(--shadow)",
  },
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

/** Names or values of labels, of one metric if it is known. */
async function ask(path: string, window: Range, metric?: string): Promise<string[]> {
  const query = {
    start: window.start / 1000,
    end: window.end / 1000,
    limit: 1000,
    ...(metric ? { "match[]": selector(metric, []) } : {}),
  };
  try {
    return (await api<{ data: string[] }>(path, { base: "/prometheus/api/v1", query })).data;
  } catch {
    // Completion is a help; without an answer there is none.
    return [];
  }
}

export default function PromqlEditor({ text, metrics, window, onRun }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef({ metrics, window, onRun });
  latest.current = { metrics, window, onRun };

  // biome-ignore lint/correctness/useExhaustiveDependencies: the editor is made once, `text` flows in below
  useEffect(() => {
    if (!box.current) return;
    const complete = async (context: CompletionContext) => {
      const place = placeAt(context.state.doc.toString(), context.pos);
      if (!context.explicit && !place.word && place.kind === "name") return null;
      const { metrics, window } = latest.current;
      const plain = (list: readonly string[], detail?: string): Completion[] =>
        list.map((label) => ({ label, detail }));
      const options =
        place.kind === "window"
          ? plain(WINDOWS)
          : place.kind === "value"
            ? plain(await ask(`/label/${encodeURIComponent(place.label ?? "")}/values`, window, place.metric))
            : place.kind === "label"
              ? plain((await ask("/labels", window, place.metric)).filter((name) => name !== "__name__"))
              : [
                  ...metrics.map(
                    (one): Completion => ({ label: one.name, detail: one.kind, boost: 2, info: one.help }),
                  ),
                  ...plain(AGGREGATIONS),
                  ...plain(FUNCTIONS),
                ];
      return { from: place.from, options };
    };
    const run = (target: EditorView) => {
      latest.current.onRun(target.state.doc.toString());
      return true;
    };
    // In a shadow tree the editor puts its styles into constructed sheets, as the content security policy demands.
    const shadow = box.current.shadowRoot ?? box.current.attachShadow({ mode: "open" });
    const made = new EditorView({
      parent: shadow,
      root: shadow,
      state: EditorState.create({
        doc: text,
        extensions: [
          autocompletion({ override: [complete], icons: false, activateOnTyping: true }),
          Prec.high(keymap.of([...completionKeymap, { key: "Tab", run: acceptCompletion }])),
          keymap.of([
            { key: "Mod-Enter", run },
            { key: "Enter", run, shift: () => false },
            ...historyKeymap,
            ...defaultKeymap,
          ]),
          history(),
          closeBrackets(),
          drawSelection(),
          language,
          syntaxHighlighting(colours),
          look,
          EditorView.lineWrapping,
          placeholder("sum by (job) (rate(http_requests_total[5m]))"),
          EditorView.contentAttributes.of({ "aria-label": "PromQL" }),
        ],
      }),
    });
    view.current = made;
    made.focus();
    return () => made.destroy();
  }, []);

  useEffect(() => {
    const editor = view.current;
    if (editor && !editor.hasFocus && editor.state.doc.toString() !== text)
      editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: text } });
  }, [text]);

  return <div ref={box} className={styles.editor} title={t("Enter runs it")} />;
}
