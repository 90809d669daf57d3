// Who did what, when, from where, and what became of it. The chain is checked as the page opens.
import { Button, NativeSelect, TextInput } from "@mantine/core";
import { IconDownload, IconSearch } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import { Link } from "wouter";
import { useSession } from "../../api/hooks";
import { type AuditFilter, auditPage, useAudit, useAuditVerdict } from "../../api/operations";
import type { AuditRecord } from "../../api/types";
import { Glyph, StateChip } from "../../components/Mark";
import { Empty, Failure, Loading } from "../../components/states";
import { download, toCsv } from "../../lib/csv";
import { count, moment } from "../../lib/format";
import { t } from "../../lib/i18n";
import type { Look } from "../../lib/states";
import { zoneName } from "../../lib/time";
import { typing } from "../../shell/Shortcuts";
import { useUrl } from "../../state/url";
import styles from "./Audit.module.css";

/** Entries of one export from the page; the command line exports everything. */
const EXPORT_MAX = 20_000;
const EXPORT_PAGE = 1000;

const resultLook = (result: string): Look =>
  result === "denied"
    ? { tone: "bad", shape: "octagon", word: t("denied") }
    : result === "failed"
      ? { tone: "warn", shape: "triangle", word: t("failed") }
      : { tone: "good", shape: "check", word: t("done") };

export default function AuditPage() {
  const session = useSession();
  const allowed = session.data?.role === "admin" || session.data?.role === "owner";
  const { params, set } = useUrl();
  const filter: AuditFilter = {
    result: params.get("result") ?? "",
    action: params.get("action") ?? "",
    text: params.get("text") ?? "",
  };
  const query = useAudit(filter, allowed);
  const [typed, setTyped] = useState(filter.text);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const timer = setTimeout(
      () => typed !== filter.text && set({ text: typed || null }, { replace: true }),
      250,
    );
    return () => clearTimeout(timer);
  }, [typed, filter.text, set]);
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.key !== "/" || event.metaKey || event.ctrlKey || typing(event)) return;
      event.preventDefault();
      field.current?.focus();
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, []);
  if (session.data && !allowed) {
    return (
      <div className="page">
        <div className="head">
          <h1>{t("Audit")}</h1>
        </div>
        <Empty title={t("The audit log is for administrators")}>
          {t("You are signed in as {name} with the role {role}.", {
            name: session.data.name,
            role: session.data.role,
          })}
        </Empty>
      </div>
    );
  }
  const entries = query.data?.pages.flatMap((page) => page.entries) ?? [];
  return (
    <div className="page">
      <div className="head">
        <h1>{t("Audit")}</h1>
        <Chain allowed={allowed} />
        <span className="grow" />
        <Export filter={filter} />
      </div>
      <div className={styles.filter}>
        <TextInput
          ref={field}
          size="sm"
          className="grow"
          leftSection={<IconSearch size={15} />}
          placeholder={t("Who, what, on what, from where…")}
          aria-label={t("Find in the audit log")}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
        <NativeSelect
          size="sm"
          aria-label={t("What it is about")}
          value={filter.action}
          onChange={(event) => set({ action: event.currentTarget.value || null })}
          data={[
            { value: "", label: t("everything") },
            { value: "session.", label: t("signing in and out") },
            { value: "key.", label: t("keys") },
            { value: "objects.", label: t("documents") },
            { value: "incident.", label: t("incidents") },
            { value: "action.", label: t("operations") },
            { value: "ops.", label: t("InfraAPI calls") },
            { value: "route.", label: t("refused calls") },
          ]}
        />
        <NativeSelect
          size="sm"
          aria-label={t("What became of it")}
          value={filter.result}
          onChange={(event) => set({ result: event.currentTarget.value || null })}
          data={[
            { value: "", label: t("any result") },
            { value: "done", label: t("done") },
            { value: "denied", label: t("denied") },
            { value: "failed", label: t("failed") },
          ]}
        />
      </div>
      {query.error && <Failure error={query.error} retry={() => query.refetch()} />}
      {query.isPending ? (
        <Loading rows={8} height={30} />
      ) : entries.length === 0 ? (
        <Empty title={t("No entry fits")} />
      ) : (
        <Entries entries={entries} />
      )}
      {query.hasNextPage && (
        <Button
          variant="default"
          size="xs"
          loading={query.isFetchingNextPage}
          onClick={() => query.fetchNextPage()}
        >
          {t("Earlier entries")}
        </Button>
      )}
    </div>
  );
}

