//! A running `cargo xtask local`, as it tells others about itself: `cargo xtask env` and `cargo xtask watch`.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
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
    /// Where `aws`, `sam` and `cargo lambda` are, and nothing else that would stand before somebody's own.
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
        let running = Self::read(&workspace.running())?;
        running.check().await?;
        Ok(running)
    }

    /// Whether it is still there.
    ///
    /// # Errors
    /// When it has ended.
    pub async fn check(&self) -> Result<()> {
        let endpoint = &self.stack.endpoint;
        let health = http_client().get(format!("{endpoint}/_ministack/health"));
        ensure!(
            health.send().await.is_ok(),
            "the stack at {endpoint} has ended; {FIRST}"
        );
        Ok(())
    }

    fn read(path: &Path) -> Result<Self> {
        let text = match std::fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => bail!("no local stack runs; {FIRST}"),
            text => text.with_context(|| format!("can't read {}", path.display()))?,
        };
        serde_json::from_slice(&text).with_context(|| format!("{} is of another version; {FIRST}", path.display()))
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
