use std::sync::atomic::{AtomicU16, Ordering};

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nines_base::{Clock, ManualClock};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey};
use ring::rand::SystemRandom;

use super::*;
use crate::Outcome;
use crate::{MemoryBrowsers, contract};

#[tokio::test]
async fn the_reference_keeps_the_contract() {
    contract::check_browsers(|| async { Arc::new(MemoryBrowsers::default()) as Arc<dyn BrowserStore> }).await;
}

#[derive(Default)]
struct Told {
    people: Mutex<BTreeSet<String>>,
    gone: Mutex<Vec<String>>,
}

#[async_trait]
impl BrowserFollower for Told {
    async fn changed(&self, people: BTreeSet<String>) {
        *self.people.lock() = people;
    }

    async fn gone(&self, browser: &Browser) {
        self.gone.lock().push(browser.label.clone());
    }
}

/// A push service that answers each path with a status, and counts.
#[derive(Default)]
struct Service {
    statuses: Mutex<BTreeMap<String, u16>>,
    asked: Mutex<Vec<String>>,
    port: AtomicU16,
}

impl Service {
    async fn start() -> Arc<Self> {
        let service = Arc::new(Self::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        service.port.store(listener.local_addr().unwrap().port(), Ordering::Relaxed);
        let seen = Arc::clone(&service);
        let app = Router::new().route(
            "/{name}",
            post(move |Path(name): Path<String>| {
                let seen = Arc::clone(&seen);
                async move {
                    seen.asked.lock().push(name.clone());
                    let status = seen.statuses.lock().get(&name).copied().unwrap_or(201);
                    StatusCode::from_u16(status).unwrap()
                }
            }),
        );
        tokio::spawn(async move { axum::serve(listener, app).await });
        service
    }

    fn new_browser(&self, account: &str, name: &str) -> NewBrowser {
        let key = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).unwrap();
        let port = self.port.load(Ordering::Relaxed);
        NewBrowser {
            account: account.to_owned(),
            person: format!("{account}-name"),
            label: name.to_owned(),
            subscription: Subscription {
                endpoint: Secret::new(format!("http://127.0.0.1:{port}/{name}")),
                p256dh: URL_SAFE_NO_PAD.encode(key.compute_public_key().unwrap()),
                auth: Secret::new(URL_SAFE_NO_PAD.encode([1; 16])),
            },
        }
    }

    fn asked(&self) -> Vec<String> {
        let mut asked = std::mem::take(&mut *self.asked.lock());
        asked.sort();
        asked
    }
}

struct Node {
    browsers: Browsers,
    store: Arc<MemoryBrowsers>,
    told: Arc<Told>,
    targets: Targets,
    clock: Arc<ManualClock>,
}

async fn node() -> Node {
    let (store, told) = (Arc::new(MemoryBrowsers::default()), Arc::new(Told::default()));
    let (targets, clock) = (Targets::default(), ManualClock::at(Timestamp::from_secs(1_795_000_000)));
    let policy = nines_egress::Policy { allow: vec!["127.0.0.0/8".parse().unwrap()] };
    let egress = Egress::new(nines_egress::Config { policy, ..nines_egress::Config::default() }).unwrap();
    let browsers = Browsers::open(BrowsersParts {
        store: Arc::clone(&store) as _,
        follower: Arc::clone(&told) as _,
        targets: targets.clone(),
        egress,
        clock: Arc::clone(&clock) as _,
        random: Random::from_seed(7),
        public_url: "https://sre.example.com".to_owned(),
    });
    Node { browsers: browsers.await.unwrap(), store, told, targets, clock }
}

fn delivery(page: &str) -> Delivery {
    Delivery {
        page: PageId(page.to_owned()),
        subject: Subject::incident("INC-2026-0001"),
        event: Event::Notice,
        content: Draft::plain("t", "x", json!({})).for_channel(ChannelKind::WebPush),
        created_at: Timestamp::EPOCH,
        now: Timestamp::from_secs(1_795_000_100),
        thread: None,
        epoch: None,
    }
}

#[tokio::test]
async fn a_page_is_delivered_when_every_browser_has_it_and_none_gets_it_twice() {
    let (node, service) = (node().await, Service::start().await);
    for name in ["phone", "laptop"] {
        node.browsers.register(service.new_browser("ann", name)).await.unwrap();
    }
    node.browsers.register(service.new_browser("bo", "tablet")).await.unwrap();
    let channel = node.targets.get(&target("ann-name")).unwrap();
    service.statuses.lock().insert("laptop".to_owned(), 503);
    let first = channel.deliver(&delivery("p1")).await;
    assert!(
        matches!(&first, Outcome::Retryable { detail, .. } if detail == "taken by 1; laptop: http status 503"),
        "{first:?}"
    );
    assert_eq!(service.asked(), ["laptop", "phone"]);
    service.statuses.lock().clear();
    assert_eq!(channel.deliver(&delivery("p1")).await, Outcome::Delivered { reference: None });
    assert_eq!(service.asked(), ["laptop"], "the telephone has it already");
    assert_eq!(channel.deliver(&delivery("p2")).await, Outcome::Delivered { reference: None });
    assert_eq!(service.asked(), ["laptop", "phone"]);
}

