use nines_base::ErrorKind;
use nines_model::Timestamp;
use nines_state::objects::{self, Applied, NewObject, OBJECT_BYTES_MAX, Objects};
use nines_state::{Database, StateError};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(seconds)
}

fn slo(name: &str, yaml: &str) -> NewObject {
    NewObject { kind: "SLO".to_owned(), name: name.to_owned(), yaml: yaml.to_owned() }
}

async fn open(folder: &tempfile::TempDir) -> (Database, Objects) {
    let database = Database::open(&folder.path().join("control.db"), &[objects::DOMAIN]).await.unwrap();
    (database.clone(), Objects::in_clear(database))
}

#[tokio::test]
async fn objects_are_applied_changed_deleted_and_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let (database, objects) = open(&folder).await;
    let both = [slo("checkout", "a: 1\n"), slo("payment", "b: 1\n")];
    let applied = objects.apply(&both, "lin", at(1)).await.unwrap();
    assert_eq!(applied, [Applied::Created { revision: 1 }; 2]);
    let next = [slo("checkout", "a: 2\n"), slo("payment", "b: 1\n")];
    let applied = objects.apply(&next, "mei", at(2)).await.unwrap();
    assert_eq!(applied, [Applied::Updated { revision: 2 }, Applied::Unchanged { revision: 1 }]);
    assert_eq!(objects.change().await.unwrap(), 3);

    objects.delete("SLO", "checkout", "chen", at(3)).await.unwrap();
    let again = objects.delete("SLO", "checkout", "chen", at(4)).await.unwrap_err();
    assert_eq!(
        (again.kind(), again.to_string()),
        (ErrorKind::NotFound, "there is no SLO `checkout`".to_owned())
    );
    assert!(objects.get("SLO", "checkout").await.is_err());
    assert!(objects.get("slo", "payment").await.is_err());
    let names: Vec<_> = objects.list().await.unwrap().into_iter().map(|object| object.name).collect();
    assert_eq!(names, ["payment"]);
    let back = objects.apply(&next[..1], "lin", at(5)).await.unwrap();
    assert_eq!(back, [Applied::Created { revision: 4 }]);

    database.close().await;
    let (_, objects) = open(&folder).await;
    let history = objects.history("SLO", "checkout").await.unwrap();
    let told: Vec<_> =
        history.iter().map(|it| (it.revision, it.yaml.as_deref(), it.applied_by.as_str())).collect();
    let expected = [
        (4, Some("a: 2\n"), "lin"),
        (3, None, "chen"),
        (2, Some("a: 2\n"), "mei"),
        (1, Some("a: 1\n"), "lin"),
    ];
    assert_eq!(told, expected);
    assert_eq!(objects.get("SLO", "checkout").await.unwrap().applied_at, at(5));
}

#[tokio::test]
async fn a_set_with_a_fault_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (_, objects) = open(&folder).await;
    let set = [slo("small", "a: 1\n"), slo("large", &"x".repeat(OBJECT_BYTES_MAX + 1))];
    let error = objects.apply(&set, "lin", at(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert!(objects.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn revisions_are_final() {
    let folder = tempfile::tempdir().unwrap();
    let (database, objects) = open(&folder).await;
    objects.apply(&[slo("checkout", "a: 1\n")], "lin", at(1)).await.unwrap();
    for statement in ["UPDATE object_revisions SET yaml = 'x'", "DELETE FROM object_revisions"] {
        let mut write = database.write().await.map_err(|error: StateError| error.to_string()).unwrap();
        assert!(sqlx::query(statement).execute(&mut *write).await.is_err(), "{statement}");
    }
}
