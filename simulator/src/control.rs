//! The control surface over HTTP, under `/control`. [`crate::Control`] is its client, [`crate::wire`] its language.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use jiff::SignedDuration;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::clock::OutOfRange;
use crate::fault::BadFault;
use crate::fleet::{CantIssue, SharedPrinter};
use crate::print::{Print, Speed};
use crate::simulation::{Notification, Simulation};
use crate::wire::{
    ActiveFault, ClockAdvance, ClockReading, DeliveryPage, Issued, Items, NewPrinter, Notify, PlayPrint, Registration,
    Traffic,
};
use crate::{CallRecord, Delivery, EventType, Fault, PrinterId};

type Shared = State<Arc<Simulation>>;
type Answer<T> = Result<axum::Json<T>, Refused>;

pub(crate) fn routes() -> Router<Arc<Simulation>> {
    Router::new()
        .route("/control/reset", post(reset))
        .route("/control/printers", post(issue_printer))
        .route("/control/printers/{id}", get(registration))
        .route("/control/printers/{id}/calls", get(calls))
        .route("/control/printers/{id}/play", post(play))
        .route("/control/printers/{id}/fire-raw", post(fire_raw))
        .route("/control/registrations", get(registrations))
        .route("/control/traffic", get(traffic))
        .route("/control/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/control/faults/{id}", delete(clear_fault))
        .route("/control/clock", get(clock).put(set_clock))
        .route("/control/clock/advance", post(advance_clock))
        .route("/control/fire", post(fire))
        .route("/control/deliveries", get(deliveries))
}

async fn reset(State(simulation): Shared) -> StatusCode {
    simulation.reset();
    StatusCode::NO_CONTENT
}

async fn issue_printer(State(simulation): Shared, body: Bytes) -> Answer<Issued> {
    let new: NewPrinter = read(&body)?;
    let (token, printer) = simulation.fleet().issue(&new)?;
    Ok(axum::Json(Issued {
        token,
        printer_id: printer.id,
    }))
}

async fn registration(State(simulation): Shared, Path(id): Path<PrinterId>) -> Answer<Registration> {
    let registration = printer(&simulation, &id)?.lock().registration(simulation.clock.now());
    Ok(axum::Json(registration))
}

async fn registrations(State(simulation): Shared) -> axum::Json<Items<Registration>> {
    let now = simulation.clock.now();
    let printers = simulation.fleet().all();
    let items = printers
        .iter()
        .map(SharedPrinter::lock)
        .filter(|printer| printer.was_registered())
        .map(|printer| printer.registration(now))
        .collect();
    axum::Json(Items { items })
}

async fn calls(State(simulation): Shared, Path(id): Path<PrinterId>) -> Answer<Items<CallRecord>> {
    let items = printer(&simulation, &id)?.lock().calls();
    Ok(axum::Json(Items { items }))
}

async fn traffic(State(simulation): Shared) -> axum::Json<Traffic> {
    axum::Json(simulation.traffic().figures())
}

async fn faults(State(simulation): Shared) -> axum::Json<Items<ActiveFault>> {
    axum::Json(Items {
        items: simulation.faults().active(),
    })
}

async fn add_fault(State(simulation): Shared, body: Bytes) -> Answer<ActiveFault> {
    let fault: Fault = read(&body)?;
    Ok(axum::Json(simulation.faults().add(fault)?))
}

async fn clear_fault(State(simulation): Shared, Path(id): Path<u64>) -> StatusCode {
    simulation.faults().remove(id);
    StatusCode::NO_CONTENT
}

async fn clear_faults(State(simulation): Shared) -> StatusCode {
    simulation.faults().clear();
    StatusCode::NO_CONTENT
}

async fn clock(State(simulation): Shared) -> axum::Json<ClockReading> {
    axum::Json(ClockReading {
        now: simulation.clock.now(),
    })
}

async fn set_clock(State(simulation): Shared, body: Bytes) -> Answer<ClockReading> {
    let ClockReading { now } = read(&body)?;
    simulation.set_clock(now)?;
    Ok(axum::Json(ClockReading { now }))
}

async fn advance_clock(State(simulation): Shared, body: Bytes) -> Answer<ClockReading> {
    let ClockAdvance { seconds } = read(&body)?;
    let now = simulation.advance_clock(SignedDuration::from_secs(seconds))?;
    Ok(axum::Json(ClockReading { now }))
}

async fn fire(State(simulation): Shared, body: Bytes) -> Answer<Delivery> {
    let notify: Notify = read(&body)?;
    let printer = printer(&simulation, &notify.printer_id)?;
    let notification = match (notify.event_type, notify.payload) {
        (Some(event), None) => Notification::of_event(&printer, event),
        (None, Some(payload)) => Notification::json(event_type_of(payload.get()), payload.get().to_owned()),
        _ => return Err(Refused::bad("name either an eventType or a payload")),
    };
    Ok(axum::Json(simulation.notify(&printer, notification).await))
}

async fn fire_raw(
    State(simulation): Shared,
    Path(id): Path<PrinterId>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer<Delivery> {
    let printer = printer(&simulation, &id)?;
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or("application/octet-stream").to_owned();
    let notification = Notification {
        content_type,
        ..Notification::json(None, body).past_the_filter()
    };
    Ok(axum::Json(simulation.notify(&printer, notification).await))
}

async fn play(State(simulation): Shared, Path(id): Path<PrinterId>, body: Bytes) -> Answer<Items<Delivery>> {
    let play: PlayPrint = if body.is_empty() {
        PlayPrint::default()
    } else {
        read(&body)?
    };
    let printer = printer(&simulation, &id)?;
    let speed = Speed::read(play.speed).ok_or_else(|| Refused::bad("speed must be 0 or a positive factor"))?;
    let items = simulation.play(&printer, &Print::of(play.file_name), speed).await;
    Ok(axum::Json(Items { items }))
}

#[derive(Deserialize)]
struct Since {
    #[serde(default)]
    after: u64,
}

async fn deliveries(State(simulation): Shared, Query(Since { after }): Query<Since>) -> axum::Json<DeliveryPage> {
    let log = simulation.deliveries();
    axum::Json(DeliveryPage {
        items: log.after(after),
        next: log.last_id(),
    })
}

fn printer(simulation: &Simulation, id: &PrinterId) -> Result<SharedPrinter, Refused> {
    let unknown = || Refused {
        status: StatusCode::NOT_FOUND,
        text: format!("no printer {id} was issued"),
    };
    simulation.fleet().by_id(id).ok_or_else(unknown)
}

/// The `EventType` that a filter can compare: an integer.
fn event_type_of(payload: &str) -> Option<EventType> {
    #[derive(Deserialize)]
    struct Typed {
        #[serde(rename = "EventType")]
        event_type: EventType,
    }
    serde_json::from_str(payload)
        .ok()
        .map(|Typed { event_type }| event_type)
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|error| Refused::bad(format!("the body can't be read: {error}")))
}

/// A request to the control surface that makes no sense.
struct Refused {
    status: StatusCode,
    text: String,
}

impl Refused {
    fn bad(text: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            text: text.into(),
        }
    }
}

impl From<OutOfRange> for Refused {
    fn from(error: OutOfRange) -> Self {
        Self::bad(error.to_string())
    }
}

impl From<BadFault> for Refused {
    fn from(error: BadFault) -> Self {
        Self::bad(error.to_string())
    }
}

impl From<CantIssue> for Refused {
    fn from(error: CantIssue) -> Self {
        Self::bad(error.to_string())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.status, axum::Json(json!({"error": self.text}))).into_response()
    }
}
