// A terminal asks to be let in: who, from where, and yes or no.
import { Button, TextInput } from "@mantine/core";
import { useState } from "react";
import { useAnswerDevice, useDevice } from "../../api/doors";
import { useSession } from "../../api/hooks";
import { Failure, Loading, Notice } from "../../components/states";
import { ago } from "../../lib/format";
import { t } from "../../lib/i18n";
import { useUrl } from "../../state/url";
import styles from "./Device.module.css";

/** What a code looks like; the same in every language. */
const EXAMPLE_CODE = "ABCD-EFGH";

export default function DevicePage() {
  const { params, set } = useUrl();
  const code = params.get("code") ?? "";
  const [typed, setTyped] = useState("");
  const session = useSession();
  const waiting = useDevice(code);
  const answer = useAnswerDevice();
  if (answer.isSuccess) {
    return (
      <main className={styles.card}>
        <h1>{answer.variables.confirm ? t("The terminal is signed in") : t("Refused")}</h1>
        <p>{t("You can close this page.")}</p>
      </main>
    );
  }
  return (
    <main className={styles.card}>
      <h1>{t("Sign a terminal in")}</h1>
      {code === "" || waiting.error ? (
        <form
          className="stack"
          onSubmit={(event) => {
            event.preventDefault();
            set({ code: typed.trim() });
          }}
        >
          {waiting.error && <Failure error={waiting.error} />}
          <TextInput
            label={t("The code that the terminal shows")}
            placeholder={EXAMPLE_CODE}
            value={typed}
            autoFocus
            onChange={(event) => setTyped(event.currentTarget.value)}
          />
          <Button type="submit" disabled={!typed.trim()}>
            {t("Look")}
          </Button>
        </form>
      ) : waiting.isPending ? (
        <Loading rows={2} />
      ) : (
        <>
          <p className={styles.code}>{waiting.data.user_code}</p>
          <dl className={styles.facts}>
            <dt>{t("It calls itself")}</dt>
            <dd>{waiting.data.client || "–"}</dd>
            <dt>{t("From")}</dt>
            <dd className="mono">{waiting.data.address}</dd>
            <dt>{t("Asked")}</dt>
            <dd>{ago(waiting.data.asked_at)}</dd>
            <dt>{t("It will act as")}</dt>
            <dd>
              {session.data?.name} ({session.data?.role})
            </dd>
          </dl>
          <Notice tone="warn">
            {t("Confirm only if you have just run nines login and this code is on your screen.")}
          </Notice>
          {answer.error && <Failure error={answer.error} />}
          <div className="row">
            <Button loading={answer.isPending} onClick={() => answer.mutate({ code, confirm: true })}>
              {t("Let it in")}
            </Button>
            <Button variant="default" onClick={() => answer.mutate({ code, confirm: false })}>
              {t("Refuse")}
            </Button>
          </div>
        </>
      )}
    </main>
  );
}
