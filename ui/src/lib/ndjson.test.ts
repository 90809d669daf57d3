import { describe, expect, it } from "vitest";
import { lineCutter, readLines } from "./ndjson";

const answer = (pieces: (string | Uint8Array)[]) =>
  new Response(
    new ReadableStream({
      start(controller) {
        for (const piece of pieces)
          controller.enqueue(typeof piece === "string" ? new TextEncoder().encode(piece) : piece);
        controller.close();
      },
    }),
  );

describe("lines", () => {
  it("are cut wherever the pieces end", () => {
    const cutter = lineCutter();
    expect(cutter.push('{"a":')).toEqual([]);
    expect(cutter.push('1}\n{"b":2}\n\n{"c"')).toEqual(['{"a":1}', '{"b":2}']);
    expect(cutter.rest()).toBe('{"c"');
  });

  it("give rows as they come, then what the answer says of itself", async () => {
    const seen: unknown[][] = [];
    const about = await readLines(
      answer(['{"n":1}\n{"n":2}\n', '{"n":3}\n{"$nines":{"stats":{}}}\n']),
      (rows) => seen.push(rows),
    );
    expect(seen).toEqual([[{ n: 1 }, { n: 2 }], [{ n: 3 }]]);
    expect(about).toEqual({ stats: {} });
  });

  it("survive a character that is cut in two, and a missing end", async () => {
    const bytes = new TextEncoder().encode('{"body":"結帳"}\n');
    const seen: unknown[] = [];
    const about = await readLines(answer([bytes.slice(0, 11), bytes.slice(11)]), (rows) =>
      seen.push(...rows),
    );
    expect(seen).toEqual([{ body: "結帳" }]);
    expect(about).toBeUndefined();
  });
});
