// "What is different about these rows?" The values that the selected rows have more often than the rest, the strongest
// first, and the changes that were made just before. One click narrows the search to a value.
import { Button } from "@mantine/core";
import { IconMinus, IconPlus, IconX } from "@tabler/icons-react";
import { Fragment } from "react";
import type { CompareResponse, Difference } from "../../api/types";
import { Empty, Failure, Loading } from "../../components/states";
import { bytes, count, millis, percent } from "../../lib/format";
import { t } from "../../lib/i18n";
import styles from "./Explain.module.css";

type OnPick = (field: string, value: string, out: boolean) => void;
type Props = {
  /** What is explained, in words. */
  title: string;
  data?: CompareResponse;
  pending: boolean;
  error?: unknown;
  retry: () => void;
  onPick: OnPick;
  onClose: () => void;
  /** Where else to compare, if there is nothing to compare with here. */
  instead?: { label: string; go: () => void };
};

/** Differences shown of each kind. */
const SHOWN = 8;

export function Explain({ title, data, pending, error, retry, onPick, onClose, instead }: Props) {
  const places = data?.differences.filter((one) => one.role === "place").slice(0, SHOWN) ?? [];
  const symptoms = data?.differences.filter((one) => one.role !== "place").slice(0, SHOWN) ?? [];
  const best = places[0];
  return (
    <section className={`panel ${styles.explain}`} aria-label={t("What is different")}>
      <header>
        <h2>{t("What is different: {what}", { what: title })}</h2>
        {data && (
          <span className="label">
            {t("{selected} rows against {rest} others, {fields} fields, {time}, {bytes} scanned", {
              selected: count(data.selected),
              rest: count(data.rest),
              fields: data.fields,
              time: millis(data.stats.run_time_ms),
              bytes: bytes(data.stats.bytes_scanned),
            })}
            {data.sampled && ` · ${t("a sample")}`}
          </span>
        )}
        <button type="button" className={styles.tool} onClick={onClose} aria-label={t("Close")}>
          <IconX size={15} />
        </button>
      </header>
      {error ? (
        <div className="pad">
          <Failure error={error} retry={retry} />
        </div>
      ) : pending || !data ? (
        <div className="pad">
          <Loading rows={3} height={26} />
        </div>
      ) : data.differences.length === 0 ? (
        <Empty
          title={data.selected === 0 ? t("No such rows in this time") : t("Nothing stands out")}
          action={
            data.rest === 0 && instead ? (
              <Button size="xs" variant="default" onClick={instead.go}>
                {instead.label}
              </Button>
            ) : undefined
          }
        >
          {data.selected === 0
            ? t("Choose another selection, or widen the time.")
            : data.rest === 0
              ? t("There is nothing to compare with: every row is selected. Widen the time or the filter.")
              : t("These rows are spread like the others.")}
        </Empty>
      ) : (
        <>
          {best && <p className={styles.best}>{sentence(best)}</p>}
          <div className={styles.columns}>
            <List title={t("Where it happens")} list={places} onPick={onPick} />
            <List title={t("How it shows")} list={symptoms} onPick={onPick} />
          </div>
        </>
      )}
    </section>
  );
}

/** The strongest difference as a person would say it. */
function sentence(one: Difference) {
  const values = { field: one.field, value: one.value, rest: share(one.rest_share) };
  if (one.selected_share > 0.995 && one.rest === 0)
    return t("Every one of these rows has {field} {value}, and no other row has.", values);
  if (one.selected_share > 0.995)
    return t("Every one of these rows has {field} {value}; of the others only {rest} have.", values);
  return t("{selected} of these rows have {field} {value}; of the others {rest}.", {
    ...values,
    selected: share(one.selected_share),
  });
}

const share = (fraction: number) =>
  fraction > 0 && fraction < 0.01 ? "<1%" : percent(fraction, fraction > 0.99 && fraction < 1 ? 1 : 0);

function List({ title, list, onPick }: { title: string; list: Difference[]; onPick: OnPick }) {
  if (list.length === 0) return null;
  return (
    <div className={styles.list}>
      <h3 className="label">{title}</h3>
      <ul>
        {list.map((one) => (
          <Fragment key={`${one.field}=${one.value}`}>
            <li>
              <button
                type="button"
                className={styles.value}
                onClick={() => onPick(one.field, one.value, false)}
                title={t("Only {field}: {value}", { field: one.field, value: one.value })}
              >
                <b className="cut">{one.value}</b>
                <span className="label mono cut">
                  {one.field}
                  {one.also.length > 0 && ` + ${one.also.map((also) => also.field).join(", ")}`}
                </span>
              </button>
              <div
                className={styles.bars}
                role="img"
                aria-label={t("{selected} of the selected rows, {rest} of the others", {
                  selected: share(one.selected_share),
                  rest: share(one.rest_share),
                })}
              >
                <span>
                  <i data-of="selected" style={{ width: `${one.selected_share * 100}%` }} />
                  {share(one.selected_share)}
                </span>
                <span>
                  <i data-of="rest" style={{ width: `${one.rest_share * 100}%` }} />
                  {share(one.rest_share)}
                </span>
              </div>
              <button
                type="button"
                className={styles.tool}
                onClick={() => onPick(one.field, one.value, false)}
                aria-label={t("Only {field}: {value}", { field: one.field, value: one.value })}
              >
                <IconPlus size={13} />
              </button>
              <button
                type="button"
                className={styles.tool}
                onClick={() => onPick(one.field, one.value, true)}
                aria-label={t("Without {field}: {value}", { field: one.field, value: one.value })}
              >
                <IconMinus size={13} />
              </button>
            </li>
          </Fragment>
        ))}
      </ul>
    </div>
  );
}
