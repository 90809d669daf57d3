// Journeys of dashboards: one is built by drag and is there after a reload, one of Grafana comes in, thirty panels scroll.
import assert from "node:assert/strict";

/** What each panel's frame says of itself. */
const states = (page) => page.$$eval("section[data-state]", (all) => all.map((one) => one.dataset.state));
const cells = (page) =>
  page.$$eval("[data-panel]", (all) =>
    all.map((one) => {
      const box = one.getBoundingClientRect();
      return [
        one.dataset.panel,
        Math.round(box.x),
        Math.round(box.y),
        Math.round(box.width),
        Math.round(box.height),
      ];
    }),
  );

const GRAFANA = {
  title: "Journey of Grafana",
  schemaVersion: 39,
  templating: { list: [{ name: "step", type: "custom", query: "1m,5m" }] },
  panels: [
    {
      id: 1,
      type: "timeseries",
      title: "Seven",
      gridPos: { x: 0, y: 0, w: 12, h: 8 },
      targets: [{ refId: "A", expr: "vector(7)", legendFormat: "seven of $step" }],
    },
    { id: 2, type: "nodeGraph", title: "Graph", gridPos: { x: 12, y: 0, w: 12, h: 8 }, targets: [] },
  ],
};

/** Longer than this and somebody who scrolls sees it. */
const LONG_TASK_MS = 200;

