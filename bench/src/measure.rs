//! Starts and calls, interleaved: whatever else the machine is doing falls on all variants alike.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Result, bail};
use printbell_harness::runtime_api::{Completion, Function};
use serde::Serialize;

use crate::variants::{Variant, World};

/// Calls of one variant in a row, before the next one's turn. The first one of a turn finds the processor's caches full of
/// somebody else's work; with shorter turns the 99th percentile would be about nothing else.
const BATCH: usize = 200;

/// What was measured of one variant, one entry for each start or call.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    /// Process made → first event asked for.
    pub ready: Vec<Duration>,
    /// The first call.
    pub first: Vec<Duration>,
    /// Every later call.
    pub warm: Vec<Duration>,
    /// Processor time of a warm call, one entry a start.
    pub cpu: Vec<Duration>,
    /// Peak memory in bytes, one entry a start.
    pub memory: Vec<u64>,
    /// TLS connections that were opened until the first call was answered, one entry a start.
    pub handshakes: Vec<usize>,
}

/// How much is measured.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Plan {
    /// Starts of each variant.
    pub starts: usize,
    /// Warm calls after each start.
    pub calls_per_start: usize,
}

/// One round: every variant is started and called once, then all take turns.
///
/// The order rotates from round to round, so that nobody always runs after the same neighbour.
pub async fn round(
    world: &World,
    variants: &[Variant],
    number: usize,
    plan: Plan,
    samples: &mut HashMap<Variant, Samples>,
) -> Result<()> {
    let mut order = variants.to_vec();
    order.rotate_left(number % variants.len());
    let mut running = Vec::new();
    for variant in order {
        let event = variant.event(world);
        let handshakes = world.aws.handshakes();
        let function = variant.launch(world)?.start().await?;
        let first = call(variant, &function, &event).await?;
        let entry = samples.entry(variant).or_default();
        entry.ready.push(function.started_in);
        entry.first.push(first);
        entry.handshakes.push(world.aws.handshakes() - handshakes);
        let cpu_before = function.cpu_time()?;
        running.push((variant, function, event, cpu_before));
    }
    for _ in 0..plan.calls_per_start.div_ceil(BATCH) {
        for (variant, function, event, _) in &running {
            let entry = samples.entry(*variant).or_default();
            for _ in 0..BATCH {
                entry.warm.push(call(*variant, function, event).await?);
            }
        }
    }
    let calls = u32::try_from(plan.calls_per_start.next_multiple_of(BATCH))?;
    for (variant, function, _, cpu_before) in running {
        let entry = samples.entry(variant).or_default();
        entry.cpu.push((function.cpu_time()? - cpu_before) / calls);
        entry.memory.push(function.peak_memory()?);
    }
    Ok(())
}

async fn call(variant: Variant, function: &Function, event: &bytes::Bytes) -> Result<Duration> {
    let call = function.call(event.clone()).await;
    match &call.completion {
        Completion::Answered(answer) if variant.is_right(answer) => Ok(call.took),
        completion => bail!("{variant:?} didn't do its job: {completion:?}\n{}", function.output()),
    }
}

/// The value that a share of the samples don't exceed (0.5 for the median).
pub fn quantile<T: Copy + Ord>(samples: &[T], share: f64) -> Option<T> {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the number of samples"
    )]
    #[expect(clippy::cast_precision_loss, reason = "there are thousands of samples")]
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_by_nearest_rank() {
        let samples: Vec<u32> = (1..=100).rev().collect();
        assert_eq!(quantile(&samples, 0.5), Some(50));
        assert_eq!(quantile(&samples, 0.99), Some(99));
        assert_eq!(quantile(&[7], 0.5), Some(7));
        assert_eq!(quantile::<u32>(&[], 0.5), None);
    }
}
