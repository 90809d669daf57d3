// What is edited: a document with the way back and forth, and a guard for leaving it unsaved.
import { useCallback, useEffect, useState } from "react";
import type { Document } from "../../lib/dashboard";
import { t } from "../../lib/i18n";

/** Steps back that are kept: more than anybody remembers. */
const STEPS_MAX = 100;

type State = { past: Document[]; now?: Document; future: Document[] };
const NOTHING: State = { past: [], future: [] };

export function useDraft(kept: Document, editing: boolean) {
  const [state, setState] = useState<State>(NOTHING);
  const change = useCallback(
    (make: (old: Document) => Document) =>
      setState(({ past, now }) => {
        const old = now ?? kept;
        return { past: [...past, old].slice(-STEPS_MAX), now: make(old), future: [] };
      }),
    [kept],
  );
  const undo = useCallback(
    () =>
      setState((old) => {
        const last = old.past.at(-1);
        if (!last || !old.now) return old;
        return { past: old.past.slice(0, -1), now: last, future: [old.now, ...old.future] };
      }),
    [],
  );
  const redo = useCallback(
    () =>
      setState((old) => {
        const [next, ...future] = old.future;
        if (!next || !old.now) return old;
        return { past: [...old.past, old.now], now: next, future };
      }),
    [],
  );
  const reset = useCallback(() => setState(NOTHING), []);
  const document = editing && state.now ? state.now : kept;
  const isDirty = editing && state.past.length > 0 && JSON.stringify(document) !== JSON.stringify(kept);
  useGuard(isDirty);
  return {
    document,
    change,
    undo,
    redo,
    reset,
    isDirty,
    canUndo: state.past.length > 0,
    canRedo: state.future.length > 0,
  };
}

/** Asks before the page is left by a link or closed. */
function useGuard(isDirty: boolean) {
  useEffect(() => {
    if (!isDirty) return;
    const onLeave = (event: BeforeUnloadEvent) => event.preventDefault();
    const onClick = (event: MouseEvent) => {
      const link = (event.target as Element).closest?.("a[href]");
      if (!link || event.ctrlKey || event.metaKey || link.getAttribute("target") === "_blank") return;
      if (window.confirm(t("Throw away what is not saved?"))) return;
      event.preventDefault();
      event.stopPropagation();
    };
    window.addEventListener("beforeunload", onLeave);
    // Before the router sees it.
    document.addEventListener("click", onClick, true);
    return () => {
      window.removeEventListener("beforeunload", onLeave);
      document.removeEventListener("click", onClick, true);
    };
  }, [isDirty]);
}
