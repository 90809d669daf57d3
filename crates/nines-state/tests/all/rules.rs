use nines_state::Database;
use nines_state::rules::{self, RuleGroupState, RuleStates};

#[tokio::test]
async fn where_rules_stand_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.db");
    let database = Database::open(&path, &[rules::DOMAIN]).await.unwrap();
    let states = RuleStates::new(database.clone());
    states.put("b.yml", "x", b"old").await.unwrap();
    states.put("b.yml", "x", b"new").await.unwrap();
    states.put("a.yml", "x", b"\xff\x00").await.unwrap();
    states.put("a.yml", "y", b"gone").await.unwrap();
    states.forget("a.yml", "y").await.unwrap();
    states.forget("a.yml", "never").await.unwrap();
    database.close().await;
    let states = RuleStates::new(Database::open(&path, &[rules::DOMAIN]).await.unwrap());
    let kept = |file: &str, state: &[u8]| RuleGroupState {
        file: file.to_owned(),
        name: "x".to_owned(),
        state: state.to_vec(),
    };
    assert_eq!(states.list().await.unwrap(), [kept("a.yml", b"\xff\x00"), kept("b.yml", b"new")]);
}
