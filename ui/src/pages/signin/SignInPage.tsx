import { Button, PasswordInput } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { useSignIn } from "../../api/hooks";
import { Failure } from "../../components/states";
import { t } from "../../lib/i18n";
import { Logo } from "../../shell/Logo";
import styles from "./SignIn.module.css";

/** The token of the one-time link, if that is where we are: `/first-run/<token>`. */
const FIRST_RUN = /^\/first-run\/([^/]+)$/;

export default function SignInPage() {
  const [key, setKey] = useState("");
  const signIn = useSignIn();
  const submit = () =>
    signIn.mutate(
      { key: key.trim() },
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
    const token = FIRST_RUN.exec(location.pathname)?.[1];
    if (!token || sent.current) return;
    sent.current = true;
    signIn.mutate({ token }, { onSuccess: () => location.assign("/") });
  }, [signIn]);
  return (
    <main className={styles.page}>
      <form
        className={styles.card}
        onSubmit={(event) => {
          event.preventDefault();
          if (key.trim()) submit();
        }}
      >
        <Logo />
        <h1>{t("Sign in")}</h1>
        <PasswordInput
          label={t("Key")}
          value={key}
          onChange={(event) => setKey(event.currentTarget.value)}
          autoFocus
          autoComplete="current-password"
        />
        {signIn.error && <Failure error={signIn.error} />}
        <Button type="submit" loading={signIn.isPending} disabled={!key.trim()}>
          {t("Sign in")}
        </Button>
        <p className="dim">
          {t("On the first start the server prints a one-time link. The owner's key lies in {path}.", {
            path: "<data>/first-run/owner.key",
          })}
        </p>
      </form>
    </main>
  );
}
