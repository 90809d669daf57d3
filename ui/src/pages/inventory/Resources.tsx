// Things, the worst first, narrowed by what the address says.
import { Autocomplete, Button, Select, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { Link } from "wouter";
import { useResources } from "../../api/inventory";
import { Empty, Failure, Loading } from "../../components/states";
import { ago } from "../../lib/format";
import { t } from "../../lib/i18n";
import { useUrl } from "../../state/url";
import styles from "./Inventory.module.css";

const FIELDS = ["kind", "owner", "rule", "verdict", "gone", "q"] as const;

export function Resources({ kinds }: { kinds: string[] }) {
  const { params, set, href } = useUrl();
  const asked = new URLSearchParams();
  for (const field of FIELDS) {
    const value = params.get(field);
    // An owner that is empty is a question too: what nobody owns.
    if (value !== null && (value || field === "owner")) asked.set(field, value);
  }
  const query = useResources(asked.toString());
  const search = useDebouncedCallback((text: string) => set({ q: text || null }), 250);
  const owner = params.get("owner");
  return (
    <section className="panel">
      <header className={styles.filter}>
        <h2>{t("Things")}</h2>
        {query.data && <span className="label">{t("{n} fit", { n: query.data.count })}</span>}
      </header>
      <div className={`row wrap ${styles.filter}`}>
        <TextInput
          size="xs"
          aria-label={t("Search by id, name or tag")}
          placeholder={t("id, name or tag")}
          defaultValue={params.get("q") ?? ""}
          onChange={(event) => search(event.currentTarget.value)}
        />
        <Autocomplete
          size="xs"
          aria-label={t("Kind")}
          placeholder={t("Kind")}
          data={kinds}
          value={params.get("kind") ?? ""}
          onChange={(value) => set({ kind: value || null })}
        />
        <Select
          size="xs"
          aria-label={t("Verdict")}
          placeholder={t("any verdict")}
          clearable
          value={params.get("verdict")}
          onChange={(value) => set({ verdict: value })}
          data={[
            { value: "failed", label: t("failed") },
            { value: "unknown", label: t("not known") },
            { value: "passed", label: t("passed") },
          ]}
        />
        {params.get("rule") && (
          <Button size="compact-xs" variant="light" onClick={() => set({ rule: null })}>
            {params.get("rule")} ×
          </Button>
        )}
        {owner !== null && (
          <Button size="compact-xs" variant="light" onClick={() => set({ owner: null })}>
            {t("owner")}: {owner || t("nobody")} ×
          </Button>
        )}
        <Button
          size="compact-xs"
          variant={params.get("gone") ? "filled" : "default"}
          onClick={() => set({ gone: params.get("gone") ? null : "true" })}
        >
          {t("Gone")}
        </Button>
      </div>
      {query.error && <Failure error={query.error} retry={() => query.refetch()} />}
      {query.isPending ? (
        <Loading rows={5} height={32} />
      ) : query.data?.resources.length === 0 ? (
        <Empty title={t("Nothing fits")} />
      ) : (
        <div className="scroll-x">
          <table className="grid">
            <thead>
              <tr>
                <th>{t("Thing")}</th>
                <th>{t("Owner")}</th>
                <th className="num">{t("failed")}</th>
                <th className="num">{t("not known")}</th>
                <th>{t("Worst")}</th>
                <th>{t("Seen")}</th>
              </tr>
            </thead>
            <tbody>
              {query.data?.resources.map((one) => (
                <tr key={one.key}>
                  <td>
                    <Link href={href("/inventory", { key: one.key })} className={styles.name}>
                      {one.name}
                    </Link>
                    <small className="dim">
                      {one.kind} · {one.account} · {one.region}
                    </small>
                  </td>
                  <td>{one.owner ?? <span className="dim">{t("nobody")}</span>}</td>
                  <td className="num">
                    {one.tally.failed > 0 && <b className={styles.failed}>{one.tally.failed}</b>}
                  </td>
                  <td className="num">{one.tally.unknown > 0 && one.tally.unknown}</td>
                  <td>{one.verdicts[0]?.title ?? <span className="dim">{t("nothing")}</span>}</td>
                  <td>{ago(one.gone_at ?? one.last_seen_at)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
