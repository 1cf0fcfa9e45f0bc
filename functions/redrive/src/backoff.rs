//! When a message that can't be published yet is tried again.

use std::time::Duration;

/// After the first failure. (The sender's 8 s have passed by then, and most troubles of SNS are over.)
const FIRST: Duration = Duration::from_secs(5);
/// The longest pause: how late a notification may come after a long outage of SNS has ended.
const LONGEST: Duration = Duration::from_secs(600);

/// The pause after the `receives`th receive of the message `id`. It doubles, and is a fifth shorter or longer from one
/// message to the next, so that a backlog doesn't come back all at once.
///
/// `template.yaml` has SQS move a message to the dead-letter queue after 250 receives: 33 hours at the least.
pub(crate) fn pause(receives: u32, id: &str) -> Duration {
    let doubled = FIRST * 2_u32.pow(receives.saturating_sub(1).min(8));
    // FNV-1a: cheap, and even enough.
    let hash = id.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    doubled.min(LONGEST) * (800 + hash % 401) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `maxReceiveCount` in `template.yaml`.
    const RECEIVES: u32 = 250;

    #[test]
    fn pauses_double_up_to_ten_minutes() {
        for (receives, seconds) in [
            (0, 5),
            (1, 5),
            (2, 10),
            (3, 20),
            (7, 320),
            (8, 600),
            (9, 600),
            (u32::MAX, 600),
        ] {
            let pause = pause(receives, "0a1b").as_secs_f64() / f64::from(seconds);
            assert!((0.8..=1.2).contains(&pause), "{receives}: {pause}");
        }
    }

    #[test]
    fn messages_don_t_come_back_together() {
        let pauses: std::collections::BTreeSet<_> = (0..100).map(|n| pause(9, &format!("id-{n}"))).collect();
        assert!(pauses.len() > 80, "{}", pauses.len());
        assert!(pauses.first() < Some(&Duration::from_secs(500)) && pauses.last() > Some(&Duration::from_secs(700)));
    }

    #[test]
    fn a_message_is_tried_for_more_than_a_day() {
        let whole = |id: &str| (1..RECEIVES).map(|receives| pause(receives, id)).sum::<Duration>();
        let least = (0..1000).map(|n| whole(&n.to_string())).min();
        assert!(least > Some(Duration::from_secs(24 * 3600)), "{least:?}");
    }
}
