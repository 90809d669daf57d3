// The SQL editor: tables, columns and functions while typing, from the node's own schema.
import {
  acceptCompletion,
  autocompletion,
  type Completion,
  type CompletionContext,
  closeBrackets,
  completionKeymap,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { EditorState, Prec } from "@codemirror/state";
import { drawSelection, EditorView, keymap, lineNumbers, placeholder } from "@codemirror/view";
import { useEffect, useRef } from "react";
import { colours, theme } from "../../lib/editor";
import { t } from "../../lib/i18n";
import { FUNCTIONS, identifier, KEYWORDS, placeOf, tablesOf } from "../../lib/sql";
import { typing } from "../../shell/Shortcuts";
import styles from "./Sql.module.css";

type Props = {
  /** A new object is an order to hold its value, even if it is the same as before. */
  text: { value: string };
  onText: (text: string) => void;
  onRun: (text: string) => void;
  /** Columns by table. */
  schema: ReadonlyMap<string, readonly { name: string; kind: string }[]>;
};

const WORDS = new RegExp(
  `^(?:${KEYWORDS.flatMap((word) => word.split(" ")).join("|")}|interval|null|true|false|by)\\b`,
  "i",
);

/** Enough to colour SQL; the server is the one that parses it. */
const language = StreamLanguage.define<unknown>({
  token(stream) {
    if (stream.eatSpace()) return null;
    if (stream.match(/^--.*/)) return "comment";
    if (stream.match(/^'(?:[^']|'')*'?/)) return "string";
    if (stream.match(/^"(?:[^"]|"")*"?/)) return "propertyName";
    if (stream.match(WORDS)) return "keyword";
    if (stream.match(/^\d[\w.]*/)) return "number";
    if (stream.match(/^\w+(?=\s*\()/)) return "function";
    stream.match(/^[\w.]+/) || stream.next();
    return null;
  },
});

const own = EditorView.theme({ "&": { height: "100%" }, ".cm-scroller": { padding: "6px 0" } });

export default function SqlEditor({ text, onText, onRun, schema }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef({ onText, onRun, schema });
  latest.current = { onText, onRun, schema };

  // biome-ignore lint/correctness/useExhaustiveDependencies: the editor is made once, `text` flows in below
  useEffect(() => {
    if (!box.current) return;
    const complete = (context: CompletionContext) => {
      const doc = context.state.doc.toString();
      const place = placeOf(doc, context.pos);
      if (!place || (!context.explicit && !place.word && !place.table && !place.quoted)) return null;
      const { schema } = latest.current;
      const tables = [...schema.keys()];
      const named = tablesOf(doc, tables);
      const columns = (named.length ? named : tables).flatMap((table) =>
        (schema.get(table) ?? []).map(
          (column): Completion => ({
            label: column.name,
            apply: identifier(column.name),
            detail: named.length > 1 ? `${table} · ${column.kind}` : column.kind,
            type: "property",
            boost: 2,
          }),
        ),
      );
      const unique = [...new Map(columns.map((column) => [column.label, column])).values()];
      const plain = (list: readonly string[], boost: number) =>
        list.map((label): Completion => ({ label, boost }));
      const options = place.table
        ? plain(tables, 1)
        : place.quoted
          ? unique
          : [...unique, ...plain(KEYWORDS, 1), ...plain(FUNCTIONS, 0)];
      // Inside quotes the quote itself is replaced, so that a name is never quoted twice; the editor may have closed it.
      const to = place.quoted && doc[context.pos] === '"' ? context.pos + 1 : context.pos;
      return {
        from: place.from,
        to,
        filter: !place.quoted,
        options: place.quoted
          ? options.filter((option) => option.label.toLowerCase().includes(place.word.toLowerCase()))
          : options,
      };
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
        doc: text.value,
        extensions: [
          Prec.highest(
            keymap.of([
              { key: "Mod-Enter", run },
              { key: "Tab", run: acceptCompletion },
            ]),
          ),
          autocompletion({ override: [complete], icons: false, activateOnTyping: true }),
          keymap.of([...completionKeymap, ...historyKeymap, ...defaultKeymap, indentWithTab]),
          history(),
          closeBrackets(),
          lineNumbers(),
          drawSelection(),
          language,
          syntaxHighlighting(colours),
          theme,
          own,
          EditorView.lineWrapping,
          placeholder('select "service.name", count(*) from logs group by 1 order by 2 desc'),
          EditorView.contentAttributes.of({ "aria-label": "SQL" }),
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
    if (editor && editor.state.doc.toString() !== text.value)
      editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: text.value } });
  }, [text]);

  return <div ref={box} className={styles.editor} title={t("Ctrl+Enter runs it")} />;
}
