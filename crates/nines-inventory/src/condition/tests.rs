use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::resource::ResourceKey;

fn resource(attributes: Value) -> Resource {
    let key = ResourceKey {
        provider: "aws".to_owned(),
        account: "1".to_owned(),
        region: "r".to_owned(),
        kind: "aws.x".to_owned(),
        id: "x".to_owned(),
    };
    let at = Timestamp::from_secs(1_800_000_000);
    Resource {
        key,
        name: "x".to_owned(),
        tags: BTreeMap::from([("Team".to_owned(), "shop".to_owned())]),
        attributes,
        first_seen_at: at,
        last_seen_at: at,
        gone_at: None,
    }
}

/// A condition in one line of YAML, of a resource with these attributes, and what it says.
fn check(condition: &str, attributes: Value, truth: Truth, because: &str) {
    let node = nines_yaml::parse(condition).unwrap().remove(0);
    let mut reader = nines_yaml::Reader::new(None, condition);
    let read = read(&mut reader, &node, "require");
    assert!(reader.errors.is_empty(), "{condition}: {:?}", reader.errors);
    let found = read.unwrap().holds(&resource(attributes), Timestamp::from_secs(1_800_000_000));
    assert_eq!((found.truth, found.because.as_str()), (truth, because), "{condition}");
}

#[test]
fn each_test_has_an_answer_for_what_fits_and_what_does_not() {
    use Truth::{False, True, Unknown};
    check("{tag: team, equals: shop}", json!({}), True, "tag `team` is `shop`");
    check("{tag: cost, exists: true}", json!({}), False, "tag `cost` is not set");
    check("{attribute: A.B, equals: true}", json!({"A": {"B": "true"}}), True, "`A.B` is `true`");
    check("{attribute: A.B, equals: 80}", json!({"A": {"B": 80.0}}), True, "`A.B` is `80`");
    check("{attribute: A.B, equals: x}", json!({"A": {}}), Unknown, "`A.B` was not collected");
    check("{attribute: A.B, exists: false}", json!({"A": null}), True, "`A.B` is not set");
    check(
        "{attribute: A.B, equals: x}",
        json!({"A": {"$unknown": "access denied"}}),
        Unknown,
        "access denied",
    );
    check("{attribute: A.B, equals: x}", json!({"A": 1}), Unknown, "`A` is no map, so it has no `B`");
    check("{attribute: A, atLeast: 2}", json!({"A": "3"}), True, "`A` is `3`");
    check("{attribute: A, atMost: 2}", json!({"A": "x"}), Unknown, "`A` is `x`, which is not a number");
    check("{attribute: A, matches: '^a+$'}", json!({"A": "aaa"}), True, "`A` is `aaa`");
    check("{attribute: A, contains: b}", json!({"A": ["a", "b"]}), True, "`A` is `[\"a\",\"b\"]`");
    check("{attribute: A, inside: [10.0.0.0/8]}", json!({"A": "10.1.2.3"}), True, "`A` is `10.1.2.3`");
    check("{attribute: A, covers: 0.0.0.0/0}", json!({"A": "10.0.0.0/8"}), False, "`A` is `10.0.0.0/8`");
    check("{attribute: A, covers: 10.0.0.0/8}", json!({"A": "0.0.0.0/0"}), True, "`A` is `0.0.0.0/0`");
    let old = "2020-01-01T00:00:00+00:00";
    check("{attribute: A, olderThan: 90d}", json!({"A": old}), True, &format!("`A` is `{old}`"));
    check("{attribute: A, youngerThan: 90d}", json!({"A": 1_799_999_999}), True, "`A` is `1799999999`");
    check("{attribute: A, every: {attribute: '.', equals: 1}}", json!({"A": []}), True, "`A` has 0 items");
    check(
        "{attribute: A, every: {attribute: B, equals: 1}}",
        json!({"A": [{"B": 1}, {"B": 2}]}),
        False,
        "`A`, item 2: `B` is `2`",
    );
    check(
        "{attribute: A, some: {attribute: '.', equals: 1}}",
        json!({"A": 1}),
        True,
        "`A`, item 1: the item is `1`",
    );
}

