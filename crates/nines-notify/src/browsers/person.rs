//! What the deliverer sees of a person's browsers: one channel, which a page is given to until each of them has it.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;

use super::{Browser, BrowserId, Browsers};
use crate::PageId;
use crate::channel::webpush::Pushed;
use crate::channel::{Channel, ChannelKind, Delivery, Limits, Outcome};

/// Pages of which some browsers have taken and others not. A page that is forgotten is only told twice.
const PARTLY_TAKEN_MAX: usize = 1_024;
/// Of one person: a push service bears more, and each page is a request for each browser.
const LIMITS: Limits = Limits { concurrency: 4, interval: Duration::ZERO };

/// The newest pages that some browsers have taken, with those browsers.
#[derive(Default)]
pub(super) struct PartlyTaken(VecDeque<(PageId, BTreeSet<BrowserId>)>);

impl PartlyTaken {
    pub fn of(&self, page: &PageId) -> BTreeSet<BrowserId> {
        let found = self.0.iter().find(|(known, _)| known == page);
        found.map(|(_, by)| by.clone()).unwrap_or_default()
    }

    pub fn add(&mut self, page: &PageId, by: BrowserId) {
        if let Some((_, known)) = self.0.iter_mut().find(|(known, _)| known == page) {
            known.insert(by);
            return;
        }
        if self.0.len() >= PARTLY_TAKEN_MAX {
            self.0.pop_front();
        }
        self.0.push_back((page.clone(), BTreeSet::from([by])));
    }

    pub fn forget(&mut self, page: &PageId) {
        self.0.retain(|(known, _)| known != page);
    }
}

/// All browsers of one person as one channel.
pub(super) struct OfPerson {
    browsers: Browsers,
    person: String,
}

impl OfPerson {
    pub fn new(browsers: Browsers, person: String) -> Self {
        Self { browsers, person }
    }
}

#[async_trait]
impl Channel for OfPerson {
    fn kind(&self) -> ChannelKind {
        ChannelKind::WebPush
    }

    fn limits(&self) -> Limits {
        LIMITS
    }

    async fn deliver(&self, delivery: &Delivery) -> Outcome {
        let inner = &self.browsers.inner;
        let all = self.browsers.reachable(&self.person);
        let taken = inner.taken.lock().of(&delivery.page);
        let sends = all.iter().filter(|browser| !taken.contains(&browser.id)).filter_map(|browser| {
            let subscription = browser.subscription.as_ref()?;
            Some(async move {
                let pushed = inner.pusher.push(subscription, delivery).await;
                if pushed == Pushed::Taken {
                    // At once: whoever waits for a slower one may give up on both.
                    inner.taken.lock().add(&delivery.page, browser.id.clone());
                }
                self.browsers.learn(&browser.id, &pushed, delivery.now);
                (browser, pushed)
            })
        });
        let pushed = join_all(sends).await;
        let outcome = outcome(&self.person, taken.len(), &pushed);
        if !matches!(outcome, Outcome::Retryable { .. } | Outcome::Unknown { .. }) {
            inner.taken.lock().forget(&delivery.page);
        }
        outcome
    }
}

/// Delivered once nothing is left to try and one has it. Of failures, the one that is worth most to try again.
pub(super) fn outcome(person: &str, taken_before: usize, pushed: &[(&Browser, Pushed)]) -> Outcome {
    let taken = taken_before + pushed.iter().filter(|(_, pushed)| *pushed == Pushed::Taken).count();
    let mut details = Vec::new();
    let (mut retryable, mut is_unknown) = (None::<Option<Duration>>, false);
    for (browser, pushed) in pushed {
        match pushed {
            Pushed::Taken => {}
            Pushed::Gone(status) => {
                details.push(format!("{}: takes nothing any more (http status {status})", browser.label));
            }
            Pushed::Failed(outcome) => {
                details.push(format!("{}: {}", browser.label, detail(outcome)));
                match outcome {
                    Outcome::Retryable { after, .. } => retryable = retryable.max(Some(*after)),
                    Outcome::Unknown { .. } => is_unknown = true,
                    Outcome::Delivered { .. } | Outcome::Permanent { .. } => {}
                }
            }
        }
    }
    let detail = match details.is_empty() {
        true => format!("{person} has no browser registered"),
        false => format!("taken by {taken}; {}", details.join("; ")),
    };
    match retryable {
        _ if is_unknown => Outcome::Unknown { detail },
        Some(after) => Outcome::Retryable { detail, after },
        None if taken > 0 => Outcome::Delivered { reference: None },
        None => Outcome::Permanent { detail },
    }
}

pub(super) fn detail(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Delivered { .. } => "",
        Outcome::Retryable { detail, .. } | Outcome::Permanent { detail } | Outcome::Unknown { detail } => {
            detail
        }
    }
}
