//! The guides under `docs/guides` are run as they stand: every `sh` block of a file, in order, in one shell.

use nines_acceptance::{Node, run_tool, shared, workspace_root};

#[tokio::test]
async fn every_command_of_the_guides_works() -> anyhow::Result<()> {
    let _machine = shared().await;
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &[]).await?;
    let mut ran = 0;
    let mut guides: Vec<_> =
        std::fs::read_dir(workspace_root().join("docs/guides"))?.collect::<Result<_, _>>()?;
    // In the order in which a newcomer reads them; later ones use what earlier ones sent.
    guides.sort_by_key(|guide| (guide.file_name() != "send-telemetry.md", guide.file_name()));
    for guide in guides {
        let script = blocks(&std::fs::read_to_string(guide.path())?);
        if script.is_empty() {
            continue;
        }
        let preamble = format!(
            "set -euo pipefail\nexport NINES_URL='{}' NINES_KEY='{}' OTLP_HTTP='{}' NINES_DATA=\"$PWD/data\" \
             BACKUPS=backups RESTORED=restored\nexport PATH='{}':\"$PATH\"\n",
            node.addresses.http,
            node.key("owner.key")?,
            node.addresses.otlp_http,
            nines_acceptance::binary()?.parent().expect("a binary lies in a folder").display(),
        );
        let output = run_tool("/bin/bash", &["-c", &(preamble + &script)], folder.path()).await?;
        println!("── {}\n{output}", guide.file_name().to_string_lossy());
        ran += 1;
    }
    assert!(ran >= 5, "only {ran} guides held commands");
    node.stop().await
}

fn blocks(markdown: &str) -> String {
    let mut script = String::new();
    let mut inside = false;
    for line in markdown.lines() {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            _ if inside => {
                script.push_str(line);
                script.push('\n');
            }
            _ => {}
        }
    }
    script
}
