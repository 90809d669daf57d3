//! E1: the leader is lost again and again while somebody is being called.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use nines_base::Random;
use serde_json::json;

use super::{Fault, Nodes, Postgres, Receiver};
use crate::{Api, PATIENCE, eventually};

/// Teams in turn, so that nobody has so many calls that they are held for a digest.
const TEAMS: usize = 24;
/// How long the first step of a policy waits before the next person is called.
const STEP: Duration = Duration::from_secs(6);

/// What came of it.
#[derive(Debug, Default)]
pub struct FailoverLedger {
    pub failovers: usize,
    pub by_fault: Vec<(Fault, usize)>,
    pub incidents: usize,
    /// Pages that had to come, and those that did not.
    pub expected: usize,
    pub missed: usize,
    pub duplicates: usize,
    /// The most that one incident had.
    pub duplicates_most: usize,
    pub stale: Vec<String>,
    pub received: usize,
    /// From the fault until another epoch is led and its node answers.
    pub takeovers: Vec<Duration>,
}

impl fmt::Display for FailoverLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted = self.takeovers.clone();
        sorted.sort();
        let at = |share: usize| sorted.get((sorted.len() * share / 100).min(sorted.len().saturating_sub(1)));
        let secs = |share| at(share).map_or(0.0, Duration::as_secs_f64);
        write!(
            f,
            "E1 {} failovers ({:?}), {} incidents: {} of {} calls missed, {} came twice (at most {} of one incident), \
             {} sent in a stale epoch, {} pages in all; takeover p50 {:.1} s, p95 {:.1} s, longest {:.1} s",
            self.failovers,
            self.by_fault,
            self.incidents,
            self.missed,
            self.expected,
            self.duplicates,
            self.duplicates_most,
            self.stale.len(),
            self.received,
            secs(50),
            secs(95),
            secs(100),
        )
    }
}

fn documents(hook: &str, incidents: usize) -> String {
    let person = |name: &str| {
        format!(
            "apiVersion: nines/v1\nkind: Channel\nmetadata: {{name: {name}-hook}}\n\
             spec: {{type: webhook, url: '{hook}/{name}'}}\n---\n\
             apiVersion: nines/v1\nkind: PersonalRules\nmetadata: {{name: {name}}}\n\
             spec: {{high: [{{channel: {name}-hook}}], low: []}}\n---\n"
        )
    };
    let mut yaml = String::new();
    for team in 0..TEAMS {
        let (first, next) = (format!("first-{team}"), format!("next-{team}"));
        yaml += &(person(&first) + &person(&next));
        yaml += &format!(
            "apiVersion: nines/v1\nkind: Team\nmetadata: {{name: team-{team}}}\nspec: {{members: [{first}, {next}]}}\n---\n\
             apiVersion: nines/v1\nkind: EscalationPolicy\nmetadata: {{name: team-{team}}}\nspec:\n  steps:\n\
             \x20   - {{name: first, targets: [{{person: {first}}}], timeout: {}s}}\n\
             \x20   - {{name: next, targets: [{{person: {next}}}], timeout: 30m}}\n---\n",
            STEP.as_secs()
        );
    }
    for number in 0..incidents {
        yaml += &format!(
            "apiVersion: nines/v1\nkind: Service\nmetadata: {{name: {}}}\nspec: {{owner: team-{}}}\n---\n",
            service(number),
            number % TEAMS
        );
    }
    yaml.trim_end_matches("---\n").to_owned()
}

fn service(number: usize) -> String {
    format!("service-{number}")
}

/// Sends until it is taken, to whoever takes it: what a sender with a load balancer before two nodes does.
async fn report(apis: [Api; 2], number: usize) -> anyhow::Result<()> {
    let alert =
        json!({"title": format!("{} is down", service(number)), "level": "P0", "service": service(number)});
    eventually("an alert to be taken in", || async {
        for api in &apis {
            let body = Some(("application/json", alert.to_string().into_bytes()));
            let sent = api.call("POST", "/api/v1/alerts", body);
            if let Ok(Ok((200..300, _))) = tokio::time::timeout(Duration::from_secs(2), sent).await {
                return Ok(Some(()));
            }
        }
        Ok(None)
    })
    .await
}

