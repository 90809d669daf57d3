import { Button, PasswordInput } from "@mantine/core";
import { useState } from "react";
import { useSignIn } from "../../api/hooks";
import { Failure } from "../../components/states";
import { t } from "../../lib/i18n";
import { Logo } from "../../shell/Logo";
import styles from "./SignIn.module.css";

export default function SignInPage() {
  const [key, setKey] = useState("");
  const signIn = useSignIn();
  const submit = () =>
    signIn.mutate(key.trim(), {
      onSuccess: () => {
        // Stay where the link pointed; only the sign-in address itself leads to the board.
        if (location.pathname === "/sign-in") location.assign("/");
      },
    });
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
