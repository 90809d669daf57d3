// The part of Markdown that notes are written in, as a tree and not as HTML: what somebody writes is shown, never run.

export type Inline =
  | { kind: "text" | "bold" | "italic" | "code"; text: string }
  | { kind: "link"; text: string; to: string };
export type Block =
  | { kind: "heading"; level: number; parts: Inline[] }
  | { kind: "paragraph"; parts: Inline[] }
  | { kind: "list"; ordered: boolean; items: Inline[][] }
  | { kind: "code"; text: string };

const INLINE = /`([^`]+)`|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*|_([^_\s][^_]*)_|\[([^\]]+)\]\(([^()\s]+)\)/g;

export function inline(text: string): Inline[] {
  const parts: Inline[] = [];
  let end = 0;
  for (const found of text.matchAll(INLINE)) {
    if (found.index > end) parts.push({ kind: "text", text: text.slice(end, found.index) });
    const [whole, code, bold, star, under, label, to] = found;
    if (code !== undefined) parts.push({ kind: "code", text: code });
    else if (bold !== undefined) parts.push({ kind: "bold", text: bold });
    else if (label !== undefined)
      // Nothing that runs: a path of ours or a page by https.
      parts.push(
        to && /^(\/(?!\/)|https?:\/\/)/.test(to)
          ? { kind: "link", text: label, to }
          : { kind: "text", text: whole },
      );
    else parts.push({ kind: "italic", text: star ?? under ?? "" });
    end = found.index + whole.length;
  }
  if (end < text.length) parts.push({ kind: "text", text: text.slice(end) });
  return parts;
}

export function blocks(text: string): Block[] {
  const made: Block[] = [];
  const lines = text.split(/\r?\n/);
  let paragraph: string[] = [];
  const close = () => {
    if (paragraph.length) made.push({ kind: "paragraph", parts: inline(paragraph.join(" ")) });
    paragraph = [];
  };
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? "";
    const heading = /^(#{1,6})\s+(.*)$/.exec(line);
    const item = /^\s*(?:([-*+])|\d+[.)])\s+(.*)$/.exec(line);
    if (line.startsWith("```")) {
      close();
      const code: string[] = [];
      for (at += 1; at < lines.length && !lines[at]?.startsWith("```"); at++) code.push(lines[at] ?? "");
      made.push({ kind: "code", text: code.join("\n") });
    } else if (heading) {
      close();
      made.push({ kind: "heading", level: heading[1]?.length ?? 1, parts: inline(heading[2] ?? "") });
    } else if (item) {
      close();
      const last = made.at(-1);
      const ordered = !item[1];
      if (
        last?.kind === "list" &&
        last.ordered === ordered &&
        /^\s*(?:[-*+]|\d+[.)])\s/.test(lines[at - 1] ?? "")
      )
        last.items.push(inline(item[2] ?? ""));
      else made.push({ kind: "list", ordered, items: [inline(item[2] ?? "")] });
    } else if (line.trim() === "") close();
    else paragraph.push(line.trim());
  }
  close();
  return made;
}
