//! `cargo xtask cost`: what a fleet costs a month, from public prices; and what the alternatives would.

mod abuse;
mod alternatives;
mod bill;
pub mod limits;
mod stack;
mod sweep;
mod verification;

use std::fmt::Write as _;

use anyhow::{Result, ensure};
use printbell_shared::registration::renewal::{Cycle, LIFETIME, SHARDS};

pub use verification::Calls;

use bill::{Line, MILLION, Source, grouped, table, total, usd};
use stack::STACK;

/// When the prices below were looked up.
const PRICES_OF: &str = "2026-11-24";

const MONTH_HOURS: f64 = 730.0;
const MONTH_DAYS: f64 = 365.0 / 12.0;

/// What `cargo xtask cost` can be told.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Arguments {
    /// Registered printers.
    #[arg(long, default_value_t = 1_000.0)]
    printers: f64,
    #[command(flatten)]
    traffic: Traffic,
    /// How often each registration is renewed, in days: the stack's `RenewalCycleDays`.
    #[arg(long, default_value_t)]
    cycle_days: Cycle,
    /// What the answer is made of, in Markdown, beside other ways to do it: `docs/cost.md`.
    #[arg(long)]
    tables: bool,
}

/// What a printer sends, and what the receiver makes of it.
#[derive(Clone, Copy, Debug, clap::Args)]
struct Traffic {
    /// Prints that each of them makes a day.
    #[arg(long, default_value_t = 2.0)]
    prints_per_day: f64,
    /// Notifications of a print. 17 are what a four-hour one sends: start, first and third layer, nine of progress, three
    /// hourly ones, complete, bed cooled down.
    #[arg(long, default_value_t = 17.0)]
    notifications_per_print: f64,
    /// Milliseconds that Lambda bills for a notification. It waits for SNS nearly all of that time.
    #[arg(long, default_value_t = 20.0)]
    billed_ms: f64,
    /// Notifications that one start of the receiver serves: the fewer come, the fewer there are.
    #[arg(long, default_value_t = 200.0)]
    notifications_per_start: f64,
}

impl Traffic {
    fn check(&self) -> Result<()> {
        ensure!(
            self.prints_per_day >= 0.0 && self.notifications_per_print >= 0.0,
            "prints and notifications can't be negative"
        );
        ensure!(
            self.notifications_per_start >= 1.0,
            "a start serves at least one notification"
        );
        Ok(())
    }

    /// Notifications of a printer in a day.
    fn a_day(&self) -> f64 {
        self.prints_per_day * self.notifications_per_print
    }
}

/// Prints the answer, or the tables.
pub fn run(arguments: Arguments) -> Result<()> {
    ensure!(arguments.printers >= 0.0, "printers can't be negative");
    arguments.traffic.check()?;
    let fleet = Fleet::new(arguments);
    let text = match arguments.tables {
        true => fleet.report(),
        false => fleet.answer(),
    };
    anstream::print!("{text}");
    Ok(())
}

const LAMBDA_REQUEST: f64 = 0.20 / MILLION;
const LAMBDA_GB_SECOND: f64 = 0.000_016_666_7;
const HTTP_API_REQUEST: f64 = 1.00 / MILLION;
const SNS_PUBLISH: f64 = 0.50 / MILLION;
const SQS_REQUEST: f64 = 0.40 / MILLION;
const WRITE_UNIT: f64 = 0.625 / MILLION;
const READ_UNIT: f64 = 0.125 / MILLION;
const LOG_GB: f64 = 0.50;
const OUT_GB: f64 = 0.09;

/// A line of the API's access log (`template.yaml` has its format).
const ACCESS_LOG_GB: f64 = 300e-9;
/// The answer to a callback, with its headers.
const ANSWER_GB: f64 = 400e-9;
/// One SetNotificationWebhook: the request, and its share of a TLS handshake.
const CALL_GB: f64 = 2e-6;
/// A row with its token and its metadata, its place in the index, and the 100 bytes that DynamoDB counts for each.
const ROW_GB: f64 = 1e-6;
/// Who holds its token: some 150 bytes in the table `State`, and the same 100.
const HOLDER_GB: f64 = 250e-9;
/// Lease and result: each writes a row of up to 1 KB, and moves it in the index (a deletion and a put there).
const RENEWAL_WRITE_UNITS: f64 = 6.0;
/// What the first PUT of a registration writes ([`of_puts`]).
const PUT_WRITE_UNITS: f64 = 10.0;
/// How long a PUT takes, nearly all of it for OctoEverywhere's answer.
const PUT_SECONDS: f64 = 0.3;
/// The cycles that are shown beside each other, in days.
const CYCLES: [u8; 4] = [*Cycle::DAYS.start(), Cycle::DEFAULT.days(), 60, *Cycle::DAYS.end()];

