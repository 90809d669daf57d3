// What the public is told: a draft, the two approvals it needs, and when it was published.
import { Button, Textarea } from "@mantine/core";
import { useState } from "react";
import { type Statement, useStatement, useStatements } from "../../api/statuspages";
import { Failure } from "../../components/states";
import { moment } from "../../lib/format";
import { t } from "../../lib/i18n";

export function Statements({ incident, open }: { incident: string; open: boolean }) {
  const query = useStatements(incident);
  const change = useStatement(incident);
  const [text, setText] = useState<string | null>(null);
  const list = query.data?.statements ?? [];
  if (!open && list.length === 0) return null;
  return (
    <section className="panel">
      <header>
        <h2>{t("For the public")}</h2>
        {open && text === null && (
          <Button size="compact-xs" variant="default" onClick={() => setText("")}>
            {t("Draft a statement")}
          </Button>
        )}
      </header>
      <div className="pad stack">
        {change.error && <Failure error={change.error} />}
        {text !== null && (
          <form
            onSubmit={(event) => {
              event.preventDefault();
              if (text.trim()) change.mutate({ body: { text } }, { onSuccess: () => setText(null) });
            }}
          >
            <Textarea
              size="xs"
              autosize
              minRows={3}
              label={t("Shown on status pages once public relations and a manager have approved it")}
              value={text}
              onChange={(event) => setText(event.currentTarget.value)}
              autoFocus
            />
            <Button mt={8} size="xs" type="submit" loading={change.isPending} disabled={!text.trim()}>
              {t("Ask for approval")}
            </Button>
          </form>
        )}
        {list.map((one) => (
          <One
            key={one.number}
            statement={one}
            approve={(role) => change.mutate({ number: one.number, body: { role } })}
          />
        ))}
      </div>
    </section>
  );
}

function One({ statement, approve }: { statement: Statement; approve: (role: string) => void }) {
  const roles: [string, string][] = [
    ["public_relations", t("Public relations")],
    ["manager", t("Manager")],
  ];
  return (
    <div>
      <p style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>{statement.text}</p>
      <div className="row wrap label">
        <span>{statement.drafted_by}</span>
        {statement.published_at ? (
          <span className="chip" data-tone="good">
            {t("published {time}", { time: moment(statement.published_at) })}
          </span>
        ) : (
          roles.map(([role, name]) => {
            const by = statement.approvals.find((one) => one.role === role)?.by;
            return by ? (
              <span key={role} className="chip" data-tone="good">
                {name}: {by}
              </span>
            ) : (
              <Button key={role} size="compact-xs" variant="default" onClick={() => approve(role)}>
                {t("Approve as {role}", { role: name })}
              </Button>
            );
          })
        )}
      </div>
    </div>
  );
}
