// Styles are imported by component, to keep the shell small: one that is forgotten draws its icons as large as the page.
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const files = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => `${folder}/${name}`);

describe("Mantine's styles", () => {
  test("are there for every component in use", () => {
    const imported = readFileSync("src/styles/mantine.css", "utf8");
    const offered = new Set(
      readdirSync("node_modules/@mantine/core/styles")
        .filter((name) => name.endsWith(".layer.css"))
        .map((name) => name.replace(".layer.css", "")),
    );
    const used = files("src")
      .filter((name) => name.endsWith(".tsx"))
      .flatMap((name) => [
        ...readFileSync(name, "utf8").matchAll(/import \{([^}]*)\} from "@mantine\/core"/g),
      ])
      .flatMap((found) => (found[1] ?? "").split(",").map((word) => word.trim().replace(/^type /, "")));
    const bare = [...new Set(used)].filter(
      (name) => offered.has(name) && !imported.includes(`/${name}.layer.css`),
    );
    expect(bare).toEqual([]);
  });
});
