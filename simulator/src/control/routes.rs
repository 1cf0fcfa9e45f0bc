//! The control surface over HTTP, under `/control`. [`crate::Control`] is its client, [`crate::wire`] its language.

use std::sync::Arc;

use axum::Router;
use axum::extract::{self, Path, Query};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use jiff::SignedDuration;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::print::{InvalidPlan, Print, Speed};
use crate::service::clock::TimeOutOfRange;
use crate::service::fleet::{IssueError, SharedPrinter};
use crate::service::portal::{self, InvalidReturnUrl};
use crate::state::{Notification, State};
use crate::wire::Items;
use crate::wire::clock::{ClockAdvance, ClockReading};
use crate::wire::connection::{AppConnection, NewPrinter};
use crate::wire::delivery::{Delivery, DeliveryPage};
use crate::wire::event_type::EventType;
use crate::wire::fault::{ActiveFault, Fault, InvalidFault};
use crate::wire::history::CallRecord;
use crate::wire::ids::PrinterId;
use crate::wire::notification::{Notify, PlayPrint};
use crate::wire::portal::{PortalChoice, PortalReturn, PortalVisit};
use crate::wire::quotes::Quotes;
use crate::wire::registration::Registration;
use crate::wire::traffic::Traffic;

type Shared = extract::State<Arc<State>>;
type ControlResult<T> = Result<axum::Json<T>, InvalidRequest>;

