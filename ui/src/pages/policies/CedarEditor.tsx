// The policy editor: colours, and each mistake of the node's own reading under its place.
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, setDiagnostics } from "@codemirror/lint";
import { EditorState, type Text } from "@codemirror/state";
import { drawSelection, EditorView, keymap, lineNumbers } from "@codemirror/view";
import { useEffect, useRef } from "react";
import type { PolicyProblem } from "../../api/types";
import { colours, theme } from "../../lib/editor";
import { t } from "../../lib/i18n";
import styles from "./Policies.module.css";

/** Enough to colour Cedar; the node is the one that parses it. */
const language = StreamLanguage.define<unknown>({
  token(stream) {
    if (stream.eatSpace()) return null;
    if (stream.match(/^\/\/.*/)) return "comment";
    if (stream.match(/^"(?:[^"\\]|\\.)*"?/)) return "string";
    if (stream.match(/^@\w+/)) return "propertyName";
    if (stream.match(/^(?:permit|forbid|when|unless|in|is|has|like|if|then|else|true|false)\b/))
      return "keyword";
    if (stream.match(/^(?:principal|action|resource|context)\b/)) return "propertyName";
    if (stream.match(/^\d+/)) return "number";
    stream.match(/^\w+/) || stream.next();
    return null;
  },
});

const own = EditorView.theme({
  "&": { height: "100%" },
  ".cm-scroller": { padding: "6px 0" },
  ".cm-tooltip": { padding: "4px 8px" },
});

type Props = {
  /** A new object is an order to hold its value, even if it is the same as before. */
  text: { value: string };
  problems: readonly PolicyProblem[];
  onText: (text: string) => void;
  onSubmit: () => void;
};

export default function CedarEditor({ text, problems, onText, onSubmit }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef({ onText, onSubmit });
  latest.current = { onText, onSubmit };

  // biome-ignore lint/correctness/useExhaustiveDependencies: the editor is made once, `text` flows in below
  useEffect(() => {
    if (!box.current) return;
    const submit = () => {
      latest.current.onSubmit();
      return true;
    };
    // In a shadow tree the editor puts its styles into constructed sheets, as the content security policy demands.
    const shadow = box.current.shadowRoot ?? box.current.attachShadow({ mode: "open" });
    const made = new EditorView({
      parent: shadow,
      root: shadow,
      state: EditorState.create({
        doc: text.value,
        extensions: [
          keymap.of([{ key: "Mod-Enter", run: submit }, ...historyKeymap, ...defaultKeymap, indentWithTab]),
          history(),
          lineNumbers(),
          drawSelection(),
          language,
          syntaxHighlighting(colours),
          theme,
          own,
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ "aria-label": t("Policies in Cedar") }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) latest.current.onText(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = made;
    return () => made.destroy();
  }, []);

  useEffect(() => {
    const editor = view.current;
    if (editor && editor.state.doc.toString() !== text.value)
      editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: text.value } });
  }, [text]);

  useEffect(() => {
    const editor = view.current;
    if (!editor) return;
    const marks = problems.map((problem) => mark(editor.state.doc, problem));
    editor.dispatch(setDiagnostics(editor.state, marks));
  }, [problems]);

  return <div ref={box} className={styles.editor} title={t("Ctrl+Enter tries it on the past")} />;
}

/** A mistake covers the word that it points to. */
function mark(doc: Text, problem: PolicyProblem): Diagnostic {
  const line = doc.line(Math.min(Math.max(problem.line, 1), doc.lines));
  const from = Math.min(line.from + problem.column - 1, line.to);
  const word = /^(?:"[^"]*"?|[\w:.]+|\S)/.exec(line.text.slice(from - line.from))?.[0].length ?? 0;
  const message = problem.hint ? `${problem.message}: ${problem.hint}` : problem.message;
  return { from, to: Math.min(from + word, line.to), severity: "error", message };
}
