// Answers that come line by line. Rows are objects; the last line is about the answer as a whole, under a key that no
// field begins with.

export const ABOUT = "$nines";

/** Cuts a stream of text into lines; the rest waits for the next piece. Empty lines are left out. */
export function lineCutter(): { push: (text: string) => string[]; rest: () => string } {
  let rest = "";
  return {
    push(text) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      return lines.filter((line) => line.trim() !== "");
    },
    rest: () => rest,
  };
}

/** Calls `onRows` for each piece that arrives, and gives what the last line says; an answer without one was cut off. */
export async function readLines<Row, About>(
  response: Response,
  onRows: (rows: Row[]) => void,
): Promise<About | undefined> {
  const reader = response.body?.getReader();
  if (!reader) return undefined;
  const decoder = new TextDecoder();
  const cutter = lineCutter();
  let about: About | undefined;
  const take = (lines: string[]) => {
    const rows: Row[] = [];
    for (const line of lines) {
      const value = JSON.parse(line) as Row & { [ABOUT]?: About };
      if (value[ABOUT] !== undefined) about = value[ABOUT];
      else rows.push(value);
    }
    if (rows.length) onRows(rows);
  };
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    take(cutter.push(decoder.decode(value, { stream: true })));
  }
  const rest = (cutter.rest() + decoder.decode()).trim();
  if (rest) take([rest]);
  return about;
}
