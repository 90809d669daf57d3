use std::time::Duration;

use nines_base::{ErrorKind, Random, Shutdown};
use nines_model::Dataset;
use nines_query::{EngineConfig, QueryError, SqlRequest};

use serde_json::Value;

use super::support::{Fixture, event};

async fn fixture(config: EngineConfig) -> Fixture {
    let fixture = Fixture::with_config(config).await;
    fixture.append(Dataset::Logs, (0..10_000).map(|at| event(at, &[("n", at.into())])).collect());
    fixture
}

/// 10^8 pairs of rows, each with its own group: neither quick nor small.
const HEAVY: &str = "select a.n * 10000 + b.n as x, count(*) from logs a cross join logs b group by 1";

#[tokio::test]
async fn a_query_ends_at_its_time() {
    let fixture = fixture(EngineConfig { memory_bytes: 16 << 30, ..EngineConfig::default() }).await;
    let timeout = Some(Duration::from_millis(200));
    let error = fixture
        .engine
        .sql(SqlRequest { query: HEAVY.into(), timeout, ..SqlRequest::default() })
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
}

#[tokio::test]
async fn a_query_ends_when_it_is_cancelled_and_frees_its_place() {
    let config = EngineConfig { concurrency: 1, memory_bytes: 16 << 30, ..EngineConfig::default() };
    let fixture = fixture(config).await;
    let cancel = Shutdown::new();
    let request = SqlRequest { query: HEAVY.into(), cancel: cancel.clone(), ..SqlRequest::default() };
    let query = tokio::spawn({
        let engine = fixture.engine.clone();
        async move { engine.sql(request).await }
    });
    tokio::task::yield_now().await;
    cancel.begin();
    assert_eq!(query.await.unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
    // The only place is free again.
    assert_eq!(fixture.sql("select 1").await.rows.len(), 1);

    let request = SqlRequest { query: HEAVY.into(), ..SqlRequest::default() };
    let dropped = fixture.engine.sql(request);
    drop(tokio::time::timeout(Duration::from_millis(50), dropped).await);
    assert_eq!(fixture.sql("select 1").await.rows.len(), 1);
}

#[tokio::test]
async fn a_query_that_needs_too_much_memory_fails_alone() {
    let fixture = fixture(EngineConfig { memory_bytes: 4 << 20, ..EngineConfig::default() }).await;
    let error =
        fixture.engine.sql(SqlRequest { query: HEAVY.into(), ..SqlRequest::default() }).await.unwrap_err();
    assert!(matches!(error, QueryError::Memory { .. }), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Exhausted);
    assert_eq!(fixture.sql("select count(*) from logs").await.rows[0][0], 10_000);
}

#[tokio::test]
async fn a_query_that_is_too_long_is_refused() {
    let fixture = Fixture::new().await;
    let query = format!("select {} 1", "1 + ".repeat(100_000));
    let error = fixture.engine.sql(SqlRequest { query, ..SqlRequest::default() }).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

/// Chains that are as long as they may be, and longer: the planner calls itself for each step, and must not run out of stack.
#[tokio::test]
async fn a_statement_of_any_shape_is_answered_or_refused_with_a_reason() {
    let fixture = fixture(EngineConfig { memory_bytes: 32 << 20, ..EngineConfig::default() }).await;
    let chain = |count: usize, separator: &str, item: &str| vec![item; count].join(separator);
    let tables: Vec<String> = (0..101).map(|at| format!("(select 1) t{at}")).collect();
    let doubled = (0..20)
        .fold("select 'text' as x".to_owned(), |inner, _| format!("select x || x as x from ({inner})"));
    for (query, refusal) in [
        (format!("select max({}) from logs", chain(900, "+", "n")), ""),
        (format!("select count(*) from logs where {}", chain(400, " and ", "n > 1")), ""),
        (format!("select length({})", chain(900, "||", "'text'")), ""),
        (chain(100, " union all ", "select 1"), ""),
        (format!("select {}", chain(15_000, "+", "1")), "more than 1000 operators"),
        (
            format!("select count(*) from logs where {}", chain(4_000, " and ", "n>1")),
            "more than 1000 operators",
        ),
        (chain(3_000, " union all ", "select 1"), "more than 100 SELECTs"),
        (format!("select count(*) from {}", tables.join(",")), "more than 100 SELECTs"),
        (format!("select count(*) from {}", chain(200, ",", "logs")), "more than 100 tables"),
        (
            "select count(*) from logs group by cube(n, n+1, n+2, n+3, n+4, n+5, n+6, n+7, n+8)".into(),
            "more than 256 ways",
        ),
        ("select length(repeat('x', 2000000000))".into(), "more than 32.0 MiB"),
        (
            "select max(length(lpad(body, 2000000000, 'x'))) from (values ('text')) t(body)".into(),
            "more than 32.0 MiB",
        ),
        ("select replace(repeat('a', 5000), 'a', repeat('b', 5000))".into(), "more than 32.0 MiB"),
        (format!("select max(length(x)) from ({doubled})"), ""),
        (format!("select max(length(x)) from (select x from ({doubled}), logs)"), ""),
        (
            "select count(*) from logs where regexp_like('text' || n, '(a{1000}){1000}')".into(),
            "regular expression cannot be used",
        ),
    ] {
        let start = &query[..query.len().min(80)];
        let answer = fixture.engine.sql(SqlRequest { query: query.clone(), ..SqlRequest::default() }).await;
        match answer {
            Ok(answer) => assert!(refusal.is_empty(), "{start}: {:?}", answer.rows),
            Err(error) => {
                let text = error.to_string();
                let is_kind = matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Exhausted);
                assert!(is_kind && !refusal.is_empty() && text.contains(refusal), "{start}: {text}");
            }
        }
    }
}

#[tokio::test]
async fn functions_that_make_texts_make_the_same_as_ever() {
    let fixture = Fixture::new().await;
    let query = "select 'a' || 'b' || 1, 'a' || null, concat('a', null, 'b'), concat_ws('-', 'a', null, 'b'), \
                 repeat('ab', 3), lpad('a', 3, 'xy'), rpad('a', 3), replace('banana', 'an', 'x'), \
                 regexp_replace('banana', 'a', 'o', 'g'), overlay('abc' placing 'x' from 2)";
    let found = fixture.sql(query).await;
    let expected =
        serde_json::json!(["ab1", null, "ab", "a-b", "ababab", "xya", "a  ", "bxxa", "bonono", "axc"]);
    assert_eq!(Value::Array(found.rows[0].clone()), expected);
}

#[tokio::test]
async fn a_damaged_segment_is_left_out_and_named() {
    let fixture = Fixture::new().await;
    fixture.append(Dataset::Logs, (0..500).map(|at| event(at, &[("n", at.into())])).collect());
    fixture.seal().await;
    fixture.append(Dataset::Logs, (500..600).map(|at| event(at, &[("n", at.into())])).collect());
    fixture.seal().await;
    let folder = fixture.folder.path().join("segments/logs");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut bytes = std::fs::read(&files[0]).unwrap();
    let length = bytes.len();
    bytes.truncate(length - 10);
    #[expect(clippy::disallowed_methods, reason = "damages a file on purpose")]
    std::fs::write(&files[0], bytes).unwrap();
    let found = fixture.sql("select count(n), sum(n) from logs").await;
    assert_eq!(found.rows[0][0], 100);
    assert_eq!(found.stats.partial.len(), 1, "{:?}", found.stats);
    assert!(
        found.stats.partial[0].starts_with("logs: 500 rows between 1970-01-01T00:00:00Z and"),
        "{:?}",
        found.stats.partial
    );
    // It stays named, without another try.
    assert_eq!(fixture.sql("select count(n) from logs").await.stats.partial.len(), 1);
}

/// Texts that do not compress, so that most bits of a file are in them, and nothing but a checksum can tell.
#[tokio::test]
async fn a_flipped_bit_is_never_a_wrong_answer() {
    let seed = 0x5ee_d5a1;
    let random = Random::from_seed(seed);
    let mut named = 0;
    for round in 0..24 {
        let fixture = Fixture::new().await;
        let rows: Vec<Vec<Value>> = (0..200_i64)
            .map(|n| vec![n.into(), format!("{:032x}", u128::from_be_bytes(random.bytes())).into()])
            .collect();
        for part in rows.chunks(100) {
            let text = |row: &[Value]| row[1].as_str().unwrap_or_default().to_owned();
            let number = |row: &[Value]| row[0].as_i64().unwrap();
            let events = part.iter().map(|row| {
                event(number(row), &[("n", number(row).into()), ("body", text(row).as_str().into())])
            });
            fixture.append(Dataset::Logs, events.collect());
            fixture.seal().await;
        }
        const QUERY: &str = "select n, body from logs where n >= 0 order by n";
        // Half of the time its footer is known already.
        if round % 2 == 0 {
            assert_eq!(fixture.sql(QUERY).await.rows, rows);
        }
        let folder = fixture.folder.path().join("segments/logs");
        let path = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        let bit = random.below(bytes.len() as u64 * 8);
        bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
        #[expect(clippy::disallowed_methods, reason = "damages a file on purpose")]
        std::fs::write(&path, bytes).unwrap();
        let found = fixture.sql(QUERY).await;
        let at = format!("seed {seed:#x}, round {round}, bit {bit}: {:?}", found.stats.partial);
        if found.stats.partial.is_empty() {
            assert_eq!(found.rows, rows, "{at}");
        } else {
            assert!(found.rows == rows[..100] || found.rows == rows[100..], "{at}: {:?}", found.rows);
        }
        named += usize::from(!found.stats.partial.is_empty());
    }
    println!("{named} of 24 were found by the question");
    assert!(named > 8, "{named}");
}

/// Not a test: prints what small questions cost, for `--ignored --nocapture`.
#[tokio::test]
#[ignore = "prints figures"]
async fn costs() {
    let fixture = fixture(EngineConfig::default()).await;
    fixture.seal().await;
    let clock = nines_base::SystemClock::shared();
    for query in [
        "select 1",
        "select count(*) from logs",
        "select n from logs where trace_id = 'x'",
        "select n from logs order by timestamp desc limit 100",
    ] {
        let started = clock.monotonic();
        for _ in 0..100 {
            fixture.sql(query).await;
        }
        println!("{:?} each: {query}", (clock.monotonic() - started) / 100);
    }
    let started = clock.monotonic();
    for _ in 0..100 {
        fixture.search(Dataset::Logs, "n: 17").await;
    }
    println!("{:?} each: search", (clock.monotonic() - started) / 100);
}
