//! What comes out of SNS: received from a queue that is subscribed to the topic, as anybody's would be.

use std::collections::BTreeSet;
use std::fmt;

use anstyle::{AnsiColor, Style};
use anyhow::{Context, Result};
use jiff::Timestamp;
use printbell_harness::aws::{Aws, xml_texts};
use printbell_harness::stack::Stack;
use serde_json::{Value, json};

use crate::progress::COLUMNS;

const QUIET: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();

/// Width of what happened: most events fit, and what is longer goes on.
const EVENT: usize = 24;

/// A queue of its own that gets everything the topic publishes.
#[derive(Debug)]
pub struct Subscriber {
    aws: Aws,
    queue: String,
}

impl Subscriber {
    /// Makes the queue and subscribes it, raw: the messages come as they were published.
    pub async fn subscribe(stack: &Stack, name: &str) -> Result<Self> {
        let aws = stack.aws();
        let topic = &stack.outputs.topic_arn;
        let created = aws.sqs("CreateQueue", &json!({"QueueName": name})).await?;
        let queue = created["QueueUrl"]
            .as_str()
            .context("a queue without a URL")?
            .to_owned();
        let request = json!({"QueueUrl": queue, "AttributeNames": ["QueueArn"]});
        let attributes = aws.sqs("GetQueueAttributes", &request).await?;
        let arn = attributes["Attributes"]["QueueArn"]
            .as_str()
            .context("a queue without an ARN")?
            .to_owned();
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
            }],
        });
        let attributes = json!({"QueueUrl": queue, "Attributes": {"Policy": policy.to_string()}});
        aws.sqs("SetQueueAttributes", &attributes).await?;
        let answer = aws
            .sns(
                "Subscribe",
                &[
                    ("TopicArn", topic),
                    ("Protocol", "sqs"),
                    ("Endpoint", &arn),
                    ("ReturnSubscriptionArn", "true"),
                    ("Attributes.entry.1.key", "RawMessageDelivery"),
                    ("Attributes.entry.1.value", "true"),
                ],
            )
            .await?;
        xml_texts(&answer, "SubscriptionArn")
            .pop()
            .context("a subscription without an ARN")?;
        Ok(Self { aws, queue })
    }

    /// Waits up to a second for what is published, and takes it out of the queue.
    pub async fn receive(&mut self) -> Result<Vec<Notification>> {
        let request = json!({
            "QueueUrl": self.queue,
            "MaxNumberOfMessages": 10,
            "WaitTimeSeconds": 1,
            "MessageAttributeNames": ["All"],
        });
        let received = self.aws.sqs("ReceiveMessage", &request).await?;
        let mut notifications = Vec::new();
        for message in received["Messages"].as_array().into_iter().flatten() {
            notifications.push(Notification::read(message)?);
            let handle = json!({"QueueUrl": self.queue, "ReceiptHandle": message["ReceiptHandle"]});
            self.aws.sqs("DeleteMessage", &handle).await?;
        }
        Ok(notifications)
    }
}

/// One message of the topic.
#[derive(Clone, Debug)]
pub struct Notification {
    event: String,
    severity: String,
    cloud_event: Value,
}

