// Every metric there is, found by typing, walked with the arrow keys; only what can be seen is drawn.
import { TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState } from "react";
import { t } from "../../lib/i18n";
import type { Metric } from "../../lib/promql";
import { typing } from "../../shell/Shortcuts";
import styles from "./Metrics.module.css";
import { kindWord } from "./words";

const ROW = 40;

const SIGNS: Record<Metric["kind"], string> = {
  counter: "M2 13 L7 10 L11 9 L17 3",
  gauge: "M2 10 L6 5 L10 11 L14 6 L17 9",
  histogram: "M3 14 V10 M7 14 V4 M11 14 V7 M15 14 V11",
  native: "M3 14 V10 M7 14 V4 M11 14 V7 M15 14 V11",
  summary: "M2 4 H17 M2 9 H13 M2 14 H8",
};

type Props = { list: readonly Metric[]; picked?: string; onPick: (name: string) => void };

export function Catalogue({ list, picked, onPick }: Props) {
  const [text, setText] = useState("");
  const box = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const shown = useMemo(() => {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    return list.filter((one) => {
      const all = `${one.name} ${one.help} ${one.unit} ${one.kind}`.toLowerCase();
      return words.every((word) => all.includes(word));
    });
  }, [list, text]);
  const at = shown.findIndex((one) => one.name === picked);
  const virtual = useVirtualizer({
    count: shown.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW,
    overscan: 12,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: the list scrolls when another metric is picked, not when it changes
  useEffect(() => {
    if (at >= 0) virtual.scrollToIndex(at, { align: "auto" });
  }, [picked]);
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || typing(event)) return;
      event.preventDefault();
      field.current?.focus();
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, []);
  const move = (by: number) => {
    const next = shown[Math.min(shown.length - 1, Math.max(0, at + by))];
    if (next) onPick(next.name);
  };
  return (
    <aside className={styles.catalogue} aria-label={t("Metrics")}>
      <TextInput
        ref={field}
        size="xs"
        leftSection={<IconSearch size={14} />}
        placeholder={t("name, unit or words of its help")}
        aria-label={t("Find a metric")}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
          if (step) {
            event.preventDefault();
            move(step);
          } else if (event.key === "Enter" && at < 0) move(1);
        }}
      />
      <div ref={box} className={styles.names} role="listbox" aria-label={t("Metrics")} tabIndex={-1}>
        {shown.length === 0 && <p className="label">{t("No metric has these words")}</p>}
        <div style={{ height: virtual.getTotalSize(), position: "relative" }}>
          {virtual.getVirtualItems().map((item) => {
            const one = shown[item.index];
            if (!one) return null;
            return (
              <button
                key={one.name}
                type="button"
                role="option"
                aria-selected={one.name === picked}
                className={styles.name}
                style={{ transform: `translateY(${item.start}px)`, height: ROW }}
                title={one.help || one.name}
                onClick={() => onPick(one.name)}
              >
                <svg width="19" height="18" viewBox="0 0 19 18" aria-hidden="true">
                  <path d={SIGNS[one.kind]} fill="none" stroke="currentColor" strokeWidth="1.6" />
                </svg>
                <span>
                  <b>{one.name}</b>
                  <small>{one.help || one.unit || kindWord(one.kind)}</small>
                </span>
              </button>
            );
          })}
        </div>
      </div>
    </aside>
  );
}
