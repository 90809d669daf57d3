// Before the first metric: how to send some, ready to be copied, with this node's own address.
import { Ways } from "../../components/Ways";
import { t } from "../../lib/i18n";

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
  const { prometheus, otlp, sdk, grafana } = snippets(location.origin);
  const ways = [
    { value: "prometheus", label: "Prometheus", text: prometheus },
    { value: "otlp", label: t("OpenTelemetry Collector"), text: otlp },
    { value: "sdk", label: t("OpenTelemetry SDK"), text: sdk },
    { value: "grafana", label: t("Ask from Grafana"), text: grafana },
  ];
  return (
    <Ways title={t("No metric has come in yet")} ways={ways}>
      {t(
        "Point what you have at this node. The ingest key is in first-run/ingest.key of its data directory.",
      )}
    </Ways>
  );
}
