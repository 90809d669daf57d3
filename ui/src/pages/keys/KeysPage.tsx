import { Button, CopyButton, Modal, NativeSelect, TextInput } from "@mantine/core";
import { useState } from "react";
import { useTeams } from "../../api/doors";
import { useCreateKey, useKeys, useReplaceKey, useRevokeKey, useSession } from "../../api/hooks";
import type { KeyCreated } from "../../api/types";
import { StateChip } from "../../components/Mark";
import { Empty, Failure, Loading } from "../../components/states";
import { ago, moment } from "../../lib/format";
import { t } from "../../lib/i18n";
import styles from "./Keys.module.css";

const ROLES = ["ingest", "viewer", "responder", "editor", "admin"] as const;

const roleWord = (role: string) =>
  ({
    ingest: t("ingest: may only send telemetry"),
    viewer: t("viewer: reads everything but secrets"),
    responder: t("responder: runs incidents"),
    editor: t("editor: changes promises and rules"),
    admin: t("admin: makes keys"),
  })[role] ?? role;

export default function KeysPage() {
  const session = useSession();
  const everywhere = session.data?.role === "admin" || session.data?.role === "owner";
  const managed = Object.entries(session.data?.teams ?? {})
    .filter(([, role]) => role === "admin")
    .map(([team]) => team);
  const allowed = everywhere || managed.length > 0;
  const query = useKeys(allowed);
  const [created, setCreated] = useState<KeyCreated>();
  return (
    <div className="page">
      <div className="head">
        <h1>{t("Keys")}</h1>
      </div>
      {!allowed ? (
        <Empty title={t("Keys are for administrators")}>
          {t("You are signed in as {name} with the role {role}.", {
            name: session.data?.name ?? "?",
            role: session.data?.role ?? "?",
          })}
        </Empty>
      ) : (
        <>
          <Create onCreated={setCreated} everywhere={everywhere} managed={managed} />
          {query.error && <Failure error={query.error} retry={() => query.refetch()} />}
          {query.isPending ? <Loading rows={3} /> : <List onCreated={setCreated} />}
        </>
      )}
      <Modal
        lockScroll={false}
        opened={created !== undefined}
        onClose={() => setCreated(undefined)}
        title={t("Copy the secret now")}
        centered
        closeButtonProps={{ "aria-label": t("Close") }}
      >
        {created && (
          <div className="stack">
            <p>{t("It is shown this once; only a hash is kept.")}</p>
            <code className={styles.secret}>{created.secret}</code>
            <CopyButton value={created.secret}>
              {({ copied, copy }) => (
                <Button onClick={copy}>{copied ? t("copied") : t("Copy the secret")}</Button>
              )}
            </CopyButton>
          </div>
        )}
      </Modal>
    </div>
  );
}

function Create({
  onCreated,
  everywhere,
  managed,
}: {
  onCreated: (key: KeyCreated) => void;
  everywhere: boolean;
  managed: string[];
}) {
  const teams = useTeams();
  const known = everywhere ? (teams.data?.teams.map((one) => one.name) ?? []) : managed;
  const [name, setName] = useState("");
  const [team, setTeam] = useState(everywhere ? "" : (managed[0] ?? ""));
  const [role, setRole] = useState<string>(everywhere ? "ingest" : "viewer");
  const create = useCreateKey();
  return (
    <form
      className={styles.create}
      onSubmit={(event) => {
        event.preventDefault();
        create.mutate(
          { name: name.trim(), role, team: team || undefined },
          {
            onSuccess: (key) => {
              onCreated(key);
              setName("");
            },
          },
        );
      }}
    >
      <TextInput
        size="xs"
        label={t("Name")}
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <NativeSelect
        size="xs"
        label={t("May do")}
        value={role}
        onChange={(event) => setRole(event.currentTarget.value)}
        data={ROLES.filter((value) => everywhere || value !== "ingest").map((value) => ({
          value,
          label: roleWord(value),
        }))}
      />
      {known.length > 0 && (
        <NativeSelect
          size="xs"
          label={role === "ingest" ? t("Counts for") : t("Where")}
          value={team}
          onChange={(event) => setTeam(event.currentTarget.value)}
          data={[
            ...(everywhere ? [{ value: "", label: role === "ingest" ? t("no team") : t("everywhere") }] : []),
            ...known.map((name) => ({
              value: name,
              label: role === "ingest" ? t("for team {name}", { name }) : t("in team {name}", { name }),
            })),
          ]}
        />
      )}
      <Button type="submit" size="xs" disabled={!name.trim()} loading={create.isPending}>
        {t("Make a key")}
      </Button>
      {create.error && <Failure error={create.error} />}
    </form>
  );
}

function List({ onCreated }: { onCreated: (key: KeyCreated) => void }) {
  const query = useKeys(true);
  const revoke = useRevokeKey();
  const replace = useReplaceKey();
  // A key is replaced once; the one that came in its place is the one to replace next.
  const replaced = new Set(query.data?.keys.map((key) => key.replaces));
  const [asked, setAsked] = useState<string>();
  return (
    <div className="panel scroll-x">
      {(revoke.error ?? replace.error) && <Failure error={revoke.error ?? replace.error} />}
      <table className="grid">
        <thead>
          <tr>
            <th>{t("Name")}</th>
            <th>{t("Role")}</th>
            <th>{t("Begins with")}</th>
            <th>{t("Made")}</th>
            <th>{t("Last used")}</th>
            <th>{t("Expires")}</th>
            <th />
          </tr>
        </thead>
        <tbody>
          {query.data?.keys.map((key) => (
            <tr key={key.id} className={key.revoked ? "dim" : undefined}>
              <td>
                <b>{key.name}</b>
              </td>
              <td>
                {!key.team
                  ? key.role
                  : key.role === "ingest"
                    ? t("{role} for {team}", { role: key.role, team: key.team })
                    : t("{role} in {team}", { role: key.role, team: key.team })}
              </td>
              <td className="mono">{key.prefix}…</td>
              <td>
                {ago(key.created_at)} <span className="dim">{t("by {name}", { name: key.created_by })}</span>
              </td>
              <td>{key.last_used_at ? ago(key.last_used_at) : "–"}</td>
              <td>{key.expires_at ? moment(key.expires_at) : t("never")}</td>
              <td className="num">
                {key.revoked ? (
                  <StateChip look={{ tone: "none", shape: "ring", word: t("revoked") }} />
                ) : (
                  <Button.Group>
                    {!replaced.has(key.id) && (
                      <Button
                        size="compact-xs"
                        variant="subtle"
                        title={t("A new secret; the old one goes on for a week")}
                        loading={replace.isPending && replace.variables === key.id}
                        onClick={() => replace.mutate(key.id, { onSuccess: onCreated })}
                      >
                        {t("Replace")}
                      </Button>
                    )}
                    <Button
                      size="compact-xs"
                      color="red"
                      variant={asked === key.id ? "filled" : "subtle"}
                      loading={revoke.isPending && revoke.variables === key.id}
                      onBlur={() => setAsked(undefined)}
                      onClick={() => (asked === key.id ? revoke.mutate(key.id) : setAsked(key.id))}
                    >
                      {asked === key.id ? t("Revoke at once?") : t("Revoke")}
                    </Button>
                  </Button.Group>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
