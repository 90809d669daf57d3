// The frame: navigation, palette, shortcuts, the event stream and the notices about new incidents.
import { ActionIcon, Menu, Tooltip, useMantineColorScheme } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { openSpotlight } from "@mantine/spotlight";
import {
  IconBellRinging,
  IconBroadcast,
  IconChartLine,
  IconCpu,
  IconDatabaseSearch,
  IconGauge,
  IconGitCommit,
  IconHeartbeat,
  IconHistory,
  IconKey,
  IconLanguage,
  IconLayoutDashboard,
  IconListCheck,
  IconLock,
  IconLogout,
  IconMenu2,
  IconMoon,
  IconPhoneCall,
  IconRuler2,
  IconScale,
  IconSearch,
  IconServer2,
  IconSitemap,
  IconStack2,
  IconSun,
  IconSunMoon,
  IconTool,
  IconTrendingUp,
  IconUrgent,
  IconUser,
  IconUsers,
} from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { lazy, type ReactNode, Suspense, useEffect, useRef, useState } from "react";
import { Link } from "wouter";
import { openStream, useStreamState } from "../api/events";
import { useIncidents, useSignOut } from "../api/hooks";
import type { Session } from "../api/types";
import { LANGUAGES, type Language, t } from "../lib/i18n";
import { isOpen } from "../lib/states";
import { useUrl } from "../state/url";
import { Logo } from "./Logo";
import styles from "./Shell.module.css";
import { Shortcuts } from "./Shortcuts";

const Palette = lazy(() => import("./Palette"));

type Props = {
  children: ReactNode;
  language: Language;
  setLanguage: (language: Language) => void;
  session?: Session;
};

const pages = () =>
  [
    ["/", t("Promises"), IconGauge],
    ["/search", t("Search"), IconSearch],
    ["/explore/metrics", t("Metrics"), IconChartLine],
    ["/dashboards", t("Dashboards"), IconLayoutDashboard],
    ["/rules", t("Rules & targets"), IconRuler2],
    ["/sql", "SQL", IconDatabaseSearch],
    ["/incidents", t("Incidents"), IconUrgent],
    ["/alerts", t("Alerts"), IconBellRinging],
    ["/oncall", t("On call"), IconPhoneCall],
    ["/reviews", t("Reviews"), IconListCheck],
    ["/uptime", t("Uptime"), IconHeartbeat],
    ["/infrastructure", t("Infrastructure"), IconServer2],
    ["/saturation", t("Saturation"), IconTrendingUp],
    ["/services", t("Services"), IconSitemap],
    ["/changes", t("Changes"), IconGitCommit],
    ["/operations", t("Operations"), IconTool],
    ["/inventory", t("Inventory"), IconStack2],
  ] as const;

const nodePages = () =>
  [
    ["/status", t("Node"), IconCpu],
    ["/status-pages", t("Status pages"), IconBroadcast],
    ["/keys", t("Keys"), IconKey],
    ["/secrets", t("Secrets"), IconLock],
    ["/people", t("People"), IconUsers],
    ["/policies", t("Policies"), IconScale],
    ["/audit", t("Audit"), IconHistory],
  ] as const;

/** What those find something on who have a role in a team alone. */
const TEAM_PAGES = [
  "/dashboards",
  "/",
  "/search",
  "/incidents",
  "/alerts",
  "/services",
  "/changes",
  "/keys",
  "/people",
];

/** What a thumb reaches at once on a phone: what is opened at night. All else is behind the last button. */
const PHONE_PAGES = ["/incidents", "/alerts", "/oncall", "/", "/search"];

/** A path lights up its own entry: an incident room belongs to the incidents, a promise to the board. */
const belongsTo = (path: string) =>
  path.startsWith("/slo")
    ? "/"
    : path.startsWith("/incident")
      ? "/incidents"
      : path.startsWith("/postmortem")
        ? "/reviews"
        : path.startsWith("/trace")
          ? "/search"
          : path.startsWith("/dashboards")
            ? "/dashboards"
            : path.startsWith("/operations")
              ? "/operations"
              : path;

