//! `cargo xtask limits`: from how many printers on a quota is too small, and what a flood of strangers can cost a day.

use std::borrow::Cow;
use std::fmt::Write as _;

use anyhow::{Result, ensure};
use printbell_shared::registration::renewal::{CALLS_TO_MEAN, Cycle};

use super::abuse;
use super::bill::{Line, MILLION, Source, grouped, table, total, usd};
use super::stack::STACK;
use super::sweep::DAY_SECONDS;
use super::{ANSWER_GB, Door, LAMBDA_GB_SECOND, LAMBDA_REQUEST, OUT_GB, RENEWAL_WRITE_UNITS, Traffic, at_the_door};

/// What `cargo xtask limits` can be told.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    pub(super) traffic: Traffic,
    /// The busiest second's notifications, to the mean of a day's.
    #[arg(long, default_value_t = 3.0)]
    peak: f64,
}

/// Prints the tables.
pub fn run(arguments: Arguments) -> Result<()> {
    arguments.traffic.check()?;
    ensure!(arguments.peak >= 1.0, "the busiest second has at least the mean");
    anstream::print!("{}", report(&arguments));
    Ok(())
}

/// Requests a second that each concurrent execution gives (Lambda Developer Guide, "Understanding Lambda function scaling" and
/// "Creating and managing Lambda function URLs").
const REQUESTS_PER_EXECUTION: f64 = 10.0;
/// Concurrent executions of a new account, and of others, by default (Lambda Developer Guide, "Lambda quotas"; `real-aws.md`).
const EXECUTIONS: [f64; 2] = [10.0, 1_000.0];
/// How much longer a callback takes that has to wait: a second for SNS, before the fallback queue joins in, or for the keys.
const WAIT_SECONDS: f64 = 1.0;
/// How long a batch of redrive's takes, whose messages are published at once.
const BATCH_SECONDS: f64 = 0.1;
/// Requests a second of all of an account's APIs: in most regions, and in thirteen newer ones (Amazon API Gateway quotas).
const API_REQUESTS: [f64; 2] = [10_000.0, 2_500.0];
/// Messages a second to standard topics, and where (Amazon SNS endpoints and quotas).
const PUBLISHES: [(f64, &str); 4] = [
    (30_000.0, "us-east-1"),
    (9_000.0, "us-west-2 and eu-west-1"),
    (1_500.0, "eight regions, see below"),
    (300.0, "all others"),
];
/// GetSecretValue, a second (AWS Secrets Manager quotas).
const SECRET_READS: f64 = 10_000.0;
/// What a new table takes, in write units a second. It grows with what it gets, to 40,000 (DynamoDB on-demand capacity mode).
const WRITE_UNITS: f64 = 4_000.0;

/// What a quota is enough for.
pub(super) struct Quota {
    what: &'static str,
    pub default: String,
    pub printers: f64,
    beyond: Cow<'static, str>,
}

const LOST: &str = "429: those callbacks are lost";
const LOST_BEHIND_THE_DOOR: &str = "429 or 5xx: those callbacks are lost";
const WAITS: &str = "nothing is lost: what is over it waits in the fallback queue until the traffic is less";

pub(super) fn quotas(Arguments { traffic, peak }: &Arguments) -> Vec<Quota> {
    let of_a_printer = traffic.a_day() / DAY_SECONDS * peak;
    let mut quotas = Vec::new();
    let mut add = |what, default, printers, beyond: Cow<'static, str>| {
        quotas.push(Quota {
            what,
            default,
            printers,
            beyond,
        });
    };
    let seconds = traffic.billed_ms / 1e3;
    for (executions, account) in EXECUTIONS.into_iter().zip(["in a new account", "in others"]) {
        for (what, seconds) in [
            ("Lambda, concurrent executions", seconds),
            (
                "the same, while callbacks wait a second for SNS",
                seconds + WAIT_SECONDS,
            ),
        ] {
            let callbacks = executions * REQUESTS_PER_EXECUTION.min(1.0 / seconds);
            let default = format!("{} {account}", grouped(executions));
            add(what, default, callbacks / of_a_printer, LOST_BEHIND_THE_DOOR.into());
        }
    }
    let a_second = |rate| format!("{} a second", grouped(rate));
    add(
        "`CallbackRateLimit` (HTTP API)",
        a_second(STACK.callbacks),
        STACK.callbacks / of_a_printer,
        LOST.into(),
    );
    for (rate, place) in API_REQUESTS
        .into_iter()
        .zip(["", " in thirteen newer regions, see below"])
    {
        add(
            "API Gateway, throttle (HTTP API)",
            a_second(rate) + place,
            rate / of_a_printer,
            LOST.into(),
        );
    }
    for (rate, place) in PUBLISHES {
        add(
            "SNS, messages published to standard topics",
            format!("{} in {place}", a_second(rate)),
            rate / of_a_printer,
            WAITS.into(),
        );
    }
    add(
        "`RedriveConcurrency`",
        grouped(STACK.redrives),
        STACK.redrives * STACK.batch / BATCH_SECONDS / of_a_printer,
        "nothing is lost: what waited through an outage of SNS comes out in more than the time that it lasted".into(),
    );
    add(
        "Secrets Manager, GetSecretValue",
        a_second(SECRET_READS),
        SECRET_READS * traffic.notifications_per_start / of_a_printer,
        "nothing is lost: callbacks wait in the fallback queue, unverified".into(),
    );
    let calls_of_a_registration = Cycle::DEFAULT.calls_for(1.0);
    add(
        "`MaxCallsPerSecond`",
        grouped(STACK.calls),
        STACK.calls / calls_of_a_registration,
        format!("renewals come late after an outage, and past {CALLS_TO_MEAN} times as many registrations some lapse")
            .into(),
    );
    add(
        "DynamoDB, write units of a table",
        format!("{}, as long as it is new", a_second(WRITE_UNITS)),
        WRITE_UNITS / RENEWAL_WRITE_UNITS / calls_of_a_registration,
        "renewals break off, and are done later".into(),
    );
    quotas
}

