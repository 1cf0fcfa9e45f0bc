//! What the screen shows while something takes long. All of it goes to standard error.

use std::fmt;
use std::io::IsTerminal;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// How often a step tells where it is, when it can't draw over its last word.
const BETWEEN_LINES: Duration = Duration::from_secs(15);

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const QUIET: Style = Style::new().dimmed();

/// The steps that are under way, one below the other, where there is a terminal to draw them on.
static UNDER_WAY: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// Something that takes a while.
#[derive(Debug)]
pub struct Step {
    title: String,
    started: Instant,
    spoke: Instant,
    bar: Option<ProgressBar>,
}

impl Step {
    /// Begins, and says so.
    pub fn begin(title: &str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| draw(title));
        if bar.is_none() {
            say(format_args!("  {title} …"));
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
        if let Some(bar) = &self.bar {
            bar.set_message(message.to_owned());
        } else if self.spoke.elapsed() >= BETWEEN_LINES {
            self.spoke = Instant::now();
            let line = fit(&format!("  {} … {message}", self.title));
            say(format_args!("{QUIET}{line}{QUIET:#}"));
        }
    }

    /// Ends well.
    pub fn done(self) {
        let seconds = self.started.elapsed().as_secs_f64();
        say(format_args!(
            "{GOOD}✓{GOOD:#} {} {QUIET}{seconds:.1} s{QUIET:#}",
            self.title
        ));
    }

    /// Ends badly.
    pub fn failed(self) {
        say(format_args!("{BAD}✗ {}{BAD:#}", self.title));
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn draw(title: &str) -> ProgressBar {
    let bar = UNDER_WAY.add(ProgressBar::new_spinner());
    if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {prefix} {elapsed:.dim} {wide_msg:.dim}") {
        bar.set_style(style);
    }
    bar.set_prefix(title.to_owned());
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// What a screen has room for that nobody has widened.
pub const COLUMNS: usize = 80;

/// As much of a line as there is room for.
fn fit(line: &str) -> String {
    if line.chars().count() <= COLUMNS {
        return line.to_owned();
    }
    line.chars().take(COLUMNS - 1).chain(['…']).collect()
}

/// Says a line, above the steps that are under way.
fn say(line: fmt::Arguments<'_>) {
    UNDER_WAY.suspend(|| anstream::eprintln!("{line}"));
}

/// Says something in passing.
pub fn note(message: &str) {
    say(format_args!("{QUIET}  {message}{QUIET:#}"));
}

/// Says what has been achieved.
pub fn success(message: &str) {
    say(format_args!("{GOOD}✓{GOOD:#} {message}"));
}

/// Says why it was all in vain.
pub fn failure(error: &anyhow::Error) {
    say(format_args!("{BAD}error{BAD:#}: {error:#}"));
}

#[cfg(test)]
mod tests {
    use super::fit;

    #[test]
    fn a_long_line_is_cut_to_80_columns() {
        assert_eq!(fit("  short … enough"), "  short … enough");
        let fitted = fit(&"é".repeat(200));
        assert_eq!((fitted.chars().count(), fitted.ends_with('…')), (80, true));
    }
}
