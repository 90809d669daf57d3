//! Limits of tenants and datasets, on a clock of the test.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nines_base::{ManualClock, Random, SharedClock};
use nines_ingest::{Amounts, LimitKind, Scope, StoredDataset, Tenant, TenantLimits, Tenants};
use nines_model::{Dataset, Timestamp};

const NOW: Timestamp = Timestamp::from_secs(1_795_334_400);

fn started() -> (Tenants, Arc<ManualClock>) {
    let manual = ManualClock::at(NOW);
    let clock: SharedClock = Arc::clone(&manual) as SharedClock;
    (Tenants::new(clock), manual)
}

fn of_team(name: &str, amounts: Amounts) -> TenantLimits {
    TenantLimits { teams: [(name.to_owned(), amounts)].into(), ..TenantLimits::default() }
}

/// One request, as the receivers do it: events kept, or by what it was refused.
fn send(tenant: &Tenant, dataset: Dataset, events: u64, bytes: u64) -> Result<(), LimitKind> {
    tenant.check().map_err(|over| over.kind)?;
    tenant.charge(&[(dataset, events)], bytes).map_err(|over| over.kind)?.keep();
    Ok(())
}

#[test]
fn without_limits_nothing_is_refused() {
    let (tenants, _) = started();
    for team in [None, Some("shop")] {
        let tenant = tenants.tenant(team);
        for _ in 0..1_000 {
            send(&tenant, Dataset::Logs, 1_000_000, 1 << 40).unwrap();
        }
    }
    let stats = tenants.stats();
    assert!(stats.iter().all(|one| one.refused_requests.is_empty() && !one.is_over));
}

#[test]
fn a_rate_is_kept_over_any_time_and_a_burst_passes_from_rest() {
    let (tenants, clock) = started();
    let amounts =
        Amounts { events_per_second: Some(100), burst: Some(Duration::from_secs(5)), ..Amounts::default() };
    tenants.set_limits(of_team("shop", amounts));
    let shop = tenants.tenant(Some("shop"));
    let (mut kept, mut refused) = (0, 0);
    for _ in 0..60_000 {
        match send(&shop, Dataset::Logs, 20, 4_000) {
            Ok(()) => kept += 20,
            Err(kind) => {
                assert_eq!(kind, LimitKind::EventRate);
                refused += 1;
            }
        }
        clock.advance(Duration::from_millis(1));
    }
    // A minute of a hundred a second, five seconds of burst, and one request that may overdraw.
    assert!((6_500..=6_520).contains(&kept), "{kept}");
    let stats = tenants.stats().into_iter().find(|one| one.scope == *shop.scope()).unwrap();
    assert_eq!(stats.accepted_events, kept);
    assert_eq!(stats.accepted_requests + stats.refused_requests[&LimitKind::EventRate], 60_000);
    assert_eq!(stats.refused_requests[&LimitKind::EventRate], refused);
}

#[test]
fn a_request_larger_than_a_burst_passes_once_and_its_debt_is_waited_for() {
    let (tenants, clock) = started();
    tenants.set_limits(of_team("shop", Amounts { bytes_per_second: Some(1_000), ..Amounts::default() }));
    let shop = tenants.tenant(Some("shop"));
    send(&shop, Dataset::Spans, 1, 30_000).unwrap();
    let over = shop.check().unwrap_err();
    assert_eq!((over.kind, over.retry_after.as_secs()), (LimitKind::ByteRate, 20));
    let text = over.to_string();
    assert!(
        text.contains("team shop") && text.contains("1000 B a second") && text.contains("bytesPerSecond"),
        "{text}"
    );
    clock.advance(over.retry_after - Duration::from_millis(1));
    assert!(shop.check().is_err());
    clock.advance(Duration::from_millis(2));
    shop.check().unwrap();
}

