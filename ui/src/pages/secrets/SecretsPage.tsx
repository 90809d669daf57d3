// Secrets go in here and are used by reference; the page never shows one unless somebody says why.
import { Button, CopyButton, Modal, PasswordInput, TextInput } from "@mantine/core";
import { useState } from "react";
import { useDeleteSecret, usePutSecret, useRevealSecret, useRotateSecret, useSecrets } from "../../api/doors";
import { useSession } from "../../api/hooks";
import type { Secret } from "../../api/types";
import { Empty, Failure, Loading } from "../../components/states";
import { ago } from "../../lib/format";
import { t } from "../../lib/i18n";
import styles from "./Secrets.module.css";

/** A name as documents write it. */
const EXAMPLE_NAME = "slack-token";

/** A value on screen, and why: made just now, or asked for. */
type Shown = { name: string; value: string };

export default function SecretsPage() {
  const session = useSession();
  const role = session.data?.role ?? "";
  const allowed = ["editor", "admin", "owner"].includes(role);
  const mayReveal = ["admin", "owner"].includes(role);
  const query = useSecrets(allowed);
  const [shown, setShown] = useState<Shown>();
  const [asked, setAsked] = useState<string>();
  return (
    <div className="page">
      <div className="head">
        <h1>{t("Secrets")}</h1>
        {query.data && <span className="label mono">{query.data.master}</span>}
      </div>
      {session.data && !allowed ? (
        <Empty title={t("Secrets are for editors")}>
          {t("You are signed in as {name} with the role {role}.", { name: session.data.name, role })}
        </Empty>
      ) : (
        <>
          <Create />
          {query.error && <Failure error={query.error} retry={() => query.refetch()} />}
          {query.isPending && !query.error ? (
            <Loading rows={3} />
          ) : query.data?.secrets.length === 0 ? (
            <Empty title={t("No secrets yet")}>
              {t("Keep a token here and write {reference} in the channel in its place.", {
                reference: "secret://slack-token",
              })}
            </Empty>
          ) : (
            query.data && (
              <List secrets={query.data.secrets} onMade={setShown} onAsk={mayReveal ? setAsked : undefined} />
            )
          )}
        </>
      )}
      <Modal
        lockScroll={false}
        opened={shown !== undefined}
        onClose={() => setShown(undefined)}
        title={t("The value of {name}", { name: shown?.name ?? "" })}
        centered
        closeButtonProps={{ "aria-label": t("Close") }}
      >
        {shown && (
          <div className="stack">
            <p>{t("Give it to the other side; documents refer to it by name.")}</p>
            <code className={styles.value}>{shown.value}</code>
            <CopyButton value={shown.value}>
              {({ copied, copy }) => (
                <Button onClick={copy}>{copied ? t("copied") : t("Copy the value")}</Button>
              )}
            </CopyButton>
          </div>
        )}
      </Modal>
      {asked !== undefined && <Reveal name={asked} onClose={() => setAsked(undefined)} onShown={setShown} />}
    </div>
  );
}

function Create() {
  const [name, setName] = useState("");
  const [value, setValue] = useState("");
  const put = usePutSecret();
  return (
    <section className="panel">
      <form
        className={styles.create}
        onSubmit={(event) => {
          event.preventDefault();
          put.mutate(
            { name: name.trim(), value },
            {
              onSuccess: () => {
                setName("");
                setValue("");
              },
            },
          );
        }}
      >
        <TextInput
          size="xs"
          label={t("Name")}
          placeholder={EXAMPLE_NAME}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <PasswordInput
          size="xs"
          label={t("Value")}
          autoComplete="off"
          value={value}
          onChange={(event) => setValue(event.currentTarget.value)}
        />
        <Button type="submit" size="xs" disabled={!name.trim() || !value} loading={put.isPending}>
          {t("Keep it")}
        </Button>
      </form>
      {put.error && <Failure error={put.error} />}
    </section>
  );
}