/// A door that strangers knock at, all day.
struct Flood {
    door: Door,
    what: &'static str,
    /// Requests a second that the door lets through to Lambda, if it counts them.
    requests: Option<f64>,
    /// Executions that the receiver can have.
    executions: f64,
}

/// How long each of a flood's requests is billed.
#[derive(Clone, Copy)]
enum Length<'a> {
    /// As long as a notification's, though it waits for nobody.
    Notification(&'a Traffic),
    /// So long that every execution is busy all day: nothing can cost more.
    Longest,
}

fn floods() -> [Flood; 5] {
    [
        Flood {
            door: Door::HttpApi,
            what: "`HttpApi`, an account of 1,000 executions",
            requests: Some(STACK.callbacks),
            executions: EXECUTIONS[1],
        },
        Flood {
            door: Door::HttpApi,
            what: "`HttpApi`, a new account",
            requests: Some(STACK.callbacks),
            executions: EXECUTIONS[0],
        },
        Flood {
            door: Door::FunctionUrl,
            what: "`FunctionUrl`, an account of 1,000 executions",
            requests: None,
            executions: EXECUTIONS[1],
        },
        Flood {
            door: Door::FunctionUrl,
            what: "`FunctionUrl`, `CallbackConcurrency=100`",
            requests: None,
            executions: 100.0,
        },
        Flood {
            door: Door::FunctionUrl,
            what: "`FunctionUrl`, a new account",
            requests: None,
            executions: EXECUTIONS[0],
        },
    ]
}

impl Flood {
    /// Invocations a second: what is over it Lambda throttles, and doesn't bill. (API Gateway bills it.)
    fn invocations(&self) -> f64 {
        let most = self.executions * REQUESTS_PER_EXECUTION;
        self.requests.map_or(most, |requests| requests.min(most))
    }

    fn requests(&self) -> f64 {
        self.requests.unwrap_or_else(|| self.invocations())
    }

    /// The bill of a day. Nothing is published, for nobody has a token.
    fn bill(&self, length: Length<'_>) -> Vec<Line> {
        let busy_seconds = match length {
            Length::Notification(traffic) => self.invocations() * traffic.billed_ms / 1e3,
            Length::Longest => self.executions,
        };
        let mut bill = at_the_door(self.requests() * DAY_SECONDS, self.door);
        bill.push(Line::new(
            "webhook, invocations",
            self.invocations() * DAY_SECONDS,
            "requests",
            LAMBDA_REQUEST,
            Source::Lambda,
        ));
        bill.push(Line::new(
            format!("webhook, duration at {} MB", STACK.memory),
            busy_seconds.min(self.executions) * DAY_SECONDS * STACK.memory_gb(),
            "GB-s",
            LAMBDA_GB_SECOND,
            Source::Lambda,
        ));
        // An unknown key makes each process look which keys count, once a minute.
        bill.push(Line::new(
            "looking whether made-up keys count",
            self.executions * DAY_SECONDS / 60.0,
            "calls",
            0.05 / 1e4,
            Source::SecretsManager,
        ));
        bill.push(Line::new(
            "answers",
            self.requests() * DAY_SECONDS * ANSWER_GB,
            "GB",
            OUT_GB,
            Source::DataTransfer,
        ));
        bill
    }
}

