// Before anything has reported: the three ways that hosts, pods and containers come in, ready to be copied.
import { Ways } from "../../components/Ways";
import { t } from "../../lib/i18n";

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
  const { agent, prometheus, collector } = snippets(location.origin);
  const ways = [
    { value: "agent", label: t("Agent"), text: agent },
    { value: "prometheus", label: "Prometheus", text: prometheus },
    { value: "collector", label: t("OpenTelemetry Collector"), text: collector },
  ];
  return (
    <Ways title={title} ways={ways}>
      {children}
    </Ways>
  );
}
