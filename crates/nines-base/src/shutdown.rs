use tokio_util::sync::CancellationToken;

/// One signal to stop, seen by every loop. Cloning shares it; a child stops with its parent but not the reverse.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn child(&self) -> Self {
        Self(self.0.child_token())
    }

    pub fn begin(&self) {
        self.0.cancel();
    }

    pub fn has_begun(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Completes when stopping has begun; at once if it already has.
    pub async fn begun(&self) {
        self.0.cancelled().await;
    }
}
