// Which page a path shows. Each page is a chunk of its own, so that the board does not wait for the editor of the search.
import { type ComponentType, lazy, Suspense } from "react";
import { Redirect, Route, Switch } from "wouter";
import { ApiError } from "./api/client";
import { useSession } from "./api/hooks";
import { Empty, Failure, Loading } from "./components/states";
import { type Language, t } from "./lib/i18n";
import { Shell } from "./shell/Shell";

// What most people see first: fetched while the session is asked for, not after it.
const board = import("./pages/board/BoardPage");
const BoardPage = lazy(async () => ({ default: (await board).BoardPage }));
const IncidentPage = lazy(() => import("./pages/incident/IncidentPage"));
const IncidentsPage = lazy(() => import("./pages/incidents/IncidentsPage"));
const ReportPage = lazy(() => import("./pages/report/ReportPage"));
const SearchPage = lazy(() => import("./pages/search/SearchPage"));
const SqlPage = lazy(() => import("./pages/sql/SqlPage"));
const MetricsPage = lazy(() => import("./pages/metrics/MetricsPage"));
const DashboardsPage = lazy(() => import("./pages/dashboards/DashboardsPage"));
const DashboardPage = lazy(() => import("./pages/dashboards/DashboardPage"));
const RulesPage = lazy(() => import("./pages/rules/RulesPage"));
const TracePage = lazy(() => import("./pages/trace/TracePage"));
const SloPage = lazy(() => import("./pages/slo/SloPage"));
const AlertsPage = lazy(() => import("./pages/alerts/AlertsPage"));
const OncallPage = lazy(() => import("./pages/oncall/OncallPage"));
const ServicePage = lazy(() => import("./pages/service/ServicePage"));
const ErrorPage = lazy(() => import("./pages/errors/ErrorPage"));
const ServicesPage = lazy(() => import("./pages/services/ServicesPage"));
const ChangesPage = lazy(() => import("./pages/changes/ChangesPage"));
const UptimePage = lazy(() => import("./pages/uptime/UptimePage"));
const InfrastructurePage = lazy(() => import("./pages/infrastructure/InfrastructurePage"));
const SaturationPage = lazy(() => import("./pages/saturation/SaturationPage"));
const StatusPage = lazy(() => import("./pages/status/StatusPage"));
const OperationsPage = lazy(() => import("./pages/operations/OperationsPage"));
const ActionPage = lazy(() => import("./pages/operations/ActionPage"));
const RunPage = lazy(() => import("./pages/operations/RunPage"));
const CreditPage = lazy(() => import("./pages/credit/CreditPage"));
const InventoryPage = lazy(() => import("./pages/inventory/InventoryPage"));
const StatusPagesPage = lazy(() => import("./pages/statuspages/StatusPagesPage"));
const WallPage = lazy(() => import("./pages/wall/WallPage"));
const ReviewsPage = lazy(() => import("./pages/reviews/ReviewsPage"));
const PostmortemPage = lazy(() => import("./pages/postmortem/PostmortemPage"));
const AuditPage = lazy(() => import("./pages/audit/AuditPage"));
const KeysPage = lazy(() => import("./pages/keys/KeysPage"));
const PoliciesPage = lazy(() => import("./pages/policies/PoliciesPage"));
const SecretsPage = lazy(() => import("./pages/secrets/SecretsPage"));
const PeoplePage = lazy(() => import("./pages/people/PeoplePage"));
const YouPage = lazy(() => import("./pages/you/YouPage"));
const DevicePage = lazy(() => import("./pages/device/DevicePage"));
const SignInPage = lazy(() => import("./pages/signin/SignInPage"));

const ROUTES: [string, ComponentType][] = [
  ["/", BoardPage],
  ["/search", SearchPage],
  ["/sql", SqlPage],
  ["/explore/metrics", MetricsPage],
  ["/dashboards", DashboardsPage],
  ["/dashboards/:name", DashboardPage],
  ["/service/:service/dashboard", DashboardPage],
  ["/rules", RulesPage],
  ["/trace/:id", TracePage],
  ["/slo/:name", SloPage],
  ["/incidents", IncidentsPage],
  ["/incidents/new", ReportPage],
  ["/incident/:id", IncidentPage],
  ["/alerts", AlertsPage],
  ["/oncall", OncallPage],
  ["/services", ServicesPage],
  ["/service/:name", ServicePage],
  ["/error/:fingerprint", ErrorPage],
  ["/changes", ChangesPage],
  ["/uptime", UptimePage],
  ["/infrastructure", InfrastructurePage],
  ["/saturation", SaturationPage],
  ["/status", StatusPage],
  ["/operations", OperationsPage],
  ["/operations/new", ActionPage],
  ["/operations/credit", CreditPage],
  ["/operations/run/:id", RunPage],
  ["/inventory", InventoryPage],
  ["/reviews", ReviewsPage],
  ["/status-pages", StatusPagesPage],
  ["/postmortem/:id", PostmortemPage],
  ["/audit", AuditPage],
  ["/keys", KeysPage],
  ["/policies", PoliciesPage],
  ["/secrets", SecretsPage],
  ["/people", PeoplePage],
  ["/you", YouPage],
  ["/device", DevicePage],
];

/** Where Prometheus' own links lead: the expression, in our page for it. */
function PrometheusLink() {
  const expr = new URLSearchParams(location.search).get("g0.expr");
  return <Redirect to={expr ? `/explore/metrics?${new URLSearchParams({ expr })}` : "/explore/metrics"} />;
}
/** What a wall shows in turn. */
const WALL: [string, ComponentType][] = [
  ["promises", BoardPage],
  ["incidents", IncidentsPage],
  ["alerts", AlertsPage],
  ["oncall", OncallPage],
];

type Props = { language: Language; setLanguage: (language: Language) => void };

export function App(props: Props) {
  const session = useSession();
  const fallback = (
    <div className="page">
      <Loading />
    </div>
  );
  if (session.isPending) return fallback;
  const signedOut = session.error instanceof ApiError && session.error.problem.status === 401;
  const signingIn = location.pathname === "/sign-in" || location.pathname.startsWith("/first-run/");
  if (signedOut || signingIn) {
    return (
      <Suspense fallback={fallback}>
        <SignInPage />
      </Suspense>
    );
  }
  if (session.error && !session.data) {
    return (
      <div className="page">
        <Failure error={session.error} retry={() => session.refetch()} />
      </div>
    );
  }
  return (
    <Shell {...props} session={session.data}>
      <Suspense fallback={fallback}>
        <Switch>
          <Route path="/wall">
            <WallPage views={WALL} />
          </Route>
          {ROUTES.map(([path, Page]) => (
            <Route key={path} path={path} component={Page} />
          ))}
          <Route path="/graph">
            <PrometheusLink />
          </Route>
          <Route path="/slos">
            <Redirect to="/" />
          </Route>
          <Route>
            <Empty title={t("There is no such page")}>{location.pathname}</Empty>
          </Route>
        </Switch>
      </Suspense>
    </Shell>
  );
}
