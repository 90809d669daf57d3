// A dashboard as a document, and its versions: what each changed, and the way back.
import { Button, Modal, SegmentedControl } from "@mantine/core";
import { useState } from "react";
import {
  type Dashboard,
  exportDashboard,
  useDashboardHistory,
  useDashboardVersion,
} from "../../api/dashboards";
import { Failure, Loading } from "../../components/states";
import { download } from "../../lib/csv";
import { type Document, difference } from "../../lib/dashboard";
import { moment } from "../../lib/format";
import { t } from "../../lib/i18n";
import styles from "./Dashboards.module.css";

type Props = {
  kept: Dashboard;
  tab: "code" | "versions";
  onClose: () => void;
  onRestore: (document: Document, version: number) => void;
};

export function CodeDialog({ kept, tab: first, onClose, onRestore }: Props) {
  const [tab, setTab] = useState<string>(first);
  const isKept = kept.revision.version > 0;
  return (
    <Modal
      lockScroll={false}
      opened
      onClose={onClose}
      size="min(980px, 96vw)"
      title={kept.document.spec.title}
      closeButtonProps={{ "aria-label": t("Close") }}
    >
      <div className={styles.code}>
        {isKept && (
          <SegmentedControl
            size="xs"
            value={tab}
            onChange={setTab}
            data={[
              { value: "code", label: t("As code") },
              { value: "versions", label: t("Versions") },
            ]}
          />
        )}
        {tab === "code" ? <Code kept={kept} /> : <Versions kept={kept} onRestore={onRestore} />}
      </div>
    </Modal>
  );
}

function Code({ kept }: { kept: Dashboard }) {
  const { name } = kept.document.metadata;
  const [copied, setCopied] = useState(false);
  return (
    <>
      <p className="dim">
        {t("Put it under version control and apply it with: nines apply -f {file}", { file: `${name}.yaml` })}
      </p>
      <div className="row">
        <Button
          size="compact-sm"
          variant="default"
          onClick={() => navigator.clipboard?.writeText(kept.yaml).then(() => setCopied(true))}
        >
          {copied ? t("Copied") : t("Copy")}
        </Button>
        <Button
          size="compact-sm"
          variant="default"
          onClick={() => download(`${name}.yaml`, "application/yaml", kept.yaml)}
        >
          {t("Download")}
        </Button>
        {kept.revision.version > 0 && (
          <Button
            size="compact-sm"
            variant="default"
            onClick={async () =>
              download(
                `${name}.perses.json`,
                "application/json",
                (await exportDashboard(name, "perses")).text,
              )
            }
          >
            {t("Download for Perses")}
          </Button>
        )}
      </div>
      <pre className={styles.yaml}>{kept.yaml}</pre>
    </>
  );
}

function Versions({ kept, onRestore }: Pick<Props, "kept" | "onRestore">) {
  const { name } = kept.document.metadata;
  const history = useDashboardHistory(name, true);
  const [chosen, setChosen] = useState<number>();
  const old = useDashboardVersion(name, chosen);
  if (history.error) return <Failure error={history.error} retry={() => history.refetch()} />;
  if (!history.data) return <Loading rows={4} height={28} />;
  return (
    <div className={styles.versions}>
      <ul>
        {history.data.revisions.map((revision) => (
          <li key={revision.version}>
            <button
              type="button"
              aria-pressed={chosen === revision.version}
              onClick={() => setChosen(revision.version)}
            >
              <b>{revision.version}</b>
              <span className="cut">{revision.note || "·"}</span>
              <small className="dim">{`${moment(revision.at)} · ${revision.by}`}</small>
            </button>
          </li>
        ))}
      </ul>
      <div>
        {!old.data ? (
          <p className={styles.nothing}>
            {chosen ? "…" : t("Choose a version to see what is different now")}
          </p>
        ) : (
          <>
            <div className="row spread">
              <span className="label">
                {t("from version {old} to version {now}", {
                  old: old.data.revision.version,
                  now: kept.revision.version,
                })}
              </span>
              {old.data.revision.version !== kept.revision.version && (
                <Button
                  size="compact-sm"
                  onClick={() => old.data && onRestore(old.data.document, old.data.revision.version)}
                >
                  {t("Bring this version back")}
                </Button>
              )}
            </div>
            <pre className={styles.yaml}>
              {around(difference(old.data.yaml, kept.yaml)).map((line, index) => (
                <span key={index} data-kind={line.kind}>
                  {`${line.kind === "added" ? "+" : line.kind === "removed" ? "−" : " "} ${line.text}\n`}
                </span>
              ))}
            </pre>
          </>
        )}
      </div>
    </div>
  );
}

/** Changed lines with three around them. */
function around(lines: ReturnType<typeof difference>) {
  const near = lines.map((_, index) =>
    lines.slice(Math.max(0, index - 3), index + 4).some(({ kind }) => kind !== "same"),
  );
  return lines.some(({ kind }) => kind !== "same") ? lines.filter((_, index) => near[index]) : lines;
}
