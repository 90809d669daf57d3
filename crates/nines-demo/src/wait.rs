//! Waiting for something to become true at the node, by asking again.

use std::future::Future;
use std::time::Duration;

use nines_base::SharedClock;
use nines_client::ClientError;

/// How often is asked. Quick enough that it does not add to what is measured: times come from the node's marks.
const PAUSE: Duration = Duration::from_millis(250);

/// Asks until there is an answer, `None` after `limit`. An error of the node that may pass is no answer yet.
pub(crate) async fn until<T, F: Future<Output = Result<Option<T>, ClientError>>>(
    clock: &SharedClock,
    limit: Duration,
    mut ask: impl FnMut() -> F,
) -> Result<Option<T>, ClientError> {
    let end = clock.monotonic() + limit;
    loop {
        match ask().await {
            Ok(Some(found)) => return Ok(Some(found)),
            Ok(None) => {}
            Err(error) if error.is_retryable() => {}
            Err(error) => return Err(error),
        }
        if clock.monotonic() >= end {
            return Ok(None);
        }
        clock.sleep(PAUSE).await;
    }
}
