//! The four stories, end to end: a real shop breaks, is noticed, paged and mended; then a real browser goes from the
//! page's link to the cause.

use anyhow::{Context, ensure};
use nines_acceptance::{Node, alone, command, run_tool, workspace_root};

#[tokio::test]
async fn four_stories_are_solved_and_a_browser_finds_the_cause_in_three_clicks() -> anyhow::Result<()> {
    let _machine = alone().await;
    let folder = tempfile::tempdir()?;
    // The demo's receiver of pages is on loopback.
    let node = Node::start(&folder.path().join("data"), &["--allow-egress", "127.0.0.0/8"]).await?;
    let key = node.key("owner.key")?;
    let told = command(&["demo", "--story", "all", "--once"])?
        .args(["--attach", &node.addresses.http, "--attach-otlp", &node.addresses.otlp_grpc])
        .env("NINES_KEY", &key)
        .output()
        .await?;
    let (table, narration) = (String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    println!("{table}");
    ensure!(told.status.success(), "a story was missed ({}):\n{table}\n{narration}", told.status);
    for story in ["availability", "latency", "errors", "saturation"] {
        ensure!(
            table.lines().any(|line| line.starts_with(story) && line.contains("solved")),
            "{story} is not solved:\n{table}"
        );
    }

    let ui = workspace_root().join("ui");
    let journeys = nines_base::spawn::program("node")
        .envs(std::env::vars_os())
        .args(["e2e/journeys.mjs"])
        .env("NINES_URL", &node.addresses.http)
        .env("NINES_KEY", &key)
        .current_dir(&ui)
        .output()
        .await
        .context("node could not be started")?;
    let told = String::from_utf8_lossy(&journeys.stdout);
    println!("{told}");
    ensure!(
        journeys.status.success(),
        "a journey failed:\n{told}\n{}",
        String::from_utf8_lossy(&journeys.stderr)
    );
    ensure!(
        told.lines().any(|line| line.starts_with("ok") && line.contains("three clicks")),
        "the first journey did not run:\n{told}"
    );
    let kept = run_tool("ls", &["test-results/journeys"], &ui).await?;
    println!("pictures: {}", kept.split_whitespace().collect::<Vec<_>>().join(", "));
    node.stop().await
}
