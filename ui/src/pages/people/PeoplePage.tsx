// Teams with their members, and for administrators everybody who can sign in.
import { Button, CopyButton, Modal, NativeSelect, TextInput } from "@mantine/core";
import { useState } from "react";
import { useAccounts, useDisableAccount, useInvite, useNewLink, useResetSecondFactor } from "../../api/doors";
import { useSession } from "../../api/hooks";
import type { Account, Invited } from "../../api/types";
import { StateChip } from "../../components/Mark";
import { Failure, Loading } from "../../components/states";
import { ago } from "../../lib/format";
import { t } from "../../lib/i18n";
import keys from "../keys/Keys.module.css";
import { Teams } from "./Teams";

const ROLES = ["member", "viewer", "responder", "editor", "admin"];

export default function PeoplePage() {
  const session = useSession();
  const role = session.data?.role ?? "";
  const allowed = role === "admin" || role === "owner";
  const query = useAccounts(allowed);
  const [invited, setInvited] = useState<Invited>();
  return (
    <div className="page">
      <div className="head">
        <h1>{t("People and teams")}</h1>
      </div>
      <Teams />
      {allowed && (
        <>
          <h2>{t("Accounts")}</h2>
          <Invite onInvited={setInvited} />
          {query.error && <Failure error={query.error} retry={() => query.refetch()} />}
          {query.isPending ? (
            <Loading rows={3} />
          ) : (
            <List accounts={query.data?.accounts ?? []} onLink={setInvited} />
          )}
        </>
      )}
      <Modal
        lockScroll={false}
        opened={invited !== undefined}
        onClose={() => setInvited(undefined)}
        title={t("A link for {name}", { name: invited?.account.name ?? "" })}
        centered
        closeButtonProps={{ "aria-label": t("Close") }}
      >
        {invited && (
          <div className="stack">
            <p>{t("It signs them in once, within a day. It is shown this once.")}</p>
            <code className={keys.secret}>{invited.link}</code>
            <CopyButton value={invited.link}>
              {({ copied, copy }) => (
                <Button onClick={copy}>{copied ? t("copied") : t("Copy the link")}</Button>
              )}
            </CopyButton>
          </div>
        )}
      </Modal>
    </div>
  );
}

function Invite({ onInvited }: { onInvited: (invited: Invited) => void }) {
  const [name, setName] = useState("");
  const [role, setRole] = useState("responder");
  const invite = useInvite();
  return (
    <form
      className={keys.create}
      onSubmit={(event) => {
        event.preventDefault();
        invite.mutate(
          { name: name.trim(), role },
          {
            onSuccess: (answer) => {
              onInvited(answer);
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
        label={t("Role")}
        value={role}
        onChange={(event) => setRole(event.currentTarget.value)}
        data={ROLES}
      />
      <Button type="submit" size="xs" disabled={!name.trim()} loading={invite.isPending}>
        {t("Invite")}
      </Button>
      {invite.error && <Failure error={invite.error} />}
    </form>
  );
}

function List({ accounts, onLink }: { accounts: Account[]; onLink: (invited: Invited) => void }) {
  const link = useNewLink();
  const disable = useDisableAccount();
  const reset = useResetSecondFactor();
  // The button that was pressed once; the second press does it.
  const [asked, setAsked] = useState<string>();
  const failed = link.error ?? disable.error ?? reset.error;
  return (
    <div className="panel scroll-x">
      {failed && <Failure error={failed} />}
      <table className="grid">
        <thead>
          <tr>
            <th>{t("Name")}</th>
            <th>{t("Role")}</th>
            <th>{t("Made")}</th>
            <th />
          </tr>
        </thead>
        <tbody>
          {accounts.map((account) => (
            <tr key={account.id} className={account.disabled ? "dim" : undefined}>
              <td>
                <b>{account.name}</b>
              </td>
              <td>{account.role}</td>
              <td>{ago(account.created_at)}</td>
              <td className="num">
                {account.disabled ? (
                  <StateChip look={{ tone: "none", shape: "ring", word: t("disabled") }} />
                ) : (
                  <Button.Group>
                    <Button
                      size="compact-xs"
                      variant="default"
                      loading={link.isPending && link.variables === account.id}
                      onClick={() => link.mutate(account.id, { onSuccess: onLink })}
                    >
                      {t("New link")}
                    </Button>
                    <Twice
                      id={`reset ${account.id}`}
                      asked={asked}
                      onAsk={setAsked}
                      loading={reset.isPending && reset.variables === account.id}
                      onDo={() => reset.mutate(account.id)}
                      word={t("Reset second factor")}
                      sure={t("Reset, and end their sessions?")}
                    />
                    <Twice
                      id={`disable ${account.id}`}
                      asked={asked}
                      onAsk={setAsked}
                      loading={disable.isPending && disable.variables === account.id}
                      onDo={() => disable.mutate(account.id)}
                      word={t("Disable")}
                      sure={t("Disable for ever?")}
                    />
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

/** A button that asks before it does what cannot be taken back. */
function Twice(props: {
  id: string;
  asked: string | undefined;
  onAsk: (id: string | undefined) => void;
  onDo: () => void;
  loading: boolean;
  word: string;
  sure: string;
}) {
  const isAsked = props.asked === props.id;
  return (
    <Button
      size="compact-xs"
      color="red"
      variant={isAsked ? "filled" : "default"}
      loading={props.loading}
      onBlur={() => props.onAsk(undefined)}
      onClick={() => {
        props.onAsk(isAsked ? undefined : props.id);
        if (isAsked) props.onDo();
      }}
    >
      {isAsked ? props.sure : props.word}
    </Button>
  );
}
