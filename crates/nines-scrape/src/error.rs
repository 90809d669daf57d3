use nines_base::{ByteSize, ErrorKind};

use crate::batch::AppendError;
use crate::exposition::ExpositionError;

/// Why a scrape failed. Shown to people as the target's last error; holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScrapeError {
    #[error("{0}")]
    Exposition(#[from] ExpositionError),
    #[error("server returned HTTP status {status}")]
    Status { status: u16 },
    #[error("{message}")]
    Fetch { message: String, kind: ErrorKind },
    #[error("body is larger than {}: raise `body_size_limit` or expose less", ByteSize(*.limit))]
    BodyTooLarge { limit: u64 },
    #[error(
        "target says {} and the job names no `fallback_scrape_protocol`: name one",
        said(.content_type)
    )]
    ContentType { content_type: Option<String> },
    #[error("more than {limit} samples: raise `sample_limit` or drop some with `metric_relabel_configs`")]
    SampleLimit { limit: usize },
    #[error("a histogram has more than {limit} buckets, which `native_histogram_bucket_limit` forbids")]
    BucketLimit { limit: usize },
    #[error("{what} of metric `{metric}` is {found}, more than the {limit} of `{key}`")]
    LabelLimit { what: &'static str, key: &'static str, metric: String, found: usize, limit: usize },
    #[error("a sample has no metric name after `metric_relabel_configs`")]
    NoName,
    #[error("job has {found} targets, more than the {limit} of `target_limit`: none of them is scraped")]
    TargetLimit { found: usize, limit: usize },
    #[error("secret `{path}` cannot be read: {reason}")]
    Secret { path: String, reason: String },
    #[error("{0}")]
    Append(#[from] AppendError),
}

fn said(content_type: &Option<String>) -> String {
    match content_type.as_deref() {
        None | Some("") => "nothing of its format".to_owned(),
        Some(text) => format!("`{}`, which is no exposition format,", &text[..text.floor_char_boundary(100)]),
    }
}

impl ScrapeError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Fetch { kind, .. } => *kind,
            Self::Append(error) => error.kind,
            Self::BodyTooLarge { .. } | Self::SampleLimit { .. } | Self::BucketLimit { .. } => {
                ErrorKind::TooLarge
            }
            Self::LabelLimit { .. } | Self::TargetLimit { .. } => ErrorKind::TooLarge,
            Self::Status { .. } | Self::Secret { .. } => ErrorKind::Unavailable,
            Self::Exposition(_) | Self::ContentType { .. } | Self::NoName => ErrorKind::InvalidInput,
        }
    }
}
