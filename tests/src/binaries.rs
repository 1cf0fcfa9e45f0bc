//! Where the functions' binaries are.

use std::path::{Path, PathBuf};

/// A folder with the binaries under their Cargo names (`target/release`), for quick loops without `sam build`.
pub const OVERRIDE: &str = "PRINTBELL_BINARIES";

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
        None => workspace()
            .join(".aws-sam/build")
            .join(binary.logical_id())
            .join("bootstrap"),
    }
}