/// Where callbacks come in: the stack's `CallbackDoor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    HttpApi,
    FunctionUrl,
}

/// A notification's share of everything that is paid by use.
fn of_notifications(count: f64, door: Door, traffic: &Traffic) -> Vec<Line> {
    let mut lines = at_the_door(count, door);
    lines.extend(behind_the_door(count, traffic));
    lines
}

/// What requests cost before they are an invocation.
fn at_the_door(count: f64, door: Door) -> Vec<Line> {
    match door {
        Door::HttpApi => vec![
            Line::new("HTTP API", count, "requests", HTTP_API_REQUEST, Source::ApiGateway),
            Line::new("access log", count * ACCESS_LOG_GB, "GB", LOG_GB, Source::CloudWatch),
        ],
        // A function URL is paid with the invocation (AWS Lambda pricing).
        Door::FunctionUrl => Vec::new(),
    }
}

/// What a notification costs behind either door.
fn behind_the_door(count: f64, traffic: &Traffic) -> Vec<Line> {
    let gb_seconds = count * STACK.memory_gb() * traffic.billed_ms / 1e3;
    let starts = count / traffic.notifications_per_start;
    vec![
        Line::new(
            "webhook, invocations",
            count,
            "requests",
            LAMBDA_REQUEST,
            Source::Lambda,
        ),
        Line::new(
            format!("webhook, duration at {} MB", STACK.memory),
            gb_seconds,
            "GB-s",
            LAMBDA_GB_SECOND,
            Source::Lambda,
        ),
        Line::new(
            "webhook, its key read at each start",
            starts,
            "calls",
            0.05 / 1e4,
            Source::SecretsManager,
        ),
        Line::new("the key's decryption", starts, "calls", 0.03 / 1e4, Source::Kms),
        Line::new(
            "SNS publish (delivery to SQS and Lambda is free)",
            count,
            "requests",
            SNS_PUBLISH,
            Source::Sns,
        ),
        Line::new(
            "answers to OctoEverywhere",
            count * ANSWER_GB,
            "GB",
            OUT_GB,
            Source::DataTransfer,
        ),
    ]
}

/// Both doors beside each other: what a million notifications cost, and what each lacks (`real-aws.md`, "Limits and doors"; Lambda
/// Developer Guide, "Creating and managing Lambda function URLs").
fn doors(traffic: &Traffic) -> String {
    let cost = |door| usd(total(&of_notifications(MILLION, door, traffic)));
    format!(
        "| `CallbackDoor` | a million notifications | what it lacks |\n|---|--:|---|\n\
         | `HttpApi` | {} | a firewall (WAF), as the other door does |\n\
         | `FunctionUrl` | {} | a domain of one's own, a throttle (only `CallbackConcurrency` or the account's concurrency ends a flood), an access log; and \
         eleven regions have none: ap-east-2, ap-south-2, ap-southeast-4 to -7, ca-west-1, eu-central-2, eu-south-2, il-central-1, \
         me-central-1 |\n\n\
         Every request at either door is an invocation that is paid, but for those that the HTTP API answers itself: other paths and \
         methods, and what is over `CallbackRateLimit`. `HttpApiAndFunctionUrl` costs what the door costs that a callback comes by.\n",
        cost(Door::HttpApi),
        cost(Door::FunctionUrl),
    )
}

/// What it costs to register once: the first PUT.
fn of_puts(count: f64) -> Vec<Line> {
    vec![
        Line::new("HTTP API", count, "requests", HTTP_API_REQUEST, Source::ApiGateway),
        Line::new("access log", count * ACCESS_LOG_GB, "GB", LOG_GB, Source::CloudWatch),
        Line::new(
            "register, invocations",
            count,
            "requests",
            LAMBDA_REQUEST,
            Source::Lambda,
        ),
        Line::new(
            format!("register, {} ms each", PUT_SECONDS * 1e3),
            count * PUT_SECONDS * STACK.memory_gb(),
            "GB-s",
            LAMBDA_GB_SECOND,
            Source::Lambda,
        ),
        // A transaction puts the row and claims the token, two units each, and one for the index. Then the result, in the
        // index too, and, once the topic was told, the row as it waits for its slot, which moves in the index.
        Line::new(
            "row and claim, writes",
            count * PUT_WRITE_UNITS,
            "WRU",
            WRITE_UNIT,
            Source::DynamoDb,
        ),
        Line::new("row and claim, reads", count * 2.0, "RRU", READ_UNIT, Source::DynamoDb),
        Line::new("telling the topic", count, "requests", SNS_PUBLISH, Source::Sns),
        Line::new(
            "calls to OctoEverywhere",
            count * CALL_GB,
            "GB",
            OUT_GB,
            Source::DataTransfer,
        ),
    ]
}

