// What the browser scripts share: a server to look at (the mock, or NINES_URL) and Debian's Chromium.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

export async function stage() {
  if (!existsSync(CHROMIUM))
    throw new Error(`no browser at ${CHROMIUM}: install the package "chromium" or set CHROMIUM`);
  let base = process.env.NINES_URL;
  let mock;
  if (!base) {
    mock = spawn(process.execPath, [new URL("../mock/server.mjs", import.meta.url).pathname], {
      env: { ...process.env, MOCK_PORT: "0" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = await once(mock.stdout, "data");
    base = String(line).match(/http:\S+/)[0];
  }
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
  return {
    base,
    browser,
    mocked: Boolean(mock),
    /** A page that remembers what it complained about. `theme` and `language` are set before the first paint. */
    async open({ theme = "light", language = "en", width = 1440, height = 900 } = {}) {
      const context = await browser.newContext({
        viewport: { width, height },
        locale: language,
        timezoneId: "Asia/Taipei",
        colorScheme: theme,
      });
      await context.addInitScript(
        ([theme, language]) => {
          localStorage.setItem("nines-theme", theme);
          localStorage.setItem("nines-language", language);
        },
        [theme, language],
      );
      const page = await context.newPage();
      page.complaints = [];
      page.on("pageerror", (error) => page.complaints.push(String(error)));
      // A refusal of the content security policy is an error on the console, and so fails the journey.
      page.on("console", (message) => message.type() === "error" && page.complaints.push(message.text()));
      if (process.env.NINES_KEY)
        await context.request.post(`${base}/api/v1/session`, { data: { key: process.env.NINES_KEY } });
      return page;
    },
    async close() {
      await browser.close();
      mock?.kill();
    },
  };
}
