// Before the first metric: how to send some, ready to be copied, with this node's own address.
import { Button, CopyButton, SegmentedControl } from "@mantine/core";
import { useState } from "react";
import { Empty } from "../../components/states";
import { t } from "../../lib/i18n";
import styles from "./Metrics.module.css";

const snippets = (origin: string) => ({
  prometheus: `remote_write:
  - url: ${origin}/prometheus/api/v1/write
    authorization:
      credentials: <ingest key>`,
  otlp: `exporters:
  otlphttp:
    endpoint: ${origin}
    headers:
      authorization: Bearer <ingest key>`,
  sdk: `OTEL_EXPORTER_OTLP_ENDPOINT=${origin}
OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20<ingest key>
OTEL_METRICS_EXPORTER=otlp`,
  grafana: `url: ${origin}/prometheus
jsonData:
  httpHeaderName1: Authorization
secureJsonData:
  httpHeaderValue1: Bearer <key of a viewer>`,
});

export function Setup() {
  const [way, setWay] = useState<keyof ReturnType<typeof snippets>>("prometheus");
  const text = snippets(location.origin)[way];
  return (
    <Empty
      title={t("No metric has come in yet")}
      action={
        <div className={styles.setup}>
          <SegmentedControl
            size="xs"
            value={way}
            onChange={(next) => setWay(next as typeof way)}
            data={[
              { value: "prometheus", label: "Prometheus" },
              { value: "otlp", label: t("OpenTelemetry Collector") },
              { value: "sdk", label: t("OpenTelemetry SDK") },
              { value: "grafana", label: t("Ask from Grafana") },
            ]}
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
      {t(
        "Point what you have at this node. The ingest key is in first-run/ingest.key of its data directory.",
      )}
    </Empty>
  );
}