/// What registrations cost in a share of a year, beyond the runs that look for due ones.
fn of_registrations(count: f64, years: f64, cycle_days: u8) -> Vec<Line> {
    let renewals = count * renewals_a_year(cycle_days) * years;
    vec![
        Line::new(
            "renewals, writes",
            renewals * RENEWAL_WRITE_UNITS,
            "WRU",
            WRITE_UNIT,
            Source::DynamoDb,
        ),
        // The row, its share of the index's pages, and who holds its token.
        Line::new("renewals, reads", renewals * 3.0, "RRU", READ_UNIT, Source::DynamoDb),
        // At the default cap.
        Line::new(
            "renewals, duration",
            renewals / STACK.calls * STACK.memory_gb(),
            "GB-s",
            LAMBDA_GB_SECOND,
            Source::Lambda,
        ),
        Line::new(
            "calls to OctoEverywhere",
            renewals * CALL_GB,
            "GB",
            OUT_GB,
            Source::DataTransfer,
        ),
        Line::new(
            "rows",
            count * ROW_GB * 12.0 * years,
            "GB-month",
            0.25,
            Source::DynamoDb,
        ),
        Line::new(
            "rows, point-in-time recovery",
            count * ROW_GB * 12.0 * years,
            "GB-month",
            0.20,
            Source::DynamoDb,
        ),
        Line::new(
            "who holds which token",
            count * HOLDER_GB * 12.0 * years,
            "GB-month",
            0.25,
            Source::DynamoDb,
        ),
        Line::new(
            "the same, point-in-time recovery",
            count * HOLDER_GB * 12.0 * years,
            "GB-month",
            0.20,
            Source::DynamoDb,
        ),
    ]
}

fn renewals_a_year(cycle_days: u8) -> f64 {
    365.0 / f64::from(cycle_days)
}

/// What a million registrations cost a year at one cycle and at another, and what that buys.
fn cycles() -> String {
    let mut text = "| `RenewalCycleDays` | renewals of each, a year | a million registrations, a year | a webhook that was switched \
                    off unseen is back after at most | left of its life at a renewal |\n|--:|--:|--:|--:|--:|\n"
        .to_owned();
    for days in CYCLES {
        let _ = writeln!(
            text,
            "| {days} | {:.1} | {} | {} days | {} days |",
            renewals_a_year(days),
            usd(total(&of_registrations(MILLION, 1.0, days))),
            // A slot has to be a day away to be the next one.
            days + 1,
            LIFETIME.as_hours() / 24 - i64::from(days) - 1,
        );
    }
    text
}

/// How many alarms are free in an account.
const FREE_ALARMS: f64 = 10.0;
/// An alarm over one metric, a month.
const ALARM: f64 = 0.10;

/// A key of one's own, a month; each of its first two rotations adds as much (AWS KMS pricing).
const KEY: f64 = 1.00;

/// What is there while nothing happens, a month.
fn idle() -> Vec<Line> {
    vec![
        Line::new("encryption key", 1.0, "key", KEY, Source::Kms),
        Line::new("callback secret", 1.0, "secret", 0.40, Source::SecretsManager),
        Line::new(
            "alarms, past the ten that are free",
            STACK.alarms - FREE_ALARMS,
            "alarms",
            ALARM,
            Source::CloudWatch,
        ),
        Line::new("schedule", STACK.runs, "invocations", 1.00 / MILLION, Source::Scheduler),
        Line::new(
            "renew, invocations",
            STACK.runs,
            "requests",
            LAMBDA_REQUEST,
            Source::Lambda,
        ),
        Line::new(
            format!("renew, a look at each of {SHARDS} shards"),
            STACK.runs * f64::from(SHARDS) * 0.5,
            "RRU",
            READ_UNIT,
            Source::DynamoDb,
        ),
        // A run takes its lease and gives it back.
        Line::new(
            "renew, its lease",
            STACK.runs * 2.0,
            "WRU",
            WRITE_UNIT,
            Source::DynamoDb,
        ),
        Line::new(
            "renew, 50 ms each",
            STACK.runs * 0.05 * STACK.memory_gb(),
            "GB-s",
            LAMBDA_GB_SECOND,
            Source::Lambda,
        ),
    ]
}

