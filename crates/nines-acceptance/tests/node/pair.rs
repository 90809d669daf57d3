//! Two nodes and a real PostgreSQL: whoever is being called is called, whichever node is lost, and whether or not
//! PostgreSQL answers.

use std::time::Duration;

use anyhow::ensure;
use nines_acceptance::pair::{Nodes, Postgres, fail_over_again_and_again, verdict, without_postgresql};
use nines_acceptance::{alone, eventually};
use serde_json::json;

#[tokio::test]
async fn the_leader_is_lost_in_each_way_while_somebody_is_called_and_nobody_is_missed() -> anyhow::Result<()>
{
    let _machine = alone().await;
    let folder = tempfile::tempdir()?;
    let Some(postgres) = Postgres::start(folder.path()).await? else { return Ok(()) };
    // `nines-bench E1 --failovers 500` does the same for longer, and prints how long each takeover took.
    let ledger = fail_over_again_and_again(folder.path(), postgres, 6, 7, |_| {}).await?;
    println!("{ledger}");
    ensure!(ledger.failovers == 6 && ledger.expected == 24, "{ledger}");
    verdict(&ledger)
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