impl Notification {
    fn read(message: &Value) -> Result<Self> {
        let body = message["Body"].as_str().context("a message without a body")?;
        let attribute = |name: &str| {
            message["MessageAttributes"][name]["StringValue"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        Ok(Self {
            event: attribute("event"),
            severity: attribute("severity"),
            cloud_event: serde_json::from_str(body).with_context(|| format!("a message that isn't JSON: {body}"))?,
        })
    }

    /// The id that the webhook answered with, too.
    pub fn id(&self) -> &str {
        self.cloud_event["id"].as_str().unwrap_or_default()
    }

    /// What happened: `print.started`.
    pub fn event(&self) -> &str {
        &self.event
    }

    /// How bad that is: `failure`.
    pub fn severity(&self) -> &str {
        &self.severity
    }

    /// Whether it is about a registration and not about a print.
    pub fn is_lifecycle(&self) -> bool {
        self.event.starts_with("registration.")
    }

    /// What OctoEverywhere sent.
    pub fn payload(&self) -> &Value {
        &self.cloud_event["data"]
    }
}

/// One line: when, what, whose, and what there is to know about it, as far as there is room.
impl fmt::Display for Notification {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (event, data) = (&self.cloud_event, &self.cloud_event["data"]);
        let when = moment(&text(&event["time"]), Timestamp::now());
        let colour = match self.severity.as_str() {
            "failure" => AnsiColor::Red,
            "attention" => AnsiColor::Yellow,
            _ if self.is_lifecycle() => AnsiColor::Magenta,
            _ => AnsiColor::Green,
        };
        let style = colour.on_default();
        let whose = format!("{}/{}", text(&event["tenantid"]), text(&event["printerref"]));
        let facts = [
            data["Progress"].as_f64().map(|progress| format!("{progress:.0} %")),
            layers(data),
            data["PrinterName"].as_str().map(str::to_owned),
            data["FileName"].as_str().map(str::to_owned),
        ];
        let what = format!("{:<EVENT$} ", self.event);
        let used = format!("{when} ● {what}").chars().count();
        let facts = fitting(whose, facts.into_iter().flatten(), COLUMNS.saturating_sub(used));
        write!(
            formatter,
            "{QUIET}{when}{QUIET:#} {style}●{style:#} {BOLD}{what}{BOLD:#}{facts}"
        )
    }
}

/// The first fact, and of the others those that there is room for.
fn fitting(first: String, facts: impl Iterator<Item = String>, room: usize) -> String {
    facts.fold(first, |line, fact| {
        let longer = format!("{line} · {fact}");
        if longer.chars().count() <= room { longer } else { line }
    })
}

/// The time of day, with its date if that is another than today's: the clock can be moved.
fn moment(time: &str, now: Timestamp) -> String {
    let (date, clock) = (time.get(..10).unwrap_or_default(), time.get(11..19).unwrap_or_default());
    match now.strftime("%F").to_string() == date {
        true => clock.to_owned(),
        false => format!("{date} {clock}"),
    }
}

/// What is in the dead-letter queue, where it stays.
#[derive(Debug)]
pub struct DeadLetters {
    aws: Aws,
    queue: String,
    seen: BTreeSet<String>,
}

impl DeadLetters {
    /// Those of this stack.
    pub fn of(stack: &Stack) -> Self {
        Self {
            aws: stack.aws(),
            queue: stack.outputs.dead_letter_queue_url.clone(),
            seen: BTreeSet::new(),
        }
    }

    /// Looks, without waiting; tells each once, on a line.
    pub async fn look(&mut self) -> Result<Vec<String>> {
        let request = json!({
            "QueueUrl": self.queue,
            "MaxNumberOfMessages": 10,
            "VisibilityTimeout": 0,
            "MessageAttributeNames": ["reason"],
        });
        let received = self.aws.sqs("ReceiveMessage", &request).await?;
        let messages = received["Messages"].as_array().into_iter().flatten();
        let seen = &mut self.seen;
        let new = messages.filter(|message| seen.insert(message["MessageId"].to_string()));
        Ok(new.map(dead_letter).collect())
    }
}

fn dead_letter(message: &Value) -> String {
    let reason = message["MessageAttributes"]["reason"]["StringValue"].as_str();
    let reason = reason.unwrap_or("it was tried for more than a day");
    let style = AnsiColor::Red.on_default();
    format!("{style}●{style:#} {BOLD}waits in the dead-letter queue{BOLD:#}: {reason}")
}

fn layers(data: &Value) -> Option<String> {
    let (current, total) = (data["CurrentLayer"].as_u64()?, data["TotalLayers"].as_u64()?);
    (total > 0).then(|| format!("layer {current} of {total}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_room_for_the_longest_event_and_what_there_is_to_know() {
        let notification = Notification {
            event: "printer.filament-change-required".to_owned(),
            severity: "attention".to_owned(),
            cloud_event: json!({
                "time": "2020-01-01T12:00:00Z", "tenantid": "demo", "printerref": "p1",
                "data": {
                    "PrinterName": "Workshop printer", "FileName": "a very long name of a file that says all.gcode",
                    "Progress": 35, "CurrentLayer": 71, "TotalLayers": 200,
                },
            }),
        };
        let line = anstream::adapter::strip_str(&notification.to_string()).to_string();
        assert_eq!(
            line,
            "2020-01-01 12:00:00 ● printer.filament-change-required demo/p1 · 35 %"
        );
        assert!(line.chars().count() <= COLUMNS);
        let facts = ["35 %", "too long a name for it", "short"].map(str::to_owned);
        assert_eq!(
            fitting("demo/p1".to_owned(), facts.into_iter(), 24),
            "demo/p1 · 35 % · short"
        );
    }

    #[test]
    fn another_day_is_told_with_its_date() {
        let now = "2026-11-24T23:59:59Z".parse().unwrap();
        assert_eq!(moment("2026-11-24T12:00:00Z", now), "12:00:00");
        assert_eq!(moment("2026-12-24T12:00:00Z", now), "2026-12-24 12:00:00");
    }
}
