//! A TCP connection through the test's hands, which can fall silent as a broken network does: nothing is closed, nothing
//! is answered.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

#[derive(Clone)]
pub struct Proxy {
    pub port: u16,
    silent: Arc<watch::Sender<bool>>,
}

impl Proxy {
    /// To a port of this machine.
    pub async fn start(to: u16) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let silent = Arc::new(watch::Sender::new(false));
        let heard = Arc::clone(&silent);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let silent = heard.subscribe();
                tokio::spawn(async move {
                    let mut open = silent.clone();
                    // A connection that is made meanwhile is held, as one whose packets are lost.
                    if open.wait_for(|silent| !silent).await.is_err() {
                        return;
                    }
                    let Ok(server) = TcpStream::connect(("127.0.0.1", to)).await else { return };
                    let (from_client, to_client) = client.into_split();
                    let (from_server, to_server) = server.into_split();
                    tokio::join!(
                        carry(from_client, to_server, silent.clone()),
                        carry(from_server, to_client, silent)
                    );
                });
            }
        });
        Ok(Self { port, silent })
    }

    pub fn fall_silent(&self, silent: bool) {
        self.silent.send_replace(silent);
    }
}

async fn carry(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut silent: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let Ok(read) = from.read(&mut buffer).await else { return };
        // What was under way when the network broke arrives when it heals, if at all.
        if silent.wait_for(|silent| !silent).await.is_err() {
            return;
        }
        if read == 0 || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
