// What the organisation forbids beyond roles: documents of policies, tried on the past before they hold.
import { Button, TextInput } from "@mantine/core";
import { useEffect, useState } from "react";
import { ApiError } from "../../api/client";
import { useCheckPolicy, usePolicies, usePutPolicy, useRemovePolicy } from "../../api/doors";
import { useSession } from "../../api/hooks";
import type { PolicyChecked, PolicyDocument, PolicyProblem } from "../../api/types";
import { Empty, Failure, Loading } from "../../components/states";
import { ago } from "../../lib/format";
import { t } from "../../lib/i18n";
import CedarEditor from "./CedarEditor";
import styles from "./Policies.module.css";

const EXAMPLE_NAME = "production";
const EXAMPLE = `// A policy only ever takes away: whoever may not do this by role may not do it by policy either.
@id("by-day")
@reason("machines go in and out of service by day, from 09:00 to 18:00 in Taipei")
forbid (principal, action in Action::"operate", resource)
unless { context.at["Asia/Taipei"].hour >= 9 && context.at["Asia/Taipei"].hour < 18 };
`;
const NO_PROBLEMS: readonly PolicyProblem[] = [];

/** What is in the editor; without a name it is a new document. */
type Draft = { name?: string; text: { value: string } };

export default function PoliciesPage() {
  const session = useSession();
  const role = session.data?.role ?? "";
  const allowed = ["admin", "owner"].includes(role);
  const query = usePolicies(allowed);
  const [draft, setDraft] = useState<Draft>();
  const documents = query.data?.documents;
  const counts = query.data?.counts;
  useEffect(() => {
    const first = documents?.[0];
    if (!draft && first) setDraft({ name: first.name, text: { value: first.text } });
  }, [documents, draft]);
  return (
    <div className="page">
      <div className="head">
        <h1>{t("Policies")}</h1>
        {counts && (
          <span className="label mono">
            {t("{evaluated} questions, {refused} refused, {errors} failed", {
              evaluated: counts.evaluated,
              refused: counts.refused,
              errors: counts.errors,
            })}
          </span>
        )}
      </div>
      {session.data && !allowed ? (
        <Empty title={t("Policies are for administrators")}>
          {t("You are signed in as {name} with the role {role}.", { name: session.data.name, role })}
        </Empty>
      ) : query.error ? (
        <Failure error={query.error} retry={() => query.refetch()} />
      ) : !documents ? (
        <Loading rows={3} />
      ) : documents.length === 0 && !draft ? (
        <Empty
          title={t("No policies yet")}
          action={
            <Button onClick={() => setDraft({ text: { value: EXAMPLE } })}>{t("Write the first one")}</Button>
          }
        >
          {t(
            "Roles decide alone. A policy takes away from what roles permit: by hour, place, team or incident.",
          )}
        </Empty>
      ) : (
        <div className={styles.columns}>
          <nav className={`panel ${styles.list}`} aria-label={t("Policies")}>
            <ul>
              {documents.map((document) => (
                <li key={document.name}>
                  <Row
                    document={document}
                    current={draft?.name === document.name}
                    onOpen={() => setDraft({ name: document.name, text: { value: document.text } })}
                  />
                </li>
              ))}
            </ul>
            <Button
              size="xs"
              variant={draft && draft.name === undefined ? "filled" : "default"}
              onClick={() => setDraft({ text: { value: EXAMPLE } })}
            >
              {t("New document")}
            </Button>
          </nav>
          {draft && (
            <Desk
              key={draft.name ?? ""}
              draft={draft}
              document={documents.find((document) => document.name === draft.name)}
              onKept={(kept) => setDraft({ name: kept.name, text: { value: kept.text } })}
              onGone={() => setDraft(undefined)}
            />
          )}
        </div>
      )}
    </div>
  );
}

function Row({
  document,
  current,
  onOpen,
}: {
  document: PolicyDocument;
  current: boolean;
  onOpen: () => void;
}) {
  const problems = document.problems ?? [];
  return (
    <button type="button" className={styles.row} aria-current={current} onClick={onOpen}>
      <span className={styles.name}>
        {document.name} <span className="dim">{t("version {version}", { version: document.version })}</span>
      </span>
      {!document.enabled ? (
        <span className={styles.state} data-tone="warn">
          {t("switched off")}
        </span>
      ) : problems.length > 0 ? (
        <span className={styles.state} data-tone="bad">
          {t("cannot be read: nobody can change anything")}
        </span>
      ) : (
        <ul className={styles.policies}>
          {document.policies.map((policy) => (
            <li key={policy.id}>
              <span className={styles.effect} data-effect={policy.effect}>
                {policy.effect}
              </span>{" "}
              {policy.id.slice(document.name.length + 1)}
            </li>
          ))}
        </ul>
      )}
      <span className="label">
        {ago(document.applied_at)} {t("by {name}", { name: document.applied_by })}
      </span>
    </button>
  );
}

