//! The object store by its URL.

use std::fmt;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use async_trait::async_trait;
use futures::stream::BoxStream;
pub use nines_storage::RemoteConfig;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{
    ClientOptions, CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, RetryConfig,
};

/// An S3 that does not answer is asked so often ...
const S3_RETRIES: usize = 3;
/// ... and not longer: a person waits for the segment, and copies come round again every few seconds.
const S3_RETRY_TIMEOUT: Duration = Duration::from_secs(20);
/// For one request with its body. A segment has some 10 MiB: 3 Mbit/s are enough.
const S3_TIMEOUT: Duration = Duration::from_secs(30);
const S3_CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Opens `file:///a/folder`, which must be there (a share that is not mounted must not look like an empty store), or
/// `s3://bucket/prefix?region=…&endpoint=…`, which need not answer yet.
///
/// S3's credentials come from where AWS's own tools take them: `AWS_ACCESS_KEY_ID` and its companions, a web identity, the
/// container's or the instance's role. They are no part of the URL, which is shown to people.
pub fn open(url: &str) -> anyhow::Result<RemoteConfig> {
    if let Some(folder) = url.strip_prefix("file://") {
        open_folder(url, folder)
    } else if let Some(rest) = url.strip_prefix("s3://") {
        open_s3(url, rest)
    } else {
        bail!(
            "object store `{url}` is of no kind that this build knows: use s3://bucket/prefix?region=eu-central-1 or \
             file:///a/mounted/folder"
        );
    }
}

fn open_folder(url: &str, folder: &str) -> anyhow::Result<RemoteConfig> {
    if !Path::new(folder).is_absolute() {
        bail!("object store `{url}` names no absolute folder: write file:///a/mounted/folder");
    }
    let store = LocalFileSystem::new_with_prefix(folder)
        .with_context(|| format!("object store `{url}`: the folder must exist; is it mounted?"))?;
    let store = SyncedFolder(store);
    Ok(RemoteConfig { store: Arc::new(store), prefix: String::new(), name: url.to_owned() })
}

fn open_s3(url: &str, rest: &str) -> anyhow::Result<RemoteConfig> {
    let (place, settings) = rest.split_once('?').unwrap_or((rest, ""));
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    if bucket.is_empty() {
        bail!("object store `{url}` names no bucket: write s3://bucket/prefix");
    }
    let retry =
        RetryConfig { max_retries: S3_RETRIES, retry_timeout: S3_RETRY_TIMEOUT, ..RetryConfig::default() };
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retry);
    let mut client = ClientOptions::new().with_timeout(S3_TIMEOUT).with_connect_timeout(S3_CONNECT_TIMEOUT);
    for setting in settings.split('&').filter(|setting| !setting.is_empty()) {
        builder = match setting.split_once('=') {
            Some(("region", region)) => builder.with_region(region),
            Some(("endpoint", endpoint)) => {
                // Whoever writes http:// means it.
                client = client.with_allow_http(endpoint.starts_with("http://"));
                builder.with_endpoint(endpoint)
            }
            _ => bail!(
                "object store `{url}`: `{setting}` is not understood: there are region=… and endpoint=…"
            ),
        };
    }
    let store =
        builder.with_client_options(client).build().with_context(|| format!("object store `{url}`"))?;
    let prefix = prefix.trim_matches('/').to_owned();
    Ok(RemoteConfig { store: Arc::new(store), prefix, name: format!("s3://{place}") })
}

/// A folder whose objects are on the disk when a put has returned; the library alone leaves that to the operating system.
#[derive(Debug)]
struct SyncedFolder(LocalFileSystem);

/// The file, and the folders that lead to it: each of them may be new.
fn sync(file: &Path, levels: usize) -> std::io::Result<()> {
    for path in file.ancestors().take(1 + levels) {
        File::open(path)?.sync_all()?;
    }
    Ok(())
}

#[async_trait]
impl ObjectStore for SyncedFolder {
    async fn put_opts(&self, at: &Key, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let put = self.0.put_opts(at, payload, options).await?;
        let (file, levels) = (self.0.path_to_filesystem(at)?, at.parts().count());
        let synced = tokio::task::spawn_blocking(move || sync(&file, levels)).await?;
        synced.map_err(|error| Error::Generic { store: "folder", source: Box::new(error) })?;
        Ok(put)
    }

    async fn put_multipart_opts(&self, _: &Key, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(Error::NotImplemented { operation: "put_multipart".to_owned(), implementer: self.to_string() })
    }

    async fn get_opts(&self, at: &Key, options: GetOptions) -> Result<GetResult> {
        self.0.get_opts(at, options).await
    }

    fn delete_stream(&self, at: BoxStream<'static, Result<Key>>) -> BoxStream<'static, Result<Key>> {
        self.0.delete_stream(at)
    }

    fn list(&self, prefix: Option<&Key>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Key>) -> Result<ListResult> {
        self.0.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Key, to: &Key, options: CopyOptions) -> Result<()> {
        self.0.copy_opts(from, to, options).await
    }
}

impl fmt::Display for SyncedFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::open;

    #[test]
    fn what_cannot_be_opened_is_refused_with_a_hint() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file://{}", folder.path().display());
        assert_eq!(open(&url).unwrap().name, url);
        for (wrong, hint) in [
            (format!("{url}/not-there"), "is it mounted?"),
            ("file://relative".to_owned(), "absolute"),
            ("s3:///prefix".to_owned(), "names no bucket"),
            ("s3://bucket/a?region=x&secret=y".to_owned(), "`secret=y` is not understood"),
            ("gs://bucket".to_owned(), "no kind that this build knows"),
        ] {
            let error = format!("{:#}", open(&wrong).unwrap_err());
            assert!(error.contains(hint), "{error}");
        }
    }

    #[test]
    fn a_bucket_needs_not_answer_yet_and_its_name_says_no_setting() {
        let opened = open("s3://bucket/a/b/?region=eu-central-1&endpoint=http://127.0.0.1:1").unwrap();
        assert_eq!((opened.name.as_str(), opened.prefix.as_str()), ("s3://bucket/a/b/", "a/b"));
    }
}
