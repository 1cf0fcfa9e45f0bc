//! Two prints and a renewal, seen from outside: nothing here knows what the functions do, only what has to come of it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use printbell_harness::stack::Stack;
use printbell_simulator::print::{End, Plan, Platform};
use printbell_simulator::{AppConnection, Control, Delivery, DeliveryEnd, NewPrinter, PlayPrint};
use serde_json::{Value, json};

use crate::notifications::{Notification, Subscriber};
use crate::progress::{self, Step};

/// Whose printer it is.
pub const TENANT: &str = "demo";
/// What the app calls it.
pub const PRINTER: &str = "p1";

/// Plays 100 minutes of printing, and the bed cooling down, in six seconds.
const SPEED: f64 = 1_200.0;

/// How long a notification may take from the last delivery until it comes out of the queue.
const ARRIVAL: Duration = Duration::from_secs(30);

/// How long the schedule may take to come round, and the renewal to be done.
const RENEWAL: Duration = Duration::from_secs(90);

/// Registers a printer, plays a print and one that fails, moves the clock to the renewal's date and waits for it. Shows every notification
/// as it comes out of SNS.
///
/// # Errors
/// When anything but the exact expected happens.
pub async fn run(stack: &Stack, control: &Control, subscriber: &mut Subscriber) -> Result<AppConnection> {
    let printer = register(stack, control).await?;
    print(control, subscriber, &printer).await?;
    fail(control, subscriber, &printer).await?;
    renew(stack, control, &printer).await?;
    Ok(printer)
}

async fn register(stack: &Stack, control: &Control) -> Result<AppConnection> {
    let step = Step::begin("Registering a printer through the API");
    let printer = control.issue_printer(&NewPrinter::named("Workshop printer")).await?;
    let registration = json!({"appToken": printer.token.expose(), "metadata": {"room": "lab"}});
    let answer = stack.api().call(Method::PUT, &path(), &registration).await?;
    ensure!(
        answer.status == 201,
        "PUT {} was answered {}: {}",
        path(),
        answer.status,
        answer.text()
    );
    step.done();
    Ok(printer)
}

async fn print(control: &Control, subscriber: &mut Subscriber, printer: &AppConnection) -> Result<()> {
    progress::note("Playing a print; each line below is a notification as it came out of SNS");
    let (deliveries, notifications) = play(control, subscriber, printer, Plan::default()).await?;
    let active = |one: &Notification| one.event() == "registration.active";
    ensure!(
        notifications.iter().any(active),
        "nobody was told that the registration is active"
    );
    compare(&deliveries, &notifications)
}

/// What Printbell is there for: a print that fails, and is told as a failure.
async fn fail(control: &Control, subscriber: &mut Subscriber, printer: &AppConnection) -> Result<()> {
    progress::note("And one that fails");
    let plan = Plan::ending(Platform::Bambu, End::Failure);
    let (deliveries, notifications) = play(control, subscriber, printer, plan).await?;
    let failed = |one: &Notification| (one.event(), one.severity()) == ("print.failed", "failure");
    ensure!(
        notifications.iter().any(failed),
        "nobody was told that the print failed"
    );
    compare(&deliveries, &notifications)
}

/// Plays a print, and shows what comes out of SNS until all of it has.
async fn play(
    control: &Control,
    subscriber: &mut Subscriber,
    printer: &AppConnection,
    print: Plan,
) -> Result<(Vec<Delivery>, Vec<Notification>)> {
    let play = PlayPrint {
        speed: SPEED,
        ..PlayPrint::of(print)
    };
    let playing = control.play_print(&printer.printer_id, &play);
    tokio::pin!(playing);
    let mut notifications = Vec::new();
    let deliveries = loop {
        tokio::select! {
            deliveries = &mut playing => break deliveries?,
            news = subscriber.receive() => notifications.extend(show(news?)),
        }
    };
    let sent_ids = sent_ids(&deliveries)?;
    let deadline = Instant::now() + ARRIVAL;
    while !sent_ids.is_subset(&prints(&notifications)) && Instant::now() < deadline {
        notifications.extend(show(subscriber.receive().await?));
    }
    Ok((deliveries, notifications))
}

/// Prints what was received, and hands it on.
fn show(notifications: Vec<Notification>) -> Vec<Notification> {
    for notification in &notifications {
        anstream::println!("{notification}");
    }
    notifications
}

