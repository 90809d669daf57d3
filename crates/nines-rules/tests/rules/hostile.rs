//! Reliability F7, for the templates of rules: whoever may write a rule does not reach the machine by it.

use std::collections::BTreeMap;

use nines_rules::template::{AlertData, QuerySample, Surroundings, Template, Value};

#[path = "../../../../tests/hostile/templates.rs"]
mod corpus;

#[test]
fn hostile_templates_reach_nothing() {
    let bait = corpus::Bait::lay();
    let templates = bait.templates();
    let (mut refused, mut failed, mut text) = (0, 0, 0);
    let labels: BTreeMap<String, String> = [("instance".to_owned(), "web-1".to_owned())].into();
    let none = BTreeMap::new();
    for template in &templates {
        let parsed = match Template::parse(template) {
            Ok(parsed) => parsed,
            Err(error) => {
                assert_eq!(corpus::Bait::leaked(&error.to_string()), None, "{template}");
                refused += 1;
                continue;
            }
        };
        let data = AlertData {
            labels: &labels,
            external_labels: &none,
            external_url: "http://nines",
            value: Value::text("1"),
        };
        // The one way out that a template has is a question to the store.
        let mut query = |_: &str| Ok(vec![QuerySample { labels: labels.clone(), value: 1.0 }]);
        let mut around = Surroundings { external_url: "http://nines", now_ms: 0, query: &mut query };
        match parsed.expand(&data, &mut around) {
            Ok(shown) => {
                assert_eq!(corpus::Bait::leaked(&shown), None, "{template}: {shown}");
                assert!(shown.len() <= nines_rules::template::OUTPUT_BYTES_MAX, "{template}");
                text += 1;
            }
            Err(error) => {
                assert_eq!(corpus::Bait::leaked(&error.to_string()), None, "{template}");
                failed += 1;
            }
        }
    }
    assert!(!bait.taken(), "a template has opened a connection");
    assert_eq!(refused + failed + text, templates.len());
    println!(
        "F7 {} templates in rules: {refused} refused, {failed} failed, {text} text; nothing reached",
        templates.len()
    );
}