function Desk({
  draft,
  document,
  onKept,
  onGone,
}: {
  draft: Draft;
  document?: PolicyDocument;
  onKept: (kept: PolicyDocument) => void;
  onGone: () => void;
}) {
  const [name, setName] = useState(draft.name ?? "");
  const [text, setText] = useState(draft.text.value);
  const [sure, setSure] = useState<"apply" | "remove">();
  const check = useCheckPolicy();
  const put = usePutPolicy();
  const remove = useRemovePolicy();
  const checked = check.data?.of === text ? check.data.checked : undefined;
  const problems = checked ? checked.problems : document?.text === text ? document.problems : undefined;
  const locks = put.error instanceof ApiError && put.error.problem?.code === "locks_out";
  const tryIt = () => check.mutate({ name: name.trim(), text });
  const apply = () =>
    put.mutate(
      { name: name.trim(), text, force: sure === "apply" },
      { onSuccess: onKept, onError: () => setSure("apply") },
    );
  return (
    <section className={styles.desk}>
      <div className={styles.bar}>
        {draft.name === undefined ? (
          <TextInput
            size="xs"
            aria-label={t("Name")}
            placeholder={EXAMPLE_NAME}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
        ) : (
          <h2>{draft.name}</h2>
        )}
        <span className="grow" />
        {document && (
          <Button
            size="xs"
            color="red"
            variant={sure === "remove" ? "filled" : "default"}
            loading={remove.isPending}
            onBlur={() => setSure(undefined)}
            onClick={() =>
              sure === "remove" ? remove.mutate(document.name, { onSuccess: onGone }) : setSure("remove")
            }
          >
            {sure === "remove" ? t("Remove for ever?") : t("Remove")}
          </Button>
        )}
        <Button size="xs" variant="default" loading={check.isPending} onClick={tryIt}>
          {t("Try on the past")}
        </Button>
        <Button size="xs" disabled={!name.trim() || !text.trim()} loading={put.isPending} onClick={apply}>
          {locks && sure === "apply" ? t("Apply all the same?") : t("Apply")}
        </Button>
      </div>
      <CedarEditor
        text={draft.text}
        problems={problems ?? NO_PROBLEMS}
        onText={(text) => {
          setText(text);
          put.reset();
        }}
        onSubmit={tryIt}
      />
      {put.error && <Failure error={put.error} />}
      {remove.error && <Failure error={remove.error} />}
      {check.error && <Failure error={check.error} />}
      {problems && problems.length > 0 ? (
        <ol className={`panel ${styles.problems}`} aria-label={t("Mistakes")}>
          {problems.map((problem) => (
            <li key={`${problem.line}:${problem.column}:${problem.message}`}>
              <span className="mono">
                {problem.line}:{problem.column}
              </span>
              <span>
                {problem.message}
                {problem.hint && <span className="dim"> {problem.hint}</span>}
              </span>
            </li>
          ))}
        </ol>
      ) : checked ? (
        <Past checked={checked} />
      ) : (
        <p className="dim">
          {t(
            "Trying it reads the text as the node does and puts the last thousand audited calls to it. Nothing is applied.",
          )}
        </p>
      )}
    </section>
  );
}

/** What would have been refused. */
function Past({ checked }: { checked: PolicyChecked }) {
  const past = checked.rehearsal;
  if (!past) return null;
  return (
    <div className="panel scroll-x">
      <p className={styles.verdict} data-tone={past.refused > 0 ? "warn" : "good"}>
        <strong>{past.refused}</strong>{" "}
        {t("of the last {asked} audited calls would have been refused", { asked: past.asked })}
        {past.unknown > 0 && (
          <span className="dim">
            {" "}
            {t("of {unknown} more the caller is known no more", { unknown: past.unknown })}
          </span>
        )}
      </p>
      {!checked.keeps_caller && (
        <p className={styles.verdict} data-tone="bad">
          {t("You could not take this back afterwards.")}
        </p>
      )}
      {past.examples.length > 0 && (
        <table className="grid">
          <thead>
            <tr>
              <th>{t("When")}</th>
              <th>{t("Who")}</th>
              <th>{t("Action")}</th>
              <th>{t("On")}</th>
              <th>{t("Policy")}</th>
            </tr>
          </thead>
          <tbody>
            {past.examples.map((example) => (
              <tr key={example.sequence}>
                <td>{ago(example.at)}</td>
                <td>{example.actor}</td>
                <td className="mono">{example.action}</td>
                <td className="mono">{example.resource}</td>
                <td>
                  {example.policy} {example.reason && <span className="dim">{example.reason}</span>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}
