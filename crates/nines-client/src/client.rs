use std::time::Duration;

use nines_api::*;
use nines_egress::{Config, Egress, Policy};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ClientError;
use crate::call::{ANSWER_BYTES_MAX, ANSWER_WAIT_MAX, Call};

mod oncall;
mod policies;

/// One node, as one caller sees it. Cloning is cheap and shares the connections.
#[derive(Clone)]
pub struct Client {
    egress: Egress,
    /// Without a slash at the end.
    base: String,
    key: Option<String>,
}

/// Which applied documents to read.
#[derive(Debug, Clone, Default)]
pub struct ObjectsQuery {
    pub kind: Option<String>,
}

/// How documents are applied.
#[derive(Debug, Clone, Copy, Default)]
pub struct ApplyOptions {
    /// Check everything, change nothing.
    pub dry_run: bool,
    /// New services are given no promises of the template.
    pub without_defaults: bool,
}

/// Telemetry to be taken in. See the guide "Send your telemetry" for formats.
#[derive(Debug, Clone)]
pub struct Ingest {
    pub dataset: String,
    /// `json`, `jsonl`, `lines`, `syslog`, `nginx`, `alb`, `elb`, `iis`.
    pub format: String,
    /// Of all rows.
    pub attributes: Vec<(String, String)>,
    /// The same for the same body and for no other: the node then stores it once.
    pub key: Option<String>,
    /// Whether it may have been sent before, to a node that was restarted since.
    pub may_be_repeat: bool,
    pub body: Vec<u8>,
}

/// What the node took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
pub struct Ingested {
    /// Rows that are stored.
    pub accepted: u64,
    /// They had been stored before, under the same key.
    pub repeated: bool,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let key = if self.key.is_some() { "set" } else { "none" };
        f.debug_struct("Client").field("base", &self.base).field("key", &key).finish()
    }
}

impl Client {
    /// `url` is the node's, such as `http://127.0.0.1:9999`, with the path of a proxy if there is one. Sends nothing.
    pub fn new(url: &str, key: Option<String>) -> Result<Self, ClientError> {
        let base = checked_base(url)?;
        if key.as_ref().is_some_and(|key| !key.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(ClientError::InvalidKey);
        }
        let config = Config {
            policy: anywhere(),
            timeout: ANSWER_WAIT_MAX,
            response_bytes_max: ANSWER_BYTES_MAX,
            ..Config::default()
        };
        let egress = Egress::new(config).map_err(ClientError::Setup)?;
        Ok(Self { egress, base, key })
    }

