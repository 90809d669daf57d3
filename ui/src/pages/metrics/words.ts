// What kinds of metrics are called.
import { t } from "../../lib/i18n";

export const kindWord = (kind: string) =>
  ({
    counter: t("counter"),
    gauge: t("gauge"),
    histogram: t("histogram"),
    native: t("histogram"),
    summary: t("summary"),
  })[kind] ?? kind;
