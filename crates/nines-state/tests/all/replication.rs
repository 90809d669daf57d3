//! A file that follows the log is the file that wrote it, whatever was written and however a write failed.

use std::sync::Arc;

use async_trait::async_trait;
use nines_base::Random;
use nines_state::replication::{Journal, Kept, Refused};
use nines_state::{Database, Domain, Migration};
use sqlx::{AssertSqlSafe, Row};
use tokio::sync::Mutex;

const TABLES: &str = "
CREATE TABLE plain (id TEXT PRIMARY KEY, body BLOB, size REAL, UNIQUE (size)) STRICT;
CREATE TABLE counted (number INTEGER PRIMARY KEY AUTOINCREMENT, note TEXT) STRICT;
CREATE TABLE keyed (team TEXT, person TEXT, rank INTEGER, PRIMARY KEY (team, person)) STRICT, WITHOUT ROWID;
CREATE TABLE child (id INTEGER PRIMARY KEY, parent TEXT NOT NULL REFERENCES plain (id)) STRICT;
CREATE TABLE log (sequence INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
CREATE TRIGGER log_is_final BEFORE UPDATE ON log BEGIN SELECT RAISE(ABORT, 'final'); END;
CREATE TRIGGER log_stays BEFORE DELETE ON log BEGIN SELECT RAISE(ABORT, 'stays'); END;
CREATE TRIGGER log_follows BEFORE INSERT ON log
WHEN new.sequence IS NOT (SELECT ifnull(max(sequence), 0) + 1 FROM log)
BEGIN SELECT RAISE(ABORT, 'without gaps'); END;
";
const DOMAIN: Domain = Domain { name: "test", migrations: &[Migration { version: 1, sql: TABLES }] };
const NAMES: [&str; 5] = ["plain", "counted", "keyed", "child", "log"];

/// Keeps what it is given, or says what it is told to say.
#[derive(Debug, Default)]
struct Memory {
    writes: Mutex<Vec<(i64, Vec<u8>)>>,
    answer: Mutex<Option<Result<Kept, Refused>>>,
}

#[async_trait]
impl Journal for Memory {
    async fn append(
        &self,
        file: &str,
        sequence: i64,
        changes: Vec<u8>,
        waiting: bool,
    ) -> Result<Kept, Refused> {
        assert_eq!(file, "leader.db");
        let kept = match self.answer.lock().await.clone() {
            Some(answer) => answer?,
            None => Kept::Shared,
        };
        assert!(!waiting || kept != Kept::Shared, "what comes later must not be before what waits");
        if kept == Kept::Shared {
            self.writes.lock().await.push((sequence, changes));
        }
        Ok(kept)
    }

    fn broken(&self, file: &str) {
        panic!("{file} could not be committed");
    }
}

struct Pair {
    journal: Arc<Memory>,
    leader: Database,
    follower: Database,
    followed: usize,
    _folder: tempfile::TempDir,
}

impl Pair {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = Arc::new(Memory::default());
        let path = folder.path().join("leader.db");
        let before = Database::open_following(&path, &[DOMAIN]).await.unwrap();
        before.adopt("p").await.unwrap();
        before.close().await;
        let leader = Database::open_leading(&path, &[DOMAIN], Arc::clone(&journal) as _).await.unwrap();
        let follower = Database::open_following(&folder.path().join("b.db"), &[DOMAIN]).await.unwrap();
        follower.adopt("p").await.unwrap();
        Self { journal, leader, follower, followed: 0, _folder: folder }
    }

    async fn follow(&mut self) {
        let writes = self.journal.writes.lock().await;
        self.follower.follow(&writes[self.followed..]).await.unwrap();
        self.followed = writes.len();
    }

    async fn assert_same(&self) {
        for name in NAMES {
            assert_eq!(
                dump(&self.follower, name).await,
                dump(&self.leader, name).await,
                "table {name} of the follower is another"
            );
        }
    }
}

async fn dump(database: &Database, table: &str) -> Vec<String> {
    let columns: String = sqlx::query_scalar(
        "SELECT group_concat('quote(' || name || ')', ' || '','' || ') FROM pragma_table_info(?)",
    )
    .bind(table)
    .fetch_one(database.readers())
    .await
    .unwrap();
    let sql = format!("SELECT {columns} FROM {table} ORDER BY 1");
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(database.readers()).await.unwrap();
    rows.into_iter().map(|row| row.get(0)).collect()
}

/// One statement of any kind over a few keys, so that they meet. Many fail.
fn statement(random: &Random) -> String {
    let (a, b, c) = (random.below(6), random.below(4), random.below(1000));
    match random.below(14) {
        0 => format!("INSERT INTO plain VALUES ('k{a}', x'00ff{a:02}', {c}.125)"),
        1 => format!("INSERT OR REPLACE INTO plain VALUES ('k{a}', NULL, {b}.5)"),
        2 => format!(
            "INSERT INTO plain VALUES ('k{a}', NULL, {c}.75) ON CONFLICT (id) DO UPDATE SET size = {c}.25"
        ),
        3 => format!("UPDATE plain SET id = 'm' || id WHERE id = 'k{a}'"),
        4 => format!("DELETE FROM plain WHERE id LIKE '%{a}'"),
        5 => format!("INSERT INTO counted (note) VALUES ('it''s {c}'), (NULL)"),
        6 => format!("DELETE FROM counted WHERE number % 5 = {b}"),
        7 => format!("INSERT OR REPLACE INTO keyed VALUES ('t{a}', 'p{b}', {c})"),
        8 => format!(
            "UPDATE keyed SET rank = rank + 1, person = person || '{b}' WHERE team = 't{a}' AND rank < 900"
        ),
        9 => "DELETE FROM keyed WHERE rank % 7 = 0".to_owned(),
        10 => format!("INSERT INTO child VALUES ({c}, 'k{a}')"),
        11 => format!("DELETE FROM child WHERE parent = 'k{a}'"),
        // Undone half way if the second row is there already.
        12 => format!("INSERT INTO plain VALUES ('k{b}', NULL, {c}.0), ('k{a}', NULL, {c}.1)"),
        _ => "INSERT INTO log SELECT ifnull(max(sequence), 0) + 1, 'entry' FROM log".to_owned(),
    }
}