#[tokio::test]
async fn a_browser_that_is_gone_is_not_asked_again_and_its_owner_sees_it() {
    let (node, service) = (node().await, Service::start().await);
    for name in ["phone", "laptop"] {
        node.browsers.register(service.new_browser("ann", name)).await.unwrap();
        node.clock.advance(Duration::from_secs(1));
    }
    let channel = node.targets.get(&target("ann-name")).unwrap();
    service.statuses.lock().insert("laptop".to_owned(), 410);
    assert_eq!(channel.deliver(&delivery("p1")).await, Outcome::Delivered { reference: None });
    node.browsers.write().await;
    assert_eq!(*node.told.gone.lock(), ["laptop"]);
    let stored = node.store.browsers().await.unwrap();
    assert_eq!(stored[1].subscription, None);
    assert_eq!(stored[1].failure.as_deref(), Some("it takes nothing any more (http status 410)"));
    assert_eq!(node.browsers.of("ann"), stored);
    service.asked();
    channel.deliver(&delivery("p2")).await;
    assert_eq!(service.asked(), ["phone"]);

    // The last one: the person cannot be reached so, and the next contact is called at once.
    service.statuses.lock().insert("phone".to_owned(), 404);
    let last = channel.deliver(&delivery("p3")).await;
    assert!(matches!(last, Outcome::Permanent { .. }), "{last:?}");
    node.browsers.write().await;
    assert!(node.told.people.lock().is_empty());
    assert!(node.targets.get(&target("ann-name")).is_none());
}

#[tokio::test]
async fn a_person_has_few_browsers_and_a_browser_has_one_owner() {
    let (node, service) = (node().await, Service::start().await);
    for index in 0..BROWSERS_MAX {
        node.browsers.register(service.new_browser("ann", &format!("b{index}"))).await.unwrap();
    }
    let full = node.browsers.register(service.new_browser("ann", "more")).await.unwrap_err();
    assert_eq!(full.kind(), ErrorKind::Conflict);
    // The same browser again is no further one; one that is gone makes room.
    node.browsers.register(service.new_browser("ann", "b0")).await.unwrap();
    service.statuses.lock().insert("b3".to_owned(), 410);
    node.targets.get(&target("ann-name")).unwrap().deliver(&delivery("p1")).await;
    node.browsers.register(service.new_browser("ann", "more")).await.unwrap();
    let own: Vec<String> = node.browsers.of("ann").into_iter().map(|browser| browser.label).collect();
    assert_eq!(own.len(), BROWSERS_MAX);
    assert!(!own.contains(&"b3".to_owned()));

    node.browsers.register(service.new_browser("bo", "b1")).await.unwrap();
    assert_eq!(node.browsers.of("bo").len(), 1);
    assert_eq!(node.browsers.of("ann").len(), BROWSERS_MAX - 1);
    let of_bo = node.browsers.of("bo")[0].id.clone();
    assert_eq!(node.browsers.remove("ann", &of_bo).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(node.browsers.test("ann", &of_bo).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(*node.told.people.lock(), BTreeSet::from(["ann-name".to_owned(), "bo-name".to_owned()]));
    node.browsers.remove_all("ann").await.unwrap();
    assert_eq!(*node.told.people.lock(), BTreeSet::from(["bo-name".to_owned()]));
    assert_eq!(node.store.browsers().await.unwrap().len(), 1);

    for label in ["", " ", "a\nb", &"x".repeat(LABEL_MAX + 1)] {
        let mut new = service.new_browser("ann", "fine");
        new.label = label.to_owned();
        assert_eq!(node.browsers.register(new).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[tokio::test]
async fn a_test_says_what_became_of_it_and_cannot_be_sent_all_the_time() {
    let (node, service) = (node().await, Service::start().await);
    let phone = node.browsers.register(service.new_browser("ann", "phone")).await.unwrap();
    let tested = node.browsers.test("ann", &phone.id).await.unwrap();
    assert_eq!((tested.failure, tested.used_at), (None, Some(node.clock.now())));
    let error = node.browsers.test("ann", &phone.id).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exhausted);
    node.clock.advance(TEST_PAUSE);
    service.statuses.lock().insert("phone".to_owned(), 403);
    let tested = node.browsers.test("ann", &phone.id).await.unwrap();
    assert_eq!(tested.failure.as_deref(), Some("http status 403"));
    service.statuses.lock().insert("phone".to_owned(), 410);
    node.clock.advance(TEST_PAUSE);
    assert!(node.browsers.test("ann", &phone.id).await.unwrap().subscription.is_none());
    node.clock.advance(TEST_PAUSE);
    assert_eq!(node.browsers.test("ann", &phone.id).await.unwrap_err().kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn a_test_each_three_seconds_however_often_it_is_asked_for() {
    let (node, service) = (node().await, Service::start().await);
    let browser = node.browsers.register(service.new_browser("ann", "phone")).await.unwrap();
    for _ in 0..3 {
        node.browsers.test("ann", &browser.id).await.unwrap();
        for _ in 0..2 {
            node.clock.advance(Duration::from_secs(1));
            let refused = node.browsers.test("ann", &browser.id).await;
            assert!(matches!(refused, Err(BrowserError::TooFast)), "{refused:?}");
        }
        node.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(service.asked().len(), 3);
}
