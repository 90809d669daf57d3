//! Lists the files of `ui/dist` for embedding. Reads only; never runs npm and never touches the network. When the
//! application has not been built the list is empty and the crate serves a page that says how to build it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Compressed twins are listed with the file that they belong to.
const ENCODINGS: [&str; 2] = ["br", "gz"];

#[expect(clippy::disallowed_methods, reason = "a build script writes to its own output directory")]
fn main() -> io::Result<()> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?);
    let dist = manifest.join("../../ui/dist");
    // A path that does not exist would make cargo run this for every build; then its parent is watched instead.
    let watched = if dist.is_dir() { dist.clone() } else { manifest.join("../../ui") };
    println!("cargo::rerun-if-changed={}", watched.display());

    let mut files = Vec::new();
    // Without an index there is no application: a build that was cut off must not be half served.
    if dist.join("index.html").is_file() {
        list(&dist, &dist, &mut files)?;
    }
    files.sort();

    let mut table = String::from("[\n");
    for (name, path) in &files {
        let plain = fs::read(path)?;
        let twin = |encoding: &str| {
            let twin = PathBuf::from(format!("{}.{encoding}", path.display()));
            if twin.is_file() { format!("Some(include_bytes!({twin:?}))") } else { "None".to_owned() }
        };
        writeln!(
            table,
            "    File {{ path: {name:?}, etags: etags!(\"{:016x}\"), plain: include_bytes!({path:?}), brotli: {}, gzip: {} }},",
            fingerprint(&plain),
            twin(ENCODINGS[0]),
            twin(ENCODINGS[1]),
        )
        .map_err(io::Error::other)?;
    }
    table.push_str("]\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    fs::write(out.join("files.rs"), table)
}

fn list(root: &Path, directory: &Path, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path().canonicalize()?;
        if path.is_dir() {
            list(root, &path, files)?;
        } else if !path.extension().is_some_and(|extension| ENCODINGS.iter().any(|one| extension == *one)) {
            let root = root.canonicalize()?;
            let name = path.strip_prefix(&root).map_err(io::Error::other)?;
            files.push((name.to_string_lossy().replace('\\', "/"), path));
        }
    }
    Ok(())
}

/// FNV-1a, 64 bits. Tells one build's file from another's; it guards against nothing.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
