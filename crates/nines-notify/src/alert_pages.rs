//! The one place where an alert becomes pages.

use nines_alerting::{AlertMessage, Level, Severity, TransitionKind, render};
use nines_model::Timestamp;

use crate::content::with_buttons;
use crate::{Draft, Event, NewPage, Priority, Route, Subject, plan_draft};

/// The pages of one transition: a page for each route, with a fallback where there is one. Deterministic but for `now`:
/// planning the same transition again makes the same ids, which the outbox already has.
///
/// Which routes apply (severity, team, hours) is decided by the caller; a ticket-only target is simply not in `routes`
/// of a page.
pub fn plan(message: &AlertMessage, routes: &[Route], now: Timestamp) -> Vec<NewPage> {
    let subject = Subject::alert(message.alert.0.clone());
    let step = format!("{}:{}", message.number, message.kind.as_str());
    plan_draft(&subject, &step, event_of(message.kind), priority_of(message), &draft(message), routes, now)
}

fn draft(message: &AlertMessage) -> Draft {
    let email = render::email(message);
    let webhook = render::webhook(message);
    Draft {
        title: email.subject,
        text: email.text,
        html: email.html,
        attachments: Vec::new(),
        slack: with_buttons(render::slack(message), &webhook),
        webhook,
    }
}

fn event_of(kind: TransitionKind) -> Event {
    match kind {
        TransitionKind::Fired
        | TransitionKind::Escalated
        | TransitionKind::Reopened
        | TransitionKind::Flapping => Event::Trigger,
        TransitionKind::Lowered => Event::Update,
        TransitionKind::Resolved => Event::Resolve,
    }
}

/// News that it is over goes after every trigger that calls somebody.
fn priority_of(message: &AlertMessage) -> Priority {
    match (message.kind, message.level) {
        (TransitionKind::Resolved, _) => Priority(4),
        (TransitionKind::Lowered, _) => Priority(3),
        (_, Level::P0) => Priority(0),
        (_, Level::P1) => Priority(1),
        (_, Level::P2) if message.severity == Severity::Page => Priority(1),
        (_, Level::P2) => Priority(2),
    }
}
