//! Two nodes and a real PostgreSQL: whoever is being called is called, whichever node is lost, and whether or not
//! PostgreSQL answers.

use std::time::Duration;

use anyhow::ensure;
use nines_acceptance::pair::{
    Fault, Nodes, Postgres, Wires, fail_over_again_and_again, verdict, without_postgresql,
};
use nines_acceptance::{alone, eventually};
use serde_json::json;

#[tokio::test]
async fn the_leader_is_lost_in_each_way_while_somebody_is_called_and_nobody_is_missed() -> anyhow::Result<()>
{
    let _machine = alone().await;
    let folder = tempfile::tempdir()?;
    let wires = Wires::lay().await?;
    let Some(postgres) = Postgres::start_on(folder.path(), wires).await? else { return Ok(()) };
    // Each fault that can be made here once. `nines-bench E1 --failovers 500` does the same for longer, and prints how long
    // each takeover took.
    let failovers = Fault::all(&postgres).len();
    let ledger = fail_over_again_and_again(folder.path(), postgres, failovers, 7, |_| {}).await?;
    println!("{ledger}");
    ensure!(ledger.failovers == failovers && ledger.expected == failovers * 4, "{ledger}");
    verdict(&ledger)
}

#[tokio::test]
async fn two_nodes_that_do_not_hear_each_other_keep_their_leader_while_both_hear_postgresql()
-> anyhow::Result<()> {
    let _machine = alone().await;
    let folder = tempfile::tempdir()?;
    let Some(wires) = Wires::lay().await? else { return Ok(()) };
    let Some(postgres) = Postgres::start_on(folder.path(), Some(wires)).await? else { return Ok(()) };
    let nodes = Nodes::start(folder.path(), postgres).await?;
    let before = (nodes.leader().await?, nodes.postgres.epoch().await?);
    nodes.part(true).await?;
    let writes = "SELECT (extract(epoch FROM now() - seen_at) < 2)::text FROM nines_members WHERE name = 'b'";
    // Twice as long as a lease lasts without being renewed, told by PostgreSQL's own clock.
    let until = nodes.postgres.text("SELECT (now() + interval '10 seconds')::text").await?;
    eventually("two leases to pass", || async {
        let over = nodes.postgres.text(&format!("SELECT (now() > '{until}')::text")).await?;
        ensure!((nodes.leader().await?, nodes.postgres.epoch().await?) == before, "the lease changed hands");
        Ok((over == "true").then_some(()))
    })
    .await?;
    ensure!(nodes.postgres.text(writes).await? == "true", "the standby is gone");
    nodes.part(false).await?;
    ensure!(nodes.settled().await? == before.0);
    Ok(())
}

#[tokio::test]
async fn without_postgresql_the_leader_goes_on_and_what_it_wrote_reaches_the_other() -> anyhow::Result<()> {
    let _machine = alone().await;
    let folder = tempfile::tempdir()?;
    let Some(postgres) = Postgres::start(folder.path()).await? else { return Ok(()) };
    // `nines-bench A9` does the same for half an hour.
    let ledger = without_postgresql(folder.path(), postgres, Duration::from_secs(15)).await?;
    println!("{ledger}");
    ledger.verdict()
}

