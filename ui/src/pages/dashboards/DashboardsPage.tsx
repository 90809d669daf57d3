// All dashboards: favourites and what was looked at last first, then by service. Foreign ones come in here.
import { ActionIcon, Button, TextInput } from "@mantine/core";
import { IconFileImport, IconPlus, IconSearch, IconStar, IconStarFilled } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "wouter";
import { type DashboardSummary, useDashboards } from "../../api/dashboards";
import { useServices, useSession } from "../../api/hooks";
import { Empty, Failure, Loading } from "../../components/states";
import { ago } from "../../lib/format";
import { t } from "../../lib/i18n";
import { iso } from "../../lib/time";
import { useNow, useUrl } from "../../state/url";
import styles from "./Dashboards.module.css";
import { favourites, flipFavourite } from "./favourites";
import { ImportDialog } from "./ImportDialog";

const DAY_MS = 86_400_000;

export default function DashboardsPage() {
  const all = useDashboards();
  const session = useSession();
  const { href, navigate } = useUrl();
  const now = useNow(60_000);
  const minute = Math.floor(now / 60_000) * 60_000;
  const services = useServices(iso(minute - DAY_MS), iso(minute));
  const [find, setFind] = useState("");
  const [stars, setStars] = useState(favourites);
  const [importing, setImporting] = useState(false);
  const canEdit = session.data?.role !== "viewer" && session.data?.role !== "responder";
  const list = all.data?.dashboards ?? [];
  const wanted = list.filter((one) =>
    `${one.name} ${one.title} ${one.service ?? ""} ${one.team ?? ""}`
      .toLowerCase()
      .includes(find.toLowerCase()),
  );
  const groups = grouped(wanted, stars);
  const kept = new Set(
    list.flatMap(({ name, service }) => (service && name === `service-${service}` ? [service] : [])),
  );
  const own = (services.data?.services ?? [])
    .map((one) => one.name)
    .filter((name) => name && !kept.has(name) && name.toLowerCase().includes(find.toLowerCase()));
  return (
    <div className="page">
      <div className="head">
        <h1>{t("Dashboards")}</h1>
        <span className="grow" />
        <TextInput
          size="xs"
          leftSection={<IconSearch size={14} />}
          placeholder={t("find…")}
          aria-label={t("find…")}
          value={find}
          onChange={(event) => setFind(event.currentTarget.value)}
        />
        {canEdit && (
          <>
            <Button
              size="xs"
              variant="default"
              leftSection={<IconFileImport size={14} />}
              onClick={() => setImporting(true)}
            >
              {t("Import")}
            </Button>
            <Button
              size="xs"
              leftSection={<IconPlus size={14} />}
              onClick={() => navigate("/dashboards/new")}
            >
              {t("New dashboard")}
            </Button>
          </>
        )}
      </div>
      {all.error && <Failure error={all.error} retry={() => all.refetch()} />}
      {all.isPending && <Loading rows={5} height={40} />}
      {all.data && list.length === 0 && (
        <Empty title={t("No dashboard is kept yet")}>
          {t("Import one of Grafana, build one, or start from the one that each service has by itself.")}
        </Empty>
      )}
      {groups.map(([title, dashboards]) => (
        <section key={title}>
          <h2 className={styles.group}>{title}</h2>
          <ul className={styles.list}>
            {dashboards.map((one) => (
              <li key={one.name}>
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  size={26}
                  aria-label={
                    stars.has(one.name)
                      ? t("No favourite any more: {name}", { name: one.title })
                      : t("Make a favourite: {name}", { name: one.title })
                  }
                  aria-pressed={stars.has(one.name)}
                  onClick={() => setStars(flipFavourite(one.name))}
                >
                  {stars.has(one.name) ? <IconStarFilled size={15} /> : <IconStar size={15} />}
                </ActionIcon>
                <Link href={href(`/dashboards/${encodeURIComponent(one.name)}`)}>
                  <b className="cut">{one.title}</b>
                  <span className="dim cut">{one.description}</span>
                </Link>
                <span className="dim num">
                  {t("{n, plural, one {# panel} other {# panels}}", { n: one.panels })}
                </span>
                <span className="dim">
                  {t("{when} by {who}", { when: ago(one.revision.at), who: one.revision.by })}
                </span>
              </li>
            ))}
          </ul>
        </section>
      ))}
      {own.length > 0 && (
        <section>
          <h2 className={styles.group}>{t("Made from what services send")}</h2>
          <ul className={styles.chips}>
            {own.map((name) => (
              <li key={name}>
                <Link href={href(`/service/${encodeURIComponent(name)}/dashboard`)}>{name}</Link>
              </li>
            ))}
          </ul>
        </section>
      )}
      {importing && <ImportDialog onClose={() => setImporting(false)} />}
    </div>
  );
}

function grouped(
  list: readonly DashboardSummary[],
  stars: ReadonlySet<string>,
): [string, DashboardSummary[]][] {
  const groups = new Map<string, DashboardSummary[]>();
  const favourite = list.filter(({ name }) => stars.has(name));
  if (favourite.length) groups.set(t("Favourites"), favourite);
  const byService = [...list].sort((a, b) => (a.service ?? "￿").localeCompare(b.service ?? "￿"));
  for (const one of byService) {
    const title = one.service ?? (one.team ? t("Team {name}", { name: one.team }) : t("Of everybody"));
    groups.set(title, [...(groups.get(title) ?? []), one]);
  }
  return [...groups];
}
