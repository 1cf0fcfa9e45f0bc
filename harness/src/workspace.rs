//! The repository's folder, and programs of the machine.

use std::path::{Path, PathBuf};

/// The environment variable by which `cargo xtask test` tells the tests where its own program is.
pub const XTASK_VARIABLE: &str = "PRINTBELL_XTASK";

/// And where the programs are installed that judge, and aren't the project's own.
pub const JUDGES_VARIABLE: &str = "PRINTBELL_JUDGES";

/// The repository's root.
pub fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Where `cargo xtask build` lays out what is deployed.
pub fn built() -> PathBuf {
    root().join(".aws-sam/build")
}

/// Where on `PATH` a program is.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}