#[test]
fn tenants_do_not_feel_each_other_but_a_dataset_is_felt_by_all() {
    let (tenants, _) = started();
    let tight =
        Amounts { events_per_second: Some(10), burst: Some(Duration::from_secs(1)), ..Amounts::default() };
    let mut limits = of_team("shop", tight);
    tenants.set_limits(limits.clone());
    let (shop, pay, all) = (tenants.tenant(Some("shop")), tenants.tenant(Some("pay")), tenants.tenant(None));
    send(&shop, Dataset::Logs, 10, 1).unwrap();
    assert_eq!(send(&shop, Dataset::Spans, 1, 1), Err(LimitKind::EventRate));
    send(&pay, Dataset::Logs, 10_000, 1).unwrap();
    send(&all, Dataset::Logs, 10_000, 1).unwrap();

    limits.datasets.insert(Dataset::Logs, tight);
    tenants.set_limits(limits);
    send(&pay, Dataset::Logs, 10_000, 1).unwrap();
    assert_eq!(send(&all, Dataset::Logs, 1, 1), Err(LimitKind::EventRate));
    send(&all, Dataset::Spans, 1, 1).unwrap();
    let refused = |scope| {
        let stats = tenants.stats().into_iter().find(|one| one.scope == scope).unwrap();
        stats.refused_requests.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(refused(Scope::Dataset(Dataset::Logs)), [(LimitKind::EventRate, 1)]);
    assert_eq!(refused(Scope::Organisation), [(LimitKind::Dataset, 1)]);
    assert_eq!(refused(Scope::Team("pay".into())), []);
}

#[test]
fn what_is_not_stored_is_given_back() {
    let (tenants, _) = started();
    let mut limits = of_team("shop", Amounts { events_per_second: Some(1), ..Amounts::default() });
    limits.datasets.insert(Dataset::Logs, Amounts { bytes_per_second: Some(1), ..Amounts::default() });
    tenants.set_limits(limits);
    let shop = tenants.tenant(Some("shop"));
    for _ in 0..10 {
        drop(shop.charge(&[(Dataset::Logs, 10)], 10).unwrap());
    }
    shop.charge(&[(Dataset::Logs, 10)], 10).unwrap().keep();
    assert!(shop.charge(&[(Dataset::Spans, 1)], 1).is_err());
    let stats = &tenants.stats()[1];
    assert_eq!((stats.accepted_requests, stats.accepted_events, stats.accepted_bytes), (1, 10, 10));
}

#[test]
fn limits_change_while_requests_come_and_debts_stay() {
    let (tenants, clock) = started();
    let shop = tenants.tenant(Some("shop"));
    let rate = |events| of_team("shop", Amounts { events_per_second: Some(events), ..Amounts::default() });
    tenants.set_limits(rate(10));
    send(&shop, Dataset::Logs, 1_000, 1).unwrap();
    assert!(shop.check().is_err());
    // A new rate pays the debt faster, and does not forgive it.
    tenants.set_limits(rate(900));
    assert!(shop.check().is_err());
    clock.advance(Duration::from_secs(2));
    shop.check().unwrap();
    tenants.set_limits(rate(0));
    assert!(shop.check().is_err());
    tenants.set_limits(TenantLimits::default());
    shop.check().unwrap();
    // Those that no document names have the limits of each team.
    tenants.set_limits(TenantLimits {
        each_team: Amounts { events_per_second: Some(0), ..Amounts::default() },
        ..TenantLimits::default()
    });
    assert!(shop.check().is_err() && tenants.tenant(Some("new")).check().is_err());
    tenants.tenant(None).check().unwrap();
}

#[test]
fn stored_bytes_are_shared_out_over_a_restart_and_refuse_who_has_used_them_up() {
    let (tenants, _) = started();
    let stored = |bytes| BTreeMap::from([(Dataset::Logs, StoredDataset { bytes, oldest: Some(NOW) })]);
    send(&tenants.tenant(Some("shop")), Dataset::Logs, 1, 30_000).unwrap();
    send(&tenants.tenant(None), Dataset::Logs, 1, 10_000).unwrap();
    tenants.weigh(&stored(4_000), NOW);
    let state = tenants.state();

    let (tenants, _) = started();
    tenants.restore(&state).unwrap();
    let most = |bytes| Amounts { stored_bytes: Some(bytes), ..Amounts::default() };
    tenants.set_limits(TenantLimits {
        each_team: most(3_000),
        organisation: most(2_000),
        ..TenantLimits::default()
    });
    tenants.weigh(&stored(4_000), NOW);
    let of = |scope: Scope| tenants.stats().into_iter().find(|one| one.scope == scope).unwrap().stored_bytes;
    assert_eq!(of(Scope::Team("shop".into())), 3_000);
    assert_eq!(of(Scope::Organisation), 1_000);
    assert_eq!(of(Scope::Dataset(Dataset::Logs)), 4_000);
    let over = tenants.tenant(Some("shop")).check().unwrap_err();
    assert_eq!(over.kind, LimitKind::StoredBytes);
    assert!(over.to_string().contains("storedBytes"), "{over}");
    tenants.tenant(None).check().unwrap();
    // Retention made room.
    tenants.weigh(&stored(2_000), NOW);
    tenants.tenant(Some("shop")).check().unwrap();
    assert!(tenants.restore("nonsense").is_err());
}

#[test]
fn sent_is_kept_plus_refused_whatever_is_thrown_at_it() {
    let random = Random::from_seed(20_261_123);
    let (tenants, clock) = started();
    let teams = ["a", "b", "c"];
    let mut sent = BTreeMap::<Option<&str>, u64>::new();
    for _ in 0..100_000 {
        if random.below(500) == 0 {
            let amounts = || Amounts {
                events_per_second: Some(random.below(2_000)),
                bytes_per_second: Some(random.below(200_000)),
                burst: Some(Duration::from_millis(random.below(3_000))),
                stored_bytes: None,
            };
            let mut limits =
                TenantLimits { organisation: amounts(), each_team: amounts(), ..TenantLimits::default() };
            limits.datasets.insert(Dataset::Logs, amounts());
            tenants.set_limits(limits);
        }
        let team = teams.get(random.below(4) as usize).copied();
        *sent.entry(team).or_default() += 1;
        let dataset = Dataset::ALL[random.below(6) as usize];
        // Taken or refused: the counts below know.
        let _ = send(&tenants.tenant(team), dataset, random.below(300), random.below(30_000));
        clock.advance(Duration::from_millis(random.below(20)));
    }
    for one in tenants.stats().iter().filter(|one| !matches!(one.scope, Scope::Dataset(_))) {
        let team = teams.iter().find(|team| **team == one.scope.name()).copied();
        let refused: u64 = one.refused_requests.values().sum();
        assert_eq!(one.accepted_requests + refused, sent[&team], "{}", one.scope);
        assert!(refused > 0 && one.accepted_requests > 0, "{}", one.scope);
    }
}
