// One's own account: password, second factor, and where one is signed in.
import { Button, CopyButton, PasswordInput, TextInput } from "@mantine/core";
import { useState } from "react";
import {
  useBeginTotp,
  useConfirmTotp,
  useEndSession,
  useMe,
  useRemoveTotp,
  useSessions,
  useSetPassword,
} from "../../api/doors";
import type { Me } from "../../api/types";
import { StateChip } from "../../components/Mark";
import { Empty, Failure, Loading, Notice } from "../../components/states";
import { ago, moment } from "../../lib/format";
import { t } from "../../lib/i18n";
import { Browsers } from "./Browsers";
import styles from "./You.module.css";

const PASSWORD_CHARS_MIN = 12;

export default function YouPage() {
  const me = useMe();
  return (
    <div className="page">
      <div className="head">
        <h1>{me.data ? me.data.account.name : t("Your account")}</h1>
        {me.data && <span className="label">{me.data.account.role}</span>}
      </div>
      {me.error ? (
        <Empty title={t("This sign-in belongs to no account")}>{String(me.error.message)}</Empty>
      ) : me.isPending ? (
        <Loading rows={3} />
      ) : (
        <>
          <div className={styles.columns}>
            <Password me={me.data} />
            <SecondFactor me={me.data} />
          </div>
          <Browsers />
          <Sessions />
        </>
      )}
    </div>
  );
}

function Password({ me }: { me: Me }) {
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const set = useSetPassword();
  return (
    <section className="panel">
      <header>
        <h2>{t("Password")}</h2>
        <StateChip
          look={
            me.has_password
              ? { tone: "good", shape: "check", word: t("set") }
              : { tone: "none", shape: "ring", word: t("not set") }
          }
        />
      </header>
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          set.mutate(
            { current: me.has_password ? current : undefined, new: next },
            {
              onSuccess: () => {
                setCurrent("");
                setNext("");
              },
            },
          );
        }}
      >
        <input type="text" autoComplete="username" value={me.account.name} readOnly hidden />
        {me.has_password && (
          <PasswordInput
            size="xs"
            label={t("Current password")}
            autoComplete="current-password"
            value={current}
            onChange={(event) => setCurrent(event.currentTarget.value)}
          />
        )}
        <PasswordInput
          size="xs"
          label={t("New password")}
          description={t("At least {count} characters. Four words are better than one with signs.", {
            count: PASSWORD_CHARS_MIN,
          })}
          autoComplete="new-password"
          value={next}
          onChange={(event) => setNext(event.currentTarget.value)}
        />
        {set.error && <Failure error={set.error} />}
        {set.isSuccess && <Notice tone="info">{t("Set. Your other sessions have ended.")}</Notice>}
        <Button type="submit" size="xs" disabled={next.length < PASSWORD_CHARS_MIN} loading={set.isPending}>
          {t("Set the password")}
        </Button>
      </form>
    </section>
  );
}

function SecondFactor({ me }: { me: Me }) {
  const [code, setCode] = useState("");
  const begin = useBeginTotp();
  const confirm = useConfirmTotp();
  const remove = useRemoveTotp();
  const codes = confirm.data?.codes;
  const field = (
    <TextInput
      size="xs"
      label={me.has_totp ? t("A code, to take it away") : t("The code that the app shows now")}
      inputMode="numeric"
      autoComplete="one-time-code"
      value={code}
      onChange={(event) => setCode(event.currentTarget.value)}
    />
  );
  return (
    <section className="panel">
      <header>
        <h2>{t("Second factor")}</h2>
        <StateChip
          look={
            me.has_totp
              ? { tone: "good", shape: "check", word: t("asked for") }
              : { tone: "none", shape: "ring", word: t("not set up") }
          }
        />
      </header>
      {codes ? (
        <div className={styles.form}>
          <p>{t("Write these down. Each signs you in once when the phone is not at hand.")}</p>
          <div className={styles.codes}>
            {codes.map((each) => (
              <span key={each}>{each}</span>
            ))}
          </div>
          <CopyButton value={codes.join("\n")}>
            {({ copied, copy }) => (
              <Button size="xs" onClick={copy}>
                {copied ? t("copied") : t("Copy the codes")}
              </Button>
            )}
          </CopyButton>
          <Button size="xs" variant="default" onClick={() => confirm.reset()}>
            {t("I have kept them")}
          </Button>
        </div>
      ) : me.has_totp ? (
        <form
          className={styles.form}
          onSubmit={(event) => {
            event.preventDefault();
            remove.mutate(code, { onSuccess: () => setCode("") });
          }}
        >
          <p className="dim">{t("{count} recovery codes are left.", { count: me.recovery_codes_left })}</p>
          {field}
          {remove.error && <Failure error={remove.error} />}
          <Button
            type="submit"
            size="xs"
            color="red"
            variant="default"
            disabled={!code.trim()}
            loading={remove.isPending}
          >
            {t("Take it away")}
          </Button>
        </form>
      ) : begin.data ? (
        <form
          className={styles.form}
          onSubmit={(event) => {
            event.preventDefault();
            confirm.mutate(code, {
              onSuccess: () => {
                setCode("");
                begin.reset();
              },
            });
          }}
        >
          <p>{t("Scan the picture with an authenticator app, or type the secret.")}</p>
          <img
            className={styles.picture}
            alt={t("Picture for the authenticator app")}
            src={`data:image/svg+xml,${encodeURIComponent(begin.data.svg)}`}
          />
          <code className={styles.secret}>{begin.data.secret}</code>
          {field}
          {confirm.error && <Failure error={confirm.error} />}
          <Button type="submit" size="xs" disabled={!code.trim()} loading={confirm.isPending}>
            {t("Confirm")}
          </Button>
        </form>
      ) : (
        <div className={styles.form}>
          <p className="dim">{t("A code from your phone, besides the password.")}</p>
          {begin.error && <Failure error={begin.error} />}
          <Button size="xs" variant="default" loading={begin.isPending} onClick={() => begin.mutate()}>
            {t("Set it up")}
          </Button>
        </div>
      )}
    </section>
  );
}

/** A browser in a few words; the whole text is in the title. */
const browser = (client: string) =>
  /(Firefox|Edg|OPR|Chrome|Safari|curl|nines)/.exec(client)?.[1]?.replace("Edg", "Edge") ?? "?";

function Sessions() {
  const query = useSessions();
  const end = useEndSession();
  return (
    <section className="panel scroll-x">
      <header>
        <h2>{t("Where you are signed in")}</h2>
      </header>
      {query.error && <Failure error={query.error} retry={() => query.refetch()} />}
      {end.error && <Failure error={end.error} />}
      <table className="grid">
        <thead>
          <tr>
            <th>{t("Browser")}</th>
            <th>{t("From")}</th>
            <th>{t("Since")}</th>
            <th>{t("Until")}</th>
            <th />
          </tr>
        </thead>
        <tbody>
          {query.data?.sessions.map((session) => (
            <tr key={session.id}>
              <td title={session.client}>{browser(session.client)}</td>
              <td className="mono">{session.address || "–"}</td>
              <td>{ago(session.created_at)}</td>
              <td>{moment(session.expires_at)}</td>
              <td className="num">
                {session.is_current ? (
                  <StateChip look={{ tone: "good", shape: "check", word: t("this one") }} />
                ) : (
                  <Button
                    size="compact-xs"
                    variant="default"
                    loading={end.isPending && end.variables === session.id}
                    onClick={() => end.mutate(session.id)}
                  >
                    {t("End it")}
                  </Button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