function Chain({ allowed }: { allowed: boolean }) {
  const verdict = useAuditVerdict(allowed);
  if (verdict.isPending) return <span className="chip">{t("checking the chain…")}</span>;
  if (!verdict.data) return null;
  const { intact, entries, broken_at } = verdict.data;
  return (
    <button
      type="button"
      className={styles.chain}
      data-tone={intact ? "good" : "bad"}
      title={t("Each entry carries the hash of the one before. Check again")}
      onClick={() => verdict.refetch()}
    >
      <Glyph shape={intact ? "check" : "octagon"} size={16} />
      {intact
        ? t("chain intact, {n} entries", { n: count(entries) })
        : t("broken at entry {n}", { n: broken_at ?? entries + 1 })}
    </button>
  );
}

function Entries({ entries }: { entries: AuditRecord[] }) {
  const { href, set } = useUrl();
  return (
    <div className="panel scroll-x">
      <table className={`grid ${styles.entries}`}>
        <thead>
          <tr>
            <th className="num">#</th>
            <th>{t("When ({zone})", { zone: zoneName() })}</th>
            <th>{t("Who")}</th>
            <th>{t("What")}</th>
            <th>{t("On")}</th>
            <th>{t("Result")}</th>
            <th>{t("Why, and more")}</th>
            <th>{t("From")}</th>
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) => {
            const run = entry.resource.match(/^runs\/(.+)$/)?.[1];
            const incident = entry.resource.match(/^incidents\/(INC-[\d-]+)/)?.[1];
            const to = run ? `/operations/run/${run}` : incident ? `/incident/${incident}` : undefined;
            return (
              <tr key={entry.sequence}>
                <td className="num dim" title={entry.hash}>
                  {entry.sequence}
                </td>
                <td className={styles.time}>{moment(entry.at)}</td>
                <td>
                  <button type="button" className="plain" onClick={() => set({ text: entry.actor })}>
                    <b>{entry.actor}</b>
                  </button>
                  {entry.via !== "system" && <div className="dim">{entry.via.split(":")[0]}</div>}
                </td>
                <td className="mono">{entry.action}</td>
                <td className={styles.resource} title={entry.resource}>
                  {to ? (
                    <Link href={href(to, { text: null, action: null, result: null })}>
                      {shortened(entry.resource)}
                    </Link>
                  ) : (
                    entry.resource
                  )}
                </td>
                <td>
                  <StateChip look={resultLook(entry.result)} />
                </td>
                <td className={styles.details}>{entry.details}</td>
                <td className="dim mono">{entry.address.replace(/:\d+$/, "")}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

/** A UUID in the middle of a name is told apart by its beginning and end. */
const shortened = (resource: string) =>
  resource.replace(/([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{8}([0-9a-f]{4})/, "$1…$2");

function Export({ filter }: { filter: AuditFilter }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const run = async () => {
    setBusy(true);
    setError(undefined);
    try {
      const all: AuditRecord[] = [];
      let before: number | undefined;
      do {
        const page = await auditPage(filter, before, EXPORT_PAGE);
        all.push(...page.entries);
        before = page.next_before ?? undefined;
      } while (before !== undefined && all.length < EXPORT_MAX);
      download("audit.csv", "text/csv", toCsv(all));
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      {error !== undefined && <Failure error={error} />}
      <Button
        size="xs"
        variant="default"
        leftSection={<IconDownload size={15} />}
        loading={busy}
        onClick={run}
      >
        {t("Export as CSV")}
      </Button>
    </>
  );
}