export async function dashboards(journey, s) {
  await journey(
    "a dashboard is built by drag and is there after a reload",
    { realOnly: true },
    async (page, shot) => {
      const title = `Journey ${Date.now()}`;
      await page.goto(`${s.base}/dashboards`);
      await page.getByRole("button", { name: "New dashboard" }).click();
      const add = async (kind) => {
        await page.getByRole("button", { name: "Add panel" }).first().click();
        await page.getByRole("menuitem", { name: kind, exact: true }).click();
        return page.getByRole("dialog", { name: "Panel" });
      };
      const first = await add("Panel");
      await first.getByLabel("Title").fill("Seven");
      // The mistake is said while it is typed, and gone when it is mended.
      const promql = first.getByRole("textbox", { name: "PromQL" });
      await promql.fill("sum(vector(7)");
      await first.getByText(/parse error/).waitFor();
      await promql.fill("vector(7)");
      await first.getByText(/parse error/).waitFor({ state: "detached" });
      await first.getByLabel("Title").click();
      await first.locator("[data-state=shown]").waitFor();
      await shot("1-panel");
      await first.getByRole("button", { name: "Take it over" }).click();
      const second = await add("Text");
      await second.getByLabel("Title").fill("Read me");
      await second
        .getByLabel("Markdown")
        .fill("**Who** to ask: [the services](/services)\n\n<b>no markup</b>");
      await second.getByRole("button", { name: "Take it over" }).click();
      await page.getByText("<b>no markup</b>").waitFor();

      // The note goes to the right of the number, and is made taller.
      const handle = page.getByRole("button", { name: /^Move Read me/ });
      const box = await handle.boundingBox();
      await page.mouse.move(box.x + 20, box.y + 12);
      await page.mouse.down();
      await page.mouse.move(box.x + 400, box.y - 100, { steps: 8 });
      await page.mouse.move(box.x + 20 + 640, box.y + 12 - 300, { steps: 8 });
      await shot("2-dragged");
      await page.mouse.up();
      await handle.focus();
      await page.keyboard.press("Shift+ArrowDown");
      await page.keyboard.press("Shift+ArrowDown");
      await page.keyboard.press("Control+z");
      await page.getByRole("button", { name: "Save" }).click();
      const settings = page.getByRole("dialog", { name: "Title, team, variables" });
      await settings.getByLabel("Title").fill(title);
      await settings.getByRole("button", { name: "Take it over" }).click();
      await page.getByRole("button", { name: "Save" }).click();
      await page.waitForURL(/\/dashboards\/journey-/);
      await page.getByRole("button", { name: "Edit" }).waitFor();
      const before = await cells(page);
      const [seven, note] = before;
      assert.equal(seven[2], note[2], `side by side: ${JSON.stringify(before)}`);
      assert.ok(
        note[1] > seven[1] && note[4] > seven[4],
        `to the right and taller: ${JSON.stringify(before)}`,
      );
      await page.reload();
      await page.getByRole("heading", { name: title }).waitFor();
      await page.locator("section[data-state=shown]").first().waitFor();
      assert.deepEqual(await cells(page), before);
      await shot("3-reloaded");
      await page.getByRole("button", { name: "As code" }).click();
      await page.getByText("kind: Dashboard").waitFor();
      await shot("4-code");
    },
  );

  await journey("a dashboard of Grafana comes in with a report", { realOnly: true }, async (page, shot) => {
    await page.request.delete(`${s.base}/api/v1/dashboards/journey-of-grafana`, {
      headers: { authorization: `Bearer ${process.env.NINES_KEY}` },
    });
    await page.goto(`${s.base}/dashboards`);
    await page.getByRole("button", { name: "Import" }).click();
    await page.locator("input[type=file]").setInputFiles({
      name: "grafana.json",
      mimeType: "application/json",
      buffer: Buffer.from(JSON.stringify(GRAFANA)),
    });
    await page.getByText("1 taken").waitFor();
    await page.getByText("there is no panel of kind `nodeGraph` here").waitFor();
    await shot("1-report");
    await page.getByRole("button", { name: "Keep it" }).click();
    await page.waitForURL(/\/dashboards\/journey-of-grafana/);
    await page.getByText("seven of 1m").waitFor();
    await shot("2-kept");
  });

  await journey("thirty panels scroll without a long task", { realOnly: true }, async (page, shot) => {
    const panels = Array.from({ length: 30 }, (_, n) => ({
      id: `p${n}`,
      title: `Panel ${n}`,
      view: n % 5 === 4 ? "stat" : "timeSeries",
      x: (n % 3) * 8,
      y: Math.floor(n / 3) * 8,
      w: 8,
      h: 8,
      queries: [
        {
          promql: `sin(vector(time() / ${60 + n}))`,
        },
      ],
    }));
    const document = {
      apiVersion: "nines/v1",
      kind: "Dashboard",
      metadata: { name: "journey-thirty" },
      spec: { title: "Thirty", time: { from: "now-6h", to: "now" }, panels },
    };
    const headers = { authorization: `Bearer ${process.env.NINES_KEY}` };
    const put = await page.request.put(`${s.base}/api/v1/dashboards/journey-thirty`, {
      data: { document },
      headers,
    });
    assert.equal(put.status(), 200, await put.text());
    await page.goto(`${s.base}/dashboards/journey-thirty`);
    await page.locator("section[data-state=shown]").nth(5).waitFor();
    const asked = (await states(page)).filter((state) => state !== "asking").length;
    assert.ok(asked < 30, `only what is near is asked: ${asked} of 30`);
    await page.evaluate(() => {
      window.longTasks = [];
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) window.longTasks.push(entry.duration);
      }).observe({ type: "longtask" });
    });
    await page.mouse.move(700, 500);
    for (let step = 0; step < 40; step++) {
      await page.mouse.wheel(0, 90);
      await page.waitForTimeout(30);
    }
    await page.locator("section[data-state=shown]").nth(25).waitFor();
    const tasks = await page.evaluate(() => window.longTasks);
    console.log(
      `         thirty panels: ${tasks.length} tasks over 50 ms while scrolling, the longest ${Math.round(Math.max(0, ...tasks))} ms`,
    );
    await shot("scrolled");
    // A figure of the machine too: on a busy one a task waits for its turn, so only what nobody would call smooth fails.
    assert.ok(Math.max(0, ...tasks) < LONG_TASK_MS * 5, `a task of ${Math.max(...tasks)} ms`);
  });
}
