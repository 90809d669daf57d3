#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is its job")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use nines_access::{
    Access, AccessError, AccountId, Actor, Bounds, Config, Credentials, GRACE_MAX, Grant, Key, Membership,
    MemoryRepository, NewKey, Origin, Repository, Role, SESSION_TTL, Secret, SignedIn, Via, clear_cookie,
    session_cookie,
};
use nines_base::{Clock, ErrorKind, ManualClock, Random};
use nines_model::Timestamp;

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const ORIGIN: Origin<'static> = Origin { address: HOME, client: "browser" };
const MINUTE: Duration = Duration::from_secs(60);

struct World {
    clock: Arc<ManualClock>,
    repository: Arc<dyn Repository>,
    access: Access,
    owner_key: Secret,
    ingest_key: Secret,
    link: Secret,
}

async fn world() -> World {
    world_with(Config::default()).await
}

async fn world_with(config: Config) -> World {
    let clock = ManualClock::at(Timestamp::from_secs(1_795_000_000));
    let repository: Arc<dyn Repository> = Arc::new(MemoryRepository::default());
    let access = Access::new(Arc::clone(&repository), clock.clone(), Random::from_seed(7), config);
    assert!(access.is_first_run().await.unwrap());
    let first = access.prepare_first_run();
    assert!(access.is_first_run().await.unwrap(), "preparing stores nothing");
    access.complete_first_run(&first).await.unwrap();
    World {
        clock,
        repository,
        access,
        owner_key: first.owner_key,
        ingest_key: first.ingest_key,
        link: first.link_token,
    }
}

impl World {
    async fn by_key_from(&self, key: &str, address: IpAddr) -> Result<Actor, AccessError> {
        let header = format!("Bearer {key}");
        let credentials =
            Credentials { authorization: Some(&header), cookie: None, csrf: None, is_unsafe: true, address };
        Ok(self.access.authenticate(&credentials).await?.actor)
    }

    async fn by_key(&self, key: &str) -> Result<Actor, AccessError> {
        self.by_key_from(key, HOME).await
    }

    async fn by_cookie(
        &self,
        token: &Secret,
        csrf: Option<&str>,
        is_unsafe: bool,
    ) -> Result<Actor, AccessError> {
        let cookie = format!("theme=dark; nines_session={}", token.expose());
        let credentials =
            Credentials { authorization: None, cookie: Some(&cookie), csrf, is_unsafe, address: HOME };
        Ok(self.access.authenticate(&credentials).await?.actor)
    }

    async fn owner(&self) -> Actor {
        self.by_key(self.owner_key.expose()).await.unwrap()
    }

    async fn signed_in(&self) -> SignedIn {
        self.access.sign_in_with_key(self.owner_key.expose(), &ORIGIN).await.unwrap()
    }

    async fn new_key(&self, grant: Grant, expires_in: Option<Duration>) -> (Key, Secret) {
        let expires_at = expires_in.map(|time| self.clock.now() + time);
        let new =
            NewKey { name: "ci".to_owned(), grant, expires_at, account: None, bounds: Bounds::default() };
        let issued = self.access.create_key(&self.owner().await, &new).await.unwrap();
        (issued.key, issued.secret)
    }
}

#[track_caller]
fn assert_kind<T: std::fmt::Debug>(result: Result<T, AccessError>, kind: ErrorKind) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
}

#[tokio::test]
async fn the_first_start_happens_once_and_its_keys_work() {
    let world = world().await;
    assert!(!world.access.is_first_run().await.unwrap());
    let late = world.access.prepare_first_run();
    assert_kind(world.access.complete_first_run(&late).await, ErrorKind::Conflict);
    assert_kind(world.by_key(late.owner_key.expose()).await, ErrorKind::Unauthenticated);
    assert_eq!(world.owner().await.role(), Some(Role::Owner));
    let ingest = world.by_key(world.ingest_key.expose()).await.unwrap();
    assert_eq!((ingest.grant, ingest.name.as_str()), (Grant::Ingest, "ingest"));
}

