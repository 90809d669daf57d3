//! The object store by its URL.

use std::fmt;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use async_trait::async_trait;
use futures::stream::BoxStream;
use nines_storage::RemoteConfig;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// Opens `file:///a/folder`, which must be there: a share that is not mounted must not look like an empty store.
pub fn open(url: &str) -> anyhow::Result<RemoteConfig> {
    let Some(folder) = url.strip_prefix("file://") else {
        bail!("object store `{url}` is of no kind that this build knows: use file:///a/mounted/folder");
    };
    if !Path::new(folder).is_absolute() {
        bail!("object store `{url}` names no absolute folder: write file:///a/mounted/folder");
    }
    let store = LocalFileSystem::new_with_prefix(folder)
        .with_context(|| format!("object store `{url}`: the folder must exist; is it mounted?"))?;
    let store = SyncedFolder(store);
    Ok(RemoteConfig { store: Arc::new(store), prefix: String::new(), name: url.to_owned() })
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
    fn only_a_folder_that_is_there_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file://{}", folder.path().display());
        assert_eq!(open(&url).unwrap().name, url);
        for (wrong, hint) in [
            (format!("{url}/not-there"), "is it mounted?"),
            ("file://relative".to_owned(), "absolute"),
            ("s3://bucket".to_owned(), "no kind that this build knows"),
        ] {
            let error = format!("{:#}", open(&wrong).unwrap_err());
            assert!(error.contains(hint), "{error}");
        }
    }
}
