//! Packs the relocations of the binary.
//!
//! A position independent binary of this size has some 700 000 of them, 17 MB as plain records, and the loader reads every
//! one at every start: half of what an idle agent would hold. Packed (`DT_RELR`) they are 0.2 MB. glibc reads them since
//! 2.36 and an older one refuses the binary, so that it is done only where the machine that builds has a newer one: what
//! is built here asks for the glibc of here in any case.

use std::process::Command;

/// Major and minor version of glibc since which packed relocations are read.
const PACKED_SINCE: (u32, u32) = (2, 36);

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |key: &str, value: &str| std::env::var(key).is_ok_and(|it| it == value);
    let is_native = std::env::var("HOST").ok() == std::env::var("TARGET").ok();
    let is_glibc = is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu");
    if is_native && is_glibc && glibc().is_some_and(|version| version >= PACKED_SINCE) {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// The version of this machine's, as `getconf` says it: `glibc 2.36`.
#[expect(clippy::disallowed_methods, reason = "a build script has no seams")]
fn glibc() -> Option<(u32, u32)> {
    let said = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let said = String::from_utf8(said.stdout).ok()?;
    let (major, minor) = said.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
