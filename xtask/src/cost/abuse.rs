//! What abuse costs: the bounds that the tests at the binaries assert ([`printbell_harness::abuse`]), and the money that they come to.

use std::fmt::Write as _;

use printbell_harness::abuse::{Abuse, Sender, cases};

use super::bill::{Line, MILLION, Source, grouped, total, usd};
use super::stack::STACK;
use super::sweep::DAY_SECONDS;
use super::{
    ACCESS_LOG_GB, CALL_GB, HTTP_API_REQUEST, LAMBDA_GB_SECOND, LAMBDA_REQUEST, LOG_GB, OUT_GB, PUT_SECONDS, READ_UNIT,
    SNS_PUBLISH, SQS_REQUEST, Traffic, WRITE_UNIT,
};

/// What the HTTP API counts as one request, in bytes (Amazon API Gateway pricing).
const REQUEST_UNIT: f64 = 512e3;
/// What SQS counts as one, in bytes (Amazon SQS pricing).
const QUEUE_UNIT: f64 = 64.0 * 1024.0;
/// The memory that a whole processor comes with, in MB (Lambda Developer Guide, "Configure Lambda function memory").
pub(super) const PROCESSOR: f64 = 1769.0;
const BYTES_OF_GB: f64 = 1e9;
/// Read units a second that a table gives at most, unless its quota is raised (DynamoDB, "Service, account, and table quotas").
const TABLE_READ_UNITS: f64 = 40_000.0;

/// What it costs a day, at the throttle of the HTTP API's route; the queue has none.
fn a_day(case: &Abuse, traffic: &Traffic) -> Option<f64> {
    let rate = match case.sender {
        Sender::Stranger | Sender::UrlHolder => STACK.callbacks,
        Sender::Backend if case.what.starts_with("GET") => STACK.reads,
        Sender::Backend => STACK.calls,
        Sender::Queue => return None,
    };
    let bill = total(&bill(case, traffic)) * rate * DAY_SECONDS / MILLION;
    let unread = (case.read_units() * rate - TABLE_READ_UNITS).max(0.0);
    Some(bill - unread * DAY_SECONDS * READ_UNIT)
}

/// The bill of a million requests, or messages.
fn bill(case: &Abuse, traffic: &Traffic) -> Vec<Line> {
    let Abuse { sender, most, .. } = case;
    let event = case.event as f64;
    let milliseconds =
        traffic.billed_ms + most.processor * PROCESSOR / STACK.memory + most.app_calls * PUT_SECONDS * 1e3;
    let gb_seconds = milliseconds / 1e3 * STACK.memory_gb();
    let million = |units: f64| MILLION * units;
    let gb = |bytes: f64| million(bytes / BYTES_OF_GB);
    let (door, invocations) = match sender {
        // Received, and deleted or put off.
        Sender::Queue => {
            let requests = million((event / QUEUE_UNIT).ceil() + 1.0);
            let line = Line::new("receiving and deleting", requests, "requests", SQS_REQUEST, Source::Sqs);
            (vec![line], 1.0 / STACK.batch)
        }
        Sender::Stranger | Sender::UrlHolder | Sender::Backend => {
            let requests = million((event / REQUEST_UNIT).ceil());
            let log = million(ACCESS_LOG_GB);
            let api = Line::new("HTTP API", requests, "requests", HTTP_API_REQUEST, Source::ApiGateway);
            let log = Line::new("access log", log, "GB", LOG_GB, Source::CloudWatch);
            (vec![api, log], 1.0)
        }
    };
    let mut bill = door;
    bill.extend([
        Line::new(
            "invocations",
            million(invocations),
            "requests",
            LAMBDA_REQUEST,
            Source::Lambda,
        ),
        Line::new(
            "duration",
            million(gb_seconds),
            "GB-s",
            LAMBDA_GB_SECOND,
            Source::Lambda,
        ),
        Line::new("SNS", million(most.publishes), "requests", SNS_PUBLISH, Source::Sns),
        Line::new("SQS", million(most.queue_units), "requests", SQS_REQUEST, Source::Sqs),
        Line::new("reads", million(case.read_units()), "RRU", READ_UNIT, Source::DynamoDb),
        Line::new("writes", million(most.written), "WRU", WRITE_UNIT, Source::DynamoDb),
        Line::new("log", gb(most.log), "GB", LOG_GB, Source::CloudWatch),
        Line::new("answers", gb(most.answer), "GB", OUT_GB, Source::DataTransfer),
        Line::new(
            "calls",
            million(most.app_calls * CALL_GB),
            "GB",
            OUT_GB,
            Source::DataTransfer,
        ),
    ]);
    bill
}

/// What one request costs, but for the processor.
fn calls(case: &Abuse) -> String {
    let most = &case.most;
    let figures = [
        (most.publishes, "SNS"),
        (most.queue_units, "SQS"),
        (case.read_units(), "RRU"),
        (most.written, "WRU"),
        (most.app_calls, "OctoEverywhere"),
    ];
    let figures: Vec<_> = { figures.into_iter() }
        .filter(|(figure, _)| *figure > 0.0)
        .map(|(figure, unit)| format!("{} {unit}", grouped(figure)))
        .collect();
    if figures.is_empty() {
        "nothing".to_owned()
    } else {
        figures.join(", ")
    }
}

/// The table.
pub(super) fn table(traffic: &Traffic) -> String {
    let mut text = "### What abuse costs\n\n\
                    | from | a flood of | each calls | processor | log | answer | Secrets Manager, a process's first 11 s | memory | a million | a day, at the route's throttle |\n\
                    |---|---|---|--:|--:|--:|--:|--:|--:|--:|\n"
        .to_owned();
    for case in cases() {
        let most = &case.most;
        let sender = match case.sender {
            Sender::Stranger => "anybody",
            Sender::Queue => "the queue",
            Sender::UrlHolder => "who has a callback URL",
            Sender::Backend => "your backend",
        };
        // Writing to a String can't fail.
        let _ = writeln!(
            text,
            "| {sender} | {} | {} | {} ms | {} B | {} B | {} | {} MiB | {} | {} |",
            case.what,
            calls(case),
            most.processor,
            grouped(most.log),
            grouped(most.answer),
            grouped(most.secret_calls),
            grouped(most.memory),
            usd(total(&bill(case, traffic))),
            a_day(case, traffic).map_or_else(|| "–".to_owned(), usd),
        );
    }
    text
}