export function Shell({ children, language, setLanguage, session }: Props) {
  const { path, href, params } = useUrl();
  const incidents = useIncidents();
  const open = incidents.data?.incidents.filter((incident) => isOpen(incident.state)).length ?? 0;
  useEventStream();
  const wall = params.get("wall") === "1";
  const isShown = ([to]: readonly [string, ...unknown[]]) =>
    session?.role !== "member" || TEAM_PAGES.includes(to);
  const places = pages().filter(isShown);
  const nodePlaces = nodePages().filter(isShown);
  const active = belongsTo(path);
  const [more, setMore] = useState(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: whoever has gone somewhere has found it
  useEffect(() => setMore(false), [path]);
  const entry = ([to, label, Icon]:
    | ReturnType<typeof pages>[number]
    | ReturnType<typeof nodePages>[number]) => (
    <Link key={to} href={href(to)} className={styles.entry} aria-current={active === to ? "page" : undefined}>
      <Icon size={17} stroke={1.7} aria-hidden="true" />
      <span>{label}</span>
      {to === "/incidents" && open > 0 && <b className={styles.badge}>{open}</b>}
    </Link>
  );
  return (
    <div className={styles.shell} data-wall={wall || undefined}>
      {!wall && (
        <nav className={styles.nav} aria-label={t("Main")} data-more={more || undefined}>
          <Link href={href("/")} className={styles.logo} aria-label="Nines">
            <Logo />
          </Link>
          <button type="button" className={styles.jump} onClick={() => openSpotlight()}>
            <IconSearch size={14} aria-hidden="true" />
            <span>{t("Jump to…")}</span>
            <kbd>{"Ctrl K"}</kbd>
          </button>
          <div className={styles.places}>
            <div className={styles.entries}>{places.map(entry)}</div>
            <div className={styles.entries}>{nodePlaces.map(entry)}</div>
          </div>
          <div className={styles.foot}>
            <StreamLamp />
            <div className={styles.tools}>
              <LanguageMenu language={language} setLanguage={setLanguage} />
              <ThemeMenu />
              <Shortcuts />
              <Account session={session} />
            </div>
          </div>
          <div className={styles.bar}>
            {PHONE_PAGES.flatMap((to) => places.filter((place) => place[0] === to)).map(entry)}
            <button
              type="button"
              className={styles.entry}
              aria-expanded={more}
              onClick={() => setMore(!more)}
            >
              <IconMenu2 size={17} stroke={1.7} aria-hidden="true" />
              <span>{t("More")}</span>
            </button>
          </div>
        </nav>
      )}
      <main className={styles.main} id="main">
        {children}
      </main>
      <Suspense fallback={null}>
        <Palette pages={[...places, ...nodePlaces]} />
      </Suspense>
    </div>
  );
}

function useEventStream() {
  const client = useQueryClient();
  const { navigate } = useUrl();
  const go = useRef(navigate);
  go.current = navigate;
  const incidents = useIncidents();
  const known = useRef<Set<string> | undefined>(undefined);

  useEffect(() => openStream(client, () => {}), [client]);

  // A notice for each incident that was not there on the first reading.
  useEffect(() => {
    if (!incidents.data) return;
    const seen = known.current;
    if (seen) {
      for (const incident of incidents.data.incidents) {
        if (seen.has(incident.id) || !isOpen(incident.state)) continue;
        notifications.show({
          id: incident.id,
          title: `${incident.level} · ${incident.id}`,
          message: incident.title,
          color: "red",
          autoClose: 15_000,
          onClick: () => go.current(`/incident/${incident.id}`),
          style: { cursor: "pointer" },
        });
      }
    }
    known.current = new Set(incidents.data.incidents.map((incident) => incident.id));
  }, [incidents.data]);
}

function StreamLamp() {
  const state = useStreamState();
  const words = { live: t("Live"), connecting: t("Connecting"), lost: t("Stream lost, figures are old") }[
    state
  ];
  return (
    <div className={styles.lamp} data-state={state} role="status">
      <i aria-hidden="true" />
      <span>{words}</span>
    </div>
  );
}

function LanguageMenu({ language, setLanguage }: Pick<Props, "language" | "setLanguage">) {
  return (
    <Menu position="top-start">
      <Menu.Target>
        <ActionIcon variant="transparent" c="inherit" aria-label={t("Language")}>
          <IconLanguage size={17} stroke={1.7} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {Object.entries(LANGUAGES).map(([code, name]) => (
          <Menu.Item
            key={code}
            lang={code}
            onClick={() => setLanguage(code as Language)}
            fw={code === language ? 650 : 400}
          >
            {name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

function ThemeMenu() {
  const { colorScheme, setColorScheme } = useMantineColorScheme({ keepTransitions: true });
  const items = [
    ["light", t("Light"), IconSun],
    ["dark", t("Dark"), IconMoon],
    ["auto", t("Like the system"), IconSunMoon],
  ] as const;
  const Current = items.find(([scheme]) => scheme === colorScheme)?.[2] ?? IconSunMoon;
  return (
    <Menu position="top-start">
      <Menu.Target>
        <ActionIcon variant="transparent" c="inherit" aria-label={t("Theme")}>
          <Current size={17} stroke={1.7} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {items.map(([scheme, label, Icon]) => (
          <Menu.Item
            key={scheme}
            leftSection={<Icon size={15} />}
            onClick={() => setColorScheme(scheme)}
            fw={scheme === colorScheme ? 650 : 400}
          >
            {label}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

function Account({ session }: { session?: Session }) {
  const signOut = useSignOut();
  return (
    <>
      <Tooltip label={t("Your account")}>
        <ActionIcon
          variant="transparent"
          c="inherit"
          component={Link}
          href="/you"
          aria-label={t("Your account")}
        >
          <IconUser size={17} stroke={1.7} />
        </ActionIcon>
      </Tooltip>
      <Tooltip
        label={
          session ? t("Sign out {name} ({role})", { name: session.name, role: session.role }) : t("Sign out")
        }
      >
        <ActionIcon
          variant="transparent"
          c="inherit"
          aria-label={t("Sign out")}
          onClick={() => signOut.mutate()}
        >
          <IconLogout size={17} stroke={1.7} />
        </ActionIcon>
      </Tooltip>
    </>
  );
}

/** Shown by pages whose figures must be now: `aged` while the stream is lost or the last answer is old. */
export function useAged(updatedAt: number, now: number): boolean {
  const state = useStreamState();
  return state === "lost" || (updatedAt > 0 && now - updatedAt > 15_000);
}
