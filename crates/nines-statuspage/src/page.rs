use nines_incidents::ApprovalRole;
use nines_model::Timestamp;
use sha2::{Digest, Sha256};

use crate::StatusError;

/// Pages of one node: one for everybody and one for each key customer.
pub const PAGES_MAX: usize = 200;
/// Components of one page: more are not read.
pub const COMPONENTS_MAX: usize = 100;
/// Bytes of a statement: a page of text.
pub const TEXT_BYTES_MAX: usize = 8 * 1024;
/// Characters of a title or a name.
const NAME_CHARS_MAX: usize = 120;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusPage {
    /// In its address: letters, digits and dashes.
    pub name: String,
    pub title: String,
    /// A line below the title; may be empty.
    pub description: String,
    pub components: Vec<Component>,
    /// `Some`: shown only with the link that has this secret.
    pub secret: Option<LinkSecret>,
    /// The e-mail channel by which subscribers are written to; without one only webhooks can subscribe.
    pub mail_channel: Option<String>,
    pub updated_at: Timestamp,
    pub updated_by: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    pub name: String,
    pub services: Vec<String>,
}

/// The hash of what a link holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkSecret(pub(crate) String);

impl LinkSecret {
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

impl StatusPage {
    /// # Errors
    /// [`StatusError::Invalid`], which names the part.
    pub fn check(&self) -> Result<(), StatusError> {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.name.is_empty() || self.name.len() > 60 || !self.name.chars().all(is_plain) {
            return invalid("the name has 1 to 60 lower-case letters, digits and dashes");
        }
        if self.components.is_empty() || self.components.len() > COMPONENTS_MAX {
            return invalid(&format!("a page has 1 to {COMPONENTS_MAX} components"));
        }
        let is_line = |text: &str| {
            !text.trim().is_empty()
                && text.chars().count() <= NAME_CHARS_MAX
                && !text.chars().any(char::is_control)
        };
        let texts = [&self.title].into_iter().chain(self.components.iter().map(|it| &it.name));
        for text in texts {
            if !is_line(text) {
                return invalid(&format!(
                    "a title or a component's name has 1 to {NAME_CHARS_MAX} characters"
                ));
            }
        }
        if self.description.len() > TEXT_BYTES_MAX {
            return invalid(&format!("the description has more than {TEXT_BYTES_MAX} bytes"));
        }
        match self.components.iter().find(|it| it.services.is_empty()) {
            Some(component) => invalid(&format!("component `{}` stands for no service", component.name)),
            None => Ok(()),
        }
    }

    /// Whether the link may be followed. Hashes are compared, so that the time tells nothing of the secret.
    pub fn is_open_to(&self, shown: Option<&str>) -> bool {
        match &self.secret {
            None => true,
            Some(secret) => shown.is_some_and(|shown| LinkSecret::of(shown) == *secret),
        }
    }
}

fn invalid<T>(message: &str) -> Result<T, StatusError> {
    Err(StatusError::Invalid(message.to_owned()))
}

/// A text for the public, on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub incident: String,
    /// From 1 within its incident.
    pub number: u32,
    /// Counts the changes, from 1.
    pub version: u64,
    pub text: String,
    pub drafted_by: String,
    pub drafted_at: Timestamp,
    pub approvals: Vec<(ApprovalRole, String)>,
    pub published_at: Option<Timestamp>,
}

impl Statement {
    /// # Errors
    /// A text that is empty or too long.
    pub fn new(
        incident: &str,
        number: u32,
        text: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<Self, StatusError> {
        let text = text.trim();
        if text.is_empty() || text.len() > TEXT_BYTES_MAX {
            return invalid(&format!("a statement has 1 to {TEXT_BYTES_MAX} bytes"));
        }
        Ok(Self {
            incident: incident.to_owned(),
            number,
            version: 1,
            text: text.to_owned(),
            drafted_by: by.to_owned(),
            drafted_at: now,
            approvals: Vec::new(),
            published_at: None,
        })
    }

    /// Approves in a role; nobody approves in two.
    ///
    /// # Errors
    /// It is published, the role is taken, or the person has approved in the other role.
    pub fn approved(&self, role: ApprovalRole, by: &str) -> Result<Self, StatusError> {
        let refuse = |why: &str| Err(StatusError::Refused(why.to_owned()));
        if self.published_at.is_some() {
            return refuse("the statement is published already");
        }
        if self.approvals.iter().any(|(known, _)| *known == role) {
            return refuse("somebody has approved it in this role already");
        }
        if self.approvals.iter().any(|(_, known)| known == by) {
            return refuse("public relations and the manager must be two different people");
        }
        let mut next = self.clone();
        next.approvals.push((role, by.to_owned()));
        next.version += 1;
        Ok(next)
    }

    /// Both roles have approved.
    pub fn is_approved(&self) -> bool {
        ApprovalRole::ALL.iter().all(|role| self.approvals.iter().any(|(known, _)| known == role))
    }
}