#[test]
fn mistakes_are_told_with_their_places() {
    let check = |text: &str, message: &str| {
        let node = nines_yaml::parse(text).unwrap().remove(0);
        let mut reader = nines_yaml::Reader::new(None, text);
        let found = read(&mut reader, &node, "require");
        let errors: Vec<_> = reader.errors.iter().map(ToString::to_string).collect();
        assert!(errors.join("\n").contains(message), "{text}: {errors:?}");
        assert!(found.is_none() || !errors.is_empty());
    };
    check("{attribute: A, equal: 1}", "unknown key `equal`");
    check("{attribute: A, equals: 1, exists: true}", "has more than one test");
    check("{attribute: A}", "has no test");
    check("{equals: 1}", "says not of what it holds");
    check("{all: []}", "needs at least one condition");
    check("{attribute: A, matches: '('}", "is no regular expression");
    check("{attribute: A, inside: [10.0.0.0/40]}", "`10.0.0.0/40` is no network");
    check("{attribute: A, olderThan: soon}", "`soon` is no age");
    let deep = format!("{}{{attribute: A, exists: true}}{}", "{not: ".repeat(20), "}".repeat(20));
    check(&deep, "conditions inside one another");
}

/// A condition over the four attributes `0` to `3`, each used once at the most: what Kleene's logic is exact for.
fn read_once() -> impl Strategy<Value = Condition> {
    let leaf = |index: usize| {
        let place = Place::Attribute(vec![index.to_string()]);
        Condition::Is(place, Test::Equals("true".to_owned()))
    };
    (any::<[bool; 7]>(), Just(())).prop_map(move |(bits, ())| {
        let join = |is_all: bool, parts: Vec<Condition>| {
            if is_all { Condition::All(parts) } else { Condition::Any(parts) }
        };
        let turn = |is_not: bool, part: Condition| {
            if is_not { Condition::Not(Box::new(part)) } else { part }
        };
        let left = join(bits[0], vec![turn(bits[1], leaf(0)), leaf(1)]);
        let right = join(bits[2], vec![turn(bits[3], leaf(2)), turn(bits[4], leaf(3))]);
        turn(bits[5], join(bits[6], vec![left, right]))
    })
}

/// The obvious way, in two values.
fn naive(condition: &Condition, world: &[bool; 4]) -> bool {
    match condition {
        Condition::All(parts) => parts.iter().all(|part| naive(part, world)),
        Condition::Any(parts) => parts.iter().any(|part| naive(part, world)),
        Condition::Not(part) => !naive(part, world),
        Condition::Is(Place::Attribute(path), _) => world[path[0].parse::<usize>().unwrap()],
        Condition::Is(..) => unreachable!("only attributes are made here"),
    }
}

proptest! {
    /// Unknown exactly if what is not known could turn it either way: the answer is compared with all worlds.
    #[test]
    fn unknown_means_that_it_could_be_either(condition in read_once(), known in any::<[Option<bool>; 4]>()) {
        let attributes: serde_json::Map<String, Value> = known
            .iter()
            .enumerate()
            .filter_map(|(index, value)| value.map(|value| (index.to_string(), json!(value))))
            .collect();
        let found = condition.holds(&resource(attributes.into()), Timestamp::from_secs(0)).truth;
        let worlds: Vec<bool> = (0..16_u8)
            .map(|bits| [0, 1, 2, 3].map(|index| bits & (1 << index) != 0))
            .filter(|world| known.iter().zip(world).all(|(known, is)| known.is_none_or(|known| known == *is)))
            .map(|world| naive(&condition, &world))
            .collect();
        let wanted = match (worlds.contains(&true), worlds.contains(&false)) {
            (true, false) => Truth::True,
            (false, true) => Truth::False,
            _ => Truth::Unknown,
        };
        prop_assert_eq!(found, wanted);
    }

    /// Whatever the attributes are, there is an answer.
    #[test]
    fn any_text_of_attributes_has_an_answer(text in "[\\[\\]{}:,\"a-c0-9$ .]{0,60}", now in any::<i64>()) {
        let value: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        for standard in crate::builtin::standards() {
            standard.require.holds(&resource(value.clone()), Timestamp::from_nanos(now));
        }
    }
}
