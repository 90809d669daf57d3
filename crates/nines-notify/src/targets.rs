//! Where pages go: the configured targets, and how one message becomes a page for each.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use nines_model::Timestamp;
use parking_lot::RwLock;

use crate::{Channel, ChannelKind, Draft, Event, NewPage, PageId, Priority, Subject, TargetId};

/// A fallback page goes out when its primary has not been taken by the provider in this time (reliability B3).
pub const FALLBACK_AFTER: Duration = Duration::from_secs(30);

/// A configured target.
#[derive(Clone)]
pub struct Target {
    pub id: TargetId,
    pub channel: Arc<dyn Channel>,
}

/// All targets: those that are configured, replaced as a whole when the configuration changes, and those of people who
/// registered browsers. Cloning shares them.
#[derive(Clone, Default)]
pub struct Targets {
    configured: Shared,
    of_people: Shared,
}

type Shared = Arc<RwLock<HashMap<TargetId, Arc<dyn Channel>>>>;

impl Targets {
    pub fn new(targets: impl IntoIterator<Item = Target>) -> Self {
        let this = Self::default();
        this.replace(targets);
        this
    }

    pub fn replace(&self, targets: impl IntoIterator<Item = Target>) {
        set(&self.configured, targets);
    }

    /// The same for those of people; no document can have the name of one.
    pub fn replace_of_people(&self, targets: impl IntoIterator<Item = Target>) {
        set(&self.of_people, targets);
    }

    pub fn get(&self, id: &TargetId) -> Option<Arc<dyn Channel>> {
        let of = |targets: &Shared| targets.read().get(id).cloned();
        of(&self.configured).or_else(|| of(&self.of_people))
    }

    pub fn kind(&self, id: &TargetId) -> Option<ChannelKind> {
        self.get(id).map(|channel| channel.kind())
    }
}

fn set(shared: &Shared, targets: impl IntoIterator<Item = Target>) {
    *shared.write() = targets.into_iter().map(|target| (target.id, target.channel)).collect();
}

/// One place that a message goes to, and where it goes if that does not take it in 30 s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub target: TargetId,
    pub kind: ChannelKind,
    pub fallback: Option<(TargetId, ChannelKind)>,
}

/// The pages of one message: one for each route, then one for each fallback. `step` names the message within its
/// subject, so that planning it again makes the same ids. Two routes to one target make one page.
pub fn plan_draft(
    subject: &Subject,
    step: &str,
    event: Event,
    priority: Priority,
    draft: &Draft,
    routes: &[Route],
    now: Timestamp,
) -> Vec<NewPage> {
    let page = |target: &TargetId, kind: ChannelKind, fallback_of: Option<PageId>| NewPage {
        id: PageId::of(subject, step, target),
        subject: subject.clone(),
        event,
        target: target.clone(),
        priority,
        title: draft.title.clone(),
        content: draft.for_channel(kind),
        created_at: now,
        due_at: if fallback_of.is_some() { now + FALLBACK_AFTER } else { now },
        fallback_of,
    };
    let mut pages: Vec<NewPage> = Vec::new();
    let mut add = |new: NewPage| {
        if !pages.iter().any(|known| known.id == new.id) {
            pages.push(new);
        }
    };
    for route in routes {
        add(page(&route.target, route.kind, None));
    }
    for route in routes {
        if let Some((target, kind)) = &route.fallback {
            add(page(target, *kind, Some(PageId::of(subject, step, &route.target))));
        }
    }
    pages
}
