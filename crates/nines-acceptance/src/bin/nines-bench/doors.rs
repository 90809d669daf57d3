//! A1 and A2: what the doors cost. One public read is asked for by nobody, by keys and by a browser: the handler is the same,
//! and whoever shows something is checked. Then what admitting one request of telemetry costs, as the
//! receivers' gate does it for a key that it cannot tell from memory, with the allocations counted.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use nines_acceptance::{Browser, Node};
use nines_access::{Access, Action, Config, Credentials, MemoryRepository, Resource, authorize};
use nines_base::{Random, SharedClock};
use nines_ingest::{Amounts, TenantLimits, Tenants};
use nines_model::Dataset;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use crate::events::Wire;

#[global_allocator]
static COUNTED: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

/// Reads by each caller, in turns, so that the machine's other work hits all alike.
const READS: usize = 5_000;
/// The first ones fill caches.
const WARM: usize = 200;
const READ: &str = "/-/healthy";
const ADMITTED: u32 = 100_000;

/// A1: a read for nobody, and for those who are checked.
pub async fn reads(node: &Node, clock: &SharedClock) -> anyhow::Result<()> {
    println!("A1 one read ({READ}), {READS} by each caller, in turns");
    let person = Browser::invited(node, "bench", "viewer").await?;
    let callers = [
        ("nobody", String::new()),
        ("ingest key", format!("authorization: Bearer {}\r\n", node.key("ingest.key")?)),
        ("owner's key", format!("authorization: Bearer {}\r\n", node.key("owner.key")?)),
        ("browser", format!("cookie: {}\r\n", person.cookie())),
    ];
    let host = node.addresses.http.trim_start_matches("http://");
    let mut wires = Vec::new();
    for (name, shown) in &callers {
        let request = format!("GET {READ} HTTP/1.1\r\nhost: {host}\r\n{shown}\r\n");
        wires.push((*name, request, Wire::connect(&node.addresses.http, "").await?, Vec::new()));
    }
    for turn in 0..READS + WARM {
        for (_, request, wire, taken) in &mut wires {
            let before = clock.monotonic();
            wire.say(request).await?;
            if turn >= WARM {
                taken.push(clock.monotonic() - before);
            }
        }
    }
    let mut rows = wires.into_iter().map(|(name, _, _, mut taken)| {
        taken.sort();
        let at = |share: f64| taken[((taken.len() as f64 * share) as usize).min(taken.len() - 1)];
        (name, at(0.5), at(0.99))
    });
    let Some((_, bare_p50, bare_p99)) = rows.next() else { return Ok(()) };
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    println!("   nobody: p50 {:.0} µs, p99 {:.0} µs", micros(bare_p50), micros(bare_p99));
    for (name, p50, p99) in rows {
        let (more_p50, more_p99) = (micros(p50) - micros(bare_p50), micros(p99) - micros(bare_p99));
        println!(
            "   {name}: p50 {:.0} µs, p99 {:.0} µs; {more_p50:+.0} and {more_p99:+.0} µs against nobody",
            micros(p50),
            micros(p99)
        );
    }
    Ok(())
}

/// A2: what `nines_server::gate` does for each request of telemetry, with what its tenant's limits cost.
pub async fn sending(clock: &SharedClock) -> anyhow::Result<()> {
    let config = Config { anonymous_ingest: false, sealer: None };
    let access =
        Access::new(Arc::new(MemoryRepository::default()), Arc::clone(clock), Random::from_seed(7), config);
    let first = access.prepare_first_run();
    access.complete_first_run(&first).await?;
    let key = first.ingest_key.expose().to_owned();
    let tenants = Tenants::new(Arc::clone(clock));
    let rate =
        Amounts { events_per_second: Some(1 << 40), bytes_per_second: Some(1 << 50), ..Amounts::default() };
    let datasets = [(Dataset::Logs, rate)].into();
    tenants.set_limits(TenantLimits { organisation: rate, datasets, ..TenantLimits::default() });
    let admit = async || {
        let header = format!("Bearer {key}");
        let credentials = Credentials {
            authorization: Some(&header),
            cookie: None,
            csrf: None,
            is_unsafe: true,
            address: std::net::Ipv4Addr::LOCALHOST.into(),
        };
        let actor = access.authenticate(&credentials).await?.actor;
        authorize(&actor, Action::SendTelemetry, &Resource::Node).into_result()?;
        let tenant = tenants.tenant(actor.bounds.as_ref().and_then(|bounds| bounds.team.as_deref()));
        tenant.check()?;
        tenant.charge(&[(Dataset::Logs, 100)], 20_000)?.keep();
        anyhow::Ok(actor)
    };
    black_box(admit().await?);
    let (region, before) = (Region::new(COUNTED), clock.monotonic());
    for _ in 0..ADMITTED {
        black_box(admit().await?);
    }
    let (taken, counted) = (clock.monotonic() - before, region.change());
    let each = |count: usize| count as f64 / f64::from(ADMITTED);
    println!(
        "A2 admitting one request of telemetry by its key: {:.0} ns, {:.1} allocations of {:.0} bytes together (n = {ADMITTED})",
        taken.as_secs_f64() * 1e9 / f64::from(ADMITTED),
        each(counted.allocations + counted.reallocations),
        each(counted.bytes_allocated)
    );
    Ok(())
}
