// Checks the size budgets of the built application (gzip, as the network sees it):
// shell ≤ 180 kB of JS and ≤ 40 kB of CSS, any route ≤ 180 kB more, the whole of dist ≤ 2.4 MB without the compressed twins.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { gzipSync } from "node:zlib";

const dist = new URL("../dist/", import.meta.url).pathname;
const KB = 1000;
const BUDGET = { shellJs: 180 * KB, shellCss: 40 * KB, route: 180 * KB, dist: 2400 * KB };

const files = readdirSync(dist, { recursive: true }).filter((f) => statSync(dist + f).isFile());
const gz = (file) => gzipSync(readFileSync(dist + file), { level: 9 }).length;
const text = (file) => readFileSync(dist + file, "utf8");
const importsOf = (file) =>
  [...text(file).matchAll(/(?:\bfrom|\bimport)\s*["']\.\/([^"']+\.js)["']/g)].map((m) => `assets/${m[1]}`);

function closure(file, seen = new Set()) {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const next of importsOf(file)) closure(next, seen);
  return seen;
}

const html = text("index.html");
const entry = html.match(/src="\/(assets\/[^"]+\.js)"/)[1];
const shell = closure(entry);
const shellCss = [...html.matchAll(/href="\/(assets\/[^"]+\.css)"/g)].map((m) => m[1]);
const sum = (set) => [...set].reduce((total, file) => total + gz(file), 0);

const rows = [
  ["shell js", sum(shell), BUDGET.shellJs],
  ["shell css", sum(shellCss), BUDGET.shellCss],
];
const routes = [...text(entry).matchAll(/["'`](?:\.\/)?(?:assets\/)?([A-Za-z]+Page-[\w-]+\.js)["'`]/g)].map(
  (m) => `assets/${m[1]}`,
);
for (const route of new Set(routes)) {
  const own = [...closure(route)].filter((file) => !shell.has(file));
  rows.push([`route ${route.match(/assets\/(\w+)Page/)[1]}`, sum(own), BUDGET.route]);
}
if (routes.length === 0) throw new Error("no route chunks found: the check would prove nothing");
const plain = files.filter((f) => !/\.(br|gz)$/.test(f));
rows.push([
  "dist, uncompressed",
  plain.reduce((total, f) => total + statSync(dist + f).size, 0),
  BUDGET.dist,
]);

let over = false;
for (const [name, size, limit] of rows) {
  const bad = size > limit;
  over ||= bad;
  console.log(
    `${bad ? "OVER" : "  ok"}  ${name.padEnd(22)} ${(size / KB).toFixed(1).padStart(8)} kB of ${limit / KB} kB`,
  );
}
process.exit(over ? 1 : 0);
