//! What every [`Repository`] and every [`AuditLog`] must do, as tests that a store runs on itself.

use std::future::Future;
use std::sync::Arc;

use nines_base::Random;
use nines_model::Timestamp;

use crate::repository::SESSIONS_PER_HOLDER_MAX;
use crate::{
    Account, AccountId, Actor, AuditEntry, AuditError, AuditLog, AuditResult, Bounds, Factors, Grant, Key,
    KeyId, Link, Membership, Repository, RepositoryError, Role, Secret, Session, SessionId,
};

/// Runs the whole suite for access. `fresh` gives an empty store each time.
///
/// # Panics
/// On the first promise that is not kept.
pub async fn check<F: Future<Output = Arc<dyn Repository>>>(fresh: impl Fn() -> F) {
    the_first_account_comes_once(&*fresh().await).await;
    names_are_unique_in_any_case(&*fresh().await).await;
    a_link_is_given_to_one_caller_only(fresh().await).await;
    two_keys_are_good_while_one_takes_the_place_of_the_other(&*fresh().await).await;
    keys_come_back_and_end_their_sessions(&*fresh().await).await;
    sessions_are_found_by_digest_and_bounded(&*fresh().await).await;
    disabling_an_account_ends_what_it_had(&*fresh().await).await;
    factors_are_swapped_and_never_lost(&*fresh().await).await;
    a_subject_is_one_account(&*fresh().await).await;
    memberships_are_one_for_each_team(&*fresh().await).await;
    a_write_begins_a_generation_and_a_read_does_not(&*fresh().await).await;
}

async fn factors_are_swapped_and_never_lost(store: &dyn Repository) {
    let lin = account("lin");
    ok(store.insert_account(&lin, &link(&lin, 1).0).await);
    assert_eq!(ok(store.factors(&lin.id).await), Factors::default());
    let first = Factors {
        revision: 1,
        password: Some("$argon2id$…".to_owned()),
        totp: Some("sealed".to_owned()),
        is_totp_confirmed: true,
        totp_step: 59_000_000,
        recovery: vec![Secret::from_text("a").digest(), Secret::from_text("b").digest()],
    };
    assert!(ok(store.swap_factors(&lin.id, 0, &first).await));
    assert!(!ok(store.swap_factors(&lin.id, 0, &Factors { revision: 1, ..Factors::default() }).await));
    assert_eq!(ok(store.factors(&lin.id).await), first);
    let second = Factors { revision: 2, ..Factors::default() };
    assert!(ok(store.swap_factors(&lin.id, 1, &second).await));
    assert_eq!(ok(store.factors(&lin.id).await), second);
}

async fn memberships_are_one_for_each_team(store: &dyn Repository) {
    let (lin, mei) = (account("lin"), account("mei"));
    for (number, account) in (1..).zip([&lin, &mei]) {
        ok(store.insert_account(account, &link(account, number).0).await);
    }
    let member = |account: &Account, team: &str, role| Membership {
        account: account.id.clone(),
        team: team.to_owned(),
        role,
    };
    ok(store.put_membership(&member(&mei, "shop", Role::Viewer)).await);
    ok(store.put_membership(&member(&lin, "shop", Role::Viewer)).await);
    ok(store.put_membership(&member(&lin, "pay", Role::Admin)).await);
    ok(store.put_membership(&member(&lin, "shop", Role::Editor)).await);
    let lins = [member(&lin, "pay", Role::Admin), member(&lin, "shop", Role::Editor)];
    assert_eq!(ok(store.memberships(Some(&lin.id)).await), lins);
    assert_eq!(ok(store.memberships(None).await).len(), 3);
    assert!(ok(store.remove_membership(&lin.id, "pay").await));
    assert!(!ok(store.remove_membership(&lin.id, "pay").await));
    ok(store.disable_account(&lin.id, at(9)).await);
    assert_eq!(ok(store.memberships(None).await), [member(&mei, "shop", Role::Viewer)]);
}

async fn a_subject_is_one_account(store: &dyn Repository) {
    let (lin, mei) = (account("lin"), account("mei"));
    ok(store.insert_account(&lin, &link(&lin, 1).0).await);
    assert_eq!(ok(store.account_by_subject("issuer|7").await), None);
    let taken = store.insert_subject_account(&account("LIN"), "issuer|7").await;
    assert!(matches!(taken, Err(RepositoryError::Conflict { .. })), "{taken:?}");
    ok(store.insert_subject_account(&mei, "issuer|7").await);
    let again = store.insert_subject_account(&account("ana"), "issuer|7").await;
    assert!(matches!(again, Err(RepositoryError::Conflict { .. })), "{again:?}");
    ok(store.set_role(&mei.id, Role::Admin).await);
    let mei = Account { role: Role::Admin, ..mei };
    assert_eq!(ok(store.account_by_subject("issuer|7").await), Some(mei.clone()));
    let open = session(1, Some(&mei), None);
    ok(store.insert_session(&open).await);
    assert_eq!(ok(store.sessions(Some(&mei.id)).await), std::slice::from_ref(&open));
    assert_eq!(ok(store.sessions(Some(&lin.id)).await), []);
    assert_eq!(ok(store.sessions(None).await), [open]);
}