/// Rotations that add to the key's price (AWS KMS pricing).
const PAID_ROTATIONS: u8 = 2;

/// What is there while nothing happens, as the key grows older.
fn rotations() -> String {
    let mut text = "| the stack's age | the key, a month | idle, a month |\n|---|--:|--:|\n".to_owned();
    for rotations in 0..=PAID_ROTATIONS {
        let more = f64::from(rotations) * KEY;
        let age = match rotations {
            0 => "at first".to_owned(),
            _ => format!("past {:.0} years", f64::from(rotations) * STACK.rotation / 365.0),
        };
        // Writing to a String can't fail.
        let _ = writeln!(text, "| {age} | {} | {} |", usd(KEY + more), usd(total(&idle()) + more));
    }
    text
}

/// What is free in an account that uses little else, a month: listed apart, for it is paid where that is used up.
fn idle_within_free_tiers() -> Vec<Line> {
    // Five pollers, each waiting for 20 s at a time.
    let polls = 5.0 * MONTH_HOURS * 3600.0 / 20.0;
    vec![
        Line::new(
            "metrics of renew (10 are free)",
            6.0,
            "metrics",
            0.30,
            Source::CloudWatch,
        ),
        Line::new(
            "looking into the fallback queue (1 million are free)",
            polls,
            "requests",
            SQS_REQUEST,
            Source::Sqs,
        ),
        Line::new("the ten alarms", FREE_ALARMS, "alarms", ALARM, Source::CloudWatch),
    ]
}

struct Fleet {
    arguments: Arguments,
    /// A month.
    notifications: f64,
}

impl Fleet {
    fn new(arguments: Arguments) -> Self {
        Self {
            arguments,
            notifications: arguments.printers * arguments.traffic.a_day() * MONTH_DAYS,
        }
    }

    /// A month's notifications by this door.
    fn of_notifications(&self, door: Door) -> f64 {
        total(&of_notifications(self.notifications, door, &self.arguments.traffic))
    }

    /// A month's renewals and rows.
    fn of_registrations(&self) -> f64 {
        total(&of_registrations(
            self.arguments.printers,
            1.0 / 12.0,
            self.arguments.cycle_days.days(),
        ))
    }

    fn answer(&self) -> String {
        let [by_api, by_url] = [Door::HttpApi, Door::FunctionUrl].map(|door| self.of_notifications(door));
        let (registrations, idle) = (self.of_registrations(), total(&idle()));
        let Arguments {
            printers,
            traffic,
            cycle_days,
            ..
        } = self.arguments;
        format!(
            "{} printers, {} prints a day each, renewed every {cycle_days} days: {} a month\n             with CallbackDoor=FunctionUrl: {}\n\n             notifications  {} ({} by a function URL), {:.2} million\n             registrations  {}\n             being there    {}; up to {} more where the account has used up its free tiers\n\n             Prices of {PRICES_OF}, US East (N. Virginia). What this is made of, and what else it could be: --tables\n",
            grouped(printers),
            traffic.prints_per_day,
            usd(by_api + registrations + idle),
            usd(by_url + registrations + idle),
            usd(by_api),
            usd(by_url),
            self.notifications / MILLION,
            usd(registrations),
            usd(idle),
            usd(total(&idle_within_free_tiers())),
        )
    }

    fn report(&self) -> String {
        let Arguments {
            printers,
            traffic,
            cycle_days,
            ..
        } = self.arguments;
        let million = |door| of_notifications(MILLION, door, &traffic);
        let year = of_registrations(MILLION, 1.0, cycle_days.days());
        let mut text = format!(
            "Prices of {PRICES_OF}, US East (N. Virginia), first tier, no free tier used.\n\n\
             {}\n{}\n### What each door costs, and lacks\n\n{}\n{}\n{}\n### What a shorter cycle costs, and buys\n\n{}\n{}\n{}\n{}\n{}\n",
            table("A million notifications", &million(Door::HttpApi)),
            table("A million notifications by a function URL", &million(Door::FunctionUrl)),
            doors(&traffic),
            table("A million first registrations", &of_puts(MILLION)),
            table(
                &format!("A million registrations, renewed every {cycle_days} days, for a year"),
                &year
            ),
            cycles(),
            sweep::report(cycle_days),
            table("Idle, a month", &idle()),
            rotations(),
            table(
                "Idle, a month, if the account has used up its free tiers",
                &idle_within_free_tiers()
            ),
        );
        let _ = writeln!(
            text,
            "### {} printers, {} prints a day each: {:.2} million notifications a month\n\n{}",
            grouped(printers),
            traffic.prints_per_day,
            self.notifications / MILLION,
            self.comparison(),
        );
        text
    }

