//! What was found, a line each.

use anstyle::{AnsiColor, Style};
use anyhow::Result;

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const QUIET: Style = Style::new().dimmed();

/// Counts the findings, and tells each as it comes.
#[derive(Debug, Default)]
pub(super) struct Report {
    passes: u32,
    failures: u32,
    unanswered: u32,
}

impl Report {
    /// Waits for a check and tells what came of it; `remedy` is what to do when it fails.
    pub(super) async fn check(&mut self, title: &str, remedy: &str, check: impl Future<Output = Result<String>>) {
        match check.await {
            Ok(found) => {
                self.passes += 1;
                anstream::println!("{GOOD}ok{GOOD:#}        {title}: {found}");
            }
            Err(error) => {
                self.failures += 1;
                anstream::println!("{BAD}failed{BAD:#}    {title}: {error:#}. {remedy}.");
            }
        }
    }

    /// Tells that nobody but AWS can answer this.
    pub(super) fn only_aws(&mut self, title: &str) {
        self.unanswered += 1;
        anstream::println!("{QUIET}only AWS{QUIET:#}  {title}: only AWS can answer, and this is an emulator");
    }

    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    pub(super) fn summary(&self) -> String {
        let Self {
            passes,
            failures,
            unanswered,
        } = self;
        let rest = if *unanswered == 0 {
            String::new()
        } else {
            format!(", {unanswered} left for AWS to answer")
        };
        format!("{passes} ok, {failures} failed{rest}")
    }
}
