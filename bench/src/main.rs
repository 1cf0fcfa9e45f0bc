//! Measures the functions' binaries, interleaved with what they are compared to. `cargo xtask bench` builds all of it
//! first, and runs this.
//!
//! - [`variants`]: what is measured, and what it talks to; [`trust`]: whose certificates it takes; [`measure`]: starts and calls;
//! - [`figures`]: medians, ratios, bars; [`report`], [`chart`]: what a run leaves behind.

#![allow(clippy::disallowed_methods, reason = "it measures")]

mod chart;
mod figures;
mod measure;
mod report;
mod trust;
mod variants;

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum as _};
use indicatif::{ProgressBar, ProgressStyle};
use printbell_harness::workspace;

use crate::figures::{Figures, bars};
use crate::measure::{Plan, Samples, round};
use crate::report::{Machine, Report, write_into};
use crate::variants::{Protocol, Variant, World};

/// Measures the functions' binaries against a hello world, a bare publish, SDK defaults, Python and Node.js.
#[derive(Parser)]
struct Arguments {
    /// Starts of each program.
    #[arg(long, default_value_t = 25)]
    starts: usize,
    /// Warm calls of each program, over all its starts; rounded up to turns of 200 calls.
    #[arg(long, default_value_t = 5_000)]
    calls: usize,
    /// Measures these alone.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Variant>,
    /// Writes the tables into docs/performance.md, and docs/performance.{json,svg}.
    #[arg(long, conflicts_with = "only")]
    save: bool,
    /// Where to write the figures as JSON, besides.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// One thread: the stubs take turns with the measuring, and the program under test has the other processor.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    ensure!(arguments.starts > 0, "at least one start is needed");
    let plan = Plan {
        starts: arguments.starts,
        calls_per_start: arguments.calls.div_ceil(arguments.starts),
    };
    let selection = if arguments.only.is_empty() {
        Variant::value_variants().to_vec()
    } else {
        arguments.only
    };
    let (mut variants, mut absent) = (Vec::new(), Vec::new());
    for variant in selection {
        let list = if variant.program()?.exists() {
            &mut variants
        } else {
            &mut absent
        };
        list.push(variant);
    }
    let mut passes = Vec::new();
    for protocol in [Protocol::Http, Protocol::Https] {
        passes.push((
            World::start(&variants, protocol).await?,
            HashMap::<Variant, Samples>::new(),
        ));
    }
    let progress = ProgressBar::new(plan.starts as u64).with_style(ProgressStyle::with_template(
        "Measuring {wide_bar} round {pos} of {len}, {eta} left",
    )?);
    // The first round brings programs and their libraries into the page cache, and isn't counted.
    for number in 0..=plan.starts {
        for (world, samples) in &mut passes {
            round(world, &variants, number, plan, samples).await?;
            if number == 0 {
                samples.clear();
            }
        }
        if number > 0 {
            progress.inc(1);
        }
    }
    progress.finish_and_clear();

    let mut passes = passes.into_iter().map(|(_, samples)| {
        let figures = variants.iter().map(|variant| Figures::of(*variant, &samples[variant]));
        figures.collect::<Result<Vec<_>>>()
    });
    let mut pass = || passes.next().context("one pass of each protocol")?;
    let figures = pass()?
        .into_iter()
        .map(Figures::with_size)
        .collect::<Result<Vec<_>>>()?;
    let over_tls = pass()?;
    let report = Report {
        date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
        command: std::iter::once("cargo xtask bench".to_owned())
            .chain(std::env::args().skip(1))
            .collect::<Vec<_>>()
            .join(" "),
        machine: Machine::here(),
        plan,
        bars: bars(&figures, &over_tls),
        figures,
        over_tls,
        left_out: absent
            .iter()
            .map(|variant| format!("{} (not installed)", variant.title()))
            .collect(),
    };
    println!("{}", report.markdown());
    let json = serde_json::to_string_pretty(&report)?;
    if let Some(path) = arguments.json {
        std::fs::write(path, &json)?;
    }
    if arguments.save {
        let root = workspace::root();
        std::fs::write(root.join("docs/performance.json"), json + "\n")?;
        std::fs::write(root.join("docs/performance.svg"), chart::svg(&report))?;
        write_into(&root.join("docs/performance.md"), &report.markdown())?;
    }
    let missed = report.bars.iter().filter(|bar| !bar.met).count();
    ensure!(missed == 0, "{missed} of {} bars missed", report.bars.len());
    Ok(())
}
