//! The record of deliveries.

use std::collections::VecDeque;

use crate::wire::delivery::Delivery;

/// How many deliveries are kept to look at.
pub const DELIVERIES_KEPT: usize = 10_000;

/// The newest deliveries.
#[derive(Debug, Default)]
pub(crate) struct DeliveryLog {
    newest: VecDeque<Delivery>,
    last_id: u64,
}

impl DeliveryLog {
    /// Numbers the delivery and keeps it.
    pub(crate) fn record(&mut self, mut delivery: Delivery) -> Delivery {
        self.last_id += 1;
        delivery.id = self.last_id;
        if self.newest.len() == DELIVERIES_KEPT {
            self.newest.pop_front();
        }
        self.newest.push_back(delivery.clone());
        delivery
    }

    /// Those numbered above `after`, oldest first.
    pub(crate) fn after(&self, after: u64) -> Vec<Delivery> {
        let first_kept = self.last_id - self.newest.len() as u64;
        let skip = after.saturating_sub(first_kept).try_into().unwrap_or(usize::MAX);
        self.newest.iter().skip(skip).cloned().collect()
    }

    pub(crate) fn last_id(&self) -> u64 {
        self.last_id
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::wire::delivery::{DeliveryEnd, NotSentReason};
    use crate::wire::ids::PrinterId;

    #[test]
    fn the_newest_deliveries_are_kept_and_found_by_number() {
        let end = DeliveryEnd::NotSent {
            reason: NotSentReason::NoWebhook,
        };
        let printer_id = PrinterId::new("p1");
        let at = Timestamp::UNIX_EPOCH;
        let delivery = Delivery {
            id: 0,
            printer_id,
            event_type: None,
            at,
            body: String::new(),
            end,
        };
        let mut log = DeliveryLog::default();
        assert_eq!((log.after(0), log.after(9), log.last_id()), (vec![], vec![], 0));
        for _ in 0..DELIVERIES_KEPT + 20 {
            log.record(delivery.clone());
        }
        let last = DELIVERIES_KEPT as u64 + 20;
        assert_eq!(log.last_id(), last);
        for (after, first, count) in [
            (0, Some(21), DELIVERIES_KEPT),
            (20, Some(21), DELIVERIES_KEPT),
            (21, Some(22), DELIVERIES_KEPT - 1),
            (last - 1, Some(last), 1),
            (last, None, 0),
            (u64::MAX, None, 0),
        ] {
            let page = log.after(after);
            assert_eq!(
                (page.first().map(|delivery| delivery.id), page.len()),
                (first, count),
                "after {after}"
            );
        }
    }
}
