// Reading and writing the URL, the only state that is shared between pages.
import { useCallback, useEffect, useMemo, useState } from "react";
import { useLocation, useSearch } from "wouter";
import { type Range, type RangeExpression, resolveRange } from "../lib/time";
import { type Changes, link, patch, rangeFrom } from "../lib/url";

export function useUrl() {
  const [path, navigate] = useLocation();
  const search = useSearch();
  const params = useMemo(() => new URLSearchParams(search), [search]);
  const set = useCallback(
    (changes: Changes, { replace = false } = {}) => {
      const next = patch(new URLSearchParams(window.location.search), changes).toString();
      navigate(next ? `${path}?${next}` : path, { replace });
    },
    [navigate, path],
  );
  const href = useCallback((to: string, changes: Changes = {}) => link(to, params, changes), [params]);
  return { path, params, set, href, navigate };
}

/** The range of the URL, resolved against the clock; relative ranges move on every `everyMs`. */
export function useRange(
  everyMs: number,
  fallback?: RangeExpression,
): Range & { expression: RangeExpression } {
  const { params } = useUrl();
  const now = useNow(everyMs);
  const { from, to } = rangeFrom(params, fallback);
  return useMemo(() => ({ ...resolveRange({ from, to }, now), expression: { from, to } }), [from, to, now]);
}

/** The time, read anew every `everyMs`; 0 reads it once. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!everyMs) return;
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}
