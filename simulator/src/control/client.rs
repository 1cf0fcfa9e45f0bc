//! The typed client of the control surface, for tests and for `cargo xtask local`.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, RequestBuilder, Response};
use serde::de::DeserializeOwned;

use crate::http::tls;
use crate::wire::Items;
use crate::wire::clock::{ClockAdvance, ClockReading};
use crate::wire::connection::{AppConnection, NewPrinter};
use crate::wire::delivery::{Delivery, DeliveryPage};
use crate::wire::event_type::EventType;
use crate::wire::fault::{ActiveFault, Fault};
use crate::wire::history::CallRecord;
use crate::wire::ids::PrinterId;
use crate::wire::notification::{Notify, PlayPrint};
use crate::wire::portal::{PortalReturn, PortalVisit};
use crate::wire::quotes::Quotes;
use crate::wire::registration::Registration;
use crate::wire::traffic::Traffic;

/// Drives a running simulator. Cheap to clone; every method is one HTTP request, without a timeout of its own.
#[derive(Clone, Debug)]
pub struct Control {
    base: String,
    http: reqwest::Client,
}

/// Why a control request came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The simulator can't be reached, or broke off.
    #[error("the simulator at {base} doesn't answer: {source}")]
    Unreachable {
        /// Where it was looked for.
        base: String,
        /// What went wrong on the way.
        source: reqwest::Error,
    },
    /// The simulator refused; the text says which rule.
    #[error("the simulator refused with {status}: {text}")]
    Refused {
        /// The HTTP status of the answer.
        status: u16,
        /// What it said.
        text: String,
    },
}

type Result<T> = std::result::Result<T, ControlError>;

impl Control {
    /// A client of the simulator at this URL, which is the one that it prints, and [`crate::Simulator::url`].
    pub fn new(url: &str) -> Self {
        Self {
            base: url.trim_end_matches('/').to_owned(),
            http: tls::http_client(),
        }
    }

    /// Forgets every printer, webhook, fault and record, and sets the clock back to the real time.
    pub async fn reset(&self) -> Result<()> {
        self.no_content(self.request(Method::POST, "reset")).await
    }

    /// Issues an App Connection: a printer and its token. A token that is known already keeps its printer and its
    /// webhook, and what the request names is changed.
    pub async fn issue_printer(&self, printer: &NewPrinter) -> Result<AppConnection> {
        self.json(self.request(Method::POST, "printers").json(printer)).await
    }

    /// Issues one more token of a printer's App Connection. There is one webhook for all of them: each Set replaces it,
    /// whichever token it comes with, and each Delete removes it.
    pub async fn issue_token(&self, printer: &PrinterId) -> Result<AppConnection> {
        self.json(self.request(Method::POST, &format!("printers/{printer}/tokens")))
            .await
    }

    /// Goes through the App Connection Portal; answers with where it sends the user in the end.
    ///
    /// # Errors
    /// Refused when nothing can be appended to the return URL.
    pub async fn visit_portal(&self, visit: &PortalVisit) -> Result<PortalReturn> {
        self.json(self.request(Method::POST, "portal").json(visit)).await
    }

    /// From now on every answer of the App APIs says this much of its call; a default takes it back.
    pub async fn set_quotes(&self, quotes: Quotes) -> Result<()> {
        let _: Quotes = self.json(self.request(Method::PUT, "quotes").json(&quotes)).await?;
        Ok(())
    }

    /// Every printer that a webhook was ever set for, in the order of the printers' ids.
    pub async fn registrations(&self) -> Result<Vec<Registration>> {
        let items: Items<Registration> = self.json(self.request(Method::GET, "registrations")).await?;
        Ok(items.items)
    }

    /// One printer's webhook and history; there need not be a webhook.
    pub async fn registration(&self, printer: &PrinterId) -> Result<Registration> {
        self.json(self.request(Method::GET, &format!("printers/{printer}")))
            .await
    }

    /// The newest calls of the API with this printer's token, oldest first: at most [`crate::CALLS_KEPT`].
    pub async fn calls(&self, printer: &PrinterId) -> Result<Vec<CallRecord>> {
        let items: Items<CallRecord> = self
            .json(self.request(Method::GET, &format!("printers/{printer}/calls")))
            .await?;
        Ok(items.items)
    }

    /// How many calls of the API there were, how many at once, and how many in the busiest second.
    pub async fn traffic(&self) -> Result<Traffic> {
        self.json(self.request(Method::GET, "traffic")).await
    }

    /// Adds a fault; answers with it and its id.
    pub async fn add_fault(&self, fault: &Fault) -> Result<ActiveFault> {
        self.json(self.request(Method::POST, "faults").json(fault)).await
    }

