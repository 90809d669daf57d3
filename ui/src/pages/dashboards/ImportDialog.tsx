// A dashboard of Grafana or Perses: what becomes of each panel is seen before anything is kept.
import { Button, FileButton, Modal, Textarea, TextInput } from "@mantine/core";
import { IconFileUpload } from "@tabler/icons-react";
import { useState } from "react";
import { type DashboardImport, useImportDashboard, usePutDashboard } from "../../api/dashboards";
import { Failure } from "../../components/states";
import { t } from "../../lib/i18n";
import { useUrl } from "../../state/url";
import styles from "./Dashboards.module.css";

const outcomeWord = (outcome: string) =>
  ({ taken: t("taken"), approximated: t("approximated"), "left out": t("left out") })[outcome] ?? outcome;
const TONES: Record<string, string> = { taken: "good", approximated: "warn", "left out": "bad" };

export function ImportDialog({ onClose }: { onClose: () => void }) {
  const read = useImportDashboard();
  const [text, setText] = useState("");
  return (
    <Modal
      lockScroll={false}
      opened
      onClose={onClose}
      size="min(900px, 96vw)"
      title={t("Import a dashboard")}
      closeButtonProps={{ "aria-label": t("Close") }}
    >
      <div className={styles.form}>
        {read.error && <Failure error={read.error} />}
        {read.data ? (
          <Report found={read.data} onBack={() => read.reset()} />
        ) : (
          <>
            <p>
              {t(
                "The JSON that Grafana exports (schema 16 and later, and the rows before it), or Perses. Nothing is kept before you have seen what becomes of it.",
              )}
            </p>
            <div className="row">
              <FileButton
                accept="application/json,.json"
                onChange={async (file) => file && read.mutate(await file.text())}
              >
                {(props) => (
                  <Button
                    {...props}
                    size="xs"
                    leftSection={<IconFileUpload size={14} />}
                    loading={read.isPending}
                  >
                    {t("Choose a file")}
                  </Button>
                )}
              </FileButton>
              <span className="dim">{t("or paste it:")}</span>
            </div>
            <Textarea
              size="xs"
              aria-label="JSON"
              minRows={8}
              maxRows={14}
              autosize
              spellCheck={false}
              classNames={{ input: styles.mono }}
              value={text}
              onChange={(event) => setText(event.currentTarget.value)}
            />
            <div className="row">
              <span className="grow" />
              <Button
                size="xs"
                disabled={!text.trim()}
                loading={read.isPending}
                onClick={() => read.mutate(text)}
              >
                {t("Read it")}
              </Button>
            </div>
          </>
        )}
      </div>
    </Modal>
  );
}

function Report({ found, onBack }: { found: DashboardImport; onBack: () => void }) {
  const put = usePutDashboard();
  const { navigate } = useUrl();
  const [name, setName] = useState(found.document.metadata.name);
  const [service, setService] = useState("");
  const [team, setTeam] = useState("");
  const keep = () =>
    put.mutate(
      {
        document: {
          ...found.document,
          metadata: { name },
          spec: { ...found.document.spec, service: service || undefined, team: team || undefined },
        },
        version: 0,
        note: `imported from ${found.format}`,
      },
      { onSuccess: () => navigate(`/dashboards/${encodeURIComponent(name)}`) },
    );
  return (
    <>
      <h3>{found.document.spec.title}</h3>
      <p className={styles.counts}>
        <span data-tone="good">{t("{n} taken", { n: found.taken })}</span>
        <span data-tone="warn">{t("{n} approximated", { n: found.approximated })}</span>
        <span data-tone="bad">{t("{n} left out", { n: found.left_out })}</span>
      </p>
      <div className={styles.report}>
        <ul>
          {found.panels
            .filter(({ outcome }) => outcome !== "taken")
            .map((panel, index) => (
              <li key={index} data-tone={TONES[panel.outcome]}>
                <b className="cut">{panel.title || panel.kind}</b>
                <span className={styles.outcome}>{outcomeWord(panel.outcome)}</span>
                <span>{panel.reasons.join("; ")}</span>
              </li>
            ))}
          {found.notes.map((note) => (
            <li key={note} data-tone="none">
              <span>{note}</span>
            </li>
          ))}
        </ul>
      </div>
      {put.error && <Failure error={put.error} />}
      <div className={styles.fields}>
        <TextInput
          size="xs"
          label={t("Name in addresses and files")}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <TextInput
          size="xs"
          label={t("Service")}
          value={service}
          onChange={(event) => setService(event.currentTarget.value)}
        />
        <TextInput
          size="xs"
          label={t("Team")}
          value={team}
          onChange={(event) => setTeam(event.currentTarget.value)}
        />
      </div>
      <div className="row">
        <span className="grow" />
        <Button size="xs" variant="default" onClick={onBack}>
          {t("Another one")}
        </Button>
        <Button size="xs" loading={put.isPending} disabled={!name} onClick={keep}>
          {t("Keep it")}
        </Button>
      </div>
    </>
  );
}
