//! What changes, as it changes: one stream for all pages of the web application.

use std::sync::Arc;

use nines_api::StreamEvent;
use nines_base::SharedClock;
use tokio::sync::broadcast;

/// Messages that a slow reader may fall behind by; then it is told to read everything again. A busy incident makes a
/// few each second.
const BACKLOG_MAX: usize = 1024;

/// Cheap to clone; publishing never waits.
#[derive(Clone)]
pub struct Feed {
    sender: broadcast::Sender<Arc<StreamEvent>>,
    clock: SharedClock,
}

impl Feed {
    pub fn new(clock: SharedClock) -> Self {
        Self { sender: broadcast::Sender::new(BACKLOG_MAX), clock }
    }

    /// Tells every open page that something is to be read again. `kind` and `id` as in [`StreamEvent`].
    pub fn publish(&self, kind: &str, id: Option<String>) {
        let event = StreamEvent { kind: kind.to_owned(), id, at: self.clock.now().to_string() };
        // No reader is not an error.
        let _ = self.sender.send(Arc::new(event));
    }

    pub fn subscribe(&self) -> broadcast::Receiver<Arc<StreamEvent>> {
        self.sender.subscribe()
    }
}
