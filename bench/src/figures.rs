//! From samples to figures, ratios and bars.

use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueEnum as _;
use printbell_harness::size::{MAX_ZIPPED, zipped};
use serde::Serialize;

use crate::measure::{Samples, quantile};
use crate::variants::Variant;

/// What is told of one variant: medians, unless the name says otherwise.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    pub variant: Variant,
    pub starts: usize,
    pub warm_calls: usize,
    pub ready_us: f64,
    pub first_call_us: f64,
    /// The median of the sums, start by start.
    pub cold_us: f64,
    /// Those sums, sorted: how they spread tells how quiet the machine was.
    pub cold_all_us: Vec<u64>,
    pub warm_p50_us: f64,
    pub warm_p99_us: f64,
    pub cpu_per_call_us: f64,
    pub peak_memory_bytes: u64,
    /// Until the first call was answered; 0 without TLS.
    pub handshakes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
}

/// A binary's size, and that of the archive that is uploaded.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Size {
    pub binary_bytes: u64,
    pub zipped_bytes: u64,
}

impl Figures {
    pub fn of(variant: Variant, samples: &Samples) -> Result<Self> {
        let mut cold: Vec<Duration> = samples
            .ready
            .iter()
            .zip(&samples.first)
            .map(|(ready, first)| *ready + *first)
            .collect();
        cold.sort_unstable();
        let us = |samples: &[Duration], share| {
            let value = quantile(samples, share).context("nothing was measured")?;
            Ok::<_, anyhow::Error>(value.as_secs_f64() * 1e6)
        };
        Ok(Self {
            variant,
            starts: samples.ready.len(),
            warm_calls: samples.warm.len(),
            ready_us: us(&samples.ready, 0.5)?,
            first_call_us: us(&samples.first, 0.5)?,
            cold_us: us(&cold, 0.5)?,
            cold_all_us: cold
                .iter()
                .map(|cold| u64::try_from(cold.as_micros()).unwrap_or(u64::MAX))
                .collect(),
            warm_p50_us: us(&samples.warm, 0.5)?,
            warm_p99_us: us(&samples.warm, 0.99)?,
            cpu_per_call_us: us(&samples.cpu, 0.5)?,
            peak_memory_bytes: quantile(&samples.memory, 0.5).context("nothing was measured")?,
            handshakes: quantile(&samples.handshakes, 0.5).context("nothing was measured")?,
            size: None,
        })
    }

    /// The same, with the program's size.
    pub fn with_size(self) -> Result<Self> {
        let size = self.variant.is_native().then(|| Size::of(self.variant)).transpose()?;
        Ok(Self { size, ..self })
    }
}

impl Size {
    fn of(variant: Variant) -> Result<Self> {
        let program = variant.program()?;
        Ok(Self {
            binary_bytes: program.metadata()?.len(),
            zipped_bytes: zipped(&program)?,
        })
    }
}

/// A figure that must not exceed its bar.
#[derive(Clone, Debug, Serialize)]
pub struct Bar {
    pub figure: String,
    pub unit: &'static str,
    pub value: f64,
    pub at_most: f64,
    pub met: bool,
}

impl Bar {
    fn new(figure: impl Into<String>, unit: &'static str, value: f64, at_most: f64) -> Self {
        Self {
            figure: figure.into(),
            unit,
            value,
            at_most,
            met: value <= at_most,
        }
    }
}

/// The bars, as far as their variants were measured: by HTTP, and over TLS.
pub fn bars(plain: &[Figures], over_tls: &[Figures]) -> Vec<Bar> {
    use Variant::{BarePublish, Hello, Python, SdkDefaults, Webhook};
    let of = |all: &[Figures], variant| all.iter().find(|figures| figures.variant == variant).cloned();
    let ratio_among = |all: &[Figures], figure: &str, one, other, read: fn(&Figures) -> f64, at_most| {
        let value = read(&of(all, one)?) / read(&of(all, other)?);
        Some(Bar::new(figure, " ×", value, at_most))
    };
    let ratio = |figure: &str, one, other, read, at_most| ratio_among(plain, figure, one, other, read, at_most);
    let zipped = |(variant, function)| {
        #[expect(clippy::cast_precision_loss, reason = "megabytes")]
        let (value, at_most) = (
            of(plain, variant)?.size?.zipped_bytes as f64 / 1e6,
            MAX_ZIPPED as f64 / 1e6,
        );
        Some(Bar::new(format!("{function}: zipped"), " MB", value, at_most))
    };
    #[expect(clippy::cast_precision_loss, reason = "megabytes")]
    let memory: fn(&Figures) -> f64 = |figures| figures.peak_memory_bytes as f64;
    let cold: fn(&Figures) -> f64 = |figures| figures.cold_us;
    let ready: fn(&Figures) -> f64 = |figures| figures.ready_us;
    let functions = || {
        let variants = Variant::value_variants().iter();
        variants.filter_map(|variant| Some((*variant, variant.function()?)))
    };
    let others_ready = functions()
        .filter(|(variant, _)| *variant != Webhook)
        .map(|(variant, function)| {
            ratio(
                &format!("{function}: ready, to hello world"),
                variant,
                Hello,
                ready,
                2.5,
            )
        });
    [
        ratio("webhook: ready + first call, to hello world", Webhook, Hello, cold, 2.0),
        ratio(
            "webhook: ready + first call, to SDK defaults",
            Webhook,
            SdkDefaults,
            cold,
            0.45,
        ),
        ratio("webhook: ready + first call, to Python", Webhook, Python, cold, 0.02),
        ratio(
            "webhook: warm p50, to a bare SDK publish",
            Webhook,
            BarePublish,
            |figures| figures.warm_p50_us,
            1.10,
        ),
        // Its own median is no measure for it: the better that one is, the worse would the ratio be.
        ratio(
            "webhook: warm p99, to a bare SDK publish",
            Webhook,
            BarePublish,
            |figures| figures.warm_p99_us,
            1.25,
        ),
        ratio("webhook: peak memory, to hello world", Webhook, Hello, memory, 2.4),
        ratio_among(
            over_tls,
            "webhook over TLS: ready + first call, to SDK defaults",
            Webhook,
            SdkDefaults,
            cold,
            0.45,
        ),
    ]
    .into_iter()
    .chain(functions().map(zipped))
    .chain(others_ready)
    .flatten()
    .collect()
}
