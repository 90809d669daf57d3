// Short names for the generated types.
import type { components } from "./schema";

type Schemas = components["schemas"];
export type Alert = Schemas["Alert"];
export type AlertMessage = Schemas["AlertMessage"];
export type AlertsResponse = Schemas["AlertsResponse"];
export type Budget = Schemas["Budget"];
export type Burn = Schemas["Burn"];
export type Change = Schemas["Change"];
export type ChangesResponse = Schemas["ChangesResponse"];
export type AroundResponse = Omit<Schemas["AroundResponse"], "rows"> & { rows: EventRow[] };
export type CompareResponse = Schemas["CompareResponse"];
export type Difference = Schemas["Difference"];
export type FieldValue = Schemas["FieldValue"];
export type LogPattern = Schemas["LogPattern"];
export type PatternsResponse = Schemas["PatternsResponse"];
export type ReplayResponse = Schemas["ReplayResponse"];
export type ReplayedSlo = Schemas["ReplayedSlo"];
export type SavedQuestion = Schemas["SavedQuestion"];
export type SavedRequest = Schemas["SavedRequest"];
export type SavedResponse = Schemas["SavedResponse"];
export type Selection = Schemas["Selection"];
export type SqlResponse = Omit<Schemas["SqlResponse"], "rows"> & { rows: unknown[][] };
export type TailRows = Omit<Schemas["TailRows"], "rows"> & { rows: EventRow[] };
export type FacetsResponse = Schemas["FacetsResponse"];
export type FieldsResponse = Schemas["FieldsResponse"];
export type HistogramResponse = Schemas["HistogramResponse"];
export type Incident = Schemas["Incident"];
export type IncidentDetail = Schemas["IncidentDetail"];
export type IncidentsResponse = Schemas["IncidentsResponse"];
export type Key = Schemas["Key"];
export type KeyCreated = Schemas["KeyCreated"];
export type KeyRequest = Schemas["KeyRequest"];
export type KeysResponse = Schemas["KeysResponse"];
export type Page = Schemas["Page"];
export type PagesResponse = Schemas["PagesResponse"];
export type Problem = Schemas["Problem"];
export type PromiseClock = Schemas["PromiseClock"];
export type QueryStats = Schemas["QueryStats"];
export type ReportRequest = Schemas["ReportRequest"];
export type ReportResponse = Schemas["ReportResponse"];
export type SearchResponse = Omit<Schemas["SearchResponse"], "rows" | "notices"> & {
  rows: EventRow[];
  notices?: Notice[];
};
/** About the filter, if it may not say what was meant: a word of it, and what to put in its place. */
export type Notice = { message: string; replace?: string | null; with?: string | null };
export type ServicesResponse = Schemas["ServicesResponse"];
export type Session = Schemas["Session"];
export type SignInRequest = Schemas["SignInRequest"];
export type Slo = Schemas["Slo"];
export type SloSeriesResponse = Schemas["SloSeriesResponse"];
export type SlosResponse = Schemas["SlosResponse"];
export type Status = Schemas["Status"];
export type StepRequest = Schemas["StepRequest"];
export type StreamEvent = Schemas["StreamEvent"];
export type SuggestResponse = Schemas["SuggestResponse"];
export type Suspect = Schemas["Suspect"];
export type SuspectsResponse = Schemas["SuspectsResponse"];
export type TimelineEntry = Schemas["TimelineEntry"];
export type CriticalSection = Schemas["CriticalSection"];
export type TraceService = Schemas["TraceService"];
export type TraceResponse = Omit<Schemas["TraceResponse"], "spans" | "logs"> & {
  spans: TraceSpan[];
  logs: EventRow[];
};
export type TraceSpan = Omit<Schemas["TraceSpan"], "attributes" | "events"> & {
  attributes: Record<string, unknown>;
  events: SpanEvent[];
};

/** A row of search: the fields that the record has. */
export type EventRow = Record<string, unknown> & { timestamp: string };
export type SpanEvent = { name?: string; time?: string; attributes?: Record<string, unknown> };

export type ActionArguments = Record<string, unknown>;
export type ActionInfo = Schemas["ActionInfo"];
export type ActionParameter = Schemas["ActionParameter"];
export type ActionsResponse = Schemas["ActionsResponse"];
export type ActionPlan = Omit<Schemas["ActionPlan"], "arguments"> & { arguments: ActionArguments };
export type ActionRun = Omit<Schemas["ActionRun"], "plan"> & { plan: ActionPlan };
export type RunsResponse = { runs: ActionRun[] };
export type RunStep = Schemas["RunStep"];
export type RunEvent = Schemas["RunEvent"];
export type RunEventsResponse = Schemas["RunEventsResponse"];
export type RunStepRequest = Schemas["RunStepRequest"];
export type GlobalStop = Schemas["GlobalStop"];
export type CloudInventory = Schemas["CloudInventory"];
export type AuditRecord = Schemas["AuditRecord"];
export type AuditResponse = Schemas["AuditResponse"];
export type AuditVerdict = Schemas["AuditVerdict"];

export type Account = Schemas["Account"];
export type AccountsResponse = Schemas["AccountsResponse"];
export type DeviceWaiting = Schemas["DeviceWaiting"];
export type InviteRequest = Schemas["InviteRequest"];
export type Invited = Schemas["Invited"];
export type Me = Schemas["Me"];
export type OpenSession = Schemas["OpenSession"];
export type PasswordRequest = Schemas["PasswordRequest"];
export type RecoveryCodes = Schemas["RecoveryCodes"];
export type Secret = Schemas["Secret"];
export type SecretRevealed = Schemas["SecretRevealed"];
export type SecretRotated = Schemas["SecretRotated"];
export type SecretsResponse = Schemas["SecretsResponse"];
export type SessionsResponse = Schemas["SessionsResponse"];
export type TotpBegun = Schemas["TotpBegun"];
export type SignInWays = Schemas["SignInWays"];
