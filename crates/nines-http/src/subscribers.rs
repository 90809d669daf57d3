//! What subscribing to status pages needs beside its store: a limit on what strangers may ask for, the letters, and one
//! round of telling news. The loop that calls [`Subscribers::tell`] is the server's.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderName;
use axum::http::header::CONTENT_TYPE;
use nines_egress::Request;
use nines_model::Timestamp;
use nines_notify::{Letter, Outcome, Secret, TargetId, signature};
use nines_statuspage::{
    CONFIRM_WITHIN, Post, StatusError, StatusPage, Subscriber, SubscriberStore, Way, letter, news, question,
};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::SharedApp;
use crate::handlers::statuspage::viewed;
use crate::problem::ApiError;

/// Addresses that one network address may ask for in [`ASKED_WINDOW`].
const ASKED_MAX: usize = 10;
const ASKED_WINDOW: Duration = Duration::from_secs(3_600);
/// Network addresses that are counted; beyond, everybody is told to wait, for then it is an attack.
const ASKERS_MAX: usize = 20_000;
/// Subscribers of one page that are written to in one round.
const ROUND_MAX: u32 = 200;
/// Between two letters by mail: what a small relay takes.
const MAIL_PAUSE: Duration = Duration::from_millis(200);
/// How long a webhook may take.
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(10);
/// After a failure a subscriber is left alone for this long, doubled each time, up to an hour.
const PAUSE: Duration = Duration::from_secs(30);
const PAUSE_MAX: Duration = Duration::from_secs(3_600);

/// Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Subscribers {
    pub store: Arc<dyn SubscriberStore>,
    askers: Arc<Mutex<HashMap<IpAddr, VecDeque<Timestamp>>>>,
    /// Who failed, how often in a row, and until when it is left alone. Lost at a restart, which tries everybody once.
    failing: Arc<Mutex<HashMap<String, (u32, Timestamp)>>>,
}

impl Subscribers {
    pub fn new(store: Arc<dyn SubscriberStore>) -> Self {
        Self { store, askers: Arc::default(), failing: Arc::default() }
    }

    /// Whether that network address may ask for another subscription now.
    pub fn may_ask(&self, peer: IpAddr, now: Timestamp) -> bool {
        let mut askers = self.askers.lock();
        askers.retain(|_, times| {
            times.retain(|at| now.since(*at) < ASKED_WINDOW);
            !times.is_empty()
        });
        if askers.len() >= ASKERS_MAX && !askers.contains_key(&peer) {
            return false;
        }
        let times = askers.entry(peer).or_default();
        if times.len() >= ASKED_MAX {
            return false;
        }
        times.push_back(now);
        true
    }

