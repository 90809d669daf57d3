import { readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { base64url, onlyTheWorker, usualName, WORKER } from "./push";

describe("the policy", () => {
  it("permits one path and nothing that looks like it", () => {
    expect(onlyTheWorker.createScriptURL(WORKER)).toBe("/sw.js");
    for (const url of [
      "",
      "/",
      "sw.js",
      "/sw.js?x",
      "//sw.js",
      "https://evil.example/sw.js",
      "data:text/javascript,1",
    ])
      expect(() => onlyTheWorker.createScriptURL(url)).toThrow(TypeError);
  });
});

describe("names", () => {
  it("say which browser on which machine", () => {
    const agent = (rest: string) => `Mozilla/5.0 ${rest}`;
    expect(usualName(agent("(X11; Linux x86_64) AppleWebKit/537.36 Chrome/151 Safari/537.36"))).toBe(
      "Chrome, Linux",
    );
    expect(usualName(agent("(Windows NT 10.0) Chrome/151 Safari/537.36 Edg/151"))).toBe("Edge, Windows");
    expect(usualName(agent("(iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19 Safari/604"))).toBe(
      "Safari, iPhone",
    );
    expect(usualName(agent("(Linux; Android 16) Chrome/151 Mobile Safari/537.36"))).toBe("Chrome, Android");
    expect(usualName("")).toBe("");
  });
  it("keys are written as the node writes them", () => {
    expect(base64url(new Uint8Array([251, 255, 254]).buffer)).toBe("-__-");
  });
});

// The worker as it is served, in a world of its own.
function world(windows: { url: string; focused?: boolean }[] = []) {
  const listeners: Record<string, (event: unknown) => void> = {};
  const shown: [string, Record<string, unknown>][] = [];
  const opened: string[] = [];
  const self = {
    location: { origin: "https://sre.example" },
    navigator: { language: "zh-TW" },
    addEventListener: (kind: string, listener: (event: unknown) => void) => {
      listeners[kind] = listener;
    },
    skipWaiting: () => {},
    registration: {
      showNotification: async (title: string, options: Record<string, unknown>) =>
        void shown.push([title, options]),
    },
    clients: {
      claim: async () => {},
      matchAll: async () =>
        windows.map((window) => ({
          url: window.url,
          focus: async () => {
            window.focused = true;
          },
        })),
      openWindow: async (url: string) => void opened.push(url),
    },
  };
  runInNewContext(readFileSync("public/sw.js", "utf8"), { self, URL });
  const send = async (kind: string, event: Record<string, unknown>) => {
    let done: unknown;
    listeners[kind]?.({ ...event, waitUntil: (promise: unknown) => (done = promise) });
    await done;
  };
  return {
    shown,
    opened,
    push: (json: () => unknown) => send("push", { data: { json } }),
    click: (data: unknown, action = "") =>
      send("notificationclick", { action, notification: { data, close: () => {} } }),
  };
}

describe("the worker", () => {
  it("shows a call, with a way to answer it", async () => {
    const it = world();
    await it.push(() => ({
      title: "[P0] INC-1",
      body: "payments fail",
      path: "/incident/INC-1",
      answer: "/incident/INC-1?do=acknowledge",
      tag: "nines-INC-1",
      urgent: true,
    }));
    const [title, options] = it.shown[0] ?? ["", {}];
    expect(title).toBe("[P0] INC-1");
    expect(options).toMatchObject({
      tag: "nines-INC-1",
      requireInteraction: true,
      silent: false,
      renotify: true,
    });
    expect(options.actions).toEqual([{ action: "acknowledge", title: "接手" }]);
  });
  it("makes no sound about what is over, and asks nothing", async () => {
    const it = world();
    await it.push(() => ({
      title: "t",
      over: true,
      urgent: true,
      answer: "/incident/INC-1?do=acknowledge",
      tag: "a",
    }));
    expect(it.shown[0]?.[1]).toMatchObject({
      silent: true,
      renotify: false,
      requireInteraction: false,
      actions: [],
    });
  });
  it("shows something whatever was pushed", async () => {
    const it = world();
    await it.push(() => {
      throw new SyntaxError("no json");
    });
    await it.push(() => null);
    await it.push(() => ({ title: { toString: "evil" }, body: ["x"], tag: 5, path: 7 }));
    expect(it.shown.map(([title, options]) => [title, options.body, options.tag])).toEqual([
      ["Nines", "", "nines"],
      ["Nines", "", "nines"],
      ["Nines", "", "nines"],
    ]);
  });
  it("opens the page of it, or the window that shows it already", async () => {
    const it = world();
    await it.click({ path: "/incident/INC-1" });
    expect(it.opened).toEqual(["https://sre.example/incident/INC-1"]);
    const open = { url: "https://sre.example/incident/INC-1?tab=timeline", focused: false };
    const again = world([open]);
    await again.click({ path: "/incident/INC-1", answer: "/incident/INC-1?do=acknowledge" });
    expect([open.focused, again.opened]).toEqual([true, []]);
    await again.click({ path: "/incident/INC-1", answer: "/incident/INC-1?do=acknowledge" }, "acknowledge");
    expect(again.opened).toEqual(["https://sre.example/incident/INC-1?do=acknowledge"]);
  });
  it("never leads to another origin", async () => {
    for (const path of [
      "https://evil.example/incident/INC-1",
      "//evil.example/",
      "/\\evil.example/",
      "javascript:alert(1)",
      "",
      undefined,
      { toString: () => "/x" },
    ]) {
      const it = world();
      await it.click({ path });
      await it.click({ path: "/", answer: path }, "acknowledge");
      for (const url of it.opened) expect(new URL(url).origin).toBe("https://sre.example");
    }
    const it = world();
    await it.click(null);
    expect(it.opened).toEqual(["https://sre.example/incidents"]);
  });
});
