// `extract` brings the catalogs in line with the code; `check` fails on a missing or unused translation, on a message
// that is not a literal, and on words in the markup that are not translated at all.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { compileMessage } from "@lingui/message-utils/compileMessage";
import ts from "typescript";
import { catalogFile, LOCALES } from "./catalogs.mjs";

const root = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
const command = process.argv[2] ?? "check";
const SPOKEN_ATTRIBUTES = new Set(["title", "label", "placeholder", "aria-label", "alt", "description"]);
/** Words that are the same in every language. */
const NEUTRAL =
  /^(nines|SLO|SLI|SLA|MTTD|MTTA|MTTR|Ctrl|Esc|Enter|K|CSV|JSON|SQL|UTC|ms|P[0-2]|S[1-3]|P4|EN)$/i;

const messages = new Map();
const faults = [];

for (const name of readdirSync(`${root}/src`, { recursive: true })) {
  if (!/\.tsx?$/.test(name) || /\.(test|d)\.tsx?$/.test(name)) continue;
  const text = readFileSync(`${root}/src/${name}`, "utf8");
  const source = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TSX);
  const where = (node) =>
    `src/${name}:${source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1}`;
  const bare = (node, words) => {
    const trimmed = words.trim();
    if (/\p{L}{2,}/u.test(trimmed) && !NEUTRAL.test(trimmed))
      faults.push(`${where(node)}: bare words "${trimmed}"`);
  };
  const visit = (node) => {
    if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === "t") {
      const [first] = node.arguments;
      if (first && ts.isStringLiteralLike(first)) messages.set(first.text, where(node));
      else faults.push(`${where(node)}: t() needs a literal message`);
    }
    if (ts.isJsxText(node)) bare(node, node.text);
    if (
      ts.isJsxAttribute(node) &&
      SPOKEN_ATTRIBUTES.has(node.name.getText(source)) &&
      node.initializer &&
      ts.isStringLiteral(node.initializer)
    ) {
      bare(node, node.initializer.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
}

const argumentsOf = (message) => {
  const names = new Set();
  const walk = (tokens) => {
    for (const token of Array.isArray(tokens) ? tokens : []) {
      if (!Array.isArray(token)) continue;
      names.add(token[0]);
      if (token[2] && typeof token[2] === "object")
        for (const branch of Object.values(token[2])) walk(branch);
    }
  };
  walk(compileMessage(message));
  return [...names].sort().join(",");
};

for (const locale of LOCALES) {
  const file = catalogFile(root, locale);
  let catalog = {};
  try {
    catalog = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    if (command === "check") faults.push(`${file}: ${error.message}`);
  }
  if (command === "extract") {
    const next = {};
    for (const message of [...messages.keys()].sort()) next[message] = catalog[message] ?? "";
    writeFileSync(file, `${JSON.stringify(next, null, 2)}\n`);
    const missing = Object.values(next).filter((x) => !x).length;
    console.log(`${locale}: ${messages.size} messages, ${missing} missing`);
  } else {
    for (const [message, at] of messages) {
      if (!catalog[message]) faults.push(`${locale}: no translation of "${message}" (${at})`);
      else if (argumentsOf(message) !== argumentsOf(catalog[message])) {
        faults.push(`${locale}: "${message}" and its translation take different values`);
      }
    }
    for (const message of Object.keys(catalog)) {
      if (!messages.has(message)) faults.push(`${locale}: unused translation "${message}"`);
    }
  }
}

if (command === "check") {
  for (const fault of faults) console.error(fault);
  console.log(`${messages.size} messages in ${LOCALES.length + 1} languages, ${faults.length} faults`);
  process.exit(faults.length ? 1 : 0);
} else if (faults.length) {
  console.log(faults.join("\n"));
}
