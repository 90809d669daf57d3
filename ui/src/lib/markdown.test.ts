import { expect, test } from "vitest";
import { blocks, inline } from "./markdown";

test("blocks are told apart", () => {
  expect(blocks("# A\nb\nc\n\n- x\n- y\n1. z\n```\ncode\n```").map((block) => block.kind)).toEqual([
    "heading",
    "paragraph",
    "list",
    "list",
    "code",
  ]);
});

test("markup of HTML and links that run are text", () => {
  expect(inline("<img src=x onerror=alert(1)>")).toEqual([
    { kind: "text", text: "<img src=x onerror=alert(1)>" },
  ]);
  for (const link of ["[a](javascript:alert(1))", "[a](//evil.example)", "[a](data:text/html,x)"])
    expect(
      inline(link).every((part) => part.kind !== "link"),
      link,
    ).toBe(true);
  expect(inline("see [b](/service/b) **now**")).toEqual([
    { kind: "text", text: "see " },
    { kind: "link", text: "b", to: "/service/b" },
    { kind: "text", text: " " },
    { kind: "bold", text: "now" },
  ]);
});