#[tokio::test]
async fn a_standby_takes_nothing_promises_only_to_its_peer_and_a_third_node_is_refused() -> anyhow::Result<()>
{
    let _machine = alone().await;
    let folder = tempfile::tempdir()?;
    let Some(postgres) = Postgres::start(folder.path()).await? else { return Ok(()) };
    let mut nodes = Nodes::start(folder.path(), postgres).await?;
    let standby = nodes.api(1);
    let alert = Some(("application/json", json!({"title": "x", "level": "P0"}).to_string().into_bytes()));
    let (status, answer) = standby.call("POST", "/api/v1/alerts", alert).await?;
    ensure!(status == 503 && answer["code"] == "standby", "{status} {answer}");
    ensure!(
        answer["detail"].as_str().is_some_and(|detail| detail.contains(&nodes.members[0].url)),
        "{answer}"
    );
    let question = Some(("application/json", json!({"epoch": 1, "waiting": true}).to_string().into_bytes()));
    let (status, _) = standby.call("POST", "/pair/promise", question).await?;
    ensure!(status == 403, "a promise to a stranger: {status}");
    let pair = nodes.api(0).get("/api/v1/status").await?["pair"].clone();
    ensure!(pair["role"] == "leader" && pair["other"] == "b" && pair["epoch"] == 1, "{pair}");
    // What somebody would want to know before the night.
    let told = eventually("the leader to have looked at the other", || async {
        let told = nodes.doctor(0).await?;
        Ok(told.contains("it answers directly").then_some(told))
    })
    .await?;
    let line = told.lines().find(|line| line.contains("leader of a in epoch 1")).unwrap_or_default();
    ensure!(line.contains("ok") && line.contains("b seen") && line.contains("its clock"), "{told}");
    let third = nodes.trouble_of_a_third(folder.path()).await?;
    ensure!(third.contains("the pair has its two members, a and b"), "{third}");

    // Whoever stops gives the lease back: nobody waits for its end.
    nodes.stop(0).await?;
    eventually("the other to lead", || async { Ok((nodes.leader().await.ok() == Some(1)).then_some(())) })
        .await?;
    let given_back = nodes.postgres.text("SELECT epoch::text FROM nines_lease").await?;
    ensure!(given_back == "2", "{given_back}");
    Ok(())
}

#[tokio::test]
async fn a_postgresql_that_was_put_back_to_an_earlier_state_costs_a_failover_and_no_write()
-> anyhow::Result<()> {
    let _machine = alone().await;
    let folder = tempfile::tempdir()?;
    let Some(postgres) = Postgres::start(folder.path()).await? else { return Ok(()) };
    let nodes = Nodes::start(folder.path(), postgres).await?;
    let channel = |name: &str| {
        format!(
            "apiVersion: nines/v1\nkind: Channel\nmetadata: {{name: {name}}}\n\
             spec: {{type: webhook, url: 'https://hooks.example/{name}'}}\n"
        )
    };
    for name in ["first", "second", "third"] {
        nodes.api(0).apply(&channel(name)).await?;
    }
    let same = "SELECT (m.positions::json ->> 'control.db' = (SELECT max(seq)::text FROM nines_log WHERE file = 'control.db'))::text FROM nines_members AS m WHERE name = 'b'";
    eventually("the standby to have every write", || async {
        Ok((nodes.postgres.text(same).await? == "true").then_some(()))
    })
    .await?;
    let forgotten = "WITH gone AS (DELETE FROM nines_log WHERE file = 'control.db' AND seq > (SELECT max(seq) - 2 FROM nines_log WHERE file = 'control.db') RETURNING 1) SELECT count(*)::text FROM gone";
    ensure!(nodes.postgres.text(forgotten).await? == "2");
    // It has no place in the log any more; whoever leads next says what the log is.
    let body = Some(("application/yaml", channel("fourth").into_bytes()));
    let (status, answer) = nodes.api(0).call("POST", "/api/v1/apply", body).await?;
    ensure!(status == 503, "{status} {answer}");
    let leader = eventually("one to lead with a new log and the other to follow it", || async {
        let leader = nodes.settled().await?;
        Ok((nodes.postgres.text("SELECT snapshot::text FROM nines_lease").await? == "2").then_some(leader))
    })
    .await?;
    let kept = nodes.api(leader).get("/api/v1/objects?kind=Channel").await?.to_string();
    ensure!(["first", "second", "third"].iter().all(|name| kept.contains(&format!("\"{name}\""))), "{kept}");
    nodes.api(leader).apply(&channel("fifth")).await?;
    Ok(())
}
