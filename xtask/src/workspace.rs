//! Where things are.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::progress;

/// The project's folder.
#[derive(Clone, Debug)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The workspace that this program was built in.
    pub fn find() -> Self {
        Self {
            root: printbell_harness::workspace::root().to_owned(),
        }
    }

    /// The project's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where Cargo puts what it compiles.
    pub fn target(&self) -> PathBuf {
        // A relative one is seen from the root, where we start it.
        let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
        self.root.join(target)
    }

    /// A path in `.local`, which holds all that isn't the project's own.
    pub fn local(&self, path: &str) -> PathBuf {
        self.root.join(".local").join(path)
    }

    /// Where a running `cargo xtask local` tells others about itself.
    pub fn running(&self) -> PathBuf {
        self.local("running.json")
    }

    /// Keeps other `cargo xtask` from doing the same thing at the same time, until the lock is dropped; waits for them.
    pub async fn lock(&self, what: &str) -> Result<File> {
        let file = self.lock_file(what)?;
        if file.try_lock().is_err() {
            progress::note(&format!("another `cargo xtask` is at it ({what}); waiting for it"));
            // Asking again and again, as nothing could end a thread that waits for the lock.
            while file.try_lock().is_err() {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
        Ok(file)
    }

    /// The same without waiting: `None` if somebody has it, who may have it for long.
    pub fn try_lock(&self, what: &str) -> Result<Option<File>> {
        let file = self.lock_file(what)?;
        Ok(file.try_lock().is_ok().then_some(file))
    }

    fn lock_file(&self, what: &str) -> Result<File> {
        let path = self.local(&format!("{what}.lock"));
        let folder = self.local("");
        std::fs::create_dir_all(&folder).with_context(|| format!("can't make the folder {}", folder.display()))?;
        File::create(&path).with_context(|| format!("can't write {}", path.display()))
    }
}
