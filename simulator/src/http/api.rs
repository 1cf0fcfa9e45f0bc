//! The App APIs over HTTP: read the call, let the faults have their say, do the work, answer.

use std::future::pending;
use std::sync::Arc;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{self, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::{HeaderValue, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::server::HangUp;
use crate::service::fleet::SharedPrinter;
use crate::service::quote::Quote;
use crate::service::refusal::Refusal;
use crate::service::request::{Call, Command};
use crate::state::{Notification, State, pause};
use crate::wire::delivery::DeliveryEnd;
use crate::wire::event_type::EventType;
use crate::wire::fault::{Ending, When};
use crate::wire::history::CallRecord;
use crate::wire::route::Route;

/// Far above any call that makes sense.
const BODY_LIMIT: usize = 128 * 1024;

pub(crate) fn routes() -> Router<Arc<State>> {
    Route::ALL.into_iter().fold(Router::new(), |router, route| {
        let serve = move |state: extract::State<Arc<State>>, request: Request| serve(route, state, request);
        router.route(route.path(), any(serve))
    })
}

async fn serve(route: Route, extract::State(state): extract::State<Arc<State>>, request: Request) -> Response {
    if request.method() != route.method() {
        return wrong_method(route);
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        let refusal = Refusal::bad_request(format!("The body is over {BODY_LIMIT} bytes, or broke off."));
        return answer(Err(refusal), &Quote::default());
    };
    let call = Call::read(route, &parts.headers, &body, state.schemes);
    let printer = call.token.as_ref().ok().and_then(|token| state.printer_of(token));
    let quote = Quote::of(*state.quotes(), &call, printer.as_ref());
    let mut open = OpenCall::begin(&state, route, printer.clone(), quote);

    let mishap = state
        .faults()
        .strike(route, printer.as_ref().map(|printer| &printer.id));
    pause(mishap.delay_before).await;
    if let Some(ending) = mishap.ending(When::BeforeWork) {
        return open.end(ending).await;
    }
    let result = work(&state, call, printer).await;
    open.applied = result.is_ok();
    pause(mishap.delay_after).await;
    match mishap.ending(When::AfterWork) {
        Some(ending) => open.end(ending).await,
        None => open.answer(result),
    }
}

async fn work(state: &Arc<State>, call: Call, printer: Option<SharedPrinter>) -> Result<Value, Refusal> {
    let command = call.command?;
    call.token?;
    let printer = printer.ok_or_else(Refusal::not_found)?;
    let now = state.clock.now();
    match command {
        Command::Set(parameters) => printer.lock().set(parameters, now),
        Command::Delete => printer.lock().delete(now),
        Command::Info => return Ok(info(&printer, now)),
        Command::Test => return test(state, &printer).await,
    }
    Ok(json!({"Status": 200}))
}

/// Calls the webhook with the test event, whatever the filter says. The name of the answer's field is our own guess:
/// it isn't documented.
async fn test(state: &Arc<State>, printer: &SharedPrinter) -> Result<Value, Refusal> {
    let notification = Notification::of_event(printer, EventType::TEST).past_the_filter();
    match state.notify(printer, notification).await.end {
        DeliveryEnd::Answered { status, .. } => Ok(json!({"HttpStatusCode": status})),
        DeliveryEnd::TimedOut { ms } => Ok(json!({"HttpStatusCode": null, "Error": format!("No answer in {ms} ms.")})),
        DeliveryEnd::Unreachable { reason, .. } => Ok(json!({"HttpStatusCode": null, "Error": reason})),
        DeliveryEnd::NotSent { reason } => Err(Refusal::bad_request(format!(
            "There is no active webhook to call: {reason:?}."
        ))),
    }
}

fn info(printer: &SharedPrinter, now: Timestamp) -> Value {
    let last_connection = now.checked_sub(SignedDuration::from_hours(5)).unwrap_or(now);
    let last_disconnect = last_connection.checked_sub(SignedDuration::from_mins(5)).unwrap_or(now);
    json!({
        "PrinterName": printer.lock().face().name,
        "PrinterLocalIp": "192.168.1.5",
        "IsOnline": true,
        "LastDisconnectTimeUtc": last_disconnect,
        "LastConnectionTimeUtc": last_connection,
        "UserFacingPrinterUrl": format!("https://octoeverywhere.com/view/{}", printer.id),
        "PrinterLimits": {
            "MaxDownloadFileSizeBytes": 104_857_600,
            "MaxUploadFileSizeBytes": 104_857_600,
            "MaxSingleWebcamStreamLengthSeconds": 600,
        },
    })
}

fn answer(result: Result<Value, Refusal>, quote: &Quote) -> Response {
    let (status, body) = match quote.add_to(result) {
        Ok(body) => (200, body),
        Err(refusal) => (refusal.status, refusal.body()),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, axum::Json(body)).into_response()
}

fn wrong_method(route: Route) -> Response {
    let mut response = answer(Err(Refusal::of_status(405)), &Quote::default());
    if let Ok(method) = HeaderValue::from_str(route.method().as_str()) {
        response.headers_mut().insert(header::ALLOW, method);
    }
    response
}

/// The answer to a path that isn't one of the APIs.
pub(crate) async fn not_found() -> Response {
    answer(Err(Refusal::of_status(404)), &Quote::default())
}

/// A call under way. However it ends, also when its caller goes away, it is counted and recorded.
struct OpenCall {
    state: Arc<State>,
    printer: Option<SharedPrinter>,
    route: Route,
    at: Timestamp,
    status: Option<u16>,
    applied: bool,
    quote: Quote,
}

impl OpenCall {
    fn begin(state: &Arc<State>, route: Route, printer: Option<SharedPrinter>, quote: Quote) -> Self {
        state.traffic().began(state.real_second());
        if let Some(printer) = &printer {
            printer.lock().call_began(route);
        }
        let at = state.clock.now();
        Self {
            state: Arc::clone(state),
            printer,
            route,
            at,
            status: None,
            applied: false,
            quote,
        }
    }

    fn answer(mut self, result: Result<Value, Refusal>) -> Response {
        let response = answer(result, &self.quote);
        self.status = Some(response.status().as_u16());
        response
    }

    async fn end(mut self, ending: &Ending) -> Response {
        match ending {
            Ending::Answer {
                status,
                retry_after,
                body,
            } => {
                self.status = Some(*status);
                faulty_answer(*status, retry_after.as_deref(), body.as_deref(), &self.quote)
            }
            Ending::Hang => pending().await,
            Ending::Drop => HangUp.into_response(),
        }
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.state.traffic().ended();
        if let Some(printer) = &self.printer {
            let Self {
                route,
                at,
                status,
                applied,
                ..
            } = *self;
            printer.lock().call_ended(CallRecord {
                route,
                at,
                status,
                applied,
            });
        }
    }
}

fn faulty_answer(status: u16, retry_after: Option<&str>, body: Option<&str>, quote: &Quote) -> Response {
    let mut response = match (status, body) {
        (_, Some(body)) => ([(header::CONTENT_TYPE, "text/html")], body.to_owned()).into_response(),
        (200, None) => answer(Ok(json!({"Status": 200})), quote),
        (_, None) => answer(Err(Refusal::of_status(status)), quote),
    };
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(value) = retry_after.and_then(|value| HeaderValue::from_str(value).ok()) {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    response
}
