//! One App Connection: its printer, the webhook set for it, and what became of both.

use jiff::Timestamp;

use super::chronicle::Chronicle;
use super::webhook::{Parameters, Webhook};
use super::webhook_url::WebhookUrl;
use crate::print::Face;
use crate::wire::connection::NewPrinter;
use crate::wire::delivery::{DeliveryEnd, NotSentReason};
use crate::wire::event_type::EventType;
use crate::wire::history::CallRecord;
use crate::wire::ids::{ConnectionId, PrinterId};
use crate::wire::registration::{Registration, WebhookState};
use crate::wire::route::Route;

/// A printer and its webhook.
#[derive(Debug)]
pub(crate) struct Printer {
    face: Face,
    connection: ConnectionId,
    webhook: Option<Webhook>,
    chronicle: Chronicle,
}

/// The right to send one notification, to the URL as it was set when the notification came up.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) url: WebhookUrl,
    /// Which Set the URL is from.
    set: u64,
}

/// Whether a notification has to get past the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    Filtered,
    PastTheFilter,
}

impl Printer {
    pub(crate) fn new(id: PrinterId, connection: ConnectionId) -> Self {
        Self {
            face: Face::named(id, "My Printer"),
            connection,
            webhook: None,
            chronicle: Chronicle::default(),
        }
    }

    /// Takes over what is given.
    pub(crate) fn change(&mut self, changes: &NewPrinter) {
        if let Some(name) = &changes.name {
            self.face.name.clone_from(name);
        }
        if changes.secret_key.is_some() {
            self.face.secret_key.clone_from(&changes.secret_key);
        }
        self.face.platform = changes.platform.unwrap_or(self.face.platform);
        self.face.numbers = changes.numbers.unwrap_or(self.face.numbers);
    }

    pub(crate) fn face(&self) -> Face {
        self.face.clone()
    }

    pub(crate) fn call_began(&mut self, route: Route) {
        self.chronicle.call_began(route);
    }

    pub(crate) fn call_ended(&mut self, record: CallRecord) {
        self.chronicle.call_ended(record);
    }

    /// Overwrites every parameter of earlier calls, at once; the webhook is active again for 180 days, whatever it was.
    pub(crate) fn set(&mut self, parameters: Parameters, now: Timestamp) {
        let old = self.webhook.replace(Webhook::new(parameters, now));
        self.chronicle.was_set(old.as_ref(), now);
    }

    /// Removes the webhook, if there is one.
    pub(crate) fn delete(&mut self, now: Timestamp) {
        if let Some(webhook) = self.webhook.take() {
            self.chronicle.was_deleted(&webhook, now);
        }
    }

    /// Decides whether a notification goes out.
    pub(crate) fn admit(
        &self,
        event: Option<EventType>,
        admission: Admission,
        now: Timestamp,
    ) -> Result<Ticket, NotSentReason> {
        let webhook = self.webhook.as_ref().ok_or(NotSentReason::NoWebhook)?;
        if let Some(reason) = webhook.closed(now) {
            return Err(reason);
        }
        if admission == Admission::Filtered && !webhook.wants(event) {
            return Err(NotSentReason::Filtered);
        }
        Ok(Ticket {
            url: webhook.parameters.url.clone(),
            set: self.chronicle.sets(),
        })
    }

    /// Takes note of how a delivery went; one that began before the latest Set counts neither for nor against it.
    pub(crate) fn delivered(&mut self, ticket: &Ticket, end: &DeliveryEnd, now: Timestamp) {
        let current = self.chronicle.sets() == ticket.set;
        if let Some(webhook) = self.webhook.as_mut().filter(|_| current) {
            webhook.delivered(end, now);
        }
    }

    /// To be told before the clock moves.
    pub(crate) fn clock_moves(&mut self, now: Timestamp) {
        self.chronicle.look_at(self.webhook.as_ref(), now);
    }

    /// Whether a webhook was ever set for it.
    pub(crate) fn was_registered(&self) -> bool {
        self.chronicle.sets() > 0
    }