pub(crate) fn routes() -> Router<Arc<State>> {
    Router::new()
        .route("/control/reset", post(reset))
        .route("/control/printers", post(issue_printer))
        .route("/control/printers/{id}", get(registration))
        .route("/control/printers/{id}/calls", get(calls))
        .route("/control/printers/{id}/tokens", post(issue_token))
        .route("/control/portal", post(portal))
        .route("/control/quotes", put(set_quotes))
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

async fn reset(extract::State(state): Shared) -> StatusCode {
    state.reset();
    StatusCode::NO_CONTENT
}

async fn issue_printer(extract::State(state): Shared, body: Bytes) -> ControlResult<AppConnection> {
    let new: NewPrinter = read(&body)?;
    Ok(axum::Json(state.fleet().issue(&new)?))
}

async fn issue_token(extract::State(state): Shared, Path(id): Path<PrinterId>) -> ControlResult<AppConnection> {
    let printer = printer(&state, &id)?;
    Ok(axum::Json(state.fleet().issue_token(&printer)))
}

async fn portal(extract::State(state): Shared, body: Bytes) -> ControlResult<PortalReturn> {
    let visit: PortalVisit = read(&body)?;
    portal::check(&visit)?;
    let connection = match (visit.choice, &visit.printer_id) {
        (PortalChoice::Refuse, _) => None,
        (PortalChoice::Authorise, None) => Some(state.fleet().issue(&NewPrinter::default())?),
        (PortalChoice::Authorise, Some(id)) => {
            let printer = printer(&state, id)?;
            Some(state.fleet().issue_token(&printer))
        }
    };
    let name = |connection: &AppConnection| Some(printer(&state, &connection.printer_id).ok()?.lock().face().name);
    let name = connection.as_ref().and_then(name).unwrap_or_default();
    let url = portal::final_url(
        &visit,
        connection.as_ref().map(|connection| (connection, name.as_str())),
    );
    Ok(axum::Json(PortalReturn { url, connection }))
}

async fn registration(extract::State(state): Shared, Path(id): Path<PrinterId>) -> ControlResult<Registration> {
    let registration = printer(&state, &id)?.lock().registration(state.clock.now());
    Ok(axum::Json(registration))
}

async fn registrations(extract::State(state): Shared) -> axum::Json<Items<Registration>> {
    let now = state.clock.now();
    let printers = state.fleet().all();
    let items = printers
        .iter()
        .map(SharedPrinter::lock)
        .filter(|printer| printer.was_registered())
        .map(|printer| printer.registration(now))
        .collect();
    axum::Json(Items { items })
}

async fn calls(extract::State(state): Shared, Path(id): Path<PrinterId>) -> ControlResult<Items<CallRecord>> {
    let items = printer(&state, &id)?.lock().calls();
    Ok(axum::Json(Items { items }))
}

async fn traffic(extract::State(state): Shared) -> axum::Json<Traffic> {
    axum::Json(state.traffic().figures())
}

async fn faults(extract::State(state): Shared) -> axum::Json<Items<ActiveFault>> {
    axum::Json(Items {
        items: state.faults().active(),
    })
}

async fn add_fault(extract::State(state): Shared, body: Bytes) -> ControlResult<ActiveFault> {
    let fault: Fault = read(&body)?;
    Ok(axum::Json(state.faults().add(fault)?))
}

async fn clear_fault(extract::State(state): Shared, Path(id): Path<u64>) -> StatusCode {
    state.faults().remove(id);
    StatusCode::NO_CONTENT
}

async fn clear_faults(extract::State(state): Shared) -> StatusCode {
    state.faults().clear();
    StatusCode::NO_CONTENT
}

async fn set_quotes(extract::State(state): Shared, body: Bytes) -> ControlResult<Quotes> {
    let quotes: Quotes = read(&body)?;
    *state.quotes() = quotes;
    Ok(axum::Json(quotes))
}

async fn clock(extract::State(state): Shared) -> axum::Json<ClockReading> {
    axum::Json(ClockReading { now: state.clock.now() })
}

async fn set_clock(extract::State(state): Shared, body: Bytes) -> ControlResult<ClockReading> {
    let ClockReading { now } = read(&body)?;
    state.set_clock(now)?;
    Ok(axum::Json(ClockReading { now }))
}

async fn advance_clock(extract::State(state): Shared, body: Bytes) -> ControlResult<ClockReading> {
    let ClockAdvance { seconds } = read(&body)?;
    let now = state.advance_clock(SignedDuration::from_secs(seconds))?;
    Ok(axum::Json(ClockReading { now }))
}

async fn fire(extract::State(state): Shared, body: Bytes) -> ControlResult<Delivery> {
    let notify: Notify = read(&body)?;
    let printer = printer(&state, &notify.printer_id)?;
    let notification = match (notify.event_type, notify.payload) {
        (Some(event), None) => Notification::of_event(&printer, event),
        (None, Some(payload)) => Notification::json(event_type_of(payload.get()), payload.get().to_owned()),
        _ => return Err(InvalidRequest::bad("name either an eventType or a payload")),
    };
    Ok(axum::Json(state.notify(&printer, notification).await))
}

async fn fire_raw(
    extract::State(state): Shared,
    Path(id): Path<PrinterId>,
    headers: HeaderMap,
    body: Bytes,
) -> ControlResult<Delivery> {
    let printer = printer(&state, &id)?;
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or("application/octet-stream").to_owned();
    let notification = Notification {
        content_type,
        ..Notification::json(None, body).past_the_filter()
    };
    Ok(axum::Json(state.notify(&printer, notification).await))
}

async fn play(extract::State(state): Shared, Path(id): Path<PrinterId>, body: Bytes) -> ControlResult<Items<Delivery>> {
    let play: PlayPrint = if body.is_empty() {
        PlayPrint::default()
    } else {
        read(&body)?
    };
    let printer = printer(&state, &id)?;
    let speed = Speed::read(play.speed).ok_or_else(|| InvalidRequest::bad("speed must be 0 or a positive factor"))?;
    if !(1..=6).contains(&play.uploads) {
        return Err(InvalidRequest::bad("uploads must be from 1 to 6"));
    }
    let print = Print::new(play.print)?;
    let items = state.play(&printer, &print, speed, play.uploads).await;
    Ok(axum::Json(Items { items }))
}

#[derive(Deserialize)]
struct Since {
    #[serde(default)]
    after: u64,
}

async fn deliveries(extract::State(state): Shared, Query(Since { after }): Query<Since>) -> axum::Json<DeliveryPage> {
    let log = state.deliveries();
    axum::Json(DeliveryPage {
        items: log.after(after),
        next: log.last_id(),
    })
}

fn printer(state: &State, id: &PrinterId) -> Result<SharedPrinter, InvalidRequest> {
    let unknown = || InvalidRequest {
        status: StatusCode::NOT_FOUND,
        text: format!("no printer {id} was issued"),
    };
    state.fleet().by_id(id).ok_or_else(unknown)
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

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, InvalidRequest> {
    serde_json::from_slice(body).map_err(|error| InvalidRequest::bad(format!("the body can't be read: {error}")))
}

/// A request to the control surface that makes no sense.
struct InvalidRequest {
    status: StatusCode,
    text: String,
}

impl InvalidRequest {
    fn bad(text: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            text: text.into(),
        }
    }
}

impl From<TimeOutOfRange> for InvalidRequest {
    fn from(error: TimeOutOfRange) -> Self {
        Self::bad(error.to_string())
    }
}

impl From<InvalidFault> for InvalidRequest {
    fn from(error: InvalidFault) -> Self {
        Self::bad(error.to_string())
    }
}

impl From<InvalidPlan> for InvalidRequest {
    fn from(error: InvalidPlan) -> Self {
        Self::bad(error.to_string())
    }
}

impl From<InvalidReturnUrl> for InvalidRequest {
    fn from(error: InvalidReturnUrl) -> Self {
        Self::bad(error.to_string())
    }
}

impl From<IssueError> for InvalidRequest {
    fn from(error: IssueError) -> Self {
        Self::bad(error.to_string())
    }
}

impl IntoResponse for InvalidRequest {
    fn into_response(self) -> Response {
        (self.status, axum::Json(json!({"error": self.text}))).into_response()
    }
}
