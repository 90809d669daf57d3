// The forms a view has besides its data: loading, empty, failed, partial.
import { Button, Skeleton } from "@mantine/core";
import type { ReactNode } from "react";
import { ApiError } from "../api/client";
import { t } from "../lib/i18n";
import { Glyph } from "./Mark";
import styles from "./states.module.css";

export function Loading({ rows = 4, height = 56 }: { rows?: number; height?: number }) {
  return (
    <div className={styles.loading} role="status" aria-label={t("Loading")}>
      {Array.from({ length: rows }, (_, i) => (
        <Skeleton key={i} height={height} radius="sm" />
      ))}
    </div>
  );
}

export function Empty({
  title,
  children,
  action,
}: {
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className={styles.empty}>
      <svg width="72" height="26" viewBox="0 0 72 26" aria-hidden="true">
        <path
          d="M0 20.5h72M4 20v-8M12 20v-4M20 20v-4M28 20v-8M36 20V9M44 20v-8M52 20v-4M60 20v-4M68 20v-8"
          stroke="currentColor"
          fill="none"
        />
      </svg>
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {action}
    </div>
  );
}

/** A problem as the server states it: what, what to do about it, and a way to try again. */
export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  const problem = error instanceof ApiError ? error.problem : undefined;
  const detail =
    problem?.code === "unreachable" ? t("The server does not answer.") : (problem?.detail ?? String(error));
  return (
    <div className={styles.failure} role="alert" data-tone="bad">
      <Glyph shape="octagon" size={18} />
      <div className="grow">
        <strong>{detail}</strong>
        {problem?.hint && <p>{problem.hint}</p>}
        {problem?.request_id && (
          <p className="label">
            {problem.code} · {problem.request_id}
          </p>
        )}
      </div>
      {retry && (
        <Button size="compact-sm" variant="default" onClick={retry}>
          {t("Try again")}
        </Button>
      )}
    </div>
  );
}

export function Notice({ tone, children }: { tone: "warn" | "info" | "bad"; children: ReactNode }) {
  return (
    <div className={styles.notice} data-tone={tone} role="status">
      <Glyph shape={tone === "info" ? "ring" : "triangle"} size={14} />
      <span>{children}</span>
    </div>
  );
}

/** A number with its name above it; the number is what the eye finds first. */
export function Figure({
  label,
  value,
  unit,
  tone,
}: {
  label: string;
  value: ReactNode;
  unit?: ReactNode;
  tone?: string;
}) {
  return (
    <div className={styles.figure} data-tone={tone}>
      <div className="label">{label}</div>
      <div className={styles.value}>
        {value}
        {unit && <small>{unit}</small>}
      </div>
    </div>
  );
}
