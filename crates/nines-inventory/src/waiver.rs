//! A failure that somebody answers for, until a day.

use nines_model::Timestamp;

use crate::InventoryError;
use crate::resource::Resource;

/// A longer one is a change of the standard.
pub const WAIVER_DAYS_MAX: i64 = 366;
const REASON_CHARS_MIN: usize = 10;
const TEXT_BYTES_MAX: usize = 1_000;
const DAY_SECS: i64 = 86_400;

/// Which resources; every part that is given must fit, and one must be given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    /// A resource's key.
    pub resource: Option<String>,
    pub kind: Option<String>,
    pub account: Option<String>,
    pub owner: Option<String>,
}

impl Scope {
    pub fn fits(&self, resource: &Resource) -> bool {
        let fits = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|text| text == found);
        fits(&self.kind, &resource.key.kind)
            && fits(&self.account, &resource.key.account)
            && self.owner.as_ref().is_none_or(|text| Some(text.as_str()) == resource.owner())
            && self.resource.as_ref().is_none_or(|text| *text == resource.key.to_string())
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    pub id: String,
    /// The standard's name.
    pub rule: String,
    pub scope: Scope,
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    pub asked_by: String,
    /// Who that may be, whatever their key is called: what four eyes are counted by.
    pub asked_by_people: Vec<String>,
    pub asked_at: Timestamp,
    /// Somebody else than who asked; without that it waives nothing.
    pub approved_by: Option<String>,
    pub ends_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaiverState {
    /// Waits for a second person.
    Asked,
    InForce,
    Ended,
}

impl WaiverState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::InForce => "in_force",
            Self::Ended => "ended",
        }
    }
}

impl Waiver {
    pub fn state(&self, now: Timestamp) -> WaiverState {
        if self.ends_at <= now {
            WaiverState::Ended
        } else if self.approved_by.is_none() {
            WaiverState::Asked
        } else {
            WaiverState::InForce
        }
    }

    pub fn waives(&self, rule: &str, resource: &Resource, now: Timestamp) -> bool {
        self.state(now) == WaiverState::InForce && self.rule == rule && self.scope.fits(resource)
    }

    /// What has to hold of a new one.
    ///
    /// # Errors
    /// [`InventoryError::Invalid`], naming the field.
    pub fn check(&self, now: Timestamp) -> Result<(), InventoryError> {
        let refused = |text: String| Err(InventoryError::Invalid(text));
        if self.scope.is_empty() {
            return refused("a waiver needs `resource`, `kind`, `account` or `owner_is`: none of the resources is not all of them".to_owned());
        }
        if self.reason.trim().chars().count() < REASON_CHARS_MIN {
            return refused(format!(
                "`reason` has fewer than {REASON_CHARS_MIN} characters: say why, for whoever reads it in a year"
            ));
        }
        if self.owner.trim().is_empty() {
            return refused("`owner` is empty: name who answers for it".to_owned());
        }
        if self.reason.len() > TEXT_BYTES_MAX || self.owner.len() > TEXT_BYTES_MAX {
            return refused(format!("`reason` and `owner` take at most {TEXT_BYTES_MAX} bytes"));
        }
        if self.ends_at <= now {
            return refused("`ends_at` is not in the future".to_owned());
        }
        if self.ends_at.as_secs() - now.as_secs() > WAIVER_DAYS_MAX * DAY_SECS {
            return refused(format!(
                "`ends_at` is more than {WAIVER_DAYS_MAX} days away: change the standard instead"
            ));
        }
        Ok(())
    }
}