/// Runs the suite of the audit log on an empty one.
///
/// # Panics
/// On the first promise that is not kept.
pub async fn check_audit(log: Arc<dyn AuditLog>) {
    let entry = |number: u64| {
        AuditEntry::new(at(number as i64), &Actor::system("test"), "key.create", "key/1", AuditResult::Done)
            .with_request(&format!("r{number}"))
            .with_details("名 \u{0} ' \" \n")
    };
    assert_eq!(audited(log.verify().await), 0);
    let first = audited(log.append(&entry(1)).await);
    let second = audited(log.append(&entry(2)).await);
    assert_eq!((first.sequence, second.sequence), (1, 2));
    assert_ne!(first.hash, second.hash);
    let mut tasks = Vec::new();
    for number in 3..=30 {
        let (log, entry) = (Arc::clone(&log), entry(number));
        tasks.push(tokio::spawn(async move { audited(log.append(&entry).await) }));
    }
    for task in tasks {
        task.await.unwrap_or_else(|error| panic!("{error}"));
    }
    let all = audited(log.read(0, 1000).await);
    assert_eq!(all[..2], [first, second]);
    assert_eq!(all.len(), 30);
    assert_eq!(audited(log.read(28, 1).await), all[28..29]);
    assert_eq!(audited(log.verify().await), 30);
}

fn audited<T>(result: Result<T, AuditError>) -> T {
    result.unwrap_or_else(|error| panic!("the log refused: {error:?}"))
}

fn ok<T>(result: Result<T, RepositoryError>) -> T {
    result.unwrap_or_else(|error| panic!("the store refused: {error:?}"))
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(1_795_000_000 + seconds)
}

fn account(name: &str) -> Account {
    Account {
        id: AccountId(format!("id-{name}")),
        name: name.to_owned(),
        role: Role::Responder,
        created_at: at(0),
        disabled_at: None,
    }
}

fn link(account: &Account, seed: u64) -> (Link, Secret) {
    let token = Secret::random(&Random::from_seed(seed));
    (Link { digest: token.digest(), account: account.id.clone(), expires_at: at(100) }, token)
}

fn key(name: &str, grant: Grant, created: i64) -> Key {
    let secret = Secret::random(&Random::from_seed(created as u64));
    Key {
        id: KeyId(format!("key-{name}")),
        name: name.to_owned(),
        grant,
        digest: secret.digest(),
        created_at: at(created),
        created_by: "owner".to_owned(),
        account: None,
        replaces: None,
        made_by: (created % 2 == 0).then(|| AccountId("maker".to_owned())),
        bounds: Bounds {
            team: (created % 3 == 0).then(|| "shop".to_owned()),
            filter: (created % 2 == 0).then(|| "service.namespace: shop".to_owned()),
            scopes: vec!["ec2.*".to_owned(), "runbook/restart".to_owned()],
            rate_per_minute: (created % 2 == 1).then_some(60),
        },
        expires_at: (created % 2 == 0).then(|| at(1000)),
        last_used_at: None,
        revoked_at: None,
    }
}

fn session(number: i64, account: Option<&Account>, key: Option<&Key>) -> Session {
    Session {
        id: SessionId(format!("session-{number:03}")),
        digest: Secret::random(&Random::from_seed(1000 + number as u64)).digest(),
        account: account.map(|account| account.id.clone()),
        key: key.map(|key| key.id.clone()),
        created_at: at(number),
        expires_at: at(number + 500),
        address: "10.0.0.7".to_owned(),
        client: "browser".to_owned(),
        second_factor: number % 2 == 1,
    }
}

async fn the_first_account_comes_once(store: &dyn Repository) {
    let owner = account("owner");
    let keys = [key("one", Grant::Role(Role::Owner), 1), key("two", Grant::Ingest, 2)];
    ok(store.bootstrap(&owner, &keys, &link(&owner, 1).0).await);
    let other = account("other");
    let again = store.bootstrap(&other, &[key("three", Grant::Ingest, 3)], &link(&other, 2).0).await;
    assert!(matches!(again, Err(RepositoryError::Conflict { .. })), "{again:?}");
    assert_eq!(ok(store.accounts().await), [owner]);
    assert_eq!(ok(store.keys().await), [keys[1].clone(), keys[0].clone()]);
}

