// Reviews that go out by mail: when next, to whom, where the newest one is; and the mail itself, before it is sent.
import { Button, SegmentedControl } from "@mantine/core";
import { useState } from "react";
import { type ReviewReport, useReport, useReports, useSendReport } from "../../api/learning";
import { Empty, Failure, Loading } from "../../components/states";
import { moment } from "../../lib/format";
import { t } from "../../lib/i18n";
import { useUrl } from "../../state/url";
import styles from "./Reviews.module.css";

export function Reports() {
  const { params, set } = useUrl();
  const query = useReports();
  const [now] = useState(() => Date.now());
  if (query.isPending) return <Loading rows={3} />;
  if (!query.data) return <Failure error={query.error} retry={() => query.refetch()} />;
  const reports = query.data.reports;
  if (reports.length === 0)
    return (
      <Empty title={t("No review goes out by mail yet")}>
        {t("Declare one as a document: kind ReviewReport, with people, teams or channels.")}
      </Empty>
    );
  const shown = reports.find((one) => one.name === params.get("report")) ?? reports[0];
  return (
    <div className="stack">
      <div className="panel scroll-x">
        <table className="grid">
          <thead>
            <tr>
              <th>{t("Report")}</th>
              <th>{t("Next")}</th>
              <th>{t("Newest")}</th>
              <th>{t("To")}</th>
              <th aria-label={t("Preview")} />
            </tr>
          </thead>
          <tbody>
            {reports.map((one) => (
              <tr key={one.name}>
                <td>
                  {one.name}
                  <div className="dim">{`${one.every}, ${one.time_zone}`}</div>
                </td>
                <td>{moment(one.next_at, now)}</td>
                <td>
                  <span className="mono">{one.period}</span> <Sent report={one} />
                </td>
                <td>
                  {one.channels.join(", ") || "–"}
                  {one.problems.map((problem) => (
                    <div key={problem} className="dim">
                      {problem}
                    </div>
                  ))}
                </td>
                <td>
                  <Button
                    size="compact-xs"
                    variant={one === shown ? "light" : "default"}
                    aria-pressed={one === shown}
                    onClick={() => set({ report: one.name })}
                  >
                    {t("Preview")}
                  </Button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {shown && <Preview key={shown.name} report={shown} />}
    </div>
  );
}

function Sent({ report }: { report: ReviewReport }) {
  if (report.sent.length === 0) return <span className="chip">{t("not sent")}</span>;
  return report.sent.map((one) => (
    <span
      key={one.channel}
      className="chip"
      data-tone={one.state === "delivered" ? "good" : one.error ? "bad" : "warn"}
      title={one.error ?? one.at}
    >
      {`${one.channel}: ${one.state}`}
    </span>
  ));
}

function Preview({ report }: { report: ReviewReport }) {
  const [form, setForm] = useState("text");
  const query = useReport(report.name);
  const send = useSendReport(report.name);
  if (query.isPending) return <Loading rows={4} />;
  if (!query.data) return <Failure error={query.error} retry={() => query.refetch()} />;
  const mail = query.data;
  return (
    <section className="panel" aria-label={t("Preview")}>
      <header className="row spread">
        <h2>{mail.subject}</h2>
        <div className="row">
          <SegmentedControl
            size="xs"
            value={form}
            onChange={setForm}
            data={[
              { value: "text", label: t("Text") },
              { value: "csv", label: "CSV" },
            ]}
            aria-label={t("Form")}
          />
          <Button
            size="xs"
            disabled={report.sent.length > 0 || mail.channels.length === 0}
            loading={send.isPending}
            onClick={() => send.mutate()}
          >
            {t("Send now")}
          </Button>
        </div>
      </header>
      {send.error && <Failure error={send.error} />}
      {/* The HTML says the same; markup of others is shown nowhere in this application. */}
      <pre className={`pad ${styles.plain}`}>{form === "text" ? mail.text : mail.csv}</pre>
    </section>
  );
}