    /// One round for all pages: news become posts, and whoever is behind is told. Does nothing twice that succeeded.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn tell(&self, app: &SharedApp) -> Result<(), ApiError> {
        let now = app.clock.now();
        self.store.forget_pending(now - CONFIRM_WITHIN).await?;
        self.failing.lock().retain(|_, (_, until)| now.since(*until) < PAUSE_MAX);
        for page in app.status_pages.pages().await? {
            let newest = self.post_news(app, &page).await?;
            for subscriber in self.store.behind(&page.name, newest, ROUND_MAX).await? {
                if app.shutdown.has_begun() {
                    return Ok(());
                }
                self.tell_one(app, &page, &subscriber, newest, now).await?;
            }
        }
        Ok(())
    }

    /// The number of the newest post of the page.
    pub async fn post_news(&self, app: &SharedApp, page: &StatusPage) -> Result<u64, ApiError> {
        let view = viewed(app, page).await?;
        Ok(self.store.add_posts(&page.name, &news(&view)).await?)
    }

    async fn tell_one(
        &self,
        app: &SharedApp,
        page: &StatusPage,
        subscriber: &Subscriber,
        newest: u64,
        now: Timestamp,
    ) -> Result<(), StatusError> {
        let is_left_alone = self.failing.lock().get(&subscriber.id).is_some_and(|(_, until)| *until > now);
        if is_left_alone {
            return Ok(());
        }
        let mut posts = self.store.posts_after(&page.name, subscriber.told).await?;
        posts.retain(|post| subscriber.wants(post, now));
        // Newest first, as people read.
        posts.reverse();
        let outcome = match posts.is_empty() {
            true => Outcome::Delivered { reference: None },
            false => self.write_to(app, page, subscriber, &posts, now).await,
        };
        match outcome {
            Outcome::Delivered { .. } => {
                self.failing.lock().remove(&subscriber.id);
                self.store.set_told(&page.name, &subscriber.id, newest).await
            }
            // The address will never take anything: it is forgotten, as it asked to be told and cannot be.
            Outcome::Permanent { detail } => {
                tracing::warn!(
                    page = page.name,
                    subscriber = subscriber.id,
                    detail,
                    "a subscriber is forgotten"
                );
                self.store.remove_subscriber(&page.name, &subscriber.id).await.map(|_| ())
            }
            Outcome::Retryable { detail, .. } | Outcome::Unknown { detail } => {
                let mut failing = self.failing.lock();
                let (count, until) = failing.entry(subscriber.id.clone()).or_insert((0, now));
                *until = now + PAUSE.saturating_mul(1 << (*count).min(7)).min(PAUSE_MAX);
                *count += 1;
                tracing::warn!(
                    page = page.name,
                    subscriber = subscriber.id,
                    detail,
                    "a subscriber cannot be told yet"
                );
                Ok(())
            }
        }
    }

    async fn write_to(
        &self,
        app: &SharedApp,
        page: &StatusPage,
        subscriber: &Subscriber,
        posts: &[Post],
        now: Timestamp,
    ) -> Outcome {
        let leave = link(app, subscriber);
        let last = posts.first().map_or(0, |post| post.number);
        let id = format!("{}.{}.{last}", page.name, subscriber.id);
        // Whoever has the address of a private page has its secret; the letter does not repeat it.
        let address = page.secret.is_none().then(|| format!("{}/status/{}", app.public_url, page.name));
        match &subscriber.way {
            Way::Email(to) => {
                let (subject, text, html) =
                    letter(&page.title, posts, subscriber.language, address.as_deref(), &leave);
                let letter = Letter {
                    id: &id,
                    to,
                    subject: &subject,
                    text: &text,
                    html: &html,
                    leave: Some(&leave),
                    at: now,
                };
                let outcome = self.mail(app, page, &letter).await;
                app.clock.sleep(MAIL_PAUSE).await;
                outcome
            }
            Way::Webhook { url, secret } => {
                let posts: Vec<Value> = posts
                    .iter()
                    .map(|post| {
                        json!({
                            "number": post.number,
                            "title": post.title,
                            "text": post.text,
                            "components": post.components,
                            "at": post.at.to_string(),
                        })
                    })
                    .collect();
                let body = json!({
                    "type": "status.news",
                    "timestamp": now.to_string(),
                    "data": {"page": page.name, "title": page.title, "url": address, "posts": posts, "unsubscribe_url": leave},
                });
                match self.call(app, url, secret, &id, &body, now).await {
                    Ok(response) if response.status.is_success() => Outcome::Delivered { reference: None },
                    Ok(response) if response.status.as_u16() == 410 => {
                        Outcome::Permanent { detail: "http status 410".to_owned() }
                    }
                    Ok(response) => Outcome::Retryable {
                        detail: format!("http status {}", response.status.as_u16()),
                        after: None,
                    },
                    Err(error) => Outcome::Retryable { detail: error.to_string(), after: None },
                }
            }
        }
    }

    async fn mail(&self, app: &SharedApp, page: &StatusPage, letter: &Letter<'_>) -> Outcome {
        let channel = page.mail_channel.as_ref().and_then(|name| app.targets.get(&TargetId(name.clone())));
        match channel.as_ref().and_then(|channel| channel.mailer()) {
            Some(mailer) => mailer.post(letter).await,
            None => {
                let detail = "the page's e-mail channel is gone".to_owned();
                Outcome::Retryable { detail, after: None }
            }
        }
    }

    /// Asks a mail address whether it wants news. True if the mail is on its way.
    pub async fn ask(&self, app: &SharedApp, page: &StatusPage, subscriber: &Subscriber) -> bool {
        let confirm = link(app, subscriber);
        let (subject, text, html) = question(&page.title, subscriber.language, &confirm);
        let id = format!("{}.{}.ask.{}", page.name, subscriber.id, subscriber.asked_at.as_secs());
        let letter = Letter {
            id: &id,
            to: subscriber.way.address(),
            subject: &subject,
            text: &text,
            html: &html,
            leave: None,
            at: app.clock.now(),
        };
        match self.mail(app, page, &letter).await {
            Outcome::Delivered { .. } => true,
            Outcome::Retryable { detail, .. }
            | Outcome::Permanent { detail }
            | Outcome::Unknown { detail } => {
                tracing::warn!(page = page.name, detail, "a subscriber could not be asked");
                false
            }
        }
    }

    /// Whether the webhook answers with what it was sent: it is the asker's own, or its owner wants this.
    pub async fn challenge(&self, app: &SharedApp, subscriber: &Subscriber) -> bool {
        let Way::Webhook { url, secret } = &subscriber.way else { return false };
        let challenge = app.random.uuid(app.clock.now()).simple().to_string();
        let body = json!({
            "type": "status.challenge",
            "challenge": challenge,
            "secret": secret,
            "unsubscribe_url": link(app, subscriber),
        });
        let id = format!("challenge.{}", subscriber.id);
        match self.call(app, url, secret, &id, &body, app.clock.now()).await {
            Ok(response) if response.status.is_success() => {
                let answer: Value = serde_json::from_slice(&response.body).unwrap_or_default();
                answer["challenge"] == challenge.as_str() || *response.body == *challenge.as_bytes()
            }
            _ => false,
        }
    }

    async fn call(
        &self,
        app: &SharedApp,
        url: &str,
        secret: &str,
        id: &str,
        body: &Value,
        now: Timestamp,
    ) -> Result<nines_egress::Response, nines_egress::EgressError> {
        let body = body.to_string();
        let signed = signature(&Secret::new(secret), id, now, body.as_bytes());
        let mut request = Request::post(url, body)
            .header(CONTENT_TYPE, "application/json")
            .header(HeaderName::from_static("webhook-id"), id)
            .header(HeaderName::from_static("webhook-timestamp"), &now.as_secs().to_string())
            .header(HeaderName::from_static("webhook-signature"), &signed);
        request.timeout = Some(WEBHOOK_TIMEOUT);
        app.oncall.egress.send(request).await
    }
}

fn link(app: &SharedApp, subscriber: &Subscriber) -> String {
    format!("{}/status/{}/subscribers/{}", app.public_url, subscriber.page, subscriber.key())
}
