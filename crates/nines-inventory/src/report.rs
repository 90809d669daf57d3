//! Verdicts, and what they add up to.

use std::collections::BTreeMap;

use nines_model::Timestamp;

use crate::condition::Truth;
use crate::resource::Resource;
use crate::standard::Standard;
use crate::waiver::Waiver;

/// What one standard says of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub rule: String,
    pub truth: Truth,
    /// The fact that decided it, or why it is not known.
    pub because: String,
    /// The waiver that answers for it. One that passes needs none and has none.
    pub waiver: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Verdicts {
    pub verdicts: Vec<Verdict>,
    pub tally: Tally,
}

/// Judged pairs of a standard and a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
    pub unknown: u64,
    /// Failed or unknown, and answered for.
    pub waived: u64,
}

impl Tally {
    /// Percent passed of what passed, failed or is unknown. `None`: nothing was judged, which is no hundred.
    pub fn score(&self) -> Option<f64> {
        let judged = self.passed + self.failed + self.unknown;
        (judged > 0).then(|| 100.0 * self.passed as f64 / judged as f64)
    }

    fn count(&mut self, verdict: &Verdict) {
        match (verdict.truth, &verdict.waiver) {
            (Truth::True, _) => self.passed += 1,
            (_, Some(_)) => self.waived += 1,
            (Truth::False, None) => self.failed += 1,
            (Truth::Unknown, None) => self.unknown += 1,
        }
    }

    fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.unknown += other.unknown;
        self.waived += other.waived;
    }
}

/// All verdicts of a moment.
#[derive(Debug, Clone, Default)]
pub struct Report {
    pub total: Tally,
    /// Resources that are there.
    pub resources: usize,
    /// By standard's name.
    pub rules: BTreeMap<String, Tally>,
    /// By owner; the empty one is what nobody owns.
    pub owners: BTreeMap<String, Tally>,
    pub kinds: BTreeMap<String, Tally>,
}

/// What is kept of a day.
#[derive(Debug, Clone, PartialEq)]
pub struct Day {
    /// `2026-11-22`, UTC.
    pub day: String,
    pub total: Tally,
    pub rules: BTreeMap<String, Tally>,
    pub owners: BTreeMap<String, Tally>,
    pub kinds: BTreeMap<String, Tally>,
}

/// What the standards say of one resource.
pub(crate) fn judge(
    resource: &Resource,
    standards: &[Standard],
    waivers: &[Waiver],
    now: Timestamp,
) -> Verdicts {
    let mut found = Verdicts { verdicts: Vec::new(), tally: Tally::default() };
    for standard in standards.iter().filter(|one| !one.is_disabled && one.is_for(&resource.key.kind)) {
        if let Some(when) = &standard.when
            && when.holds(resource, now).truth == Truth::False
        {
            continue;
        }
        let finding = standard.require.holds(resource, now);
        let waiver = waivers
            .iter()
            .find(|waiver| waiver.waives(&standard.name, resource, now))
            .filter(|_| finding.truth != Truth::True)
            .map(|waiver| waiver.id.clone());
        let verdict =
            Verdict { rule: standard.name.clone(), truth: finding.truth, because: finding.because, waiver };
        found.tally.count(&verdict);
        found.verdicts.push(verdict);
    }
    found
}

impl Report {
    pub(crate) fn add(&mut self, resource: &Resource, verdicts: &Verdicts) {
        self.resources += 1;
        self.total.add(&verdicts.tally);
        for verdict in &verdicts.verdicts {
            self.rules.entry(verdict.rule.clone()).or_default().count(verdict);
        }
        let owner = resource.owner().unwrap_or_default().to_owned();
        self.owners.entry(owner).or_default().add(&verdicts.tally);
        self.kinds.entry(resource.key.kind.clone()).or_default().add(&verdicts.tally);
    }
}
