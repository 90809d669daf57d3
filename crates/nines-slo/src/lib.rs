//! Promises: indicators, objectives, error budgets and burn rates, live and from history.
//!
//! # The way of a promise
//! 1. [`parse`] reads OpenSLO documents and a few kinds of our own; [`Registry::apply`] takes them all or none.
//! 2. [`Registry::promises`] resolves every objective into a [`Promise`], whose [`Indicator`] judges single events.
//!    One that is read from series is a [`MetricIndicator`], which counts stretches of time with PromQL.
//! 3. [`LiveSlis`] counts while events arrive, in [`Rings`] of seconds, minutes and quarters of an hour, and keeps
//!    [`Evidence`] of what bad events have in common. History is merged in, and every event counts once.
//! 4. [`evaluate`] reads the counters at an instant: budget, burn rate, alert tiers, honest state. [`budget_sentence`] says
//!    it in words.
//!
//! # Words introduced here
//! - **Promise**: one objective of one SLO, the unit that is measured and shown.
//! - **Tier**: an alert condition on a long and a short window. The fastest one looks at seconds.
//! - **Coverage**: the share of a window that has been measured. A window below nine tenths is *young*.
//! - **State** says whether numbers can be believed (measured, too few, stale, invalid, paused), **status** what they say
//!   about the budget (healthy, at risk, exhausted).
//!
//! # Promises
//! - Live counts equal counts from history: both put an event into the bucket of `floor(timestamp)`.
//! - Evaluation takes no lock that ingest holds.
//! - No traffic is never 100 %, and what is not measured is never healthy.
//!
//! Does no IO, reads no clock, knows nothing of Arrow, SQL or HTTP.

mod budget;
mod burn;
mod changes;
mod document;
mod evidence;
pub mod import;
mod indicator;
mod live;
mod metric;
mod promise;
mod propose;
mod reading;
mod registry;
mod replay;
mod rings;
mod sentence;
mod window;

pub use budget::*;
pub use burn::{
    MIN_EVENTS, SECONDS_LONG, SECONDS_SHORT, SECONDS_TIER, SHORT_WINDOW_DIVISOR, Severity, Tier, TierReading,
    Verdict, burn_rate, default_tiers, read_tier, wilson_bounds,
};
/// For crates that read kinds of their own in the same files.
pub mod documents {
    pub use crate::document::{Entry, Fields, ForeignKinds, Node, Raw, Reader, parse_with, suggest};
}

pub use changes::{CHANGES_MAX, Change, RecentChanges};
pub use document::{
    AlertCondition, AlertNotificationTarget, AlertPolicy, Budgeting, Channel, ChannelTarget,
    DOCUMENT_BYTES_MAX, DOCUMENT_DEPTH_MAX, DOCUMENT_NODES_MAX, DOCUMENTS_MAX, DataSource, Document,
    DocumentError, DocumentKey, DocumentKind, DocumentWarning, MASKING_BUILT_INS, Mark, Marks, MaskingAction,
    MaskingRule, MaskingRules, MaskingWhat, Meta, Metric, NINES_V1, NinesSource, OPENSLO_V1, OPENSLO_V1ALPHA,
    Objective, Op, Parsed, ParsedFile, Period, PeriodUnit, ProviderTarget, Ratio, RatioParts, Ref, Secret,
    Service, Settings, Sli, Slo, Source, TELEMETRY_DATASETS, Team, TelemetryLimit, TelemetryLimits,
    TelemetryScope, Threshold, Window, Yaml, parse,
};
pub use evidence::{
    EVIDENCE_FIELDS_MAX, EVIDENCE_MINUTES, EVIDENCE_VALUES_MAX, Evidence, SUSPECTS_MAX, Suspect, UsersHit,
};
pub use indicator::{Indicator, Measure, NotMeasured, Outcome};
pub use live::{LATE_MAX, LIVE_MAX, LiveError, LiveSli, LiveSlis, Reading as MetricReading};
pub use metric::{
    Bound, CountError, Counted, GAP_MAX, INTERVAL_DEFAULT, MetricForm, MetricIndicator, PARTS, Question,
};
pub use promise::Promise;
pub use propose::{
    DEFAULT_TARGET, FAMILIES, Family, LATENCY_TARGET, LIMITS_MS, Proposal, STATUS, SeriesSource, ServicePast,
    TARGETS, Telemetry, propose,
};
pub use reading::*;
pub use registry::{Applied, OBJECTS_MAX, Registry, RemoveError, ResolvedPolicy};
pub use replay::Replay;
pub use rings::{
    BackfillPart, Bucket, FUTURE_MAX, MINUTES_REACH, QUARTERS_REACH, Rings, SECONDS_REACH, Slices,
};
pub use sentence::{Audience, Locale, budget_sentence, duration_in_words, state_sentence};
pub use window::{CALENDAR_MAX, ROLLING_MAX};
