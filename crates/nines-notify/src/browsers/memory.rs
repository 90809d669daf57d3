use async_trait::async_trait;
use parking_lot::Mutex;

use super::{Browser, BrowserId, BrowserStore};
use crate::{Secret, StoreError};

/// The reference that the durable store is tested against. It promises everything but survival.
#[derive(Debug, Default)]
pub struct MemoryBrowsers(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    key: Option<Secret>,
    browsers: Vec<Browser>,
}

#[async_trait]
impl BrowserStore for MemoryBrowsers {
    async fn push_key(&self, made: &Secret) -> Result<Secret, StoreError> {
        Ok(self.0.lock().key.get_or_insert_with(|| made.clone()).clone())
    }

    async fn browsers(&self) -> Result<Vec<Browser>, StoreError> {
        Ok(self.0.lock().browsers.clone())
    }

    async fn add(&self, browser: &Browser, replaced: &[BrowserId]) -> Result<(), StoreError> {
        let mut state = self.0.lock();
        state.browsers.retain(|known| !replaced.contains(&known.id));
        state.browsers.push(browser.clone());
        Ok(())
    }

    async fn note(&self, browser: &Browser) -> Result<(), StoreError> {
        let mut state = self.0.lock();
        if let Some(known) = state.browsers.iter_mut().find(|known| known.id == browser.id) {
            *known = browser.clone();
        }
        Ok(())
    }

    async fn remove(&self, ids: &[BrowserId]) -> Result<(), StoreError> {
        self.0.lock().browsers.retain(|known| !ids.contains(&known.id));
        Ok(())
    }
}
