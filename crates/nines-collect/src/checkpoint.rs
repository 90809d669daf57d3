//! What has been sent, on disk.

use std::path::PathBuf;

use nines_base::disk::{SharedDisk, publish};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::CollectError;
use crate::fingerprint::{Head, Tail};

/// A state file: read at the start, written whole and synced at each step. After a crash it is the old or the new one.
#[derive(Debug, Clone)]
pub(crate) struct StateFile {
    disk: SharedDisk,
    path: PathBuf,
}

/// The persisted form, tagged with its version.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "version")]
enum Versioned<T> {
    #[serde(rename = "1")]
    V1 { state: T },
}

impl StateFile {
    pub fn new(disk: SharedDisk, path: PathBuf) -> Self {
        Self { disk, path }
    }

    /// The default if there is none yet.
    pub fn read<T: DeserializeOwned + Default>(&self) -> Result<T, CollectError> {
        match self.disk.read(&self.path) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(Versioned::V1 { state }) => Ok(state),
                Err(source) => Err(CollectError::Format { path: self.path.clone(), source }),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(T::default()),
            Err(source) => Err(CollectError::Read { path: self.path.clone(), source }),
        }
    }

    pub fn write<T: Serialize>(&self, state: &T) -> Result<(), CollectError> {
        let failed = |source| CollectError::Checkpoint { path: self.path.clone(), source };
        if let Some(folder) = self.path.parent() {
            self.disk.create_dir(folder).map_err(failed)?;
        }
        let text = serde_json::to_vec(&Versioned::V1 { state }).map_err(|error| failed(error.into()))?;
        publish(self.disk.as_ref(), &self.path, |file| file.write_all(&text)).map_err(failed)
    }
}

/// How far one file has been sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub head: Head,
    /// Of the file's own bytes (after decompression), those that are stored on the node.
    pub offset: u64,
    /// The end of what lies before `offset`: two files may begin alike.
    #[serde(default)]
    pub before: Option<Tail>,
    /// What was about to be sent, from `offset` on; it may be stored or not.
    #[serde(default)]
    pub pending_bytes: Option<u64>,
    /// The last line that says what the columns of the lines behind it are.
    #[serde(default)]
    pub directive: Option<String>,
}

impl Place {
    pub fn at_start(head: Head) -> Self {
        Self { head, offset: 0, before: None, pending_bytes: None, directive: None }
    }

    /// Moves it behind `lines`, which are stored.
    pub fn advance(&mut self, lines: &[u8], directive: Option<String>) {
        self.offset += lines.len() as u64;
        self.before = Some(Tail::of(lines));
        self.pending_bytes = None;
        if directive.is_some() {
            self.directive = directive;
        }
    }
}
