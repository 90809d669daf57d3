// The time range: presets, any relative span, or two instants. What is chosen is written to the URL.
import { ActionIcon, Button, Popover, TextInput } from "@mantine/core";
import { IconChevronLeft, IconChevronRight, IconClock, IconZoomOut } from "@tabler/icons-react";
import { useState } from "react";
import { clock, day } from "../lib/format";
import { t } from "../lib/i18n";
import {
  adjust,
  iso,
  isRelative,
  PRESETS,
  parseSpan,
  type Range,
  type RangeExpression,
  resolveInstant,
  zoneName,
} from "../lib/time";
import styles from "./TimePicker.module.css";

type Props = { expression: RangeExpression; range: Range; onChange: (next: RangeExpression) => void };

/** What is typed stands for local time; the field shows it as `2026-11-21 14:03:00`. */
const toField = (ms: number) => `${day(ms)} ${clock(ms)}`;
const fromField = (text: string) =>
  /^now/.test(text.trim()) || /Z$|[+-]\d\d:?\d\d$/.test(text.trim())
    ? text.trim()
    : text.trim().replace(" ", "T");

export function rangeWords({ from, to }: RangeExpression, range: Range): string {
  const back = /^now-(\w+)$/.exec(from);
  if (back && to === "now") return t("last {span}", { span: back[1] ?? "" });
  const sameDay = day(range.start) === day(range.end);
  return `${day(range.start).slice(5)} ${clock(range.start)} – ${sameDay ? "" : `${day(range.end).slice(5)} `}${clock(range.end)}`;
}

export function TimePicker({ expression, range, onChange }: Props) {
  const [open, setOpen] = useState(false);
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const choose = (next: RangeExpression) => {
    onChange(next);
    setOpen(false);
  };
  const absolute = (next: Range) => choose({ from: iso(next.start), to: iso(next.end) });
  const start = () => {
    setFrom(isRelative(expression) ? expression.from : toField(range.start));
    setTo(isRelative(expression) ? "now" : toField(range.end));
    setOpen(true);
  };
  const valid =
    resolveInstant(fromField(from), Date.now()) !== undefined &&
    resolveInstant(fromField(to), Date.now()) !== undefined;
  const apply = () => {
    const now = Date.now();
    const keep = (text: string) => (text.startsWith("now") ? text : iso(resolveInstant(text, now) ?? now));
    if (valid) choose({ from: keep(fromField(from)), to: keep(fromField(to)) });
  };
  return (
    <div className={styles.picker}>
      <ActionIcon
        variant="default"
        size={30}
        aria-label={t("Earlier")}
        onClick={() => absolute(adjust(range, -0.5, 1))}
      >
        <IconChevronLeft size={16} />
      </ActionIcon>
      <Popover opened={open} onChange={setOpen} position="bottom-end" shadow="md" trapFocus>
        <Popover.Target>
          <Button
            variant="default"
            size="xs"
            h={30}
            fw={500}
            leftSection={<IconClock size={14} />}
            onClick={() => (open ? setOpen(false) : start())}
            aria-haspopup="dialog"
            aria-expanded={open}
          >
            {rangeWords(expression, range)}
            <span className={styles.zone}>{zoneName(new Date(range.end))}</span>
          </Button>
        </Popover.Target>
        <Popover.Dropdown className={styles.drop}>
          <div className={styles.presets}>
            {PRESETS.map((preset) => (
              <Button
                key={preset}
                variant={
                  expression.from === `now-${preset}` && expression.to === "now" ? "filled" : "default"
                }
                size="compact-sm"
                onClick={() => choose({ from: `now-${preset}`, to: "now" })}
              >
                {preset}
              </Button>
            ))}
          </div>
          <form
            className={styles.form}
            onSubmit={(event) => {
              event.preventDefault();
              apply();
            }}
          >
            <TextInput
              size="xs"
              label={t("From")}
              value={from}
              onChange={(event) => setFrom(event.currentTarget.value)}
              data-autofocus
            />
            <TextInput
              size="xs"
              label={t("To")}
              value={to}
              onChange={(event) => setTo(event.currentTarget.value)}
            />
            <p className="label">
              {t("An instant, such as 2026-11-21 14:00, or now-90m. Times are {zone}.", { zone: zoneName() })}
            </p>
            <Button
              type="submit"
              size="xs"
              disabled={!valid || (parseSpan(from) !== undefined && !from.startsWith("now"))}
            >
              {t("Show this range")}
            </Button>
          </form>
        </Popover.Dropdown>
      </Popover>
      <ActionIcon
        variant="default"
        size={30}
        aria-label={t("Later")}
        onClick={() => absolute(adjust(range, 0.5, 1))}
      >
        <IconChevronRight size={16} />
      </ActionIcon>
      <ActionIcon
        variant="default"
        size={30}
        aria-label={t("Zoom out")}
        onClick={() => absolute(adjust(range, 0, 2))}
      >
        <IconZoomOut size={16} />
      </ActionIcon>
    </div>
  );
}
