// Before the first probe: one that works, ready to be changed and applied.
import { Example } from "../../components/Example";
import { Empty } from "../../components/states";
import { t } from "../../lib/i18n";

const EXAMPLE = `nines apply -f - <<'EOF'
apiVersion: nines/v1
kind: Probe
metadata: {name: home}
spec:
  service: shop
  interval: 60s
  http:
    url: https://example.com/
    expect: {status: 2xx, latencyBelow: 2s}
---
apiVersion: nines/v1
kind: Heartbeat
metadata: {name: nightly-backup}
spec: {cron: '0 3 * * *', grace: 1h}
EOF`;

export function Setup() {
  return (
    <Empty title={t("Nothing is watched from outside yet")} action={<Example text={EXAMPLE} />}>
      {t(
        "A probe looks at a target every minute and calls whoever is on call when it is down; a heartbeat calls when a job falls silent. Try one first with nines probe run -f FILE.",
      )}
    </Empty>
  );
}
