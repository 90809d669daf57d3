//! Questions in memory, for tests.

use std::collections::BTreeMap;

use async_trait::async_trait;
use nines_model::Timestamp;
use parking_lot::Mutex;

use crate::{QUESTIONS_MAX, Question, Saved, SavedError, SavedQuestions};

#[derive(Debug, Default)]
pub struct MemorySaved {
    by_name: Mutex<BTreeMap<String, Saved>>,
}

#[async_trait]
impl SavedQuestions for MemorySaved {
    async fn list(&self) -> Result<Vec<Saved>, SavedError> {
        Ok(self.by_name.lock().values().cloned().collect())
    }

    async fn get(&self, name: &str) -> Result<Saved, SavedError> {
        let found = self.by_name.lock().get(&name.to_lowercase()).cloned();
        found.ok_or_else(|| SavedError::NotFound(name.to_owned()))
    }

    async fn put(&self, question: &Question, by: &str, at: Timestamp) -> Result<Saved, SavedError> {
        question.check()?;
        let mut by_name = self.by_name.lock();
        let key = question.name.to_lowercase();
        let known = by_name.get(&key);
        if known.is_none() && by_name.len() >= QUESTIONS_MAX {
            return Err(SavedError::TooMany);
        }
        let (created_by, created_at) =
            known.map_or((by.to_owned(), at), |saved| (saved.created_by.clone(), saved.created_at));
        let saved = Saved {
            question: question.clone(),
            created_by,
            created_at,
            updated_by: by.to_owned(),
            updated_at: at,
        };
        by_name.insert(key, saved.clone());
        Ok(saved)
    }

    async fn delete(&self, name: &str) -> Result<(), SavedError> {
        match self.by_name.lock().remove(&name.to_lowercase()) {
            Some(_) => Ok(()),
            None => Err(SavedError::NotFound(name.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn memory_keeps_the_contract() {
        crate::contract::check(|| async { Arc::new(MemorySaved::default()) as Arc<dyn SavedQuestions> })
            .await;
    }
}
