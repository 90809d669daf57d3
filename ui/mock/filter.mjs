// Enough of the filter language for the mock: `field: value`, comparisons, and/or/not, parentheses, quoted text, words.
const TOKEN = /\s*(?:(")((?:\\.|[^"\\])*)"|(\(|\))|(>=|<=|!=|>|<|=|:)|([^\s()":<>=!]+))/gy;

export class FilterFault extends Error {
  constructor(message, offset, hint) {
    super(message);
    this.offset = offset;
    this.hint = hint;
  }
}

export const FIELDS = {
  "service.name": "string",
  "service.version": "string",
  "service.instance.id": "string",
  "cloud.region": "string",
  "deployment.environment.name": "string",
  "http.route": "string",
  "http.request.method": "string",
  "http.response.status_code": "int",
  "user.id": "string",
  "error.type": "string",
  "build.commit": "string",
  severity_text: "string",
  severity_number: "int",
  body: "string",
  name: "string",
  kind: "string",
  duration_ns: "int",
  status_code: "string",
  trace_id: "string",
  span_id: "string",
  timestamp: "time",
  "db.system.name": "string",
  "db.query.text": "string",
  title: "string",
  version: "string",
  by: "string",
};

function tokens(text) {
  const out = [];
  TOKEN.lastIndex = 0;
  while (text.slice(TOKEN.lastIndex).trim()) {
    const from = TOKEN.lastIndex;
    const m = TOKEN.exec(text);
    if (!m)
      throw new FilterFault("this cannot be read here", from + 1, "quote text that holds special characters");
    const at = TOKEN.lastIndex - m[0].trimStart().length;
    out.push({
      at,
      quoted: m[1] !== undefined,
      text: m[1] !== undefined ? m[2] : (m[3] ?? m[4] ?? m[5]),
      op: m[4],
      paren: m[3],
    });
  }
  return out;
}

const nearest = (word) =>
  Object.keys(FIELDS)
    .map((f) => [distance(word, f), f])
    .sort((a, b) => a[0] - b[0])[0];

function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length];
}

/** A predicate over a record; throws `FilterFault` with the offset of what is wrong. Unknown fields go to `notices`. */
export function compile(text, notices = []) {
  const list = tokens(text);
  let i = 0;
  const word = (w) => list[i] && !list[i].quoted && list[i].text.toLowerCase() === w;
  const or = () => {
    let left = and();
    while (word("or")) {
      i++;
      const a = left;
      const b = and();
      left = (x) => a(x) || b(x);
    }
    return left;
  };
  const and = () => {
    let left = not();
    while (list[i] && list[i].paren !== ")" && !word("or")) {
      if (word("and")) i++;
      const a = left;
      const b = not();
      left = (x) => a(x) && b(x);
    }
    return left;
  };
  const not = () => {
    if (word("not")) {
      i++;
      const a = not();
      return (x) => !a(x);
    }
    return atom();
  };
  const atom = () => {
    const token = list[i];
    if (!token)
      throw new FilterFault(
        "the filter ends where a condition is expected",
        text.length,
        "write a condition such as service.name: checkout",
      );
    if (token.paren === "(") {
      i++;
      const inner = or();
      if (list[i]?.paren !== ")") throw new FilterFault("the parenthesis is not closed", token.at, "add )");
      i++;
      return inner;
    }
    if (token.paren || token.op)
      throw new FilterFault(
        `unexpected "${token.text}"`,
        token.at,
        "a condition starts with a field or a word",
      );
    i++;
    const op = list[i]?.op;
    if (op && !token.quoted) {
      if (!(token.text in FIELDS)) {
        const [d, f] = nearest(token.text);
        notices.push({
          message: `there is no field \`${token.text}\`${d < 5 ? `: did you mean \`${f}\`?` : ""}`,
          replace: token.text,
          ...(d < 5 ? { with: f } : {}),
        });
      }
      i++;
      const value = list[i];
      if (!value || value.op || value.paren)
        throw new FilterFault(
          `a value is missing after "${token.text}${op}"`,
          list[i - 1].at + op.length,
          "write a value",
        );
      i++;
      const field = token.text;
      const wanted = value.text;
      const pattern =
        !value.quoted && wanted.includes("*")
          ? new RegExp(
              `^${wanted
                .split("*")
                .map((s) => s.replace(/[.+?^${}()|[\]\\]/g, "\\$&"))
                .join(".*")}$`,
            )
          : null;
      return (x) => {
        const have = x[field];
        if (have === undefined) return op === "!=";
        if (op === ":" || op === "=")
          return pattern ? pattern.test(String(have)) : String(have).toLowerCase() === wanted.toLowerCase();
        if (op === "!=") return String(have) !== wanted;
        const a = Number(have);
        const b = Number(wanted);
        return op === ">" ? a > b : op === "<" ? a < b : op === ">=" ? a >= b : a <= b;
      };
    }
    const needle = token.text.toLowerCase();
    return (x) => [x.body, x.name, x.title].some((s) => s && String(s).toLowerCase().includes(needle));
  };
  if (!list.length) return () => true;
  const all = or();
  if (list[i])
    throw new FilterFault(`unexpected "${list[i].text}"`, list[i].at, "join conditions with and, or");
  return all;
}
