#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is its job")]

use nines_incidents::{Audience, Command, Fact, Language, Level, NewUpdate};

use crate::World;

async fn story() -> (World, nines_incidents::IncidentId) {
    let world = World::new();
    let id = world.reported("checkout", Level::P1).await;
    world.pass(1);
    world.act(id, Command::Confirm { level: Level::P1 }).await.unwrap();
    world.update(id, "confirmed").await;
    world.pass(3);
    let note = Command::Note { text: "payment 2.4.1 was deployed\n6 min before".to_owned(), link: None };
    world.act(id, note).await.unwrap();
    world.tick().await;
    (world, id)
}

#[tokio::test]
async fn a_draft_tells_what_changed_since_the_last_update() {
    let (world, id) = story().await;
    let facts = [Fact("checkout fails for 4.1 % of requests (normal 0.2 %)".to_owned())];
    let draft = world.incidents.draft(id, &facts, Language::En).await.unwrap();
    let expected = "\
INC-2026-0001 · P1 · checkout · update 2
Scope: all shoppers in Taiwan
Current status: 結帳失敗 — checkout answers 503
Started: 2026-11-18 11:01 UTC (9 min ago)
Progress: looking at the last deploy
Since 2026-11-18 11:07 UTC:
- 11:10:40Z payment 2.4.1 was deployed 6 min before
Measured:
- checkout fails for 4.1 % of requests (normal 0.2 %)
Next update: 2026-11-18 11:30 UTC";
    assert_eq!(draft.message, expected);
    assert_eq!(draft.number, 2);
    assert!(expected.contains(&draft.text));

    let draft = world.incidents.draft(id, &facts, Language::ZhTw).await.unwrap();
    assert!(draft.message.contains("現況：結帳失敗"), "{}", draft.message);
    assert!(draft.message.contains("下次回報時間：2026-11-18 11:30 UTC"), "{}", draft.message);
    let draft = world.incidents.draft(id, &[], Language::ZhCn).await.unwrap();
    assert!(draft.message.contains("目前处理进度：looking"), "{}", draft.message);
}

#[tokio::test]
async fn no_news_is_said_as_such() {
    let (world, id) = story().await;
    world.update(id, "told all").await;
    let draft = world.incidents.draft(id, &[], Language::En).await.unwrap();
    assert_eq!(draft.text, "Nothing new since 2026-11-18 11:10 UTC; work goes on.");
}

#[tokio::test]
async fn the_closeout_mail_goes_to_everybody_who_had_been_told() {
    let (world, id) = story().await;
    assert_eq!(world.incidents.closeout(id, Language::En).await.unwrap(), None);
    let update = NewUpdate {
        text: "soon over".to_owned(),
        audiences: vec![Audience::KeyCustomer],
        ..NewUpdate::default()
    };
    world.act(id, Command::PostUpdate(update)).await.unwrap();
    world.act(id, Command::Resolve { summary: "rolled payment back".to_owned() }).await.unwrap();
    let mail = world.incidents.closeout(id, Language::En).await.unwrap().unwrap();
    assert_eq!(mail.audiences, [Audience::Responder, Audience::KeyCustomer]);
    assert!(mail.subject.starts_with("[INC-2026-0001] checkout: resolved"), "{}", mail.subject);
    assert!(mail.body.contains("resolved: rolled payment back"), "{}", mail.body);
    assert!(mail.body.contains("(9 min)"), "{}", mail.body);
}
