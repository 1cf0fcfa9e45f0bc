//! A running `cargo xtask local`, as it tells others about itself: `cargo xtask env` and `cargo xtask watch`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use printbell_harness::aws::http_client;
use printbell_harness::stack::Stack;
use serde::{Deserialize, Serialize};

use crate::workspace::Workspace;

/// What is to be done where none runs.
const FIRST: &str = "run `cargo xtask local` in another terminal first, and wait until it says that everything runs";

/// What runs.
#[derive(Debug, Serialize, Deserialize)]
pub struct Running {
    /// The stack.
    pub stack: Stack,
    /// What `aws` and `curl` have to find in their environment.
    pub environment: BTreeMap<String, String>,
    /// Where `aws` and `sam` are, and nothing else that would stand before somebody's own.
    pub programs: PathBuf,
}

/// The file that tells. It goes when this is dropped.
#[derive(Debug)]
pub struct Notice(PathBuf);

impl Running {
    /// The one of this workspace.
    ///
    /// # Errors
    /// When none runs; the text says what to do.
    pub async fn find(workspace: &Workspace) -> Result<Self> {
        let running = Self::read(&workspace.running()).context(FIRST)?;
        let endpoint = &running.stack.endpoint;
        let health = http_client().get(format!("{endpoint}/_ministack/health"));
        ensure!(
            health.send().await.is_ok(),
            "the stack at {endpoint} has ended; {FIRST}"
        );
        Ok(running)
    }

    fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read(path).context("no local stack runs")?;
        serde_json::from_slice(&text).with_context(|| format!("{} is no longer understood", path.display()))
    }

    /// Tells others, for as long as the notice is kept.
    pub fn tell(&self, workspace: &Workspace) -> Result<Notice> {
        let path = workspace.running();
        let text = serde_json::to_vec_pretty(self)?;
        std::fs::write(&path, text).with_context(|| format!("can't write {}", path.display()))?;
        Ok(Notice(path))
    }
}

impl Drop for Notice {
    fn drop(&mut self) {
        // Without the file there is nothing left to do; with it, the next start overwrites it.
        let _ = std::fs::remove_file(&self.0);
    }
}
