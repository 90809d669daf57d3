//! What every [`SavedQuestions`] must do, as tests that a store runs on itself.

use std::future::Future;
use std::sync::Arc;

use nines_model::Timestamp;

use crate::{QUESTIONS_MAX, Question, QuestionKind, SavedError, SavedQuestions};

/// Runs the whole suite. `fresh` gives an empty store each time.
///
/// # Panics
/// On the first promise that is not kept.
pub async fn check<F: Future<Output = Arc<dyn SavedQuestions>>>(fresh: impl Fn() -> F) {
    every_part_comes_back(&*fresh().await).await;
    a_name_is_one_question_in_any_case(&*fresh().await).await;
    what_is_wrong_or_gone_is_refused(&*fresh().await).await;
    there_is_a_bound(&*fresh().await).await;
}

async fn every_part_comes_back(store: &dyn SavedQuestions) {
    let full = Question {
        name: "結帳 errors".to_owned(),
        kind: QuestionKind::Sql,
        team: Some("shop".to_owned()),
        description: "who fails".to_owned(),
        dataset: Some("spans".to_owned()),
        text: "select ' \u{0} ' -- \"".to_owned(),
        from: Some("now-1h".to_owned()),
        to: Some("now".to_owned()),
        columns: vec!["service.name".to_owned(), "a,b".to_owned()],
        split_by: Some("status_code".to_owned()),
    };
    let saved = kept(store.put(&full, "lin", at(1)).await);
    assert_eq!((saved.created_by.as_str(), saved.created_at), ("lin", at(1)));
    assert_eq!(kept(store.get("結帳 errors").await), saved);
    let plain = Question::search("a", "logs", "");
    kept(store.put(&plain, "mei", at(2)).await);
    let names: Vec<_> = kept(store.list().await).into_iter().map(|saved| saved.question).collect();
    assert_eq!(names, [plain, full]);
}

async fn a_name_is_one_question_in_any_case(store: &dyn SavedQuestions) {
    kept(store.put(&Question::search("Errors", "logs", "a"), "lin", at(1)).await);
    let second = kept(store.put(&Question::search("errors", "spans", "b"), "mei", at(2)).await);
    assert_eq!((second.created_by.as_str(), second.created_at), ("lin", at(1)));
    assert_eq!((second.updated_by.as_str(), second.updated_at), ("mei", at(2)));
    let all = kept(store.list().await);
    assert_eq!(all, [second]);
    assert_eq!(kept(store.get("ERRORS").await).question.text, "b");
}

async fn what_is_wrong_or_gone_is_refused(store: &dyn SavedQuestions) {
    let wrong = store.put(&Question::search("a/b", "logs", ""), "lin", at(1)).await;
    assert!(matches!(wrong, Err(SavedError::Invalid(_))), "{wrong:?}");
    assert!(matches!(store.get("a").await, Err(SavedError::NotFound(name)) if name == "a"));
    kept(store.put(&Question::search("a", "logs", ""), "lin", at(1)).await);
    kept(store.delete("A").await);
    assert!(matches!(store.delete("a").await, Err(SavedError::NotFound(_))));
    assert!(kept(store.list().await).is_empty());
}

async fn there_is_a_bound(store: &dyn SavedQuestions) {
    for number in 0..QUESTIONS_MAX {
        kept(store.put(&Question::search(&format!("q{number}"), "logs", ""), "lin", at(1)).await);
    }
    let more = store.put(&Question::search("one more", "logs", ""), "lin", at(2)).await;
    assert!(matches!(more, Err(SavedError::TooMany)), "{more:?}");
    // Replacing adds none.
    kept(store.put(&Question::search("q7", "logs", "x"), "lin", at(2)).await);
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn kept<T>(result: Result<T, SavedError>) -> T {
    result.unwrap_or_else(|error| panic!("the store refused: {error:?}"))
}
