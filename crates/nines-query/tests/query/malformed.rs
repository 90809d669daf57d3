//! SQL that must be refused, each with a part of what the user is told. One a line: part of the message, TAB, the query.

use nines_base::ErrorKind;
use nines_model::Dataset;
use nines_query::SqlRequest;

use super::support::{Fixture, event};

#[tokio::test]
async fn every_mistake_is_the_users_and_changes_nothing() {
    let fixture = Fixture::new().await;
    fixture.append(Dataset::Logs, (0..10).map(|at| event(at, &[("body", "x".into())])).collect());
    fixture.seal().await;
    let files = || {
        let list = |folder: &str| {
            let entries = std::fs::read_dir(fixture.folder.path().join(folder)).unwrap();
            entries.map(|entry| entry.unwrap().path()).collect::<std::collections::BTreeSet<_>>()
        };
        (list("."), list("segments/logs"))
    };
    let before = files();
    let mut count = 0;
    let mut wrong = Vec::new();
    for line in
        include_str!("malformed.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let (fragment, query) = line.split_once('\t').unwrap();
        count += 1;
        match fixture.engine.sql(SqlRequest { query: query.to_owned(), ..SqlRequest::default() }).await {
            Ok(found) => wrong.push(format!("{query:?} was answered: {:?}", found.rows)),
            Err(error) if error.kind() != ErrorKind::InvalidInput => {
                wrong.push(format!("{query:?} is not the user's fault: {error:?}"));
            }
            Err(error) if !error.to_string().contains(fragment) => {
                wrong.push(format!("{query:?}: expected {fragment:?} in: {error}"));
            }
            Err(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 60, "{count} mistakes");
    assert_eq!(files(), before);
    assert_eq!(fixture.sql("select count(*) from logs").await.rows[0][0], 10);
}
