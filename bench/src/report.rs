//! What a run leaves behind: a table, for the screen and the documents; JSON; a chart.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::figures::{Bar, Figures};
use crate::measure::Plan;
use crate::variants::Variant;

/// The part of a document that a run writes anew is between these.
const BEGIN: &str = "<!-- written by cargo xtask bench -->";
const END: &str = "<!-- end of what cargo xtask bench wrote -->";

/// A whole run.
#[derive(Debug, Serialize)]
pub struct Report {
    pub date: String,
    pub command: String,
    pub machine: Machine,
    pub plan: Plan,
    /// By HTTP.
    pub figures: Vec<Figures>,
    /// Over TLS.
    pub over_tls: Vec<Figures>,
    pub bars: Vec<Bar>,
    pub left_out: Vec<String>,
}

/// What kind of machine it was: nothing by which one would find it.
#[derive(Debug, Serialize)]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub memory_gib: u64,
    pub system: String,
}

impl Machine {
    pub fn here() -> Self {
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let of = |text: &str, key: &str| {
            let line = text.lines().find(|line| line.starts_with(key))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let kib = of(&meminfo, "MemTotal").and_then(|total| total.strip_suffix(" kB")?.parse::<u64>().ok());
        Self {
            processor: of(&cpuinfo, "model name").unwrap_or_else(|| "unknown".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: kib.unwrap_or_default().div_ceil(1 << 20),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        }
    }
}

impl Report {
    /// The tables, as Markdown.
    pub fn markdown(&self) -> String {
        let mut text = self.bars_table();
        text += "\nBy HTTP, each time beside its ratio to hello world's:\n\n";
        text += &table(&self.figures, &["binary", "zipped"], |one| {
            one.size.map_or_else(
                || ["–".to_owned(), "–".to_owned()].into(),
                |size| [megabytes(size.binary_bytes), megabytes(size.zipped_bytes)].into(),
            )
        });
        text += "\nOver TLS, the same:\n\n";
        text += &table(&self.over_tls, &["handshakes"], |one| vec![one.handshakes.to_string()]);
        for reason in &self.left_out {
            let _ = writeln!(text, "\nLeft out: {reason}.");
        }
        text
    }

    /// What was measured, when, on what machine and by which command; and the figures that have a bar.
    fn bars_table(&self) -> String {
        let calls = self.figures.iter().map(|figures| figures.warm_calls).min();
        let mut text = format!(
            "Measured {} on {} × {} ({}, {} GiB) by `{}`: medians of {} starts and {} warm calls of each program by each protocol, taking turns.\n\n",
            self.date,
            self.machine.cores,
            self.machine.processor,
            self.machine.system,
            self.machine.memory_gib,
            self.command,
            self.plan.starts,
            calls.unwrap_or_default(),
        );
        text += "| figure | measured | bar | |\n|---|--:|--:|---|\n";
        for bar in &self.bars {
            let verdict = if bar.met { "met" } else { "**missed**" };
            // Writing to a String can't fail.
            let _ = writeln!(
                text,
                "| {} | {}{} | ≤ {}{} | {verdict} |",
                bar.figure,
                precise(bar.value),
                bar.unit,
                bar.at_most,
                bar.unit
            );
        }
        text
    }
}

/// A row for each variant; the last columns are `more`, and what `cells` says.
fn table(all: &[Figures], more: &[&str], cells: impl Fn(&Figures) -> Vec<String>) -> String {
    let hello = all.iter().find(|figures| figures.variant == Variant::Hello);
    let mut text = format!(
        "| | spawn → ready | first call | both | warm p50 | warm p99 | CPU a call | peak memory | {} |\n|---{}|\n",
        more.join(" | "),
        "|--:".repeat(7 + more.len()),
    );
    for one in all {
        let beside = |read: fn(&Figures) -> f64| {
            let ratio = hello.map(|hello| format!(" · {:.2} ×", read(one) / read(hello)));
            time(read(one)) + &ratio.unwrap_or_default()
        };
        // Writing to a String can't fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            one.variant.title(),
            beside(|one| one.ready_us),
            beside(|one| one.first_call_us),
            beside(|one| one.cold_us),
            beside(|one| one.warm_p50_us),
            beside(|one| one.warm_p99_us),
            beside(|one| one.cpu_per_call_us),
            mebibytes(one.peak_memory_bytes),
            cells(one).join(" | "),
        );
    }
    text
}

/// Puts a text between the markers of a document.
pub fn write_into(document: &Path, table: &str) -> Result<()> {
    let text = std::fs::read_to_string(document).with_context(|| format!("can't read {}", document.display()))?;
    let (before, rest) = text
        .split_once(BEGIN)
        .with_context(|| format!("no {BEGIN} in {}", document.display()))?;
    let (_, after) = rest
        .split_once(END)
        .with_context(|| format!("no {END} in {}", document.display()))?;
    std::fs::write(document, format!("{before}{BEGIN}\n{table}{END}{after}"))?;
    Ok(())
}

fn precise(value: f64) -> String {
    if value < 0.1 {
        format!("{value:.4}")
    } else {
        format!("{value:.2}")
    }
}

/// Microseconds, in the unit that reads best.
pub fn time(us: f64) -> String {
    match us {
        ..1_000.0 => format!("{us:.0} µs"),
        ..10_000.0 => format!("{:.2} ms", us / 1e3),
        ..100_000.0 => format!("{:.1} ms", us / 1e3),
        _ => format!("{:.0} ms", us / 1e3),
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
pub fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

#[expect(clippy::cast_precision_loss, reason = "shown with two decimals")]
fn megabytes(bytes: u64) -> String {
    format!("{:.2} MB", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_three_digits() {
        let cases = [
            (412.4, "412 µs"),
            (1_234.0, "1.23 ms"),
            (12_345.0, "12.3 ms"),
            (266_123.0, "266 ms"),
        ];
        for (us, shown) in cases {
            assert_eq!(time(us), shown);
        }
    }
}