#[tokio::test]
async fn a_follower_has_every_row_whatever_was_written_replaced_undone_or_rolled_back() {
    let mut pair = Pair::new().await;
    let random = Random::from_seed(18);
    let mut failed = 0;
    for round in 0..300 {
        let mut write = pair.leader.write().await.unwrap();
        for _ in 0..=random.below(4) {
            // What fails inside is forgotten by the caller, which goes on.
            let done = sqlx::query(AssertSqlSafe(statement(&random))).execute(&mut *write).await;
            failed += usize::from(done.is_err());
        }
        if random.below(5) > 0 {
            write.commit().await.unwrap();
        } else {
            drop(write);
        }
        if round % 7 == 0 {
            pair.follow().await;
            pair.assert_same().await;
        }
    }
    pair.follow().await;
    pair.assert_same().await;
    assert!(failed > 20, "too few statements failed: {failed}");
    for name in NAMES {
        assert!(!dump(&pair.leader, name).await.is_empty(), "nothing was tried on {name}");
    }
    let position = pair.leader.followed().await.unwrap().unwrap().sequence;
    assert_eq!(pair.follower.followed().await.unwrap().unwrap().sequence, position);
}

#[tokio::test]
async fn a_refused_write_leaves_nothing_and_one_that_waits_is_kept_in_order() {
    let mut pair = Pair::new().await;
    let note = |text: &'static str| {
        let leader = pair.leader.clone();
        async move {
            let mut write = leader.write().await.unwrap();
            sqlx::query("INSERT INTO counted (note) VALUES (?)")
                .bind(text)
                .execute(&mut *write)
                .await
                .unwrap();
            write.commit().await
        }
    };
    note("first").await.unwrap();
    *pair.journal.answer.lock().await = Some(Err(Refused { reason: "another leads".to_owned() }));
    let error = note("refused").await.unwrap_err();
    assert!(error.to_string().contains("another leads"), "{error}");
    assert_eq!(dump(&pair.leader, "counted").await, ["1,'first'"]);

    *pair.journal.answer.lock().await = Some(Ok(Kept::Waits { id: "a".to_owned(), epoch: 7 }));
    note("second").await.unwrap();
    *pair.journal.answer.lock().await = Some(Ok(Kept::Waits { id: "b".to_owned(), epoch: 7 }));
    note("third").await.unwrap();
    let waiting = pair.leader.backlog(10).await.unwrap();
    let ids: Vec<_> = waiting.iter().map(|one| (one.sequence, one.id.as_str(), one.epoch)).collect();
    assert_eq!(ids, [(2, "a", 7), (3, "b", 7)]);

    // It is shipped from the file, and then the next write goes the straight way again.
    for one in waiting {
        pair.journal.writes.lock().await.push((one.sequence, one.changes));
        pair.leader.backlog_shared(one.sequence).await.unwrap();
    }
    *pair.journal.answer.lock().await = None;
    note("fourth").await.unwrap();
    pair.follow().await;
    pair.assert_same().await;
    assert_eq!(pair.follower.followed().await.unwrap().unwrap().sequence, 4);
}

#[tokio::test]
async fn a_file_that_is_not_what_the_log_was_written_upon_says_so() {
    let mut pair = Pair::new().await;
    for number in 1..=3 {
        let mut write = pair.leader.write().await.unwrap();
        let sql = format!("INSERT INTO plain VALUES ('k{number}', NULL, {number}.0)");
        sqlx::query(AssertSqlSafe(sql)).execute(&mut *write).await.unwrap();
        write.commit().await.unwrap();
    }
    let writes = pair.journal.writes.lock().await.clone();
    let gap = pair.follower.follow(&writes[1..]).await.unwrap_err();
    assert!(gap.to_string().contains("the file is at 0"), "{gap}");
    pair.follow().await;
    let mut write = pair.leader.write().await.unwrap();
    sqlx::query("UPDATE plain SET size = 9.0 WHERE id = 'k1'").execute(&mut *write).await.unwrap();
    write.commit().await.unwrap();
    let mut stray = pair.follower.write().await.unwrap();
    sqlx::query("DELETE FROM plain WHERE id = 'k1'").execute(&mut *stray).await.unwrap();
    stray.commit().await.unwrap();
    let writes = pair.journal.writes.lock().await.clone();
    let diverged = pair.follower.follow(&writes[3..]).await.unwrap_err();
    assert!(diverged.to_string().contains("0 rows of plain"), "{diverged}");
    assert_eq!(pair.follower.followed().await.unwrap().unwrap().sequence, 3);

    // Opened without its pair, the file is of none.
    let path = pair.follower.path().to_owned();
    pair.follower.close().await;
    Database::open(&path, &[DOMAIN]).await.unwrap().close().await;
    let again = Database::open_following(&path, &[DOMAIN]).await.unwrap();
    assert_eq!(again.followed().await.unwrap(), None);
}
