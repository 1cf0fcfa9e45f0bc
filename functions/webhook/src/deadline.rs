//! How much time there is for a callback.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// From its arrival, a callback is answered within this: OctoEverywhere gives up after 10 s, which include the network.
const LIMIT: SignedDuration = SignedDuration::from_secs(8);
/// What is kept of the invocation's time to answer in.
const MARGIN: SignedDuration = SignedDuration::from_millis(300);
/// However late it is: the sender may be gone, but the notification can still be saved.
const LEAST: SignedDuration = SignedDuration::from_secs(1);
/// A request that claims to be older wasn't just received: it is a sample event, or a clock is wrong.
const OLDEST: SignedDuration = SignedDuration::from_secs(30);

/// The time that is left for a callback that reached the API at `arrived` (which a cold start may have made some seconds
/// ago) in an invocation that ends at `ends`.
pub(crate) fn time_left(now: Timestamp, arrived: Option<Timestamp>, ends: Timestamp) -> Duration {
    let age = arrived
        .map(|arrived| now.duration_since(arrived))
        .filter(|age| (SignedDuration::ZERO..OLDEST).contains(age))
        .unwrap_or_default();
    let remaining = (LIMIT - age).max(LEAST).min(now.duration_until(ends) - MARGIN);
    Duration::try_from(remaining).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_passed_since_the_arrival_counts() {
        let now: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
        let ago = |milliseconds| now - SignedDuration::from_millis(milliseconds);
        let table = [
            // arrived before, invocation ends in, left (ms)
            (Some(0), 10_000, 8_000),
            (Some(1_500), 10_000, 6_500),
            (Some(7_500), 10_000, 1_000),
            (Some(29_000), 10_000, 1_000),
            (Some(31_000), 10_000, 8_000),
            (Some(-5_000), 10_000, 8_000),
            (None, 10_000, 8_000),
            (None, 3_000, 2_700),
            (Some(9_000), 500, 200),
            (None, 100, 0),
            (None, -100, 0),
        ];
        for (arrived, ends, remaining) in table {
            let arrived = arrived.map(ago);
            let expected = Duration::from_millis(remaining);
            assert_eq!(time_left(now, arrived, ago(-ends)), expected, "{arrived:?} {ends}");
        }
    }
}