    pub(crate) fn registration(&self, now: Timestamp) -> Registration {
        Registration {
            printer_id: self.face.id.clone(),
            connection_id: self.connection.clone(),
            printer_name: self.face.name.clone(),
            webhook: self.webhook.as_ref().map(|webhook| WebhookState {
                url: webhook.parameters.url.as_str().to_owned(),
                filter: webhook.parameters.filter.clone(),
                set_at: webhook.set_at,
                expires_at: webhook.expires_at,
                standing: webhook.standing(now),
                failures_in_a_row: webhook.failures_in_a_row,
            }),
            history: self.chronicle.figures(self.webhook.as_ref(), now),
        }
    }

    /// The URL that is set now.
    pub(crate) fn webhook_url(&self) -> Option<String> {
        self.webhook
            .as_ref()
            .map(|webhook| webhook.parameters.url.as_str().to_owned())
    }

    pub(crate) fn calls(&self) -> Vec<CallRecord> {
        self.chronicle.calls()
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::service::webhook::{FAILURES_BORNE, LIFETIME};
    use crate::service::webhook_url::Schemes;
    use crate::wire::history::Lapse;
    use crate::wire::registration::Standing;

    const T0: Timestamp = Timestamp::constant(1_800_000_000, 0);
    const SECOND: SignedDuration = SignedDuration::from_secs(1);
    const FAILED: DeliveryEnd = DeliveryEnd::TimedOut { ms: 10_000 };

    fn answered(status: u16) -> DeliveryEnd {
        DeliveryEnd::Answered {
            status,
            answer: String::new(),
            ms: 1,
        }
    }

    fn parameters(url: &str, filter: &[i32]) -> Parameters {
        let url = WebhookUrl::read(url, Schemes::HttpsOnly).unwrap();
        Parameters {
            url,
            filter: filter.iter().copied().map(EventType).collect(),
        }
    }

    fn registered() -> Printer {
        let mut printer = Printer::new(PrinterId::new("p1"), ConnectionId::new("c1"));
        printer.set(parameters("https://a.example/x", &[]), T0);
        printer
    }

    /// Sends one event and has it end this way.
    fn deliver(printer: &mut Printer, end: &DeliveryEnd, now: Timestamp) -> Result<(), NotSentReason> {
        let ticket = printer.admit(Some(EventType(1)), Admission::Filtered, now)?;
        printer.delivered(&ticket, end, now);
        Ok(())
    }

    #[test]
    fn a_webhook_lives_180_days_to_the_second() {
        let printer = registered();
        let admit = |now| {
            printer
                .admit(Some(EventType(1)), Admission::Filtered, now)
                .map(|ticket| ticket.url)
        };
        assert!(admit(T0 + LIFETIME - SECOND).is_ok());
        assert_eq!(admit(T0 + LIFETIME), Err(NotSentReason::Expired));
        assert_eq!(printer.registration(T0).webhook.unwrap().expires_at, T0 + LIFETIME);
    }

    #[test]
    fn each_set_overwrites_everything_that_earlier_ones_said() {
        let mut printer = Printer::new(PrinterId::new("p1"), ConnectionId::new("c1"));
        printer.set(parameters("https://a.example/x", &[1, 2]), T0);
        for _ in 0..=FAILURES_BORNE {
            deliver(&mut printer, &FAILED, T0).unwrap();
        }
        let later = T0 + LIFETIME * 2;
        printer.set(parameters("https://b.example/y", &[]), later);
        let webhook = printer.registration(later).webhook.unwrap();
        assert_eq!(webhook.url, "https://b.example/y");
        assert!(webhook.filter.is_empty());
        assert_eq!((webhook.standing, webhook.failures_in_a_row), (Standing::Active, 0));
        assert_eq!(webhook.expires_at, later + LIFETIME);
    }

    #[test]
    fn a_filter_lets_through_what_it_names() {
        for (filter, event, sent) in [
            (&[][..], Some(1), true),
            (&[], None, true),
            (&[1, 7], Some(7), true),
            (&[1, 7], Some(8), false),
            (&[1, 7], None, false),
            (&[99], Some(99), true),
        ] {
            let mut printer = Printer::new(PrinterId::new("p1"), ConnectionId::new("c1"));
            printer.set(parameters("https://a.example/x", filter), T0);
            let event = event.map(EventType);
            assert_eq!(
                printer.admit(event, Admission::Filtered, T0).is_ok(),
                sent,
                "{filter:?} {event:?}"
            );
            assert!(printer.admit(event, Admission::PastTheFilter, T0).is_ok());
        }
    }

    #[test]
    fn more_than_five_failures_in_a_row_disable_it_until_it_is_set_again() {
        let mut printer = registered();
        for end in [answered(500), answered(204), answered(301), FAILED, answered(604)] {
            deliver(&mut printer, &end, T0).unwrap();
        }
        assert_eq!(
            printer.registration(T0).webhook.unwrap().standing,
            Standing::Active,
            "five are borne"
        );
        deliver(&mut printer, &answered(200), T0).unwrap();
        for _ in 0..FAILURES_BORNE {
            deliver(&mut printer, &FAILED, T0).unwrap();
        }
        deliver(&mut printer, &answered(201), T0 + SECOND).unwrap();
        assert_eq!(
            deliver(&mut printer, &answered(200), T0 + SECOND),
            Err(NotSentReason::Disabled)
        );
        printer.set(parameters("https://a.example/x", &[]), T0 + SECOND * 9);
        assert_eq!(deliver(&mut printer, &answered(200), T0 + SECOND * 9), Ok(()));
        let lapse = Lapse {
            cause: Standing::Disabled,
            from: T0 + SECOND,
            until: T0 + SECOND * 9,
        };
        assert_eq!(printer.registration(T0).history.lapses, [lapse]);
    }

    #[test]
    fn a_failure_from_before_a_set_does_not_count_after_it() {
        let mut printer = registered();
        let ticket = printer.admit(None, Admission::Filtered, T0).unwrap();
        printer.set(parameters("https://b.example/y", &[]), T0);
        printer.delivered(&ticket, &FAILED, T0);
        assert_eq!(printer.registration(T0).webhook.unwrap().failures_in_a_row, 0);
    }

    #[test]
    fn a_deleted_webhook_gets_nothing_and_is_no_lapse() {
        let mut printer = registered();
        printer.delete(T0 + SECOND);
        printer.delete(T0 + SECOND);
        assert_eq!(deliver(&mut printer, &FAILED, T0), Err(NotSentReason::NoWebhook));
        printer.set(parameters("https://a.example/x", &[]), T0 + LIFETIME * 3);
        let history = printer.registration(T0 + LIFETIME * 3).history;
        assert_eq!((history.sets, history.deletes, history.ever_inactive), (2, 1, false));
        assert_eq!(
            history.longest_gap_seconds, 0,
            "no renewal was owed between the Delete and the next Set"
        );
    }

    #[test]
    fn a_lapse_is_seen_however_the_clock_walks() {
        let later = T0 + LIFETIME + SECOND;

        let past_expiry = registered();
        assert!(past_expiry.registration(later).history.ever_inactive);

        let mut back_again = registered();
        back_again.clock_moves(later);
        assert!(back_again.registration(T0).history.ever_inactive);

        let mut late_renewal = registered();
        late_renewal.set(parameters("https://a.example/x", &[]), later);
        let history = late_renewal.registration(later).history;
        assert!(history.ever_inactive);
        assert_eq!(history.lapses[0].cause, Standing::Expired);
        assert_eq!(history.longest_gap_seconds, (LIFETIME + SECOND).as_secs());

        let mut timely_renewals = registered();
        for days in [100, 200, 300] {
            timely_renewals.clock_moves(T0 + SignedDuration::from_hours(days * 24));
            timely_renewals.set(
                parameters("https://a.example/x", &[]),
                T0 + SignedDuration::from_hours(days * 24),
            );
        }
        let history = timely_renewals.registration(T0 + LIFETIME * 2).history;
        assert!(!history.ever_inactive);
        assert_eq!(history.longest_gap_seconds, 100 * 24 * 3600);
    }

    #[test]
    fn two_callers_at_once_are_noticed() {
        let record = |route| CallRecord {
            route,
            at: T0,
            status: Some(200),
            applied: true,
        };
        for (overlapping, most) in [([Route::Set, Route::Delete], 2), ([Route::Set, Route::Info], 1)] {
            let mut printer = registered();
            overlapping.iter().for_each(|&route| printer.call_began(route));
            overlapping.iter().for_each(|&route| printer.call_ended(record(route)));
            printer.call_began(Route::Set);
            assert_eq!(printer.registration(T0).history.max_calls_in_flight, most);
        }
    }
}
