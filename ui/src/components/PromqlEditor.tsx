// PromQL with completion from the node: metrics, functions, labels of the metric at hand and their values. What the node
// cannot parse is underlined while it is typed, and said below.
import {
  acceptCompletion,
  autocompletion,
  type Completion,
  type CompletionContext,
  closeBrackets,
  completionKeymap,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, setDiagnostics } from "@codemirror/lint";
import { EditorState, Prec } from "@codemirror/state";
import { drawSelection, EditorView, keymap, placeholder } from "@codemirror/view";
import { useEffect, useRef, useState } from "react";
import { ApiError, api } from "../api/client";
import { colours, theme } from "../lib/editor";
import { t } from "../lib/i18n";
import { AGGREGATIONS, FUNCTIONS, faultAt, KEYWORDS, type Metric, placeAt, selector } from "../lib/promql";
import type { Range } from "../lib/time";
import styles from "./PromqlEditor.module.css";

/** A text as it is asked, and where a place of it stood in the text as it is written. */
export type Placed = { text: string; back: (offset: number) => number };

type Props = {
  text: string;
  metrics: readonly Metric[];
  window: Pick<Range, "start" | "end">;
  onRun: (text: string) => void;
  /** With each letter. */
  onText?: (text: string) => void;
  /** Names that stand for values, offered after `$`. */
  variables?: readonly string[];
  /** What is written with variables put in; as it is unless given. */
  put?: (text: string) => Placed;
  /** Enter makes a line, as in forms; Ctrl+Enter runs it. */
  multiline?: boolean;
  autoFocus?: boolean;
};

/** After the last letter: long enough to type a word, short enough to be seen as its answer. */
const CHECK_AFTER_MS = 300;
const asIs = (text: string): Placed => ({ text, back: (offset) => offset });

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

const own = EditorView.theme({ ".cm-scroller": { padding: "4px 2px" } });

/** Names or values of labels, of one metric if it is known. */
async function ask(path: string, window: Props["window"], metric?: string): Promise<string[]> {
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

/** Where it is said to be is of the text with variables put in; it is underlined where it stands. */
const PLACE = /^(?:invalid parameter "query": )?\d+:\d+: /;

/** What is wrong with a text, as the node's parser says it. */
async function check(text: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    await api("/format_query", { base: "/prometheus/api/v1", query: { query: text }, signal });
  } catch (error) {
    // A node that cannot be asked says nothing about the text.
    if (error instanceof ApiError && error.problem.code === "bad_data") return error.problem.detail;
  }
  return undefined;
}

export default function PromqlEditor(props: Props) {
  const { text, multiline = false, autoFocus = true } = props;
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const [fault, setFault] = useState<string>();

  // biome-ignore lint/correctness/useExhaustiveDependencies: the editor is made once, `text` flows in below
  useEffect(() => {
    if (!box.current) return;
    const complete = async (context: CompletionContext) => {
      const { metrics, window, variables = [] } = latest.current;
      const dollar = context.matchBefore(/\$\{?\w*/);
      if (dollar && variables.length > 0) {
        const brace = dollar.text.startsWith("${");
        const options = variables.map((name) => ({ label: brace ? `\${${name}` : `$${name}` }));
        return { from: dollar.from, options };
      }
      const place = placeAt(context.state.doc.toString(), context.pos);
      if (!context.explicit && !place.word && place.kind === "name") return null;
      const plain = (list: readonly string[], detail?: string): Completion[] =>
        list.map((label) => ({ label, detail }));
      const options =
        place.kind === "window"
          ? plain(variables.includes("__rate_interval") ? ["$__rate_interval", ...WINDOWS] : WINDOWS)
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
    let timer: ReturnType<typeof setTimeout> | undefined;
    let asked: AbortController | undefined;
    const look = (target: EditorView) => {
      clearTimeout(timer);
      asked?.abort();
      timer = setTimeout(async () => {
        const written = target.state.doc.toString();
        const placed = (latest.current.put ?? asIs)(written);
        asked = new AbortController();
        const { signal } = asked;
        const said = placed.text.trim() ? await check(placed.text, signal) : undefined;
        // Somebody went on typing, or left: the answer is about another text.
        if (signal.aborted || target.state.doc.toString() !== written) return;
        setFault(said);
        target.dispatch(setDiagnostics(target.state, said ? [mark(written, placed, said)] : []));
      }, CHECK_AFTER_MS);
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
            ...(multiline ? [] : [{ key: "Enter", run, shift: () => false }]),
            ...historyKeymap,
            ...defaultKeymap,
          ]),
          history(),
          closeBrackets(),
          drawSelection(),
          language,
          syntaxHighlighting(colours),
          theme,
          own,
          EditorView.lineWrapping,
          placeholder("sum by (job) (rate(http_requests_total[5m]))"),
          EditorView.contentAttributes.of({ "aria-label": "PromQL" }),
          EditorView.updateListener.of((update) => {
            if (!update.docChanged) return;
            latest.current.onText?.(update.state.doc.toString());
            look(update.view);
          }),
        ],
      }),
    });
    view.current = made;
    if (autoFocus) made.focus();
    if (text) look(made);
    return () => {
      clearTimeout(timer);
      asked?.abort();
      made.destroy();
    };
  }, []);

  useEffect(() => {
    const editor = view.current;
    if (editor && !editor.hasFocus && editor.state.doc.toString() !== text)
      editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: text } });
  }, [text]);

  return (
    <div>
      <div
        ref={box}
        className={styles.editor}
        data-wrong={fault ? true : undefined}
        title={multiline ? t("Ctrl+Enter runs it") : t("Enter runs it")}
      />
      {fault && (
        <p className={styles.fault} role="status">
          {fault.replace(PLACE, "")}
        </p>
      )}
    </div>
  );
}

/** A mistake covers the word at its place. */
function mark(written: string, placed: Placed, message: string): Diagnostic {
  const { from, to } = faultAt(message, placed.text);
  const start = Math.min(placed.back(from), Math.max(0, written.length - 1));
  const end = Math.min(Math.max(placed.back(to), start + 1), written.length);
  return { from: start, to: end, severity: "error", message };
}