fn report(arguments: &Arguments) -> String {
    let Arguments { traffic, peak } = arguments;
    let mut text = format!(
        "### From so many printers on, raise these quotas\n\n\
         {} notifications a printer and day, and {peak} times the mean in the busiest second:\n\n\
         | quota | by default | enough for | beyond it |\n|---|---|--:|---|\n",
        grouped(traffic.a_day()),
    );
    for quota in quotas(arguments) {
        // Writing to a String can't fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            quota.what,
            quota.default,
            roughly(quota.printers),
            quota.beyond
        );
    }
    let _ = writeln!(
        text,
        "\n### What a flood of strangers can cost a day, at most\n\n\
         | door | requests a second | invocations a second | each billed {} ms, as a notification | every execution busy all day |\n\
         |---|--:|--:|--:|--:|",
        traffic.billed_ms,
    );
    for flood in &floods() {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            flood.what,
            grouped(flood.requests()),
            grouped(flood.invocations()),
            usd(total(&flood.bill(Length::Notification(traffic)))),
            usd(total(&flood.bill(Length::Longest))),
        );
    }
    let [by_api, _, by_url, ..] = &floods();
    let _ = write!(
        text,
        "\n{}\n{}",
        table(
            "A day's flood at the HTTP API",
            &by_api.bill(Length::Notification(traffic))
        ),
        table(
            "A day's flood at the function URL, every execution busy",
            &by_url.bill(Length::Longest)
        ),
    );
    let _ = write!(text, "\n{}", abuse::table(traffic));
    text
}

/// Two digits of it, rounded down: more would be made up.
fn roughly(value: f64) -> String {
    let unit = 10_f64.powf(value.max(1.0).log10().floor() - 1.0);
    let value = (value / unit).floor() * unit;
    match value {
        ..MILLION => grouped(value),
        ..1e9 => format!("{} million", value / MILLION),
        _ => format!("{} billion", value / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::tests::defaults;

    #[test]
    fn the_document_has_what_the_command_says() {
        let document = include_str!("../../../docs/limits.md");
        let report = report(&defaults());
        assert!(document.contains(&report), "put this into docs/limits.md:\n{report}");
    }

    #[test]
    fn a_flood_costs_its_requests_at_the_api_and_the_executions_at_the_function_url() {
        let traffic = defaults::<Arguments>().traffic;
        let [by_api, _, by_url, ..] = &floods();
        let a_day = STACK.callbacks * DAY_SECONDS;
        let api = total(&by_api.bill(Length::Notification(&traffic)));
        // HTTP API and log, invocations, 20 ms of 256 MB; the rest is answers and Secrets Manager.
        let expected = a_day * (1.15e-6 + 0.2e-6 + 0.02 * 0.25 * 16.6667e-6);
        assert!((expected..expected * 1.05).contains(&api), "{api}, {expected}");
        let url = total(&by_url.bill(Length::Longest));
        let expected = EXECUTIONS[1] * DAY_SECONDS * (10.0 * 0.2e-6 + 0.25 * 16.6667e-6);
        assert!((expected..expected * 1.1).contains(&url), "{url}, {expected}");
    }

    #[test]
    fn nothing_costs_more_than_executions_that_are_busy_all_day() {
        let traffic = Traffic {
            billed_ms: 10_000.0,
            ..defaults::<Arguments>().traffic
        };
        for flood in &floods() {
            let slow = total(&flood.bill(Length::Notification(&traffic)));
            let longest = total(&flood.bill(Length::Longest));
            assert!(slow <= longest, "{}: {slow}, {longest}", flood.what);
        }
    }

    #[test]
    fn twice_the_notifications_are_half_the_printers() {
        let printers = |prints_per_day| {
            let Arguments { traffic, peak } = defaults();
            let traffic = Traffic {
                prints_per_day,
                ..traffic
            };
            quotas(&Arguments { traffic, peak })
        };
        for (one, other) in printers(1.0).iter().zip(printers(2.0)) {
            let is_of_callbacks = !["`MaxCallsPerSecond`", "DynamoDB, write units of a table"].contains(&one.what);
            let expected = if is_of_callbacks { 2.0 } else { 1.0 };
            assert!((one.printers / other.printers - expected).abs() < 1e-9, "{}", one.what);
        }
    }

    #[test]
    fn numbers_keep_two_digits() {
        let cases = [
            (8_470.6, "8,400"),
            (84_705.0, "84,000"),
            (1_270_588.0, "1.2 million"),
            (25_411_764.0, "25 million"),
            (1.08e9, "1 billion"),
        ];
        for (value, expected) in cases {
            assert_eq!(roughly(value), expected);
        }
    }
}
