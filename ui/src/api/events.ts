// The event stream: says what changed, the queries read it again. When the stream is lost the figures on screen are
// drawn as old until it is back, even if the five-second refetch still works: two independent signs of life.
import type { QueryClient } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";
import type { StreamEvent } from "./types";

export type StreamState = "connecting" | "live" | "lost";

const KINDS = [
  "incident",
  "alert",
  "page",
  "slos",
  "change",
  "oncall",
  "run",
  "postmortem",
  "sheet",
  "uptime",
  "secret",
  "infrastructure",
  "inventory",
  "dashboards",
  "browsers",
] as const;
/** Sent first on every connection and to a reader that fell behind: anything may have changed meanwhile. */
const RESYNC = "resync";
/** A reader that reconnects on its own after a proxy gave up for good. */
const RECONNECT_MS = 2_000;

let state: StreamState = "connecting";
const listeners = new Set<() => void>();
const setState = (next: StreamState) => {
  if (next === state) return;
  state = next;
  for (const listener of listeners) listener();
};

export const useStreamState = () =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => state,
  );

/** Opens the stream; the returned function closes it. `onEvent` sees each event once. */
export function openStream(client: QueryClient, onEvent: (event: StreamEvent) => void): () => void {
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let closed = false;

  const receive = (message: MessageEvent<string>) => {
    setState("live");
    let event: StreamEvent;
    try {
      event = JSON.parse(message.data) as StreamEvent;
    } catch {
      return;
    }
    if (event.kind === RESYNC) {
      for (const kind of KINDS) client.invalidateQueries({ queryKey: [kind] });
      return;
    }
    if (!KINDS.some((kind) => kind === event.kind)) return;
    client.invalidateQueries({ queryKey: [event.kind] });
    if (event.kind === "alert" || event.kind === "incident" || event.kind === "change") {
      client.invalidateQueries({ queryKey: ["slos", "list"] });
    }
    if (event.kind === "alert" || event.kind === "page" || event.kind === "oncall")
      client.invalidateQueries({ queryKey: ["incident", "one"] });
    onEvent(event);
  };

  const connect = () => {
    if (closed) return;
    source = new EventSource("/api/v1/events");
    source.onopen = () => setState("live");
    source.onmessage = receive;
    for (const kind of [...KINDS, RESYNC]) source.addEventListener(kind, receive as EventListener);
    source.onerror = () => {
      setState("lost");
      // The browser retries by itself unless the answer was final.
      if (source?.readyState === EventSource.CLOSED) timer = setTimeout(connect, RECONNECT_MS);
    };
  };
  connect();

  return () => {
    closed = true;
    clearTimeout(timer);
    source?.close();
    setState("connecting");
  };
}
