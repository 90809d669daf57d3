//! The way from collected files to a node, shared by `import` and `agent`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use async_trait::async_trait;
use clap::Args;
use nines_base::ErrorKind;
use nines_client::{Client, ClientError, Ingest};
use nines_collect::{Chunk, SendError, Sender, Sent};

/// What all rows of the files get.
#[derive(Debug, Clone, Args)]
pub struct Attributes {
    /// The service that wrote the lines (`service.name`)
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// The host that wrote them (`host.name`)
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// An attribute of every row, as name=value; may be repeated
    #[arg(long, short, value_parser = attribute, value_name = "NAME=VALUE")]
    attribute: Vec<(String, String)>,
}

fn attribute(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("give it as name=value".to_owned()),
    }
}

impl Attributes {
    /// Sorted by name, so that the same ones are the same however they were typed.
    pub fn all(&self) -> BTreeMap<String, String> {
        let named = [("service.name", &self.service), ("host.name", &self.host)];
        let named = named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
        named.chain(self.attribute.iter().cloned()).collect()
    }
}

/// Sends chunks to a node as lines of a dataset.
pub struct NodeSender {
    pub client: Client,
    pub dataset: String,
    pub attributes: BTreeMap<String, String>,
}

#[async_trait]
impl Sender for NodeSender {
    async fn send(&self, chunk: &Chunk) -> Result<Sent, SendError> {
        let path = ("log.file.path".to_owned(), chunk.path.clone());
        let attributes = self.attributes.clone().into_iter().chain([path]).collect();
        let request = Ingest {
            dataset: self.dataset.clone(),
            format: chunk.format.as_str().to_owned(),
            attributes,
            key: Some(chunk.key.clone()),
            may_be_repeat: chunk.may_be_repeat,
            body: chunk.body.clone(),
        };
        match self.client.ingest(request).await {
            Ok(answer) => Ok(Sent { rows: answer.accepted, is_repeat: answer.repeated }),
            Err(error) => Err(failed(&error)),
        }
    }
}

/// A node that cannot be reached, or whose answer did not come, may be there later.
fn failed(error: &ClientError) -> SendError {
    let kind = match error {
        ClientError::Unreachable { .. } => ErrorKind::Unavailable,
        error => error.kind(),
    };
    let mut message = error.to_string();
    if let Some(hint) = error.hint() {
        message = format!("{message}: {hint}");
    }
    SendError { kind, message, retry_after: None }
}

/// Where it is written down what has been sent: one folder for each node.
pub fn state_folder(chosen: Option<PathBuf>, client: &Client) -> anyhow::Result<PathBuf> {
    if let Some(folder) = chosen {
        return Ok(folder);
    }
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")));
    let Some(base) = base else { anyhow::bail!("no home directory for the state: give --state DIR") };
    let node: String = client
        .url()
        .chars()
        .map(|character| if character.is_ascii_alphanumeric() { character } else { '-' })
        .collect();
    Ok(base.join("nines").join(node))
}