/// The ids that the webhook answered with.
///
/// # Errors
/// When a delivery wasn't taken.
fn sent_ids(deliveries: &[Delivery]) -> Result<BTreeSet<String>> {
    let id = |delivery: &Delivery| match &delivery.end {
        DeliveryEnd::Answered {
            status: 200, answer, ..
        } => {
            let answer: Value = serde_json::from_str(answer)?;
            answer["id"]
                .as_str()
                .map(str::to_owned)
                .with_context(|| format!("an answer without an id: {answer}"))
        }
        other => bail!("the webhook didn't take a notification: {other:?}"),
    };
    deliveries.iter().map(id).collect()
}

fn prints(notifications: &[Notification]) -> BTreeSet<String> {
    notifications
        .iter()
        .filter(|one| !one.is_lifecycle())
        .map(|one| one.id().to_owned())
        .collect()
}

/// Checks that what came out of SNS is what went in: each notification once, with its payload unchanged.
fn compare(deliveries: &[Delivery], notifications: &[Notification]) -> Result<()> {
    let (sent_ids, ids) = (sent_ids(deliveries)?, prints(notifications));
    ensure!(
        sent_ids.len() == deliveries.len(),
        "two notifications of one print have the same id"
    );
    let count = notifications.iter().filter(|one| !one.is_lifecycle()).count();
    ensure!(sent_ids == ids, "sent {sent_ids:?}, but SNS published {ids:?}");
    ensure!(count == ids.len(), "{} notifications came twice", count - ids.len());
    for delivery in deliveries {
        let payload: Value = serde_json::from_str(&delivery.body)?;
        let same = |one: &&Notification| *one.payload() == payload;
        ensure!(
            notifications.iter().any(|one| same(&one)),
            "no notification carries the payload {payload}"
        );
    }
    progress::success(&format!(
        "All {} notifications of the print came out of SNS, as they were sent",
        sent_ids.len()
    ));
    Ok(())
}

async fn renew(stack: &Stack, control: &Control, printer: &AppConnection) -> Result<()> {
    let registration = get(stack).await?;
    let due: Timestamp = time(&registration, "nextAttemptAt")?;
    let now = control.now().await?;
    let ahead = due.duration_since(now) + SignedDuration::from_mins(1);
    let sets = control.registration(&printer.printer_id).await?.history.sets;
    let mut step = Step::begin(&format!(
        "Moving the clock {} days on, to the renewal's date",
        ahead.as_hours() / 24
    ));
    control.advance_clock(ahead).await?;
    let offset = ahead.as_secs().to_string();
    for function in stack.functions.keys() {
        stack
            .set_environment(function, &[("CLOCK_OFFSET_SECONDS", Some(&offset))])
            .await?;
    }
    step.done();

    step = Step::begin("Waiting for the schedule to renew the registration");
    let deadline = Instant::now() + RENEWAL;
    let renewed = loop {
        let history = control.registration(&printer.printer_id).await?.history;
        if history.sets > sets {
            ensure!(!history.ever_inactive, "the webhook was inactive before it was renewed");
            let registration = get(stack).await?;
            if time(&registration, "renewedAt")? >= due {
                break registration;
            }
        }
        ensure!(
            Instant::now() < deadline,
            "the schedule didn't renew the registration within {RENEWAL:?}"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    ensure!(
        renewed["status"] == "active",
        "the renewed registration isn't active: {renewed}"
    );
    step.done();
    progress::success(&format!(
        "Renewed on {}, long before it would have lapsed on {}; it now expires on {}",
        date(&renewed, "renewedAt")?,
        date(&registration, "expiresAt")?,
        date(&renewed, "expiresAt")?,
    ));
    Ok(())
}

/// The path of the demonstration's registration.
pub fn path() -> String {
    format!("/registrations/{TENANT}/{PRINTER}")
}

async fn get(stack: &Stack) -> Result<Value> {
    let answer = stack.api().call(Method::GET, &path(), &Value::Null).await?;
    ensure!(
        answer.status == 200,
        "GET {} was answered {}: {}",
        path(),
        answer.status,
        answer.text()
    );
    answer.json()
}

fn time(registration: &Value, field: &str) -> Result<Timestamp> {
    let text = registration[field]
        .as_str()
        .with_context(|| format!("no {field} in {registration}"))?;
    text.parse().with_context(|| format!("{field} is {text}"))
}

fn date(registration: &Value, field: &str) -> Result<String> {
    Ok(time(registration, field)?.strftime("%F").to_string())
}