    /// The node's address, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// Whether telemetry is taken in. Waits `wait` at most; an error if nobody answers at all.
    pub async fn ready(&self, wait: Duration) -> Result<bool, ClientError> {
        match Call::new("ready").send(&self.egress, &self.base, None, wait).await {
            Ok(_) => Ok(true),
            Err(ClientError::Problem(_) | ClientError::NotAProblem { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub async fn status(&self) -> Result<Status, ClientError> {
        self.ask(Call::new("status")).await
    }

    /// Senders whose clocks differ.
    pub async fn clocks(&self) -> Result<ClocksResponse, ClientError> {
        self.ask(Call::new("clocks")).await
    }

    pub async fn session(&self) -> Result<Session, ClientError> {
        self.ask(Call::new("session")).await
    }

    pub async fn uptime(&self) -> Result<UptimeResponse, ClientError> {
        self.ask(Call::new("uptime")).await
    }

    /// What a runner at `location` is to check.
    pub async fn assigned_probes(&self, location: &str) -> Result<AssignedProbes, ClientError> {
        self.ask(Call::new("assigned_probes").query("location", Some(location))).await
    }

    pub async fn report_probes(&self, report: &ProbeReport) -> Result<ProbeReportTaken, ClientError> {
        self.tell(Call::new("report_probes"), report).await
    }

    pub async fn keys(&self) -> Result<KeysResponse, ClientError> {
        self.ask(Call::new("keys")).await
    }

    pub async fn create_key(&self, request: &KeyRequest) -> Result<KeyCreated, ClientError> {
        self.tell(Call::new("create_key"), request).await
    }

    /// A key in the place of another, which goes on for a while. The answer has the secret, this once.
    pub async fn replace_key(&self, id: &str, request: &KeyReplacement) -> Result<KeyCreated, ClientError> {
        self.tell(Call::new("replace_key").parameter(id), request).await
    }

    pub async fn revoke_key(&self, id: &str) -> Result<(), ClientError> {
        self.done(Call::new("revoke_key").parameter(id)).await
    }

    /// Begins to sign a terminal in through a browser.
    pub async fn begin_device(&self, request: &DeviceRequest) -> Result<DeviceBegun, ClientError> {
        self.tell(Call::new("begin_device"), request).await
    }

    /// The key of whoever confirmed; until then an error with a code of RFC 8628.
    pub async fn device_token(&self, request: &DeviceTokenRequest) -> Result<DeviceKey, ClientError> {
        self.tell(Call::new("device_token"), request).await
    }

    pub async fn accounts(&self) -> Result<AccountsResponse, ClientError> {
        self.ask(Call::new("accounts")).await
    }

    /// Makes an account and the link that opens it.
    pub async fn invite(&self, request: &InviteRequest) -> Result<Invited, ClientError> {
        self.tell(Call::new("invite"), request).await
    }

    pub async fn disable_account(&self, id: &str) -> Result<(), ClientError> {
        self.done(Call::new("disable_account").parameter(id)).await
    }

    /// For somebody who lost phone and recovery codes; ends their sessions.
    pub async fn reset_second_factor(&self, account: &str) -> Result<(), ClientError> {
        self.done(Call::new("reset_second_factor").parameter(account)).await
    }

    pub async fn teams(&self) -> Result<TeamsResponse, ClientError> {
        self.ask(Call::new("teams")).await
    }

    /// Gives an account a role in a team.
    pub async fn put_member(
        &self,
        team: &str,
        person: &str,
        request: &MemberRequest,
    ) -> Result<Member, ClientError> {
        self.tell(Call::new("put_member").parameter(team).parameter(person), request).await
    }

    pub async fn remove_member(&self, team: &str, person: &str) -> Result<(), ClientError> {
        self.done(Call::new("remove_member").parameter(team).parameter(person)).await
    }

    pub async fn secrets(&self) -> Result<SecretsResponse, ClientError> {
        self.ask(Call::new("secrets")).await
    }

    /// Keeps a value as the newest version of a name.
    pub async fn put_secret(&self, name: &str, request: &SecretRequest) -> Result<Secret, ClientError> {
        self.tell(Call::new("put_secret").parameter(name), request).await
    }

    /// Puts a new value in place of the one in use.
    pub async fn rotate_secret(
        &self,
        name: &str,
        request: &RotateRequest,
    ) -> Result<SecretRotated, ClientError> {
        self.tell(Call::new("rotate_secret").parameter(name), request).await
    }

    /// Shows a value; the reason goes into the audit log.
    pub async fn reveal_secret(
        &self,
        name: &str,
        request: &RevealRequest,
    ) -> Result<SecretRevealed, ClientError> {
        self.tell(Call::new("reveal_secret").parameter(name), request).await
    }

    pub async fn delete_secret(&self, name: &str, force: bool) -> Result<(), ClientError> {
        self.done(Call::new("delete_secret").parameter(name).query("force", force.then_some("true"))).await
    }

    pub async fn sql(&self, request: &SqlRequest) -> Result<SqlResponse, ClientError> {
        self.tell(Call::new("sql"), request).await
    }

    pub async fn search(&self, request: &SearchRequest) -> Result<SearchResponse, ClientError> {
        self.tell(Call::new("search"), request).await
    }

    pub async fn histogram(&self, request: &HistogramRequest) -> Result<HistogramResponse, ClientError> {
        self.tell(Call::new("histogram"), request).await
    }

    pub async fn facets(&self, request: &FacetsRequest) -> Result<FacetsResponse, ClientError> {
        self.tell(Call::new("facets"), request).await
    }

    pub async fn suggest(&self, request: &SuggestRequest) -> Result<SuggestResponse, ClientError> {
        self.tell(Call::new("suggest"), request).await
    }

    pub async fn compare(&self, request: &CompareRequest) -> Result<CompareResponse, ClientError> {
        self.tell(Call::new("compare"), request).await
    }

    pub async fn around(&self, request: &AroundRequest) -> Result<AroundResponse, ClientError> {
        self.tell(Call::new("around"), request).await
    }

    /// By name. `kind` is `search` or `sql`.
    pub async fn saved(&self, kind: Option<&str>) -> Result<SavedResponse, ClientError> {
        self.ask(Call::new("saved").query("kind", kind)).await
    }

    pub async fn saved_one(&self, name: &str) -> Result<SavedQuestion, ClientError> {
        self.ask(Call::new("saved_one").parameter(name)).await
    }

    /// In place of the one that has the name, if there is one.
    pub async fn save(&self, request: &SavedRequest) -> Result<SavedQuestion, ClientError> {
        self.tell(Call::new("save"), request).await
    }

    pub async fn delete_saved(&self, name: &str) -> Result<(), ClientError> {
        self.done(Call::new("delete_saved").parameter(name)).await
    }

    pub async fn dashboards(&self, service: Option<&str>) -> Result<DashboardsResponse, ClientError> {
        self.ask(Call::new("dashboards").query("service", service)).await
    }

    /// The newest version, or another one that is kept.
    pub async fn dashboard(&self, name: &str, version: Option<&str>) -> Result<Dashboard, ClientError> {
        self.ask(Call::new("dashboard").parameter(name).query("version", version)).await
    }

    /// Fails with a conflict if another version than the one that was edited is there.
    pub async fn put_dashboard(
        &self,
        name: &str,
        request: &DashboardRequest,
    ) -> Result<Dashboard, ClientError> {
        self.tell(Call::new("put_dashboard").parameter(name), request).await
    }

    pub async fn remove_dashboard(&self, name: &str) -> Result<(), ClientError> {
        self.done(Call::new("remove_dashboard").parameter(name)).await
    }

    pub async fn dashboard_history(&self, name: &str) -> Result<DashboardHistory, ClientError> {
        self.ask(Call::new("dashboard_history").parameter(name)).await
    }

    /// `format` is `yaml`, `json` or `perses`.
    pub async fn export_dashboard(&self, name: &str, format: &str) -> Result<DashboardExport, ClientError> {
        self.ask(Call::new("export_dashboard").parameter(name).query("format", Some(format))).await
    }

    /// What a dashboard of Grafana or Perses is here. Keeps nothing.
    pub async fn import_dashboard(
        &self,
        request: &DashboardImportRequest,
    ) -> Result<DashboardImport, ClientError> {
        self.tell(Call::new("import_dashboard"), request).await
    }

    /// The dashboard that a service has: the kept one, else one made from its telemetry.
    pub async fn service_dashboard(&self, service: &str) -> Result<Dashboard, ClientError> {
        self.ask(Call::new("service_dashboard").parameter(service)).await
    }

    /// A stored window through today's promises and rules.
    pub async fn replay(&self, request: &ReplayRequest) -> Result<ReplayResponse, ClientError> {
        self.tell(Call::new("replay"), request).await
    }

    pub async fn fields(&self, dataset: &str) -> Result<FieldsResponse, ClientError> {
        self.ask(Call::new("fields").parameter(dataset)).await
    }

    pub async fn trace(&self, trace_id: &str) -> Result<TraceResponse, ClientError> {
        self.ask(Call::new("trace").parameter(trace_id)).await
    }

    /// `start` and `end` are RFC 3339.
    pub async fn services(
        &self,
        start: Option<&str>,
        end: Option<&str>,
    ) -> Result<ServicesResponse, ClientError> {
        self.ask(Call::new("services").query("start", start).query("end", end)).await
    }

    /// Newest first. `start` and `end` are RFC 3339.
    pub async fn changes(
        &self,
        start: Option<&str>,
        end: Option<&str>,
        service: Option<&str>,
    ) -> Result<ChangesResponse, ClientError> {
        self.ask(Call::new("changes").query("start", start).query("end", end).query("service", service)).await
    }

    pub async fn record_change(&self, request: &ChangeRequest) -> Result<Change, ClientError> {
        self.tell(Call::new("record_change"), request).await
    }

    pub async fn slos(&self) -> Result<SlosResponse, ClientError> {
        self.ask(Call::new("slos")).await
    }

    pub async fn slo(&self, name: &str) -> Result<Slo, ClientError> {
        self.ask(Call::new("slo").parameter(name)).await
    }

    pub async fn slo_suspects(
        &self,
        name: &str,
        window_secs: Option<u64>,
    ) -> Result<SuspectsResponse, ClientError> {
        self.ask(Call::new("slo_suspects").parameter(name).query("window_secs", window_secs)).await
    }

    /// Applies YAML documents, all or none. `file` is the name that faults carry.
    pub async fn apply(
        &self,
        yaml: String,
        file: Option<&str>,
        options: ApplyOptions,
    ) -> Result<ApplyResponse, ClientError> {
        let call = Call::new("apply")
            .query("dry_run", options.dry_run.then_some(true))
            .query("defaults", options.without_defaults.then_some(false))
            .query("file", file)
            .yaml(yaml);
        self.ask(call).await
    }

    /// What a service promises by itself, why, and whom its alerts reach.
    pub async fn service_defaults(&self, service: &str) -> Result<ServiceDefaults, ClientError> {
        self.ask(Call::new("service_defaults").parameter(service)).await
    }

    /// Documents of Sloth or Pyrra, translated; and applied unless `dry_run`.
    pub async fn import_slos(
        &self,
        text: String,
        file: Option<&str>,
        dry_run: bool,
    ) -> Result<ImportSlosResponse, ClientError> {
        let call = Call::new("import_slos").query("dry_run", Some(dry_run)).query("file", file).yaml(text);
        self.ask(call).await
    }

    pub async fn objects(&self, query: &ObjectsQuery) -> Result<ObjectsResponse, ClientError> {
        self.ask(Call::new("objects").query("kind", query.kind.as_deref())).await
    }

    pub async fn delete_object(&self, kind: &str, name: &str) -> Result<(), ClientError> {
        self.done(Call::new("delete_object").parameter(kind).parameter(name)).await
    }

    /// Firing first. `state` and `slo` narrow the list.
    pub async fn alerts(
        &self,
        state: Option<&str>,
        slo: Option<&str>,
    ) -> Result<AlertsResponse, ClientError> {
        self.ask(Call::new("alerts").query("state", state).query("slo", slo)).await
    }

    pub async fn alert(&self, id: &str) -> Result<Alert, ClientError> {
        self.ask(Call::new("alert").parameter(id)).await
    }

    pub async fn send_alert(&self, request: &AlertRequest) -> Result<IntakeResponse, ClientError> {
        self.tell(Call::new("send_alerts"), request).await
    }

    pub async fn pages(&self, state: Option<&str>) -> Result<PagesResponse, ClientError> {
        self.ask(Call::new("pages").query("state", state)).await
    }

    /// Open ones first.
    pub async fn incidents(&self, state: Option<&str>) -> Result<IncidentsResponse, ClientError> {
        self.ask(Call::new("incidents").query("state", state)).await
    }

    pub async fn report_incident(&self, request: &ReportRequest) -> Result<ReportResponse, ClientError> {
        self.tell(Call::new("report_incident"), request).await
    }

    pub async fn incident(&self, id: &str) -> Result<IncidentDetail, ClientError> {
        self.ask(Call::new("incident").parameter(id)).await
    }

    /// `step` is one of acknowledge, confirm, assign, update, note, mitigate, resolve, review, cancel, reopen.
    pub async fn step_incident(
        &self,
        id: &str,
        step: &str,
        request: &StepRequest,
    ) -> Result<Incident, ClientError> {
        self.tell(Call::new("step_incident").parameter(id).parameter(step), request).await
    }

    pub async fn status_pages(&self) -> Result<StatusPagesResponse, ClientError> {
        self.ask(Call::new("status_pages")).await
    }

    /// A private page answers with its link, once.
    pub async fn put_status_page(
        &self,
        name: &str,
        page: &StatusPageRequest,
    ) -> Result<StatusPage, ClientError> {
        self.tell(Call::new("put_status_page").parameter(name), page).await
    }

    pub async fn remove_status_page(&self, name: &str) -> Result<(), ClientError> {
        self.done(Call::new("remove_status_page").parameter(name)).await
    }

    /// The page as everybody sees it.
    pub async fn status_page(&self, name: &str) -> Result<String, ClientError> {
        self.read(Call::new("status_page").parameter(name).query("form", Some("none"))).await
    }

    /// `file` is `atom.xml` or `rss.xml`.
    pub async fn status_page_feed(&self, name: &str, file: &str) -> Result<String, ClientError> {
        self.read(Call::new("status_page_feed").parameter(name).parameter(file)).await
    }

    pub async fn draft_statement(&self, id: &str, text: &str) -> Result<Statement, ClientError> {
        let request = StatementRequest { text: text.to_owned() };
        self.tell(Call::new("draft_statement").parameter(id), &request).await
    }

    /// `role` is `public_relations` or `manager`.
    pub async fn approve_statement(
        &self,
        id: &str,
        number: u32,
        role: &str,
    ) -> Result<Statement, ClientError> {
        let request = StatementApproval { role: role.to_owned(), by: String::new() };
        let call = Call::new("approve_statement").parameter(id).parameter(&number.to_string());
        self.tell(call, &request).await
    }

    pub async fn postmortems(&self) -> Result<PostmortemsResponse, ClientError> {
        self.ask(Call::new("postmortems")).await
    }

    pub async fn postmortem(&self, id: &str) -> Result<Postmortem, ClientError> {
        self.ask(Call::new("postmortem").parameter(id)).await
    }

    /// As one document in Markdown.
    pub async fn postmortem_markdown(&self, id: &str) -> Result<String, ClientError> {
        self.read(Call::new("postmortem_markdown").parameter(id)).await
    }

    /// `step` is one of draft, close, reopen; `version` is the one that was read.
    pub async fn step_postmortem(
        &self,
        id: &str,
        step: &str,
        version: u64,
    ) -> Result<Postmortem, ClientError> {
        let call = Call::new("step_postmortem").parameter(id).parameter(step);
        self.tell(call, &PostmortemStep { version }).await
    }

    /// How incidents were handled over a time.
    pub async fn review(
        &self,
        start: Option<&str>,
        end: Option<&str>,
    ) -> Result<ReviewResponse, ClientError> {
        self.ask(Call::new("review").query("start", start).query("end", end)).await
    }

    pub async fn review_reports(&self) -> Result<ReviewReportsResponse, ClientError> {
        self.ask(Call::new("review_reports")).await
    }

    /// With `dry_run` nothing is sent.
    pub async fn send_review_report(&self, name: &str, dry_run: bool) -> Result<ReportPreview, ClientError> {
        let call = Call::new("send_review_report").parameter(name);
        self.tell(call, &ReportSendRequest { dry_run }).await
    }

    pub async fn review_csv(&self, start: Option<&str>, end: Option<&str>) -> Result<String, ClientError> {
        self.read(Call::new("review").query("start", start).query("end", end).query("format", Some("csv")))
            .await
    }

    /// The weekly meeting of a week such as 2026-W47, or of `now`.
    pub async fn meeting(&self, week: &str) -> Result<MeetingResponse, ClientError> {
        self.ask(Call::new("meeting").parameter(week)).await
    }

    pub async fn takeover(&self, service: &str) -> Result<Sheet, ClientError> {
        self.ask(Call::new("takeover").parameter(service)).await
    }

    /// What can be done.
    pub async fn actions(&self) -> Result<ActionsResponse, ClientError> {
        self.ask(Call::new("actions")).await
    }

    /// What there is to act on.
    pub async fn cloud_inventory(&self) -> Result<CloudInventory, ClientError> {
        self.ask(Call::new("cloud_inventory")).await
    }

    /// How clients behave, and who is blocked.
    /// How much telemetry is kept, and what waits to be deleted.
    pub async fn limits(&self) -> Result<LimitsResponse, ClientError> {
        self.ask(Call::new("limits")).await
    }

    /// Deletes what these limits want deleted, however much it is.
    pub async fn confirm_limits(
        &self,
        request: &ConfirmLimitsRequest,
    ) -> Result<LimitsResponse, ClientError> {
        self.tell(Call::new("confirm_limits"), request).await
    }

    pub async fn credit(&self) -> Result<CreditStatus, ClientError> {
        self.ask(Call::new("credit")).await
    }

    pub async fn explain_address(&self, address: &str) -> Result<CreditExplanation, ClientError> {
        self.ask(Call::new("explain_address").query("address", Some(address))).await
    }

    pub async fn set_credit(&self, settings: &CreditSettings) -> Result<CreditStatus, ClientError> {
        self.tell(Call::new("set_credit"), settings).await
    }

    /// Who would have been blocked. Nothing is done.
    pub async fn rehearse_credit(
        &self,
        request: &CreditRehearsalRequest,
    ) -> Result<CreditRehearsal, ClientError> {
        self.tell(Call::new("rehearse_credit"), request).await
    }

    pub async fn release_address(&self, request: &CreditReleaseRequest) -> Result<CreditBlock, ClientError> {
        self.tell(Call::new("release_address"), request).await
    }

    /// How much keeps to the standards.
    pub async fn inventory_score(&self) -> Result<InventoryScore, ClientError> {
        self.ask(Call::new("inventory_score")).await
    }

    /// Resources; `query` holds pairs as the route names them.
    pub async fn inventory_resources(
        &self,
        query: &[(&'static str, Option<&str>)],
    ) -> Result<InventoryResources, ClientError> {
        let call = Call::new("inventory_resources");
        self.ask(query.iter().fold(call, |call, (name, value)| call.query(name, *value))).await
    }

    /// The same as CSV, a line for each verdict.
    pub async fn inventory_csv(&self, query: &[(&'static str, Option<&str>)]) -> Result<String, ClientError> {
        let call = Call::new("inventory_resources").query("format", Some("csv"));
        self.read(query.iter().fold(call, |call, (name, value)| call.query(name, *value))).await
    }

    pub async fn inventory_resource(&self, key: &str) -> Result<InventoryResource, ClientError> {
        self.ask(Call::new("inventory_resource").query("key", Some(key))).await
    }

    pub async fn import_inventory(&self, request: &InventoryImport) -> Result<InventoryTaken, ClientError> {
        self.tell(Call::new("import_inventory"), request).await
    }

    /// Asks the providers for everything now.
    pub async fn collect_inventory(&self) -> Result<InventoryTaken, ClientError> {
        self.ask(Call::new("collect_inventory")).await
    }

    pub async fn inventory_standards(&self) -> Result<InventoryStandards, ClientError> {
        self.ask(Call::new("inventory_standards")).await
    }

    pub async fn apply_standards(&self, request: &StandardsRequest) -> Result<StandardsApplied, ClientError> {
        self.tell(Call::new("apply_standards"), request).await
    }

    pub async fn remove_standard(&self, name: &str) -> Result<(), ClientError> {
        self.done(Call::new("remove_standard").parameter(name)).await
    }

    pub async fn inventory_waivers(&self) -> Result<WaiversResponse, ClientError> {
        self.ask(Call::new("inventory_waivers")).await
    }

    pub async fn ask_waiver(&self, request: &WaiverRequest) -> Result<ComplianceWaiver, ClientError> {
        self.tell(Call::new("ask_waiver"), request).await
    }

    pub async fn approve_waiver(&self, id: &str) -> Result<ComplianceWaiver, ClientError> {
        self.ask(Call::new("approve_waiver").parameter(id)).await
    }

    pub async fn remove_waiver(&self, id: &str) -> Result<(), ClientError> {
        self.done(Call::new("remove_waiver").parameter(id)).await
    }

    /// What reports and what has stopped; `query` holds pairs as the route names them.
    pub async fn infrastructure(
        &self,
        query: &[(&'static str, Option<&str>)],
    ) -> Result<InfraResponse, ClientError> {
        let call = Call::new("infrastructure");
        self.ask(query.iter().fold(call, |call, (name, value)| call.query(name, *value))).await
    }

    pub async fn infrastructure_unit(&self, kind: &str, id: &str) -> Result<InfraUnitDetail, ClientError> {
        self.ask(Call::new("infrastructure_unit").query("kind", Some(kind)).query("id", Some(id))).await
    }

    pub async fn retire_unit(&self, request: &InfraRetire) -> Result<InfraUnit, ClientError> {
        self.tell(Call::new("retire_unit"), request).await
    }

    pub async fn infra_watches(&self) -> Result<InfraWatches, ClientError> {
        self.ask(Call::new("infra_watches")).await
    }

    pub async fn put_infra_watch(&self, watch: &InfraWatch) -> Result<InfraWatchStatus, ClientError> {
        self.tell(Call::new("put_infra_watch"), watch).await
    }

    pub async fn delete_infra_watch(&self, name: &str) -> Result<(), ClientError> {
        self.done(Call::new("delete_infra_watch").parameter(name)).await
    }

    /// What has a limit, the soonest full first; `query` holds pairs as the route names them.
    pub async fn saturation(
        &self,
        query: &[(&'static str, Option<&str>)],
    ) -> Result<SaturationResponse, ClientError> {
        let call = Call::new("saturation");
        self.ask(query.iter().fold(call, |call, (name, value)| call.query(name, *value))).await
    }

    /// Carries out an action that only reads.
    pub async fn read_action(&self, request: &PlanRequest) -> Result<SeenResponse, ClientError> {
        self.tell(Call::new("read_action"), request).await
    }

    /// What would be done. Nothing is.
    pub async fn plan_action(&self, request: &PlanRequest) -> Result<ActionPlan, ClientError> {
        self.tell(Call::new("plan_action"), request).await
    }

    /// Newest first. `state` and `incident` narrow the list.
    pub async fn runs(
        &self,
        state: Option<&str>,
        incident: Option<&str>,
    ) -> Result<RunsResponse, ClientError> {
        self.ask(Call::new("runs").query("state", state).query("incident", incident)).await
    }

    pub async fn start_run(&self, request: &RunRequest) -> Result<ActionRun, ClientError> {
        self.tell(Call::new("start_run"), request).await
    }

    pub async fn run(&self, id: &str) -> Result<ActionRun, ClientError> {
        self.ask(Call::new("run").parameter(id)).await
    }

    /// What happened to a run after event number `after`.
    pub async fn run_history(&self, id: &str, after: u64) -> Result<RunEventsResponse, ClientError> {
        self.ask(Call::new("run_history").parameter(id).query("after", Some(after))).await
    }

    /// `step` is one of approve, start, cancel, answer.
    pub async fn step_run(
        &self,
        id: &str,
        step: &str,
        request: &RunStepRequest,
    ) -> Result<ActionRun, ClientError> {
        self.tell(Call::new("step_run").parameter(id).parameter(step), request).await
    }

    /// Stops everything until it is lifted.
    pub async fn stop_actions(&self, request: &StopRequest) -> Result<GlobalStop, ClientError> {
        self.tell(Call::new("stop_actions"), request).await
    }

    pub async fn lift_stop(&self) -> Result<(), ClientError> {
        self.done(Call::new("lift_stop")).await
    }

    /// Entries of the audit log after number `after`, in order.
    pub async fn audit(&self, after: u64, limit: u32) -> Result<AuditResponse, ClientError> {
        self.ask(Call::new("audit").query("after", Some(after)).query("limit", Some(limit))).await
    }

    /// Lines or JSON events for a dataset. Durable when it returns.
    pub async fn ingest(&self, request: Ingest) -> Result<Ingested, ClientError> {
        let Ingest { dataset, format, attributes, key, may_be_repeat, body } = request;
        let call = Call::new("ingest")
            .parameter(&dataset)
            .query("format", Some(format))
            .attributes(&attributes)
            .header("idempotency-key", key)
            .header("nines-repeat", may_be_repeat.then(|| "true".to_owned()))
            .raw("application/octet-stream", body);
        self.ask(call).await
    }

    /// A request of OTLP, encoded. Its metrics are durable when this returns.
    pub async fn otlp_metrics(&self, request: Vec<u8>) -> Result<(), ClientError> {
        self.done(Call::new("otlp_metrics").raw("application/x-protobuf", request)).await
    }

    /// A query at one instant, by Prometheus' API. `time` is RFC 3339 or Unix seconds; now, if `None`.
    pub async fn promql(&self, query: &str, time: Option<&str>) -> Result<serde_json::Value, ClientError> {
        self.ask(Call::new("prometheus_query").query("query", Some(query)).query("time", time)).await
    }

    /// The same over a range; `step` is in seconds.
    pub async fn promql_range(
        &self,
        query: &str,
        start: &str,
        end: &str,
        step: f64,
    ) -> Result<serde_json::Value, ClientError> {
        let call =
            Call::new("prometheus_query_range").query("query", Some(query)).query("start", Some(start));
        self.ask(call.query("end", Some(end)).query("step", Some(step))).await
    }

    async fn ask<T: DeserializeOwned>(&self, call: Call) -> Result<T, ClientError> {
        call.send(&self.egress, &self.base, self.key.as_deref(), ANSWER_WAIT_MAX).await?.json()
    }

    async fn tell<T: DeserializeOwned>(&self, call: Call, body: &impl Serialize) -> Result<T, ClientError> {
        self.ask(call.json(body)?).await
    }

    async fn read(&self, call: Call) -> Result<String, ClientError> {
        let answer = call.send(&self.egress, &self.base, self.key.as_deref(), ANSWER_WAIT_MAX).await?;
        Ok(answer.text())
    }

    async fn done(&self, call: Call) -> Result<(), ClientError> {
        call.send(&self.egress, &self.base, self.key.as_deref(), ANSWER_WAIT_MAX).await?;
        Ok(())
    }
}

/// Who runs a client tool chooses where it connects: the node is often on loopback or in a private network.
fn anywhere() -> Policy {
    let networks = ["0.0.0.0/0", "::/0"];
    Policy { allow: networks.iter().map(|text| text.parse().expect("a constant network")).collect() }
}

/// `http://host[:port][/prefix]`, without a slash at the end.
fn checked_base(url: &str) -> Result<String, ClientError> {
    let invalid = |reason: &str| ClientError::InvalidUrl { url: url.to_owned(), reason: reason.to_owned() };
    let parsed: http::Uri =
        url.parse().map_err(|error: http::uri::InvalidUri| invalid(&error.to_string()))?;
    match parsed.scheme_str() {
        Some("http" | "https") => {}
        Some(_) => return Err(invalid("its scheme is not http or https")),
        None => return Err(invalid("it does not begin with http:// or https://")),
    }
    let authority = parsed.authority().map_or("", http::uri::Authority::as_str);
    if authority.is_empty() || authority.contains('@') {
        return Err(invalid("it has no host, or a user name in front of it"));
    }
    if parsed.query().is_some() || url.contains('#') {
        return Err(invalid("it has a query or a fragment"));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_checked_before_anything_is_sent() {
        assert_eq!(checked_base("http://127.0.0.1:9999/").unwrap(), "http://127.0.0.1:9999");
        assert_eq!(checked_base("https://sre.example/nines/").unwrap(), "https://sre.example/nines");
        for wrong in
            ["127.0.0.1:9999", "ftp://x", "http://", "http://x/?a=b", "http://user@x", "http://x/#a", ""]
        {
            assert!(matches!(checked_base(wrong), Err(ClientError::InvalidUrl { .. })), "{wrong}");
        }
    }
}
