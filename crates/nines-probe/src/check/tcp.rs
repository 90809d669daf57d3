//! TCP: connect; send, and find in what comes back what is expected.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::connect::read_fault;
use super::{ANSWER_BYTES_MAX, Checker, Fault, Trace};
use crate::measurement::Assertion;
use crate::probe::TcpCheck;

impl Checker {
    pub(super) async fn tcp(&self, check: &TcpCheck, trace: &mut Trace) -> Result<(), Fault> {
        let stream = self.connect(&check.address, trace).await?;
        match &check.tls {
            Some(options) => {
                let stream = self.handshake(stream, &check.address.host, options, &[], trace).await?;
                self.converse(stream, check, trace).await
            }
            None => self.converse(stream, check, trace).await,
        }
    }

    async fn converse(
        &self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        check: &TcpCheck,
        trace: &mut Trace,
    ) -> Result<(), Fault> {
        let before = self.clock.monotonic();
        if !check.send.is_empty() {
            trace.step = "sending";
            stream
                .write_all(check.send.as_bytes())
                .await
                .map_err(|error| read_fault("cannot send", &error))?;
            stream.flush().await.map_err(|error| read_fault("cannot send", &error))?;
        }
        let Some(expect) = &check.expect else { return Ok(()) };
        trace.step = "waiting for what is expected";
        let what = format!("the answer matches {}", expect.as_str());
        let (mut answer, mut chunk) = (Vec::new(), [0; 4096]);
        loop {
            let read =
                stream.read(&mut chunk).await.map_err(|error| read_fault("the answer broke off", &error))?;
            if answer.is_empty() {
                trace.phases.process = Some(self.clock.monotonic().saturating_sub(before));
            }
            answer.extend_from_slice(&chunk[..read]);
            let text = String::from_utf8_lossy(&answer);
            let found = expect.is_match(&text);
            if found || read == 0 || answer.len() >= ANSWER_BYTES_MAX {
                trace.assertions.push(Assertion::new(what, found, text.trim()));
                return Ok(());
            }
        }
    }
}
