// SQL while it is typed, and its answer: what may come next, how a name is written, what can be drawn. Pure.

export const KEYWORDS = [
  "select",
  "from",
  "where",
  "group by",
  "order by",
  "limit",
  "having",
  "join",
  "left join",
  "on",
  "as",
  "and",
  "or",
  "not",
  "in",
  "like",
  "ilike",
  "between",
  "is null",
  "is not null",
  "case",
  "when",
  "then",
  "else",
  "end",
  "distinct",
  "union all",
  "with",
  "desc",
  "asc",
] as const;

export const FUNCTIONS = [
  "count(*)",
  "count(distinct )",
  "sum()",
  "avg()",
  "min()",
  "max()",
  "quantile(, 0.95)",
  "date_bin(interval '1 minute', timestamp)",
  "date_trunc('minute', timestamp)",
  "now()",
  "coalesce()",
  "lower()",
  "regexp_like()",
] as const;

/** A column as SQL wants it: names with dots or capitals are quoted. */
export const identifier = (name: string) =>
  /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;

export type Place = {
  /** Where the word that is being typed begins. */
  from: number;
  word: string;
  /** A quoted name is being typed: only columns fit, and the quote is part of what is replaced. */
  quoted: boolean;
  /** A table fits here. */
  table: boolean;
};

/** What is being typed at `at`; nothing inside text literals and comments. */
export function placeOf(text: string, at: number): Place | undefined {
  const before = text.slice(0, at);
  // Walks over the text once, because a quote only means something if the ones before it are known.
  let open: "'" | '"' | undefined;
  let opened = 0;
  for (let i = 0; i < before.length; i++) {
    const c = before[i];
    if (open) {
      if (c === open) open = undefined;
    } else if (c === "'" || c === '"') {
      open = c;
      opened = i;
    } else if (c === "-" && before[i + 1] === "-") {
      const end = before.indexOf("\n", i);
      if (end < 0) return undefined;
      i = end;
    }
  }
  if (open === "'") return undefined;
  const table = (until: number) => /\b(?:from|join)\s+$/i.test(before.slice(0, until));
  if (open === '"')
    return { from: opened, word: before.slice(opened + 1), quoted: true, table: table(opened) };
  const word = /[\w.]*$/.exec(before)?.[0] ?? "";
  const from = at - word.length;
  return { from, word, quoted: false, table: table(from) };
}

/** The tables that a query reads from, as far as they are named already. */
export function tablesOf(text: string, known: readonly string[]): string[] {
  const named = [...text.matchAll(/\b(?:from|join)\s+"?(\w+)"?/gi)].map(
    (match) => match[1]?.toLowerCase() ?? "",
  );
  return known.filter((table) => named.includes(table));
}

export type Column = { name: string; kind: string };
export type Drawing = { x: number; ys: number[]; time: boolean };

/** Series that a chart holds before it says nothing. */
const SERIES_MAX = 6;

/** What of an answer can be drawn: numbers over a time, or over the first column of names; undefined if nothing can. */
export function drawable(
  columns: readonly Column[],
  rows: readonly (readonly unknown[])[],
): Drawing | undefined {
  if (rows.length < 2) return undefined;
  const numeric = (index: number) =>
    /^(int|float)$/.test(columns[index]?.kind ?? "") && rows.some((row) => typeof row[index] === "number");
  const all = columns.map((_, index) => index);
  const time = all.find((index) => columns[index]?.kind === "time");
  const x = time ?? all.find((index) => columns[index]?.kind === "string");
  const ys = all.filter((index) => index !== x && numeric(index)).slice(0, SERIES_MAX);
  if (x === undefined || ys.length === 0) return undefined;
  return { x, ys, time: time !== undefined };
}

/** Rows as records, for CSV. */
export const records = (columns: readonly Column[], rows: readonly (readonly unknown[])[]) =>
  rows.map((row) => Object.fromEntries(columns.map((column, index) => [column.name, row[index]])));
