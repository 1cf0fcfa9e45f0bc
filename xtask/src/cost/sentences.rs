//! The sentences of the documents and the template that have a number of the bill, or of the limits.

use printbell_harness::document::{self, check_sentences};
use printbell_shared::callback::keys::KNOWN_KEYS_LIFETIME;
use printbell_shared::registration::renewal::CALLS_TO_MEAN;

use super::limits::{self, quotas};
use super::tests::defaults;
use super::*;

/// A small number in a word.
#[expect(clippy::cast_possible_truncation, reason = "it is small")]
fn word(value: f64) -> String {
    document::word(value.round() as i64)
}

/// The same at the beginning of a sentence.
fn capital(value: f64) -> String {
    let word = word(value);
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}

/// Whole dollars.
fn dollars(value: f64) -> String {
    grouped(value)
}

/// How many millions: whole ones that are full.
fn millions(value: f64) -> String {
    grouped((value / MILLION).floor())
}

#[test]
fn the_documents_say_what_the_bill_says() {
    let Arguments {
        traffic, cycle_days, ..
    } = defaults();
    let of_million = |door| total(&of_notifications(MILLION, door, &traffic));
    let year = |days| total(&of_registrations(MILLION, 1.0, days));
    let longest = *Cycle::DAYS.end();
    let slow = Traffic {
        billed_ms: 100.0,
        ..traffic
    };
    let slower = total(&of_notifications(MILLION, Door::HttpApi, &slow)) - of_million(Door::HttpApi);
    check_sentences(&[
        (
            "README.md",
            "A million notifications cost about ${}, or {} with `CallbackDoor=FunctionUrl`, a million registrations about ${} a year, or ${} with \
             `RenewalCycleDays={}`",
            vec![
                dollars(of_million(Door::HttpApi)),
                usd(of_million(Door::FunctionUrl)),
                dollars(year(cycle_days.days())),
                dollars(year(longest)),
                longest.to_string(),
            ],
        ),
        (
            "README.md",
            "its alarms past the {} that are free: {} a month.",
            vec![word(FREE_ALARMS), usd(total(&idle()))],
        ),
        (
            "docs/cost.md",
            "**{} notifications a print**",
            vec![grouped(traffic.notifications_per_print)],
        ),
        (
            "docs/cost.md",
            "**{} ms billed a notification**",
            vec![grouped(traffic.billed_ms)],
        ),
        (
            "docs/cost.md",
            "At 100 ms a million notifications would cost {} more",
            vec![usd(slower)],
        ),
        (
            "docs/cost.md",
            "**A start for every {} notifications**",
            vec![grouped(traffic.notifications_per_start)],
        ),
        (
            "docs/cost.md",
            "**A look whether the keys still count, every {} minutes of a process in use**",
            vec![word(KNOWN_KEYS_LIFETIME.as_secs_f64() / 60.0)],
        ),
        (
            "docs/cost.md",
            "**{} bytes of access log a request**",
            vec![grouped(ACCESS_LOG_GB * 1e9)],
        ),
        (
            "docs/cost.md",
            "**{} write units a renewal**",
            vec![capital(RENEWAL_WRITE_UNITS)],
        ),
        (
            "docs/cost.md",
            "**{} write units a first registration**",
            vec![capital(PUT_WRITE_UNITS)],
        ),
        (
            "docs/cost.md",
            "**A renewal every {} days**",
            vec![cycle_days.to_string()],
        ),
        (
            "docs/cost.md",
            "It costs ${} a year for a million registrations.",
            vec![dollars(year(cycle_days.days()) - year(longest))],
        ),
        (
            "docs/cost.md",
            "reads the whole table by pages of {} rows",
            vec![grouped(sweep::PAGE)],
        ),
        (
            "docs/cost.md",
            "the template's {} alarms are listed past those {}, and {} of them are what a stack in an account of its own pays. A second stack pays \
             all {}.",
            vec![
                grouped(STACK.alarms),
                word(FREE_ALARMS),
                word(STACK.alarms - FREE_ALARMS),
                grouped(STACK.alarms),
            ],
        ),
        (
            "docs/cost.md",
            "**The key is rotated every {} years** ({} days",
            vec![word(STACK.rotation / 365.0), grouped(STACK.rotation)],
        ),
    ]);
}

#[test]
fn the_documents_say_what_the_limits_say() {
    let cycle = Cycle::DEFAULT;
    let (enough, most) = (
        cycle.registrations_for(STACK.calls),
        STACK.calls * cycle.length().as_secs_f64(),
    );
    let for_many = cycle.calls_for(100.0 * MILLION).ceil();
    let arguments: limits::Arguments = defaults();
    // One digit: more would be made up.
    let printers = |account: &str| {
        let quotas = quotas(&arguments).into_iter();
        let of_account = quotas.filter(|quota| quota.default.ends_with(account));
        let least = of_account.map(|quota| quota.printers).fold(f64::INFINITY, f64::min);
        let unit = 10_f64.powf(least.log10().floor());
        grouped((least / unit).floor() * unit)
    };
    check_sentences(&[
        (
            "README.md",
            "Beyond {} million registrations, raise `MaxCallsPerSecond`: once a second for every {} million, so {} for a hundred million",
            vec![
                millions(enough),
                format!("{:.1}", cycle.registrations_for(1.0) / MILLION),
                grouped(for_many),
            ],
        ),
        (
            "README.md",
            "With {} calls a second and a cycle of {} days, {} million are the most that can be renewed at all.",
            vec![grouped(STACK.calls), cycle.to_string(), millions(most)],
        ),
        (
            "README.md",
            "From some {} printers on (in a new account) or {}, quotas of the account have to be raised",
            vec![printers("in a new account"), printers("in others")],
        ),
        (
            "template.yaml",
            "A fleet needs {} times its registrations divided by the seconds of the cycle: {} are enough for {} million registrations at {} days.",
            vec![
                CALLS_TO_MEAN.to_string(),
                grouped(STACK.calls),
                millions(enough),
                cycle.to_string(),
            ],
        ),
        (
            "docs/runbook.md",
            "raise `MaxCallsPerSecond` to {} times the registrations divided by the seconds of the cycle",
            vec![CALLS_TO_MEAN.to_string()],
        ),
        (
            "docs/runbook.md",
            "--parameter-overrides MaxCallsPerSecond={} ```",
            vec![grouped(for_many)],
        ),
        (
            "docs/registering.md",
            "or than {} a second: try again a moment later",
            vec![grouped(STACK.reads)],
        ),
        (
            "docs/limits.md",
            "takes {} times as long for the share of one that {} MB get, {} ms of waiting, and {} ms for each",
            vec![
                format!("{:.1}", abuse::PROCESSOR / STACK.memory),
                grouped(STACK.memory),
                grouped(arguments.traffic.billed_ms),
                grouped(PUT_SECONDS * 1e3),
            ],
        ),
        (
            "docs/limits.md",
            "a PUT makes up to {} calls, so {} a second reach OctoEverywhere at the default",
            vec![word(CALLS_OF_A_PUT), grouped(CALLS_OF_A_PUT * STACK.calls)],
        ),
    ]);
}

/// The most that one makes, while nothing waits to be deleted: the new token's, the old one's deletion, the present one once more.
const CALLS_OF_A_PUT: f64 = 3.0;