    /// Printbell's bill beside those of the alternatives.
    fn comparison(&self) -> String {
        let of_notifications = self.of_notifications(Door::HttpApi);
        let of_registrations = self.of_registrations();
        let idle = total(&idle());
        format!(
            "| | a month | what it leaves to you |\n|---|--:|---|\n\
             | **Printbell** | **{}** | nothing; {} are for notifications, {} for registrations, {} for being there, and {} \
             come on top where the free tiers are used up |\n\
             | Printbell, `CallbackDoor=FunctionUrl` | {} | the same, without a domain, a throttle or an access log |\n{}",
            usd(of_notifications + of_registrations + idle),
            usd(of_notifications),
            usd(of_registrations),
            usd(idle),
            usd(total(&idle_within_free_tiers())),
            usd(self.of_notifications(Door::FunctionUrl) + of_registrations + idle),
            alternatives::rows(self.notifications),
        )
    }
}

#[cfg(test)]
mod sentences;
#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Command<A: clap::Args> {
        #[command(flatten)]
        arguments: A,
    }

    /// What a command is told by nobody.
    pub(super) fn defaults<A: clap::Args>() -> A {
        Command::parse_from(["command"]).arguments
    }

    #[test]
    fn the_document_has_what_the_command_says() {
        let document = include_str!("../../docs/cost.md");
        let report = Fleet::new(defaults()).report();
        assert!(document.contains(&report), "put this into docs/cost.md:\n{report}");
    }

    #[test]
    fn the_answer_comes_first_and_is_that_of_the_tables() {
        let fleet = Fleet::new(defaults());
        let answer = fleet.answer();
        let first = answer.lines().next().unwrap();
        let (_, price) = first.split_once(": ").unwrap();
        let price = price.strip_suffix(" a month").unwrap();
        assert!(
            fleet.report().contains(&format!("| **Printbell** | **{price}** |")),
            "{answer}"
        );
        assert!(
            answer.lines().count() < 10 && answer.lines().all(|line| line.len() <= 120),
            "{answer}"
        );
    }

    #[test]
    fn a_function_url_saves_the_http_api_and_its_log_and_nothing_else() {
        let of_door = |door| total(&of_notifications(MILLION, door, &defaults::<Arguments>().traffic));
        let saved = of_door(Door::HttpApi) - of_door(Door::FunctionUrl);
        assert!((saved - 1.15).abs() < 1e-9, "{saved}");
        assert!(of_door(Door::FunctionUrl) < of_door(Door::HttpApi) / 2.0);
    }

    #[test]
    fn idle_is_the_key_the_secret_and_the_alarms() {
        let idle = total(&idle());
        let expected = 1.40 + (STACK.alarms - FREE_ALARMS) * ALARM;
        assert!((expected..expected + 0.05).contains(&idle) && idle < 3.0, "{idle}");
    }

    #[test]
    fn two_rotations_of_the_key_are_paid() {
        let oldest = rotations().lines().last().unwrap().to_owned();
        assert!(
            oldest.ends_with(&format!("| {} |", usd(total(&idle()) + 2.0))),
            "{oldest}"
        );
    }

    #[test]
    fn notifications_and_registrations_are_counted_each_for_itself() {
        let with = |printers, prints_per_day| Arguments {
            printers,
            traffic: Traffic {
                prints_per_day,
                ..defaults::<Arguments>().traffic
            },
            ..defaults()
        };
        assert!((Fleet::new(with(1000.0, 2.0)).notifications - 1000.0 * 2.0 * 17.0 * MONTH_DAYS).abs() < 1e-6);
        assert_eq!(Fleet::new(with(1000.0, 0.0)).notifications, 0.0);
        let of_registrations = |count| total(&of_registrations(count, 1.0, 30));
        assert!((of_registrations(2.0) - 2.0 * of_registrations(1.0)).abs() < 1e-12);
    }

    #[test]
    fn a_renewal_costs_the_same_at_every_cycle() {
        let cost = |days| total(&of_registrations(1.0, 1.0, days));
        let of_a_renewal = |one, other| (cost(one) - cost(other)) / (renewals_a_year(one) - renewals_a_year(other));
        assert!((of_a_renewal(7, 30) - of_a_renewal(30, 120)).abs() < 1e-12);
    }
}