#[tokio::test]
async fn a_link_opens_one_session_and_no_second() {
    let world = world().await;
    let signed_in = world.access.sign_in_with_link(world.link.expose(), None, &ORIGIN).await.unwrap();
    assert_eq!((signed_in.actor.name.as_str(), signed_in.actor.role()), ("owner", Some(Role::Owner)));
    world.by_cookie(&signed_in.token, None, false).await.unwrap();
    assert_kind(
        world.access.sign_in_with_link(world.link.expose(), None, &ORIGIN).await,
        ErrorKind::Unauthenticated,
    );

    let old = world.access.owner_link().await.unwrap().unwrap();
    let new = world.access.owner_link().await.unwrap().unwrap();
    assert_kind(
        world.access.sign_in_with_link(old.expose(), None, &ORIGIN).await,
        ErrorKind::Unauthenticated,
    );
    world.clock.advance(25 * 60 * MINUTE);
    assert_kind(
        world.access.sign_in_with_link(new.expose(), None, &ORIGIN).await,
        ErrorKind::Unauthenticated,
    );
}

#[tokio::test]
async fn wrong_credentials_are_refused_and_none_are_anonymous() {
    let world = world().await;
    let (_, stranger) = Secret::random_key(&Random::from_seed(99), Grant::Role(Role::Owner));
    let good = world.owner_key.expose();
    let flipped = format!("{}{}", &good[..good.len() - 1], if good.ends_with('0') { '1' } else { '0' });
    for wrong in ["", "nin_", stranger.expose(), &flipped, &good.replace("owner", "admin")] {
        assert_kind(world.by_key(wrong).await, ErrorKind::Unauthenticated);
    }
    let nothing = Credentials {
        authorization: None,
        cookie: Some("theme=dark"),
        csrf: None,
        is_unsafe: true,
        address: HOME,
    };
    let anonymous = world.access.authenticate(&nothing).await.unwrap().actor;
    assert_eq!((anonymous.grant, anonymous.via), (Grant::Nothing, Via::Anonymous));
    let basic = Credentials { authorization: Some("Basic b3duZXI6"), ..nothing };
    assert_kind(world.access.authenticate(&basic).await, ErrorKind::Unauthenticated);

    let open = world_with(Config { anonymous_ingest: true, sealer: None }).await;
    assert_eq!(open.access.authenticate(&nothing).await.unwrap().actor.grant, Grant::Ingest);
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_once_with_its_sessions() {
    let world = world().await;
    let (key, secret) = world.new_key(Grant::Role(Role::Responder), None).await;
    assert_eq!(key.prefix(), format!("nin_responder_{}", key.id));
    let actor = world.by_key(secret.expose()).await.unwrap();
    let session = world.access.sign_in_with_key(secret.expose(), &ORIGIN).await.unwrap();
    world.by_cookie(&session.token, None, false).await.unwrap();
    world.access.revoke_key(&world.owner().await, &key.id).await.unwrap();
    assert_kind(world.by_key(secret.expose()).await, ErrorKind::Unauthenticated);
    assert_kind(world.by_cookie(&session.token, None, false).await, ErrorKind::Unauthenticated);
    assert_kind(
        world
            .access
            .create_key(
                &actor,
                &NewKey {
                    name: "x".to_owned(),
                    grant: Grant::Ingest,
                    expires_at: None,
                    account: None,
                    bounds: Bounds::default(),
                },
            )
            .await,
        ErrorKind::Forbidden,
    );
}

#[tokio::test]
async fn a_key_revoked_by_another_process_is_refused_within_five_seconds() {
    let world = world().await;
    let (key, secret) = world.new_key(Grant::Ingest, None).await;
    world.by_key(secret.expose()).await.unwrap();
    world.repository.revoke_key(&key.id, world.clock.now()).await.unwrap();
    world.clock.advance(Duration::from_secs(5));
    assert_kind(world.by_key(secret.expose()).await, ErrorKind::Unauthenticated);
}

#[tokio::test]
async fn keys_and_sessions_expire() {
    let world = world().await;
    let (_, secret) = world.new_key(Grant::Role(Role::Viewer), Some(10 * MINUTE)).await;
    let short = world.access.sign_in_with_key(secret.expose(), &ORIGIN).await.unwrap();
    let long = world.signed_in().await;
    world.clock.advance(10 * MINUTE);
    assert_kind(world.by_key(secret.expose()).await, ErrorKind::Unauthenticated);
    assert_kind(world.by_cookie(&short.token, None, false).await, ErrorKind::Unauthenticated);
    world.by_cookie(&long.token, None, false).await.unwrap();
    world.clock.advance(SESSION_TTL);
    assert_kind(world.by_cookie(&long.token, None, false).await, ErrorKind::Unauthenticated);
    world.access.tick().await.unwrap();
    let past = NewKey {
        name: "x".to_owned(),
        grant: Grant::Ingest,
        expires_at: Some(world.clock.now()),
        account: None,
        bounds: Bounds::default(),
    };
    assert_kind(world.access.create_key(&world.owner().await, &past).await, ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_cookie_needs_the_csrf_token_to_change_anything() {
    let world = world().await;
    let one = world.signed_in().await;
    let other = world.signed_in().await;
    world.by_cookie(&one.token, None, false).await.unwrap();
    for wrong in [None, Some(""), Some("x"), Some(other.csrf_token.as_str())] {
        assert_kind(world.by_cookie(&one.token, wrong, true).await, ErrorKind::Forbidden);
    }
    world.by_cookie(&one.token, Some(&one.csrf_token), true).await.unwrap();

    let cookie = session_cookie(&one, world.clock.now(), true);
    let expected = format!(
        "nines_session={}; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200; Secure",
        one.token.expose()
    );
    assert_eq!(cookie, expected);
    assert_eq!(clear_cookie(false), "nines_session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
}

#[tokio::test]
async fn signing_out_ends_the_session_and_only_that_one() {
    let world = world().await;
    let (one, other) = (world.signed_in().await, world.signed_in().await);
    world.access.sign_out(&one.actor).await.unwrap();
    assert_kind(world.by_cookie(&one.token, None, false).await, ErrorKind::Unauthenticated);
    world.by_cookie(&other.token, None, false).await.unwrap();
    world.access.sign_out(&world.owner().await).await.unwrap();
}

#[tokio::test]
async fn two_session_cookies_are_none() {
    let world = world().await;
    let session = world.signed_in().await;
    let cookie = format!("nines_session={}; nines_session=planted", session.token.expose());
    let credentials = Credentials {
        authorization: None,
        cookie: Some(&cookie),
        csrf: None,
        is_unsafe: false,
        address: HOME,
    };
    assert!(world.access.authenticate(&credentials).await.unwrap().actor.is_anonymous());
}

#[tokio::test]
async fn an_ingest_key_opens_no_session() {
    let world = world().await;
    assert_kind(
        world.access.sign_in_with_key(world.ingest_key.expose(), &ORIGIN).await,
        ErrorKind::Forbidden,
    );
}

#[tokio::test]
async fn guessing_is_throttled_but_good_credentials_never_are() {
    let world = world().await;
    let (_, secret) = world.new_key(Grant::Ingest, None).await;
    let attacker: IpAddr = "203.0.113.9".parse().unwrap();
    for _ in 0..10 {
        assert_kind(world.by_key_from("nin_guess", attacker).await, ErrorKind::Unauthenticated);
    }
    let error = world.by_key_from("nin_guess", attacker).await.unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (ErrorKind::Exhausted, Some(MINUTE)));
    assert_kind(
        world.access.sign_in_with_link("guess", None, &Origin { address: attacker, ..ORIGIN }).await,
        ErrorKind::Exhausted,
    );
    assert_kind(world.by_key("nin_guess").await, ErrorKind::Unauthenticated);
    world.by_key_from(secret.expose(), attacker).await.unwrap();
    world
        .access
        .sign_in_with_link(world.link.expose(), None, &Origin { address: attacker, ..ORIGIN })
        .await
        .unwrap();
    world.clock.advance(MINUTE);
    assert_kind(world.by_key_from("nin_guess", attacker).await, ErrorKind::Unauthenticated);
}

#[tokio::test]
async fn a_key_and_the_one_in_its_place_are_both_good_for_a_while() {
    let world = world().await;
    let owner = world.owner().await;
    let (old, old_secret) = world.new_key(Grant::Role(Role::Viewer), None).await;
    let is_good = async |secret: &Secret| world.by_key(secret.expose()).await.is_ok();
    let replaced = world.access.replace_key(&owner, &old.id, 10 * MINUTE).await.unwrap();
    assert_eq!((&replaced.key.name, replaced.key.grant), (&old.name, old.grant));
    assert!(is_good(&old_secret).await && is_good(&replaced.secret).await);
    let again = world.access.replace_key(&owner, &old.id, MINUTE).await;
    assert!(again.unwrap_err().to_string().contains("was replaced already"));
    let third = world.access.replace_key(&owner, &replaced.key.id, 10 * MINUTE).await.unwrap();
    assert!(!is_good(&old_secret).await, "two at once, and no third");
    assert!(is_good(&replaced.secret).await && is_good(&third.secret).await);
    world.clock.advance(10 * MINUTE);
    assert!(!is_good(&replaced.secret).await && is_good(&third.secret).await);
    let ended = world.access.replace_key(&owner, &replaced.key.id, MINUTE).await.unwrap_err();
    assert_kind(Err::<(), _>(ended), ErrorKind::Conflict);

    // Who may not make such a key cannot have one replaced either.
    let viewer = world.by_key(third.secret.expose()).await.unwrap();
    assert_kind(world.access.replace_key(&viewer, &third.key.id, MINUTE).await, ErrorKind::Forbidden);
    // A life as long as the one before.
    let until = Some(world.clock.now() + 60 * MINUTE);
    let (short, _) = world.new_key(Grant::Ingest, Some(60 * MINUTE)).await;
    world.clock.advance(30 * MINUTE);
    let fresh = world.access.replace_key(&owner, &short.id, 100 * GRACE_MAX).await.unwrap();
    assert_eq!(fresh.key.expires_at, Some(world.clock.now() + 60 * MINUTE));
    assert_eq!(world.repository.key(&short.id).await.unwrap().unwrap().expires_at, until);
}

#[tokio::test]
async fn a_page_left_open_after_its_session_ended_locks_nobody_out() {
    let world = world().await;
    let stale = world.signed_in().await;
    world.access.sign_out(&stale.actor).await.unwrap();
    for _ in 0..100 {
        assert_kind(world.by_cookie(&stale.token, None, false).await, ErrorKind::Unauthenticated);
    }
}

#[tokio::test]
async fn last_use_is_written_down_by_the_control_loop() {
    let world = world().await;
    let (key, secret) = world.new_key(Grant::Ingest, None).await;
    world.by_key(secret.expose()).await.unwrap();
    let last_used = async || world.repository.key(&key.id).await.unwrap().unwrap().last_used_at;
    assert_eq!(last_used().await, None);
    world.access.tick().await.unwrap();
    assert_eq!(last_used().await, Some(world.clock.now()));
}

#[tokio::test]
async fn administrators_invite_but_do_not_make_owners_and_the_last_owner_stays() {
    let world = world().await;
    let owner = world.owner().await;
    let invitation = world.access.invite(&owner, " Lin ", Role::Admin).await.unwrap();
    assert_eq!(invitation.account.name, "Lin");
    assert_kind(world.access.invite(&owner, "lin", Role::Viewer).await, ErrorKind::Conflict);
    assert_kind(world.access.invite(&owner, "a\nb", Role::Viewer).await, ErrorKind::InvalidInput);
    let lin = world.access.sign_in_with_link(invitation.token.expose(), None, &ORIGIN).await.unwrap();
    assert_kind(world.access.invite(&lin.actor, "mei", Role::Owner).await, ErrorKind::Forbidden);
    let own_key = NewKey {
        name: "k".to_owned(),
        grant: Grant::Role(Role::Owner),
        expires_at: None,
        account: None,
        bounds: Bounds::default(),
    };
    assert_kind(world.access.create_key(&lin.actor, &own_key).await, ErrorKind::Forbidden);

    let accounts = world.access.accounts(&owner).await.unwrap();
    let boss = accounts.iter().find(|account| account.role == Role::Owner).unwrap();
    assert_kind(world.access.disable_account(&lin.actor, &boss.id).await, ErrorKind::Forbidden);
    assert_kind(world.access.disable_account(&owner, &boss.id).await, ErrorKind::Conflict);
    world.access.disable_account(&owner, &invitation.account.id).await.unwrap();
    assert_kind(world.by_cookie(&lin.token, None, false).await, ErrorKind::Unauthenticated);
}

#[tokio::test]
async fn nothing_secret_is_printed() {
    let world = world().await;
    let signed_in = world.signed_in().await;
    let (key, secret) = world.new_key(Grant::Ingest, None).await;
    let printed = format!("{signed_in:?} {key:?} {secret:?}");
    for hidden in [signed_in.token.expose(), secret.expose(), &secret.digest().to_hex()] {
        assert!(!printed.contains(hidden));
    }
}

#[tokio::test]
async fn a_bounded_key_is_counted_and_makes_no_other() {
    let world = world().await;
    let bounds = Bounds {
        filter: Some("service.namespace: shop".to_owned()),
        rate_per_minute: Some(3),
        ..Bounds::default()
    };
    let new = NewKey {
        name: "board".to_owned(),
        grant: Grant::Role(Role::Admin),
        expires_at: None,
        account: None,
        bounds: bounds.clone(),
    };
    let issued = world.access.create_key(&world.owner().await, &new).await.unwrap();
    let actor = world.by_key(issued.secret.expose()).await.unwrap();
    assert_eq!(actor.bounds.as_deref(), Some(&bounds));
    assert_kind(
        world.access.create_key(&actor, &NewKey { bounds: Bounds::default(), ..new }).await,
        ErrorKind::Forbidden,
    );
    for _ in 0..2 {
        world.by_key(issued.secret.expose()).await.unwrap();
    }
    assert_kind(world.by_key(issued.secret.expose()).await, ErrorKind::Exhausted);
    world.clock.advance(MINUTE);
    world.by_key(issued.secret.expose()).await.unwrap();
    // A session opened with it is bounded as well.
    let session = world.access.sign_in_with_key(issued.secret.expose(), &ORIGIN).await.unwrap();
    assert_eq!(session.actor.bounds.as_deref(), Some(&bounds));
}

/// From memory, as long as nothing about the key is in doubt; what may be more than a key for sending is looked up.
#[tokio::test]
async fn a_sender_is_known_while_its_key_is_good_and_no_longer() {
    let world = world().await;
    let new = NewKey {
        name: "shop-collector".to_owned(),
        grant: Grant::Ingest,
        expires_at: Some(world.clock.now() + 10 * MINUTE),
        account: None,
        bounds: Bounds { team: Some("shop".to_owned()), rate_per_minute: Some(4), ..Bounds::default() },
    };
    let issued = world.access.create_key(&world.owner().await, &new).await.unwrap();
    let text = issued.secret.expose().to_owned();
    let known = |text: &str| world.access.known_sender(text);
    assert_eq!(known(&text).map(|known| known.is_ok()), None, "nobody has sent by it");
    world.by_key(&text).await.unwrap();
    assert_eq!(known(&text).unwrap().unwrap().team.as_deref(), Some("shop"));
    let (rest, last) = text.split_at(text.len() - 1);
    let forged = format!("{rest}{}", if last == "0" { "1" } else { "0" });
    let owner = world.owner_key.expose();
    world.by_key(owner).await.unwrap();
    for other in [forged.as_str(), owner, "nin_ingest_x", ""] {
        assert!(known(other).is_none(), "{other}");
    }
    // The fifth call of a minute, however it was asked.
    known(&text).unwrap().unwrap();
    world.by_key(&text).await.unwrap();
    assert_kind(known(&text).unwrap(), ErrorKind::Exhausted);
    world.clock.advance(Duration::from_secs(5));
    assert!(known(&text).is_none(), "it may have been revoked elsewhere");
    world.clock.advance(MINUTE);
    world.by_key(&text).await.unwrap();
    known(&text).unwrap().unwrap();
    world.access.revoke_key(&world.owner().await, &issued.key.id).await.unwrap();
    assert!(known(&text).is_none() && world.by_key(&text).await.is_err());
}

#[tokio::test]
async fn a_key_that_sends_for_a_team_counts_for_it_and_opens_nothing_there() {
    let world = world().await;
    let owner = world.owner().await;
    let in_shop = || Bounds { team: Some("shop".to_owned()), ..Bounds::default() };
    let new = |grant| NewKey {
        name: "shop-collector".to_owned(),
        grant,
        expires_at: None,
        account: None,
        bounds: in_shop(),
    };
    let issued = world.access.create_key(&owner, &new(Grant::Ingest)).await.unwrap();
    let sender = world.by_key(issued.secret.expose()).await.unwrap();
    assert_eq!((sender.grant, sender.teams.len()), (Grant::Ingest, 0));
    assert_eq!(sender.bounds.as_ref().and_then(|bounds| bounds.team.as_deref()), Some("shop"));

    // It sends for every service, so whoever manages the team's keys manages neither it nor others like it.
    let admin = world.access.create_key(&owner, &new(Grant::Role(Role::Admin))).await.unwrap();
    let admin = world.by_key(admin.secret.expose()).await.unwrap();
    assert_eq!(admin.grant_in("shop"), Grant::Role(Role::Admin));
    let refusals = [
        world.access.create_key(&admin, &new(Grant::Ingest)).await.map(drop),
        world.access.revoke_key(&admin, &issued.key.id).await,
        world.access.replace_key(&admin, &issued.key.id, Duration::ZERO).await.map(drop),
    ];
    assert!(refusals.iter().all(Result::is_err), "{refusals:?}");
    world.by_key(issued.secret.expose()).await.unwrap();
    world.access.revoke_key(&owner, &issued.key.id).await.unwrap();
    world.by_key(issued.secret.expose()).await.unwrap_err();
}

/// What was read stays in memory, and not a call longer than it is true.
#[tokio::test]
async fn what_is_taken_away_is_gone_from_the_next_call() {
    let world = world().await;
    let session = world.access.sign_in_with_link(world.link.expose(), None, &ORIGIN).await.unwrap();
    let owner = world.owner().await;
    let account = AccountId(owner.person.clone().unwrap().id);
    let both = async || {
        let by_key = world.by_key(world.owner_key.expose()).await.unwrap();
        let by_cookie = world.by_cookie(&session.token, None, false).await;
        (by_key, by_cookie)
    };
    assert!(both().await.1.unwrap().teams.is_empty());
    let member = Membership { account: account.clone(), team: "pay".to_owned(), role: Role::Admin };
    world.repository.put_membership(&member).await.unwrap();
    let (by_key, by_cookie) = both().await;
    assert_eq!(by_key.teams.get("pay"), Some(&Role::Admin));
    assert_eq!(by_cookie.unwrap().teams.get("pay"), Some(&Role::Admin));
    assert!(world.repository.remove_membership(&account, "pay").await.unwrap());
    let (by_key, by_cookie) = both().await;
    assert!(by_key.teams.is_empty() && by_cookie.unwrap().teams.is_empty());
    world.repository.put_membership(&member).await.unwrap();
    world.repository.set_role(&account, Role::Viewer).await.unwrap();
    assert!(
        both().await.0.teams.is_empty(),
        "the key has more than its account now, so it opens no teams of it"
    );
    world.repository.set_role(&account, Role::Owner).await.unwrap();
    assert!(!both().await.0.teams.is_empty());
    assert!(world.repository.disable_account(&account, world.clock.now()).await.unwrap());
    let (by_key, by_cookie) = both().await;
    assert!(by_key.teams.is_empty() && by_cookie.is_err());
}
