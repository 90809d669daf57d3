import { Button, PasswordInput, TextInput } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { ApiError } from "../../api/client";
import { useSignInWays } from "../../api/doors";
import { useSignIn } from "../../api/hooks";
import { Failure } from "../../components/states";
import { t } from "../../lib/i18n";
import { Logo } from "../../shell/Logo";
import styles from "./SignIn.module.css";

/** The token of the one-time link, if that is where we are: `/first-run/<token>`. */
const FIRST_RUN = /^\/first-run\/([^/]+)$/;

export default function SignInPage() {
  const [byKey, setByKey] = useState(true);
  const [key, setKey] = useState("");
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const signIn = useSignIn();
  const ways = useSignInWays();
  const problem = signIn.error instanceof ApiError ? signIn.error.problem : undefined;
  // Asked for once the password was right, and then for as long as the page is open.
  const [needsCode, setNeedsCode] = useState(false);
  useEffect(() => {
    if (problem?.code === "second_factor") setNeedsCode(true);
  }, [problem]);
  // A link to an account with a second factor opens with a code alone.
  const token = FIRST_RUN.exec(location.pathname)?.[1];
  const byLink = token !== undefined && needsCode;
  const isReady = byLink
    ? code.trim() !== ""
    : byKey
      ? key.trim() !== ""
      : name.trim() !== "" && password !== "";
  const submit = () =>
    signIn.mutate(
      byLink
        ? { token, code: code.trim() }
        : byKey
          ? { key: key.trim() }
          : { name: name.trim(), password, code: needsCode ? code.trim() : undefined },
      {
        onSuccess: () => {
          // Stay where the link pointed; only the sign-in addresses themselves lead to the board.
          if (location.pathname === "/sign-in" || FIRST_RUN.test(location.pathname)) location.assign("/");
        },
      },
    );
  // The link works once, and only by a request that a page makes: fetching the address ahead uses nothing up.
  const sent = useRef(false);
  useEffect(() => {
    if (!token || sent.current) return;
    sent.current = true;
    signIn.mutate({ token }, { onSuccess: () => location.assign("/") });
  }, [signIn, token]);
  // The link of a wall holds a viewer's key after `#`, which no server and no log ever sees.
  const walled = useRef(false);
  useEffect(() => {
    const wall = /^#wall=(.+)$/.exec(location.hash)?.[1];
    if (!wall || walled.current) return;
    walled.current = true;
    history.replaceState(null, "", location.pathname);
    signIn.mutate({ key: decodeURIComponent(wall) }, { onSuccess: () => location.replace("/wall?wall=1") });
  }, [signIn]);
  const codeField = (
    <TextInput
      label={t("Code of the app, or a recovery code")}
      value={code}
      onChange={(event) => setCode(event.currentTarget.value)}
      autoFocus
      autoComplete="one-time-code"
    />
  );
  return (
    <main className={styles.page}>
      <form
        className={styles.card}
        onSubmit={(event) => {
          event.preventDefault();
          if (isReady) submit();
        }}
      >
        <Logo />
        <h1>{t("Sign in")}</h1>
        {byLink ? (
          codeField
        ) : byKey ? (
          <PasswordInput
            key="key"
            label={t("Key")}
            value={key}
            onChange={(event) => setKey(event.currentTarget.value)}
            autoFocus
            autoComplete="current-password"
          />
        ) : (
          <>
            <TextInput
              label={t("Name")}
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
              autoFocus
              autoComplete="username"
            />
            <PasswordInput
              key="password"
              label={t("Password")}
              value={password}
              onChange={(event) => setPassword(event.currentTarget.value)}
              autoComplete="current-password"
            />
            {needsCode && codeField}
          </>
        )}
        {signIn.error && problem?.code !== "second_factor" && <Failure error={signIn.error} />}
        <Button type="submit" loading={signIn.isPending} disabled={!isReady}>
          {t("Sign in")}
        </Button>
        {ways.data?.oidc && (
          <Button component="a" href="/oidc/start" variant="default">
            {t("Sign in with {name}", { name: ways.data.oidc })}
          </Button>
        )}
        <button
          type="button"
          className="plain dim"
          onClick={() => {
            setByKey(!byKey);
            signIn.reset();
          }}
        >
          {byKey ? t("Sign in with a name and a password") : t("Sign in with a key")}
        </button>
        <p className="dim">
          {t("On the first start the server prints a one-time link. The owner's key lies in {path}.", {
            path: "<data>/first-run/owner.key",
          })}
        </p>
      </form>
    </main>
  );
}