/// Fails over that often, each kind of fault that can be made there in turn, each with one incident that escalates meanwhile and one that is
/// reported at that moment. `told`: after each.
pub async fn fail_over_again_and_again(
    folder: &Path,
    postgres: Postgres,
    failovers: usize,
    seed: u64,
    mut told: impl FnMut(&FailoverLedger),
) -> anyhow::Result<FailoverLedger> {
    let random = Random::from_seed(seed);
    let mut nodes = Nodes::start(folder, postgres).await?;
    let receiver = Receiver::start(&nodes.postgres).await?;
    nodes.api(0).apply(&documents(&receiver.url, failovers * 2)).await?;
    let faults = Fault::all(&nodes.postgres);
    let by_fault = faults.iter().map(|fault| (*fault, 0)).collect();
    let mut ledger = FailoverLedger { by_fault, ..FailoverLedger::default() };
    for round in 0..failovers {
        let leader = nodes.settled().await?;
        let (escalating, fresh) = (round * 2, round * 2 + 1);
        let apis = || [nodes.api(leader), nodes.api(1 - leader)];
        report(apis(), escalating).await?;
        // Anywhere between the first call and a little after the second is due.
        tokio::time::sleep(Duration::from_millis(random.below(7000))).await;
        let late = apis();
        let reporting = tokio::spawn(async move { report(late, fresh).await });
        tokio::time::sleep(Duration::from_millis(random.below(400))).await;
        let index = round % faults.len();
        let took = nodes.fail_over(faults[index]).await?;
        reporting.await??;
        ledger.takeovers.push(took);
        ledger.by_fault[index].1 += 1;
        ledger.failovers += 1;
        for number in [escalating, fresh] {
            settle(&nodes, None, &receiver, number, &mut ledger).await?;
        }
        ledger.stale = receiver.stale().await;
        ledger.received = receiver.count().await;
        told(&ledger);
    }
    Ok(ledger)
}

/// Waits for the calls of an incident, counts them, and acknowledges it at that node, or at whichever leads.
async fn settle(
    nodes: &Nodes,
    leader: Option<usize>,
    receiver: &Receiver,
    number: usize,
    ledger: &mut FailoverLedger,
) -> anyhow::Result<()> {
    let people = [format!("first-{}", number % TEAMS), format!("next-{}", number % TEAMS)];
    let name = service(number);
    let waited = eventually("both people to be called", || async {
        let calls = receiver.calls(&name).await;
        Ok(people.iter().all(|person| calls.reached(person)).then_some(()))
    })
    .await;
    let calls = receiver.calls(&name).await;
    ledger.incidents += 1;
    ledger.expected += people.len();
    ledger.missed += people.iter().filter(|person| !calls.reached(person)).count();
    ledger.duplicates += calls.duplicates();
    ledger.duplicates_most = ledger.duplicates_most.max(calls.duplicates());
    waited.with_context(|| format!("of {name} came {calls:?} within {PATIENCE:?}"))?;
    let incident = calls.incident.context("a call names its incident")?;
    let path = format!("/api/v1/incidents/{incident}/acknowledge");
    eventually("the acknowledgement to be taken", || async {
        let leader = match leader {
            Some(leader) => leader,
            None => nodes.leader().await?,
        };
        let body = Some(("application/json", b"{}".to_vec()));
        let api = nodes.api(leader);
        let asked = api.call("POST", &path, body);
        let (status, _) = tokio::time::timeout(Duration::from_secs(5), asked).await??;
        // Acknowledged already, if an answer was lost.
        Ok((status < 300 || status == 409).then_some(()))
    })
    .await
}

/// What came of an outage of PostgreSQL.
#[derive(Debug, Default)]
pub struct OutageLedger {
    pub outage: Duration,
    pub incidents: usize,
    pub expected: usize,
    pub missed: usize,
    pub duplicates: usize,
    pub stale: Vec<String>,
    /// The most writes that waited.
    pub backlog_most: u64,
    /// Until the log had them all.
    pub reconciled_after: Duration,
    /// Escalations that stand, at the other node after the next failover, where they stood before it.
    pub known_after: usize,
}

impl fmt::Display for OutageLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "A9 PostgreSQL silent for {:.0} s: {} incidents, {} of {} calls missed, {} came twice, {} in a stale epoch; \
             at most {} writes waited, reconciled {:.1} s after it came back; the other node then knew {} of {}",
            self.outage.as_secs_f64(),
            self.incidents,
            self.missed,
            self.expected,
            self.duplicates,
            self.stale.len(),
            self.backlog_most,
            self.reconciled_after.as_secs_f64(),
            self.known_after,
            self.incidents,
        )
    }
}

