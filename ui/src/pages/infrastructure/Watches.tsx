// Who is told, and of what: an alert when something falls silent, or before it runs full.
import { Button, NumberInput, Select, TextInput } from "@mantine/core";
import { useState } from "react";
import { useSession } from "../../api/hooks";
import { useDeleteWatch, usePutWatch, useWatches } from "../../api/infra";
import { Failure } from "../../components/states";
import { t } from "../../lib/i18n";
import { FILTER_EXAMPLE, kindWord } from "../../lib/infra";
import styles from "./Infrastructure.module.css";

type Props = { about: "absence" | "forecast"; kind?: string; filter: string };

export function Watches({ about, kind, filter }: Props) {
  const watches = useWatches();
  const session = useSession();
  const remove = useDeleteWatch();
  const [adding, setAdding] = useState(false);
  const isOurs = (watch: { absent_after?: number | null }) =>
    (about === "absence") === (watch.absent_after != null);
  const list = (watches.data?.watches ?? []).filter((one) => isOurs(one.watch));
  const mayEdit = session.data && session.data.role !== "viewer";
  return (
    <section className="panel">
      <header>
        <h2>{about === "absence" ? t("Alert when it falls silent") : t("Alert before it is full")}</h2>
        {mayEdit && !adding && (
          <Button size="compact-xs" variant="default" onClick={() => setAdding(true)}>
            {t("Add")}
          </Button>
        )}
      </header>
      <div className="pad stack">
        {watches.error && <Failure error={watches.error} retry={() => watches.refetch()} />}
        {adding && <Form about={about} kind={kind} filter={filter} onDone={() => setAdding(false)} />}
        {list.length === 0 && !adding && (
          <p className="dim">
            {about === "absence"
              ? t("Nobody is told of absence yet; this page shows it all the same.")
              : t("Nobody is told before something is full yet.")}
          </p>
        )}
        <ul className={styles.watchList} hidden={list.length === 0}>
          {list.map(({ watch, firing }) => (
            <li key={watch.name}>
              <b>{watch.name}</b>
              <span>
                {watch.kind ? kindWord(watch.kind) : t("everything")}
                {watch.filter && watch.filter !== "*" && <code> {watch.filter}</code>}
              </span>
              <span className="dim">
                {watch.absent_after != null
                  ? t("after {count} missed reports", { count: watch.absent_after })
                  : t("within {hours} h, with {level} %", {
                      hours: watch.full_within_hours ?? 0,
                      level: Math.round((watch.probability ?? 0) * 100),
                    })}
                {" · "}
                {watch.severity === "P2" ? t("a ticket (P2)") : watch.severity}
              </span>
              {firing.length > 0 && (
                <span className="chip" data-tone="bad" title={firing.join("\n")}>
                  {t("{count} firing", { count: firing.length })}
                </span>
              )}
              {mayEdit && (
                <Button size="compact-xs" variant="subtle" onClick={() => remove.mutate(watch.name)}>
                  {t("Remove")}
                </Button>
              )}
            </li>
          ))}
        </ul>
        {remove.error && <Failure error={remove.error} />}
      </div>
    </section>
  );
}

function Form({ about, kind, filter, onDone }: Props & { onDone: () => void }) {
  const put = usePutWatch();
  const absence = about === "absence";
  const [name, setName] = useState("");
  const [where, setWhere] = useState(filter);
  const [amount, setAmount] = useState<number | string>(absence ? 4 : 72);
  const [severity, setSeverity] = useState(absence ? "P1" : "P2");
  const send = (event: React.FormEvent) => {
    event.preventDefault();
    put.mutate(
      {
        name,
        kind: absence ? kind : undefined,
        filter: where,
        severity,
        ...(absence
          ? { absent_after: Number(amount) }
          : { full_within_hours: Number(amount), probability: 0.9 }),
      },
      { onSuccess: onDone },
    );
  };
  return (
    <form className={styles.form} onSubmit={send}>
      <TextInput
        size="xs"
        required
        label={t("Name")}
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <TextInput
        size="xs"
        label={t("Filter")}
        placeholder={FILTER_EXAMPLE}
        value={where}
        onChange={(event) => setWhere(event.currentTarget.value)}
      />
      <NumberInput
        size="xs"
        min={absence ? 2 : 1}
        label={absence ? t("Missed reports") : t("Hours ahead")}
        value={amount}
        onChange={setAmount}
      />
      <Select
        size="xs"
        label={t("Severity")}
        allowDeselect={false}
        value={severity}
        onChange={(value) => setSeverity(value ?? "P2")}
        data={["P0", "P1", "P2"]}
      />
      <Button type="submit" size="xs" loading={put.isPending}>
        {t("Save")}
      </Button>
      <Button size="xs" variant="default" onClick={onDone}>
        {t("Cancel")}
      </Button>
      {put.error && <Failure error={put.error} />}
    </form>
  );
}
