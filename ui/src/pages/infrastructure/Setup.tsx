// Before anything has reported: the three ways that hosts, pods and containers come in, ready to be copied.
import { Button, CopyButton, SegmentedControl } from "@mantine/core";
import { useState } from "react";
import { Empty } from "../../components/states";
import { t } from "../../lib/i18n";
import styles from "./Infrastructure.module.css";

const snippets = (origin: string) => ({
  agent: `NINES_URL=${origin} NINES_KEY=<ingest key> nines agent run`,
  prometheus: `remote_write:
  - url: ${origin}/prometheus/api/v1/write
    authorization:
      credentials: <ingest key>`,
  collector: `receivers:
  hostmetrics:
    scrapers: {cpu: {}, memory: {}, filesystem: {}, network: {}}
exporters:
  otlphttp:
    endpoint: ${origin}
    headers:
      authorization: Bearer <ingest key>`,
});

export function Setup({ title, children }: { title: string; children: React.ReactNode }) {
  const [way, setWay] = useState<keyof ReturnType<typeof snippets>>("agent");
  const text = snippets(location.origin)[way];
  return (
    <Empty
      title={title}
      action={
        <div className={styles.setup}>
          <SegmentedControl
            size="xs"
            value={way}
            onChange={(next) => setWay(next as typeof way)}
            data={[
              { value: "agent", label: t("Agent") },
              { value: "prometheus", label: "Prometheus" },
              { value: "collector", label: t("OpenTelemetry Collector") },
            ]}
            aria-label={t("How it comes in")}
          />
          <pre className="mono">{text}</pre>
          <CopyButton value={text}>
            {({ copied, copy }) => (
              <Button size="xs" variant="default" onClick={copy}>
                {copied ? t("Copied") : t("Copy")}
              </Button>
            )}
          </CopyButton>
        </div>
      }
    >
      {children}
    </Empty>
  );
}
