//! What an organisation's policies say of an action, beyond levels and scopes: asked when a run is requested, started and
//! approved, so that no door leads past it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::parameter::Arguments;
use crate::plan::Plan;

/// What is about to happen to a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Requested or started.
    Start,
    Approve,
}

/// An action of the catalogue that a runbook is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub action: String,
    pub arguments: Arguments,
}

/// Which policy says no, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Barred {
    pub policy: String,
    pub reason: Option<String>,
}

/// Answers for one caller. What it cannot find out, it refuses.
#[async_trait]
pub trait Bar: Send + Sync {
    async fn barred(&self, phase: Phase, plan: &Plan, incident: Option<&str>) -> Option<Barred>;
}

/// A caller's bar, or none where no policies are.
#[derive(Clone, Default)]
pub struct Bars(Option<Arc<dyn Bar>>);

impl Bars {
    pub fn new(bar: Arc<dyn Bar>) -> Self {
        Self(Some(bar))
    }

    pub(crate) async fn barred(&self, phase: Phase, plan: &Plan, incident: Option<&str>) -> Option<Barred> {
        match &self.0 {
            Some(bar) => bar.barred(phase, plan, incident).await,
            None => None,
        }
    }
}

impl fmt::Debug for Bars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Bars(asked)" } else { "Bars(none)" })
    }
}

impl PartialEq for Bars {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }
}

impl Eq for Bars {}

impl Plan {
    /// The actions of the catalogue that this plan is: itself, or the parts of a runbook.
    pub fn actions(&self) -> Vec<(&str, &Arguments)> {
        match self.parts.is_empty() {
            true => vec![(self.action.as_str(), &self.arguments)],
            false => self.parts.iter().map(|part| (part.action.as_str(), &part.arguments)).collect(),
        }
    }
}
