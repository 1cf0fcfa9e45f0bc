//! Where the functions' binaries are, and other programs.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::DeflateEncoder;

/// A folder with the binaries under their Cargo names (`target/release`), for quick loops without `sam build`.
pub const OVERRIDE: &str = "PRINTBELL_BINARIES";

/// The most that a function's binary may weigh when it is zipped, in bytes: Lambda fetches it before a cold start.
pub const MAX_ZIPPED: u64 = 3_500_000;

/// One of the functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binary {
    /// Receives callbacks.
    Webhook,
    /// Renews registrations.
    Renew,
    /// The registrations API.
    Register,
    /// Republishes what waited.
    Redrive,
}

impl Binary {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Webhook, Self::Renew, Self::Register, Self::Redrive];

    /// The Cargo binary's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Renew => "renew",
            Self::Register => "register",
            Self::Redrive => "redrive",
        }
    }

    /// The function's name in `template.yaml`.
    pub fn logical_id(self) -> &'static str {
        match self {
            Self::Webhook => "WebhookFunction",
            Self::Renew => "RenewFunction",
            Self::Register => "RegisterFunction",
            Self::Redrive => "RedriveFunction",
        }
    }
}

/// The repository's root.
pub fn workspace() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The binary that `sam build` made for AWS, or the one in the folder that `PRINTBELL_BINARIES` names (relative to the
/// repository's root).
pub fn path(binary: Binary) -> PathBuf {
    match std::env::var_os(OVERRIDE) {
        Some(folder) => workspace().join(folder).join(binary.name()),
        None => deployable(binary),
    }
}

/// The binary that `sam build` made for AWS.
pub fn deployable(binary: Binary) -> PathBuf {
    workspace()
        .join(".aws-sam/build")
        .join(binary.logical_id())
        .join("bootstrap")
}

/// Where on `PATH` a program is.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// What a zip archive makes of a file, in bytes; its own frame is some hundred more.
///
/// # Errors
/// When the file can't be read.
pub fn zipped(file: &Path) -> io::Result<u64> {
    let mut zip = DeflateEncoder::new(Vec::new(), Compression::default());
    zip.write_all(&std::fs::read(file)?)?;
    Ok(zip.finish()?.len() as u64)
}
