// A dashboard that nobody has kept yet.
import type { Dashboard } from "../../api/dashboards";
import { t } from "../../lib/i18n";

export const fresh = (): Dashboard => ({
  document: {
    apiVersion: "nines/v1",
    kind: "Dashboard",
    metadata: { name: "" },
    spec: { title: t("New dashboard"), time: { from: "now-1h", to: "now" }, panels: [] },
  },
  revision: { version: 0, at: "", by: "", note: "" },
  yaml: "",
});

/** A title as a name: what people type becomes what an address holds. */
export const nameFrom = (title: string) =>
  title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 80);
