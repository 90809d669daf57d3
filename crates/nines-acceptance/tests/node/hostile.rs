//! Reliability F4: hostile text in every field that somebody else writes, in a real browser, in mails, in exports and on a
//! terminal.

use anyhow::{Context, ensure};
use nines_acceptance::{Api, MailSink, Node, command, eventually, workspace_root};
use serde_json::json;

/// Whoever has no policy gets a mail about everything.
fn documents(sink: &str) -> String {
    format!(
        "apiVersion: nines/v1\nkind: Channel\nmetadata: {{name: mail}}\n\
         spec: {{type: email, smtp: '{sink}', from: 'nines@example.com', to: [ann@example.com]}}\n---\n\
         apiVersion: nines/v1\nkind: Team\nmetadata: {{name: desk}}\n\
         spec: {{members: [ann], channels: [mail], firstLine: true}}\n"
    )
}

#[tokio::test]
async fn hostile_text_runs_nowhere() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let node = Node::start(&folder.path().join("data"), &["--allow-egress", "127.0.0.0/8"]).await?;
    let (key, api, sink) = (node.key("owner.key")?, node.api()?, MailSink::start().await?);
    api.apply(&documents(&sink.url)).await?;

    let ui = workspace_root().join("ui");
    let browser = |arguments: &[&str]| {
        let mut browser = nines_base::spawn::program("node");
        browser.envs(std::env::vars_os()).args(["e2e/hostile.mjs"]).args(arguments).current_dir(&ui);
        browser.env("NINES_URL", &node.addresses.http).env("NINES_KEY", &key);
        browser
    };
    let told = browser(&[]).output().await.context("node could not be started")?;
    let (ledger, trouble) = (String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    println!("{ledger}");
    ensure!(told.status.success() && ledger.contains("0 executed"), "{ledger}\n{trouble}");

    let mails = folder.path().join("mails");
    std::fs::create_dir(&mails)?;
    let taken = eventually("the mails about incidents", || async {
        let taken = sink.taken().await;
        Ok((taken.len() >= 15).then_some(taken))
    })
    .await?;
    for (index, mail) in taken.iter().enumerate() {
        let html = mail.html().context("a mail has HTML")?;
        write(&mails.join(format!("{index}.html")), &html)?;
    }
    let told = browser(&["mails", mails.to_str().context("a path")?]).output().await?;
    let (ledger, trouble) = (String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    println!("{ledger}");
    ensure!(told.status.success() && ledger.contains("0 executed"), "{ledger}\n{trouble}");

    exports(&api).await?;
    terminal(&node, &key).await?;
    node.stop().await
}

#[expect(clippy::disallowed_methods, reason = "a mail for a browser to open, not a durable write")]
fn write(path: &std::path::Path, html: &str) -> std::io::Result<()> {
    std::fs::write(path, html)
}

/// No cell of an export is a formula.
async fn exports(api: &Api) -> anyhow::Result<()> {
    let asked = json!({"dataset": "logs", "filter": "", "limit": 1_000, "columns": ["evil.value", "body"]});
    let csv = api.text("/api/v1/search", &asked, "text/csv").await?;
    ensure!(
        csv.contains("'=HYPERLINK") && csv.contains("nines_canary"),
        "the payloads are not in it: {csv:.400}"
    );
    let (_, review) = api.call("GET", "/api/v1/review?format=csv", None).await?;
    ensure!(!has_formula(review.as_str().unwrap_or_default()), "{review}");
    ensure!(!has_formula(&csv), "a cell is a formula");
    Ok(())
}

/// By the rules of RFC 4180: whether a cell begins with what a spreadsheet computes.
fn has_formula(csv: &str) -> bool {
    let (mut quoted, mut begins) = (false, true);
    for c in csv.chars() {
        if begins && matches!(c, '=' | '+' | '@' | '\t') {
            return true;
        }
        // Only the first quote opens a cell; one after it is of the text.
        begins = (c == '"' && begins && !quoted) || (!quoted && matches!(c, ',' | '\n'));
        quoted ^= c == '"';
    }
    false
}

/// Nothing that somebody else wrote moves the cursor, names the window, or turns the direction of the text.
async fn terminal(node: &Node, key: &str) -> anyhow::Result<()> {
    let mut lines = 0;
    for arguments in [
        &["search", "", "--limit", "500"][..],
        &["incident", "list"],
        &["incident", "show", "INC-2026-0001"],
        &["alert", "list"],
        &["sql", "select body, \"evil.value\", \"service.name\" from logs"],
    ] {
        let told = command(arguments)?
            .env("NINES_URL", &node.addresses.http)
            .env("NINES_KEY", key)
            .env("CLICOLOR_FORCE", "0")
            .output()
            .await?;
        let text =
            String::from_utf8_lossy(&told.stdout).into_owned() + &String::from_utf8_lossy(&told.stderr);
        ensure!(told.status.success(), "{arguments:?}: {text}");
        ensure!(text.contains("nines_canary"), "{arguments:?} shows no payload: {text:.400}");
        let bad = text.chars().find(|c| {
            let is_direction =
                matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}');
            (c.is_control() && !matches!(c, '\n' | '\t')) || is_direction
        });
        ensure!(bad.is_none(), "{arguments:?} writes {bad:?} to the terminal");
        lines += text.lines().count();
    }
    println!("F4 {lines} lines of five commands: no control character, no mark of direction");
    Ok(())
}
