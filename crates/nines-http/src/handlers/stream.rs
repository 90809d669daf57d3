//! Server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use nines_api::StreamEvent;
use tokio::sync::broadcast::error::RecvError;

use crate::SharedApp;
use crate::extract::Caller;

/// Proxies cut silent connections after 30 to 60 s; pages call the stream lost after twice this.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Starts with a `resync`, so that a page that reconnects reads what it missed. Those who see some services are told
/// that something changed, not what: they read again what is theirs.
pub async fn events(
    State(app): State<SharedApp>,
    caller: Caller,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let receiver = app.feed.subscribe();
    let sees_all = caller.sees_all();
    let resync = |at: String| StreamEvent { kind: "resync".to_owned(), id: None, at };
    let now = app.clock.now().to_string();
    let shutdown = app.shutdown.clone();
    let stream = futures::stream::unfold(
        (receiver, Some(resync(now)), app, shutdown),
        move |(mut receiver, first, app, shutdown)| async move {
            let mut event = match first {
                Some(event) => event,
                None => tokio::select! {
                    () = shutdown.begun() => return None,
                    received = receiver.recv() => match received {
                        Ok(event) => (*event).clone(),
                        Err(RecvError::Lagged(_)) => resync(app.clock.now().to_string()),
                        Err(RecvError::Closed) => return None,
                    },
                },
            };
            if !sees_all {
                event.id = None;
            }
            let message =
                Event::default().event(event.kind.clone()).json_data(&event).expect("an event is plain data");
            Some((Ok(message), (receiver, None, app, shutdown)))
        },
    );
    Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE).text("alive"))
}
