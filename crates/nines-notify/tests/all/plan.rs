use serde_json::json;

use nines_notify::contract::target;
use nines_notify::{ChannelKind, Content, Draft, Event, Priority, Route, Subject, plan_draft};

use crate::provider::START;

fn route(name: &str, kind: ChannelKind, fallback: Option<(&str, ChannelKind)>) -> Route {
    Route { target: target(name), kind, fallback: fallback.map(|(name, kind)| (target(name), kind)) }
}

#[test]
fn one_message_becomes_a_page_for_each_route_in_its_channels_form() {
    let draft = Draft::plain("it broke", "many lines", json!({"type": "test"}));
    let routes = [
        route("slack-shop", ChannelKind::Slack, Some(("mail-shop", ChannelKind::Email))),
        route("hook", ChannelKind::Webhook, None),
        route("hook", ChannelKind::Webhook, None),
    ];
    let plan = |step: &str| {
        plan_draft(
            &Subject::incident("INC-2026-0001"),
            step,
            Event::Notice,
            Priority(1),
            &draft,
            &routes,
            START,
        )
    };
    let pages = plan("nudge-1");
    let short: Vec<_> =
        pages.iter().map(|page| (page.target.0.as_str(), page.fallback_of.is_some())).collect();
    assert_eq!(short, [("slack-shop", false), ("hook", false), ("mail-shop", true)]);
    assert!(matches!(pages[0].content, Content::Slack { .. }));
    assert!(matches!(pages[1].content, Content::Webhook { .. }));
    assert!(matches!(pages[2].content, Content::Email { .. }));
    assert_eq!(pages[2].fallback_of, Some(pages[0].id.clone()));
    assert_eq!(pages[2].due_at.since(START).as_secs(), 30);
    assert_eq!(plan("nudge-1"), pages, "planning again makes the same pages");
    assert!(plan("nudge-2").iter().all(|page| pages.iter().all(|other| other.id != page.id)));
}
