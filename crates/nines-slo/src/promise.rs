//! One objective of one SLO with everything that measuring and alerting need, references resolved.

use std::time::Duration;

use crate::burn::{MIN_EVENTS, SHORT_WINDOW_DIVISOR, Severity, Tier, default_tiers};
use crate::document::{Budgeting, Objective, Ratio, Settings, Slo, Window};
use crate::indicator::{Measure, NotMeasured};
use crate::registry::{Registry, ResolvedPolicy};
use crate::rings::Slices;

/// A promise: the unit that is measured, alerted on and shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Promise {
    /// The SLO's name; with several objectives `name:1`, `name:2`, … in their order. Stable, and the id of the live
    /// indicator.
    pub id: String,
    /// Name of the SLO document.
    pub slo: String,
    /// What people read: the SLO's title, and the objective's where there are several.
    pub title: String,
    pub description: Option<String>,
    pub service: String,
    pub target: Ratio,
    pub window: Window,
    pub budgeting: Budgeting,
    /// With time slices.
    pub slice: Option<(Duration, Slices)>,
    pub indicator: Result<Measure, NotMeasured>,
    /// The seconds tier, the table, then the SLO's own alert policies.
    pub tiers: Vec<Tier>,
    /// Events that a short window must hold, and the whole window too.
    pub min_events: u64,
    pub settings: Settings,
}

impl Registry {
    /// Every objective of every SLO, in order of name.
    pub fn promises(&self) -> Vec<Promise> {
        self.slos().flat_map(|slo| self.promises_of(slo)).collect()
    }

    pub fn promises_of(&self, slo: &Slo) -> Vec<Promise> {
        let policies = self.policies(slo);
        slo.objectives
            .iter()
            .enumerate()
            .map(|(index, objective)| {
                let indicator = self
                    .indicator(slo, index)
                    .ok_or(NotMeasured::NoIndicator)
                    .and_then(|sli| Measure::compile(&self.resolved(sli), objective, slo.settings.interval));
                Promise::new(slo, index, objective, indicator, &policies)
            })
            .collect()
    }
}

impl Promise {
    fn new(
        slo: &Slo,
        index: usize,
        objective: &Objective,
        indicator: Result<Measure, NotMeasured>,
        policies: &[ResolvedPolicy<'_>],
    ) -> Self {
        let alone = slo.objectives.len() == 1;
        let name = &slo.meta.name;
        let title = match &objective.display_name {
            Some(objective) if !alone => format!("{}: {objective}", slo.meta.title()),
            _ => slo.meta.title().to_owned(),
        };
        let slice = match (slo.budgeting, objective.time_slice_window, objective.time_slice_target) {
            (Budgeting::Timeslices, Some(window), Some(target)) => Some((window, Slices::Verdict(target))),
            (Budgeting::RatioTimeslices, Some(window), _) => Some((window, Slices::Ratio)),
            _ => None,
        };
        let mut tiers = default_tiers(objective.target, slo.window.nominal());
        if let Some((_, Slices::Verdict(slice_target))) = slice {
            // Seconds are judged by events: near-total failure is measured against what a slice allows.
            tiers[0] = crate::burn::seconds_tier(slice_target.complement().as_f64());
        }
        tiers.extend(
            policies
                .iter()
                .filter(|policy| policy.policy.when_breaching)
                .map(|policy| policy_tier(policy, objective.target)),
        );
        Self {
            id: if alone { name.clone() } else { format!("{name}:{}", index + 1) },
            slo: name.clone(),
            title,
            description: slo.description.clone(),
            service: slo.service.clone(),
            target: objective.target,
            window: slo.window.clone(),
            budgeting: slo.budgeting,
            slice,
            indicator,
            tiers,
            min_events: slo.settings.min_events.unwrap_or(MIN_EVENTS),
            settings: slo.settings.clone(),
        }
    }
}

/// An OpenSLO condition as a tier. `alertAfter` is taken as the short window: how long it must still be going on.
fn policy_tier(policy: &ResolvedPolicy<'_>, target: Ratio) -> Tier {
    let condition = policy.condition;
    let long = condition.lookback.nominal();
    let short = match condition.alert_after.map(|period| period.nominal()) {
        Some(after) if after < long => after,
        _ => (long / SHORT_WINDOW_DIVISOR).max(Duration::from_secs(1)),
    };
    let bad_share = (condition.threshold * target.complement().as_f64()).min(1.0);
    let severity = match condition.severity.to_ascii_lowercase().as_str() {
        "page" | "critical" | "high" | "error" | "p0" | "p1" | "sev1" | "sev2" => Severity::Page,
        _ => Severity::Ticket,
    };
    Tier {
        name: policy.policy.meta.name.clone(),
        severity,
        budget_share: None,
        long,
        short,
        long_bad_share: bad_share,
        short_bad_share: bad_share,
    }
}
