// Small edits of a filter's text, for clicks on values. The server parses; here we only add and take away whole clauses.

/** Values with anything but word characters, dots, dashes and slashes are quoted. */
export function quote(value: string): string {
  return /^[\w.\-/]+$/.test(value) && !/^(and|or|not)$/i.test(value)
    ? value
    : `"${value.replace(/(["\\])/g, "\\$1")}"`;
}

export const clause = (field: string, value: string | number | boolean) =>
  `${field}: ${quote(String(value))}`;

const splitAnd = (text: string): string[] => {
  // Splits at `and` outside quotes and parentheses.
  const parts: string[] = [];
  let depth = 0;
  let quoted = false;
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quoted) {
      if (c === "\\") i++;
      else if (c === '"') quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === "(") depth++;
    else if (c === ")") depth--;
    else if (depth === 0 && /\s/.test(c ?? "") && /^\s+and\s/i.test(text.slice(i, i + 12))) {
      parts.push(text.slice(from, i));
      i += (/^\s+and/i.exec(text.slice(i))?.[0].length ?? 1) - 1;
      from = i + 1;
    }
  }
  parts.push(text.slice(from));
  return parts.map((part) => part.trim()).filter(Boolean);
};

const hasTopLevelOr = (text: string): boolean => {
  const outside = text.replace(/"(?:\\.|[^"\\])*"/g, "").replace(/\([^()]*\)/g, "");
  return /\sor\s/i.test(outside);
};

/** Adds a clause with `and`; takes its opposite away; adding it twice changes nothing. */
export function include(filter: string, field: string, value: string | number | boolean): string {
  return add(filter, clause(field, value), `not ${clause(field, value)}`);
}

export function exclude(filter: string, field: string, value: string | number | boolean): string {
  return add(filter, `not ${clause(field, value)}`, clause(field, value));
}

/** Joins two filters so that both must hold. */
export function both(a: string, b: string): string {
  const wrap = (text: string) => (hasTopLevelOr(text) ? `(${text})` : text);
  const parts = [a.trim(), b.trim()].filter(Boolean);
  return parts.length < 2 ? (parts[0] ?? "") : parts.map(wrap).join(" and ");
}

/** Whether the clause stands alone in the filter, so that a click can take it away again. */
export function has(filter: string, wanted: string): boolean {
  return !hasTopLevelOr(filter) && splitAnd(filter).includes(wanted);
}

export function remove(filter: string, unwanted: string): string {
  if (hasTopLevelOr(filter)) return filter;
  return splitAnd(filter)
    .filter((part) => part !== unwanted)
    .join(" and ");
}

function add(filter: string, wanted: string, opposite: string): string {
  const cleared = remove(filter, opposite);
  return has(cleared, wanted) ? cleared : both(cleared, wanted);
}

/** JavaScript counts UTF-16 units, the server counts bytes of UTF-8. */
export function byteToUnit(text: string, byteOffset: number): number {
  let seen = 0;
  let units = 0;
  for (const char of text) {
    if (seen >= byteOffset) break;
    seen += new TextEncoder().encode(char).length;
    units += char.length;
  }
  return units;
}

export const unitToByte = (text: string, unit: number) =>
  new TextEncoder().encode(text.slice(0, unit)).length;
