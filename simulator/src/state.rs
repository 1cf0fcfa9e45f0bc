//! Everything that the API and the control surface share, and the two things that take time: sending a notification
//! and playing a print.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use crate::http::courier::Courier;
use crate::print::{self, Print, Speed};
use crate::service::clock::{Clock, TimeOutOfRange};
use crate::service::delivery_log::DeliveryLog;
use crate::service::faults::Faults;
use crate::service::fleet::{Fleet, SharedPrinter};
use crate::service::printer::Admission;
use crate::service::traffic::TrafficMeter;
use crate::service::webhook_url::Schemes;
use crate::wire::delivery::{Delivery, DeliveryEnd};
use crate::wire::event_type::EventType;
use crate::wire::ids::AppToken;
use crate::wire::quotes::Quotes;

/// Whose tokens are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tokens {
    OnlyIssued,
    Any,
}

/// The state of a running simulator. Its locks are held for moments only, never across an await.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) clock: Clock,
    pub(crate) schemes: Schemes,
    tokens: Tokens,
    courier: Courier,
    started: Instant,
    fleet: Mutex<Fleet>,
    faults: Mutex<Faults>,
    deliveries: Mutex<DeliveryLog>,
    traffic: Mutex<TrafficMeter>,
    quotes: Mutex<Quotes>,
}

/// A notification to send.
#[derive(Clone, Debug)]
pub(crate) struct Notification {
    pub(crate) event: Option<EventType>,
    pub(crate) content_type: String,
    pub(crate) body: Bytes,
    pub(crate) admission: Admission,
}

impl Notification {
    /// A payload in JSON, for the filter to look at.
    pub(crate) fn json(event: Option<EventType>, body: impl Into<Bytes>) -> Self {
        let content_type = "application/json".to_owned();
        Self {
            event,
            content_type,
            body: body.into(),
            admission: Admission::Filtered,
        }
    }

    /// This event, by itself, of this printer.
    pub(crate) fn of_event(printer: &SharedPrinter, event: EventType) -> Self {
        let face = printer.lock().face();
        Self::json(Some(event), print::single(&face, event))
    }

    pub(crate) fn past_the_filter(self) -> Self {
        Self {
            admission: Admission::PastTheFilter,
            ..self
        }
    }
}

impl State {
    pub(crate) fn new(schemes: Schemes, tokens: Tokens, courier: Courier) -> Self {
        Self {
            clock: Clock::default(),
            schemes,
            tokens,
            courier,
            started: Instant::now(),
            fleet: Mutex::default(),
            faults: Mutex::default(),
            deliveries: Mutex::default(),
            traffic: Mutex::default(),
            quotes: Mutex::default(),
        }
    }

    pub(crate) fn fleet(&self) -> MutexGuard<'_, Fleet> {
        locked(&self.fleet)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        locked(&self.faults)
    }

    pub(crate) fn deliveries(&self) -> MutexGuard<'_, DeliveryLog> {
        locked(&self.deliveries)
    }

    pub(crate) fn traffic(&self) -> MutexGuard<'_, TrafficMeter> {
        locked(&self.traffic)
    }

    pub(crate) fn quotes(&self) -> MutexGuard<'_, Quotes> {
        locked(&self.quotes)
    }

    /// Seconds since the start, by a clock that nobody moves.
    pub(crate) fn real_second(&self) -> u64 {
        self.started.elapsed().as_secs()
    }

    /// The printer behind a token, if the token is good.
    pub(crate) fn printer_of(&self, token: &AppToken) -> Option<SharedPrinter> {
        match self.tokens {
            Tokens::OnlyIssued => self.fleet().by_token(token),
            Tokens::Any => Some(self.fleet().welcome(token)),
        }
    }

    /// Moves the clock.
    pub(crate) fn advance_clock(&self, by: SignedDuration) -> Result<Timestamp, TimeOutOfRange> {
        self.note_lapses();
        self.clock.advance(by)
    }

    /// Sets the clock.
    pub(crate) fn set_clock(&self, now: Timestamp) -> Result<(), TimeOutOfRange> {
        self.note_lapses();
        self.clock.set(now)
    }

    fn note_lapses(&self) {
        let now = self.clock.now();
        let printers = self.fleet().all();
        printers.iter().for_each(|printer| printer.lock().clock_moves(now));
    }

    /// As it was at the start. Calls and deliveries under way go on, and leave no trace but in the traffic.
    pub(crate) fn reset(&self) {
        *self.fleet() = Fleet::default();
        *self.faults() = Faults::default();
        *self.deliveries() = DeliveryLog::default();
        self.traffic().reset();
        *self.quotes() = Quotes::default();
        self.clock.reset();
    }

    /// Sends a notification and waits for what comes of it. Goes on to its end though the caller may be gone by then,
    /// as the service would.
    #[expect(clippy::expect_used, reason = "a delivery doesn't panic, and nobody cancels it")]
    pub(crate) async fn notify(self: &Arc<Self>, printer: &SharedPrinter, notification: Notification) -> Delivery {
        let (state, printer) = (Arc::clone(self), printer.clone());
        let delivery = tokio::spawn(async move { state.deliver(&printer, notification).await });
        delivery.await.expect("a delivery ends")
    }

    async fn deliver(&self, printer: &SharedPrinter, notification: Notification) -> Delivery {
        let Notification {
            event,
            content_type,
            body,
            admission,
        } = notification;
        let at = self.clock.now();
        let text = String::from_utf8_lossy(&body).into_owned();
        let ticket = printer.lock().admit(event, admission, at);
        let end = match ticket {
            Err(reason) => DeliveryEnd::NotSent { reason },
            Ok(ticket) => {
                let end = self.courier.deliver(&ticket.url, &content_type, body).await;
                printer.lock().delivered(&ticket, &end, self.clock.now());
                end
            }
        };
        let printer_id = printer.id.clone();
        self.deliveries().record(Delivery {
            id: 0,
            printer_id,
            event_type: event,
            at,
            body: text,
            end,
        })
    }

    /// Plays a print, one notification after the other, each when it is due or the one before it is through, and each
    /// as often as it is uploaded.
    pub(crate) async fn play(
        self: &Arc<Self>,
        printer: &SharedPrinter,
        print: &Print,
        speed: Speed,
        uploads: u32,
    ) -> Vec<Delivery> {
        let start = tokio::time::Instant::now();
        let scenes = print.scenes(&printer.lock().face());
        let mut deliveries = Vec::with_capacity(scenes.len());
        for scene in &scenes {
            pause(speed.due(scene).saturating_sub(start.elapsed())).await;
            for upload in 1..=uploads {
                let body = print.body(&printer.lock().face(), scene, upload);
                deliveries.push(self.notify(printer, Notification::json(Some(scene.event), body)).await);
            }
        }
        deliveries
    }
}

/// Waits, if there is anything to wait for: even a sleep of zero would last until the timer's next millisecond.
pub(crate) async fn pause(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}

/// A lock that a panic elsewhere doesn't take away: nothing under these locks is ever left half done.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
