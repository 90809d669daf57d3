// What is different about some rows, and what lies around one, over the mock's telemetry.
import { compile } from "./filter.mjs";
import { dataset, stats } from "./telemetry.mjs";

const SYMPTOM = /^(error|exception|status_|http\.response|severity)/;
const EXPLAINS = (field) => !/^_|timestamp|trace_id|span_id|duration|body|user\.id|^name$/.test(field);
const clean = ({ _offset, _ms, _events, ...row }) => row;

export function compare(body, select) {
  const all = select(body);
  const keep = compile(body.selected.filter ?? "", []);
  const { start = "", end = "9" } = body.selected;
  const chosen = new Set(all.filter((row) => keep(row) && row.timestamp >= start && row.timestamp < end));
  const rest = all.length - chosen.size;
  const counts = new Map();
  for (const row of all)
    for (const [field, value] of Object.entries(row)) {
      if (!EXPLAINS(field) || typeof value === "object" || (body.selected.filter ?? "").includes(`${field}:`))
        continue;
      const key = `${field}\n${value}`;
      const tally = counts.get(key) ?? [0, 0];
      tally[chosen.has(row) ? 0 : 1]++;
      counts.set(key, tally);
    }
  const differences = [];
  for (const [key, [selected, others]] of counts) {
    const [field, value] = key.split("\n");
    const [p, q] = [selected / Math.max(1, chosen.size), others / Math.max(1, rest)];
    const margin = p - q - 2 * Math.sqrt((p * (1 - p)) / (chosen.size + 4) + (q * (1 - q)) / (rest + 4));
    if (selected < 3 || margin < 0.03) continue;
    differences.push({
      field,
      value,
      role: SYMPTOM.test(field) ? "symptom" : "place",
      selected,
      rest: others,
      selected_share: p,
      rest_share: q,
      margin,
      also: [],
    });
  }
  differences.sort((a, b) => b.margin - a.margin);
  return {
    selected: chosen.size,
    rest,
    differences,
    fields: 24,
    sampled: false,
    stats: stats(all.length, 0.4),
  };
}

export function around({ dataset: name, at, stream = [], before = 20, after = 20 }) {
  const rows = dataset(name)
    .filter((row) => stream.every(({ field, value }) => String(row[field]) === value))
    .toReversed();
  const middle = rows.findIndex((row) => row.timestamp >= at);
  const first = Math.max(0, middle - before);
  const page = rows.slice(first, middle + after + 1).map(clean);
  return {
    rows: page,
    before: middle - first,
    more_before: first > 0,
    more_after: middle + after + 1 < rows.length,
    stats: stats(page.length, 0.1),
  };
}

/** Templates by their shape: what has a digit is a variable. */
export function patterns({ start, end, filter = "" }, select) {
  const rows = select({ dataset: "logs", start, end, filter }).toReversed();
  const found = new Map();
  const [from, to] = [Date.parse(start), Date.parse(end)];
  for (const row of rows) {
    const template = row.body.replace(/\S*\d\S*/g, "<*>");
    const known = found.get(template) ?? {
      template,
      example: row.body,
      filter: `"${template.split("<*>")[0].trim()}"`,
      count: 0,
      trend: new Array(30).fill(0),
      first_seen: row.timestamp,
      severity_number: 0,
      services: new Map(),
    };
    known.count++;
    known.last_seen = row.timestamp;
    known.trend[Math.min(29, Math.floor(((Date.parse(row.timestamp) - from) / (to - from)) * 30))]++;
    known.severity_number = Math.max(known.severity_number, row.severity_number);
    known.services.set(row["service.name"], (known.services.get(row["service.name"]) ?? 0) + 1);
    found.set(template, known);
  }
  const list = [...found.values()]
    .sort((a, b) => b.count - a.count)
    .map((one, index) => ({
      ...one,
      id: index.toString(16).padStart(16, "0"),
      share: one.count / Math.max(1, rows.length),
      services: [...one.services].map(([name, count]) => ({ name, count })),
      is_new: one.severity_number >= 17,
      ...(one.severity_number >= 13 ? { surge: { recent: one.count, expected: 1.5, chance: 1e-9 } } : {}),
    }));
  return {
    patterns: list,
    start,
    end,
    step_secs: (to - from) / 30_000,
    lines: rows.length,
    found: list.length,
    sampled: false,
    stats: stats(rows.length, 0.5),
  };
}