async fn names_are_unique_in_any_case(store: &dyn Repository) {
    let lin = account("Lin");
    ok(store.insert_account(&lin, &link(&lin, 1).0).await);
    let again = store
        .insert_account(&Account { id: AccountId("x".to_owned()), ..account("lin") }, &link(&lin, 2).0)
        .await;
    assert!(matches!(again, Err(RepositoryError::Conflict { .. })), "{again:?}");
    assert_eq!(ok(store.account(&lin.id).await), Some(lin));
    assert_eq!(ok(store.account(&AccountId("x".to_owned())).await), None);
}

async fn a_link_is_given_to_one_caller_only(store: Arc<dyn Repository>) {
    let lin = account("lin");
    let (first, token) = link(&lin, 1);
    ok(store.insert_account(&lin, &first).await);
    for _ in 0..2 {
        let shown = ok(store.link_account(&token.digest(), at(1)).await);
        assert_eq!(shown.as_ref(), Some(&lin.id), "looking spends nothing");
    }
    assert_eq!(ok(store.link_account(&token.digest(), at(100)).await), None, "expired");
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let (store, digest) = (Arc::clone(&store), token.digest());
        tasks.push(tokio::spawn(async move { ok(store.take_link(&digest, at(1)).await).is_some() }));
    }
    let mut given = 0;
    for task in tasks {
        given += u32::from(task.await.unwrap_or_else(|error| panic!("{error}")));
    }
    assert_eq!(given, 1);
    assert_eq!(ok(store.link_account(&token.digest(), at(1)).await), None, "spent");

    let (second, old) = link(&lin, 2);
    ok(store.replace_link(&second).await);
    let (third, new) = link(&lin, 3);
    ok(store.replace_link(&third).await);
    assert_eq!(ok(store.take_link(&old.digest(), at(1)).await), None, "replaced");
    assert_eq!(ok(store.take_link(&new.digest(), at(100)).await), None, "expired");
    assert_eq!(ok(store.take_link(&new.digest(), at(1)).await), None, "an expired link is gone");
}

async fn two_keys_are_good_while_one_takes_the_place_of_the_other(store: &dyn Repository) {
    let first = key("a", Grant::Ingest, 1);
    ok(store.insert_key(&first).await);
    let next = |name: &str, seed: i64, replaces: &Key| Key {
        replaces: Some(replaces.id.clone()),
        ..key(name, Grant::Ingest, seed)
    };
    let second = next("b", 2, &first);
    assert!(ok(store.replace_key(&second, at(50)).await));
    assert!(!ok(store.replace_key(&next("c", 3, &first), at(60)).await), "it has been replaced");
    assert_eq!(ok(store.keys().await).len(), 2);
    let stored =
        async |key: &Key| ok(store.key(&key.id).await).unwrap_or_else(|| panic!("{} is gone", key.id));
    assert_eq!(stored(&second).await, second);
    assert_eq!((stored(&first).await.expires_at, stored(&first).await.revoked_at), (Some(at(50)), None));

    let third = next("d", 4, &second);
    assert!(ok(store.replace_key(&third, at(90)).await));
    assert_eq!(stored(&first).await.revoked_at, Some(third.created_at), "two, and no third");
    // An end that was nearer stays.
    let fourth = next("e", 5, &third);
    assert!(ok(store.replace_key(&fourth, at(70)).await) && stored(&second).await.revoked_at.is_some());
    ok(store.revoke_key(&fourth.id, at(6)).await);
    assert!(!ok(store.replace_key(&next("f", 6, &fourth), at(90)).await), "it was revoked");
    let unknown = Key { id: KeyId("none".to_owned()), ..key("g", Grant::Ingest, 7) };
    assert!(!ok(store.replace_key(&next("h", 8, &unknown), at(90)).await));
}

async fn keys_come_back_and_end_their_sessions(store: &dyn Repository) {
    let keys = [key("a", Grant::Ingest, 1), key("b", Grant::Role(Role::Viewer), 2)];
    for key in &keys {
        ok(store.insert_key(key).await);
    }
    assert!(matches!(store.insert_key(&keys[0]).await, Err(RepositoryError::Conflict { .. })));
    assert_eq!(ok(store.key(&keys[0].id).await).as_ref(), Some(&keys[0]));
    assert_eq!(ok(store.key(&KeyId("none".to_owned())).await), None);

    ok(store.touch_keys(&[(keys[1].id.clone(), at(9)), (KeyId("none".to_owned()), at(9))]).await);
    ok(store.touch_keys(&[(keys[1].id.clone(), at(8))]).await);
    let touched = Key { last_used_at: Some(at(9)), ..keys[1].clone() };
    assert_eq!(ok(store.keys().await), [touched.clone(), keys[0].clone()]);

    let open = session(1, None, Some(&keys[1]));
    ok(store.insert_session(&open).await);
    assert!(ok(store.revoke_key(&keys[1].id, at(10)).await));
    assert!(!ok(store.revoke_key(&keys[1].id, at(11)).await), "once");
    assert!(!ok(store.revoke_key(&KeyId("none".to_owned()), at(11)).await));
    assert_eq!(ok(store.key(&keys[1].id).await), Some(Key { revoked_at: Some(at(10)), ..touched }));
    assert_eq!(ok(store.session(&open.digest).await), None);
}