    /// The faults that may still strike, and how often each has struck.
    pub async fn faults(&self) -> Result<Vec<ActiveFault>> {
        let items: Items<ActiveFault> = self.json(self.request(Method::GET, "faults")).await?;
        Ok(items.items)
    }

    /// Takes back one fault; fine if it is used up already.
    pub async fn clear_fault(&self, id: u64) -> Result<()> {
        self.no_content(self.request(Method::DELETE, &format!("faults/{id}")))
            .await
    }

    /// Takes back every fault. Calls that hang already go on hanging.
    pub async fn clear_faults(&self) -> Result<()> {
        self.no_content(self.request(Method::DELETE, "faults")).await
    }

    /// What the simulator takes for now.
    pub async fn now(&self) -> Result<Timestamp> {
        let reading: ClockReading = self.json(self.request(Method::GET, "clock")).await?;
        Ok(reading.now)
    }

    /// Sets the clock, from where it ticks on.
    pub async fn set_clock(&self, now: Timestamp) -> Result<()> {
        let _: ClockReading = self
            .json(self.request(Method::PUT, "clock").json(&ClockReading { now }))
            .await?;
        Ok(())
    }

    /// Moves the clock on (or back, by a negative duration) by whole seconds; answers with the new time.
    pub async fn advance_clock(&self, by: SignedDuration) -> Result<Timestamp> {
        let by = ClockAdvance { seconds: by.as_secs() };
        let reading: ClockReading = self.json(self.request(Method::POST, "clock/advance").json(&by)).await?;
        Ok(reading.now)
    }

    /// Sends one notification of this type with a plausible payload, if the webhook is active and its filter lets it
    /// through, and waits for what comes of it.
    pub async fn fire(&self, printer: &PrinterId, event: EventType) -> Result<Delivery> {
        self.json(self.request(Method::POST, "fire").json(&Notify::event(printer, event)))
            .await
    }

    /// Sends this JSON text as it stands, digit for digit. The filter looks at its `EventType`, if it has one.
    ///
    /// # Errors
    /// Refused when it isn't JSON; see [`Control::fire_raw`].
    pub async fn fire_payload(&self, printer: &PrinterId, payload: &str) -> Result<Delivery> {
        let payload =
            serde_json::value::RawValue::from_string(payload.to_owned()).map_err(|error| ControlError::Refused {
                status: 400,
                text: format!("the payload isn't JSON: {error}"),
            })?;
        self.json(
            self.request(Method::POST, "fire")
                .json(&Notify::payload(printer, payload)),
        )
        .await
    }

    /// Sends these bytes as they stand, under this content type and past the filter.
    pub async fn fire_raw(&self, printer: &PrinterId, content_type: &str, body: impl Into<Bytes>) -> Result<Delivery> {
        let request = self.request(Method::POST, &format!("printers/{printer}/fire-raw"));
        let body: Bytes = body.into();
        self.json(request.header("content-type", content_type).body(body)).await
    }

    /// Plays a whole print and waits for its end; answers with what came of each notification, in order. See
    /// [`mod@crate::print`] for what a print tells. Meanwhile [`Control::deliveries`] shows how far it is.
    pub async fn play_print(&self, printer: &PrinterId, play: &PlayPrint) -> Result<Vec<Delivery>> {
        let items: Items<Delivery> = self
            .json(
                self.request(Method::POST, &format!("printers/{printer}/play"))
                    .json(play),
            )
            .await?;
        Ok(items.items)
    }

    /// The deliveries since the one numbered `after` (0 for all that are kept), oldest first; those that a filter or
    /// an inactive webhook held back included. The newest [`crate::DELIVERIES_KEPT`] are kept.
    pub async fn deliveries(&self, after: u64) -> Result<DeliveryPage> {
        self.json(self.request(Method::GET, &format!("deliveries?after={after}")))
            .await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/control/{path}", self.base))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response> {
        let response = request.send().await.map_err(|source| self.unreachable(source))?;
        let status = response.status().as_u16();
        if (200..300).contains(&status) {
            return Ok(response);
        }
        Err(ControlError::Refused {
            status,
            text: response.text().await.unwrap_or_default(),
        })
    }

    async fn no_content(&self, request: RequestBuilder) -> Result<()> {
        self.send(request).await.map(drop)
    }

    async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T> {
        self.send(request)
            .await?
            .json()
            .await
            .map_err(|source| self.unreachable(source))
    }

    fn unreachable(&self, source: reqwest::Error) -> ControlError {
        ControlError::Unreachable {
            base: self.base.clone(),
            source,
        }
    }
}