impl OutageLedger {
    /// What A9 asks.
    pub fn verdict(&self) -> anyhow::Result<()> {
        ensure!(
            self.missed == 0 && self.stale.is_empty() && self.duplicates == 0,
            "{self}: {:?}",
            self.stale
        );
        ensure!(self.incidents > 0 && self.backlog_most > 0 && self.known_after == self.incidents, "{self}");
        Ok(())
    }
}

/// PostgreSQL is silent for both while alerts come in; then it is back, and the node that kept on is lost.
pub async fn without_postgresql(
    folder: &Path,
    postgres: Postgres,
    outage: Duration,
) -> anyhow::Result<OutageLedger> {
    const INCIDENTS_MAX: usize = 500;
    let clock = nines_base::SystemClock::shared();
    let mut nodes = Nodes::start(folder, postgres).await?;
    let receiver = Receiver::start(&nodes.postgres).await?;
    nodes.api(0).apply(&documents(&receiver.url, INCIDENTS_MAX)).await?;
    let leader = nodes.settled().await?;
    let mut ledger = OutageLedger { outage, ..OutageLedger::default() };
    let mut calls = FailoverLedger::default();
    for member in [0, 1] {
        nodes.break_network(member, Fault::CutOff, true).await?;
    }
    let from = clock.monotonic();
    while clock.monotonic() - from < outage && ledger.incidents < INCIDENTS_MAX {
        let apis = [nodes.api(leader), nodes.api(1 - leader)];
        report(apis, ledger.incidents).await?;
        settle(&nodes, Some(leader), &receiver, ledger.incidents, &mut calls).await?;
        ledger.incidents += 1;
        let pair = nodes.api(leader).get("/api/v1/status").await?["pair"].clone();
        ensure!(pair["role"] == "leader" && pair["by_promise"] == true, "{pair}");
        ledger.backlog_most = ledger.backlog_most.max(pair["backlog_writes"].as_u64().unwrap_or(0));
    }
    for member in [0, 1] {
        nodes.break_network(member, Fault::CutOff, false).await?;
    }
    let from = clock.monotonic();
    eventually("the log to have what was written meanwhile", || async {
        let pair = nodes.api(leader).get("/api/v1/status").await?["pair"].clone();
        Ok((pair["backlog_writes"] == 0 && pair["by_promise"] == false).then_some(()))
    })
    .await?;
    ledger.reconciled_after = clock.monotonic() - from;
    ensure!(nodes.settled().await? == leader, "the node that kept on leads no more");
    let before = phases(&nodes.api(leader), &receiver, ledger.incidents).await?;
    nodes.fail_over(Fault::Killed).await?;
    let after = phases(&nodes.api(1 - leader), &receiver, ledger.incidents).await?;
    // An acknowledgement that nothing follows runs out, and may do so in between.
    let goes_on = |(before, after): &(String, String)| {
        before == after || (before == "acknowledged" && after == "exhausted")
    };
    ledger.known_after = before.into_iter().zip(after).filter(goes_on).count();
    (ledger.expected, ledger.missed, ledger.duplicates) = (calls.expected, calls.missed, calls.duplicates);
    ledger.stale = receiver.stale().await;
    Ok(ledger)
}

/// Where each escalation stands, by that node.
async fn phases(api: &Api, receiver: &Receiver, incidents: usize) -> anyhow::Result<Vec<String>> {
    let mut phases = Vec::with_capacity(incidents);
    for number in 0..incidents {
        let incident =
            receiver.calls(&service(number)).await.incident.context("a call names its incident")?;
        let told = api.get(&format!("/api/v1/incidents/{incident}")).await?;
        phases.push(told["escalation"]["phase"].as_str().context("an incident escalates")?.to_owned());
    }
    Ok(phases)
}

/// What E1 asks.
pub fn verdict(ledger: &FailoverLedger) -> anyhow::Result<()> {
    ensure!(ledger.missed == 0, "{ledger}");
    ensure!(ledger.stale.is_empty(), "{ledger}: {:?}", ledger.stale);
    ensure!(ledger.duplicates_most <= 1, "{ledger}");
    Ok(())
}