async fn sessions_are_found_by_digest_and_bounded(store: &dyn Repository) {
    let (lin, mei) = (account("lin"), account("mei"));
    for (number, account) in (0_u64..).zip([&lin, &mei]) {
        ok(store.insert_account(account, &link(account, number).0).await);
    }
    let theirs = session(0, Some(&mei), None);
    ok(store.insert_session(&theirs).await);
    let total = SESSIONS_PER_HOLDER_MAX as i64 + 3;
    let mine: Vec<_> = (1..=total).map(|number| session(number, Some(&lin), None)).collect();
    for session in &mine {
        ok(store.insert_session(session).await);
    }
    for (index, session) in mine.iter().enumerate() {
        let found = ok(store.session(&session.digest).await);
        assert_eq!(found.as_ref(), (index >= 3).then_some(session), "{index}");
    }
    assert_eq!(ok(store.session(&theirs.digest).await).as_ref(), Some(&theirs));
    assert!(ok(store.delete_session(&theirs.id).await));
    assert!(!ok(store.delete_session(&theirs.id).await));
    // Sessions 4 to 10 have expired by then, and both links.
    assert_eq!(ok(store.delete_expired(at(510)).await), 7 + 2);
    assert_eq!(ok(store.delete_expired(at(510)).await), 0);
}

async fn disabling_an_account_ends_what_it_had(store: &dyn Repository) {
    let lin = account("lin");
    let (link, token) = link(&lin, 1);
    ok(store.insert_account(&lin, &link).await);
    let open = session(1, Some(&lin), None);
    ok(store.insert_session(&open).await);
    assert!(ok(store.disable_account(&lin.id, at(5)).await));
    assert!(!ok(store.disable_account(&lin.id, at(6)).await));
    assert_eq!(ok(store.session(&open.digest).await), None);
    assert_eq!(ok(store.take_link(&token.digest(), at(1)).await), None);
    assert_eq!(ok(store.account(&lin.id).await), Some(Account { disabled_at: Some(at(5)), ..lin }));
}

/// What was read is used again as long as the generation stays.
async fn a_write_begins_a_generation_and_a_read_does_not(store: &dyn Repository) {
    let (lin, mei) = (account("lin"), account("mei"));
    let (first, token) = link(&lin, 1);
    let (one, two) = (key("a", Grant::Ingest, 1), key("b", Grant::Ingest, 2));
    let (replacing, open) =
        (Key { replaces: Some(one.id.clone()), ..two.clone() }, session(1, Some(&mei), None));
    let member = Membership { account: mei.id.clone(), team: "pay".to_owned(), role: Role::Viewer };
    let mut last = store.generation();
    macro_rules! writes {
        ($($write:expr),* $(,)?) => {$(
            ok($write.await);
            assert_ne!(store.generation(), last, "after {}", stringify!($write));
            last = store.generation();
        )*};
    }
    writes!(
        store.bootstrap(&lin, &[], &first),
        store.insert_account(&mei, &link(&mei, 2).0),
        store.replace_link(&first),
        store.take_link(&token.digest(), at(1)),
        store.swap_factors(&lin.id, 0, &Factors { revision: 1, ..Factors::default() }),
        store.insert_subject_account(&account("wei"), "subject"),
        store.set_role(&lin.id, Role::Viewer),
        store.put_membership(&member),
        store.remove_membership(&mei.id, "pay"),
        store.insert_key(&one),
        store.replace_key(&replacing, at(9)),
        store.revoke_key(&one.id, at(5)),
        store.touch_keys(&[(two.id.clone(), at(9))]),
        store.insert_session(&open),
        store.delete_session(&open.id),
        store.disable_account(&mei.id, at(5)),
        store.delete_expired(at(900)),
    );
    ok(store.account(&lin.id).await);
    ok(store.session(&open.digest).await);
    ok(store.memberships(Some(&lin.id)).await);
    ok(store.key(&one.id).await);
    assert_eq!(store.generation(), last, "nothing was written");
}
