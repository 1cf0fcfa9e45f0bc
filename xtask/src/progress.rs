//! What the screen shows while something takes long. All of it goes to standard error.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a step tells where it is, when it can't draw over its last word.
const BETWEEN_LINES: Duration = Duration::from_secs(15);

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const QUIET: Style = Style::new().dimmed();

/// Something that takes a while. Dropped before it is [done](Step::done), it leaves no mark but the last line said.
#[derive(Debug)]
pub struct Step {
    title: String,
    started: Instant,
    spoke: Instant,
    bar: ProgressBar,
}

impl Step {
    /// Begins, and says so.
    pub fn begin(title: &str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if std::io::stderr().is_terminal() {
            if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {prefix} {elapsed} {wide_msg:.dim}") {
                bar.set_style(style);
            }
            bar.set_prefix(title.to_owned());
            bar.enable_steady_tick(Duration::from_millis(120));
        } else {
            anstream::eprintln!("  {title} …");
        }
        Self {
            title: title.to_owned(),
            started: Instant::now(),
            spoke: Instant::now(),
            bar,
        }
    }

    /// What it was said to be.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Tells how far it is.
    pub fn at(&mut self, message: &str) {
        if self.bar.is_hidden() {
            if self.spoke.elapsed() >= BETWEEN_LINES {
                self.spoke = Instant::now();
                anstream::eprintln!("  {QUIET}{} … {message}{QUIET:#}", self.title);
            }
        } else {
            self.bar.set_message(message.to_owned());
        }
    }

    /// Ends well.
    pub fn done(self) {
        self.bar.finish_and_clear();
        let seconds = self.started.elapsed().as_secs_f64();
        anstream::eprintln!("{GOOD}✓{GOOD:#} {} {QUIET}{seconds:.1} s{QUIET:#}", self.title);
    }

    /// Ends badly.
    pub fn failed(self) {
        self.bar.finish_and_clear();
        anstream::eprintln!("{BAD}✗ {}{BAD:#}", self.title);
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Says something in passing.
pub fn note(message: &str) {
    anstream::eprintln!("{QUIET}  {message}{QUIET:#}");
}

/// Says what has been achieved.
pub fn success(message: &str) {
    anstream::eprintln!("{GOOD}✓{GOOD:#} {message}");
}

/// Says why it was all in vain.
pub fn failure(error: &anyhow::Error) {
    anstream::eprintln!("{BAD}error{BAD:#}: {error:#}");
}
