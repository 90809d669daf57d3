//! Reviews by mail: on their schedule and by hand, once for each time and reader, whatever happens to the process.

use anyhow::{Context, ensure};
use nines_acceptance::{Mail, MailSink, Node, command, eventually};
use serde_json::{Value, json};

const EGRESS: [&str; 2] = ["--allow-egress", "127.0.0.0/8"];

fn documents(smtp: &str, now: jiff::Zoned) -> String {
    let weekday = |date: jiff::civil::Date| date.strftime("%a").to_string().to_lowercase();
    let channel = |name: &str| {
        format!(
            "apiVersion: nines/v1\nkind: Channel\nmetadata: {{name: {name}}}\n\
             spec: {{type: email, smtp: '{smtp}', from: nines@example.com, to: [{name}@example.com]}}\n---\n"
        )
    };
    let report = |name: &str, on: String, at: String, readers: &str| {
        format!(
            "apiVersion: nines/v1\nkind: ReviewReport\nmetadata: {{name: {name}}}\n\
             spec: {{every: week, on: {on}, at: '{at}', {readers}}}\n"
        )
    };
    let yesterday_in_a_week = now.date().yesterday().and_then(|date| date.yesterday()).unwrap_or(now.date());
    [
        channel("ann-mail"),
        channel("desk-mail"),
        "apiVersion: nines/v1\nkind: PersonalRules\nmetadata: {name: ann}\n\
         spec: {person: ann, high: [{channel: ann-mail}]}\n---\n"
            .to_owned(),
        "apiVersion: nines/v1\nkind: Team\nmetadata: {name: desk}\nspec: {channels: [desk-mail], firstLine: true}\n---\n"
            .to_owned(),
        // This very minute, so that it is due; and two days ago, so that it is too late to go out by itself.
        report("weekly", weekday(now.date()), now.strftime("%H:%M").to_string(), "people: [ann], teams: [desk]"),
        "---\n".to_owned(),
        report("by-hand", weekday(yesterday_in_a_week), "00:00".to_owned(), "people: [ann, nobody]"),
    ]
    .concat()
}

async fn of(sink: &MailSink, report: &str) -> Vec<Mail> {
    let taken = sink.taken().await;
    let is_its =
        |mail: &Mail| mail.header("Subject").is_some_and(|it| it.starts_with(&format!("Review {report},")));
    taken.into_iter().filter(is_its).collect()
}

async fn nines(node: &Node, arguments: &[&str]) -> anyhow::Result<String> {
    let output = command(arguments)?
        .env("NINES_URL", &node.addresses.http)
        .env("NINES_KEY", node.key("owner.key")?)
        .output()
        .await?;
    ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn named<'a>(reports: &'a Value, name: &str) -> anyhow::Result<&'a Value> {
    let all = reports["reports"].as_array().context("reports")?;
    all.iter().find(|report| report["name"] == name).with_context(|| format!("{name}: {reports:#}"))
}

#[tokio::test]
async fn a_review_goes_out_once_for_each_time_and_reader() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let sink = MailSink::start().await?;
    #[expect(clippy::disallowed_methods, reason = "a test's own schedule")]
    let now = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC);
    let node = Node::start(&data, &EGRESS).await?;
    let api = node.api()?;
    let applied = api.apply(&documents(&sink.url, now)).await?;
    ensure!(applied["warnings"].to_string().contains("nobody has no mail channel"), "{applied:#}");
    // Killed before, while or after it is put into the outbox: nobody can tell, and nobody need to.
    node.kill().await?;
    let node = Node::start(&data, &EGRESS).await?;
    let api = node.api()?;
    let path = "/api/v1/review/reports";
    eventually("both readers to have the report", || async {
        let reports = api.get(path).await?;
        let sent = named(&reports, "weekly")?["sent"].as_array().cloned().unwrap_or_default();
        Ok((sent.len() == 2 && sent.iter().all(|one| one["state"] == "delivered")).then_some(()))
    })
    .await?;
    let mails = of(&sink, "weekly").await;
    ensure!(mails.len() == 2, "{mails:#?}");
    let mail = &mails[0];
    let html = mail.html().context("it has an HTML part")?;
    ensure!(html.contains("MTTA, acknowledge") && html.contains("Toil"), "{html}");
    let text = mail.decoded();
    ensure!(
        text.contains("Updates in time: ") && text.contains(", UTC") && text.contains("text/csv"),
        "{text}"
    );
    ensure!(mail.text.contains("filename=\"weekly-20"), "{}", mail.text);

    // Once is once: by the clock of a new process, and by hand.
    node.kill().await?;
    let node = Node::start(&data, &EGRESS).await?;
    let api = node.api()?;
    let again = api.post(&format!("{path}/weekly/send"), &json!({})).await?;
    ensure!(again["queued"] == 0, "{again:#}");
    ensure!(of(&sink, "weekly").await.len() == 2);

    // By hand: shown first, then sent to whom it reaches.
    let shown = nines(&node, &["review", "send", "by-hand", "--dry-run"]).await?;
    ensure!(shown.contains("this was a dry run") && shown.contains("nobody has no mail channel"), "{shown}");
    ensure!(
        of(&sink, "by-hand").await.is_empty()
            && named(&api.get(path).await?, "by-hand")?["sent"] == json!([])
    );
    let sent = nines(&node, &["review", "send", "by-hand"]).await?;
    ensure!(sent.contains("1 mail is in the outbox"), "{sent}");
    eventually("the report that was asked for", || async {
        Ok((of(&sink, "by-hand").await.len() == 1).then_some(()))
    })
    .await?;
    let again = nines(&node, &["review", "send", "by-hand"]).await?;
    ensure!(again.contains("went out before"), "{again}");
    let listed = nines(&node, &["review", "reports"]).await?;
    ensure!(listed.contains("weekly") && listed.contains("ann-mail"), "{listed}");
    let preview = api.get(&format!("{path}/weekly")).await?;
    ensure!(preview["csv"].as_str().is_some_and(|csv| csv.starts_with("part,name,value")), "{preview}");
    ensure!(api.call("GET", &format!("{path}/weekli"), None).await?.0 == 404);
    node.stop().await
}