function List({
  secrets,
  onMade,
  onAsk,
}: {
  secrets: Secret[];
  onMade: (shown: Shown) => void;
  onAsk?: (name: string) => void;
}) {
  const rotate = useRotateSecret();
  const remove = useDeleteSecret();
  const [asked, setAsked] = useState<string>();
  const failed = rotate.error ?? remove.error;
  const twice = (act: string, run: () => void) => (asked === act ? run() : setAsked(act));
  return (
    <div className="panel scroll-x">
      {failed && <Failure error={failed} />}
      <table className="grid">
        <thead>
          <tr>
            <th>{t("Name")}</th>
            <th>{t("Versions")}</th>
            <th>{t("Set")}</th>
            <th>{t("Used by")}</th>
            <th>{t("Last used")}</th>
            <th />
          </tr>
        </thead>
        <tbody>
          {secrets.map((secret) => {
            const newest = secret.versions[0];
            const made = rotate.isPending && rotate.variables === secret.name;
            return (
              <tr key={secret.name}>
                <td>
                  <span className={styles.name}>{secret.name}</span>
                  <CopyButton value={secret.reference}>
                    {({ copied, copy }) => (
                      <button type="button" className={`plain mono ${styles.reference}`} onClick={copy}>
                        {copied ? t("copied") : secret.reference}
                      </button>
                    )}
                  </CopyButton>
                </td>
                <td>
                  <span className={styles.versions}>
                    {secret.versions.map(({ version }, index) => (
                      <span
                        key={version}
                        className={styles.version}
                        data-good={index < 2}
                        title={
                          index === 0 ? t("in use") : index === 1 ? t("still good") : t("kept to go back to")
                        }
                      >
                        {version}
                      </span>
                    ))}
                  </span>
                </td>
                <td>
                  {newest && ago(newest.created_at)}{" "}
                  <span className="dim">{t("by {name}", { name: newest?.created_by ?? "?" })}</span>
                </td>
                <td>{secret.used_by.length > 0 ? secret.used_by.join(", ") : t("nothing yet")}</td>
                <td>{secret.last_used_at ? ago(secret.last_used_at) : "–"}</td>
                <td className="num">
                  <Button.Group>
                    <Button
                      size="compact-xs"
                      variant={asked === `rotate ${secret.name}` ? "filled" : "default"}
                      loading={made}
                      onBlur={() => setAsked(undefined)}
                      onClick={() =>
                        twice(`rotate ${secret.name}`, () =>
                          rotate.mutate(secret.name, {
                            onSuccess: ({ value }) => value && onMade({ name: secret.name, value }),
                          }),
                        )
                      }
                    >
                      {asked === `rotate ${secret.name}` ? t("Make a new value?") : t("Rotate")}
                    </Button>
                    {onAsk && (
                      <Button size="compact-xs" variant="default" onClick={() => onAsk(secret.name)}>
                        {t("Reveal")}
                      </Button>
                    )}
                    <Button
                      size="compact-xs"
                      color="red"
                      variant={asked === `remove ${secret.name}` ? "filled" : "default"}
                      loading={remove.isPending && remove.variables === secret.name}
                      onBlur={() => setAsked(undefined)}
                      onClick={() => twice(`remove ${secret.name}`, () => remove.mutate(secret.name))}
                    >
                      {asked === `remove ${secret.name}` ? t("Remove for ever?") : t("Remove")}
                    </Button>
                  </Button.Group>
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function Reveal({
  name,
  onClose,
  onShown,
}: {
  name: string;
  onClose: () => void;
  onShown: (shown: Shown) => void;
}) {
  const [reason, setReason] = useState("");
  const reveal = useRevealSecret();
  return (
    <Modal
      lockScroll={false}
      opened
      onClose={onClose}
      title={t("Reveal {name}", { name })}
      centered
      closeButtonProps={{ "aria-label": t("Close") }}
    >
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          reveal.mutate(
            { name, reason },
            {
              onSuccess: ({ value }) => {
                onClose();
                onShown({ name, value });
              },
            },
          );
        }}
      >
        <TextInput
          label={t("Why does it have to be seen?")}
          description={t("The reason and your name go into the audit log.")}
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
          data-autofocus
        />
        {reveal.error && <Failure error={reveal.error} />}
        <Button type="submit" disabled={reason.trim().length < 10} loading={reveal.isPending}>
          {t("Reveal")}
        </Button>
      </form>
    </Modal>
  );
}
