//! Numbers that have one source, and stand elsewhere, too. Those of the bill and of the limits are held by `xtask/src/cost`.

use printbell_harness::document::{Sentence, check_sentences, word};
use printbell_harness::template::Template;
use printbell_harness::workspace;
use printbell_shared::id::MAX_LENGTH;
use printbell_shared::notification::{letter, payload};
use printbell_shared::registration::protocol::CALL_TIMEOUT;
use printbell_shared::registration::renewal::{CALLS_PER_SECOND, Cycle, LIFETIME};
use printbell_shared::registration::sweep::SETTLING_TIME;
use printbell_shared::registration::wish::MAX_TOKEN_LENGTH;

const README: &str = "README.md";
const TEMPLATE: &str = "template.yaml";
const RUNBOOK: &str = "docs/runbook.md";

/// Parameters whose defaults README's table doesn't say: one that nobody is to change.
const UNSAID: [&str; 1] = ["OctoEverywhereUrl"];

fn months(days: i64) -> i64 {
    (days + 15) / 30
}

/// Days, as one says it: `a month`, `four months`.
fn span(days: i64) -> String {
    match months(days) {
        0 => format!("{days} days"),
        1 => "a month".to_owned(),
        months => format!("{} months", word(months)),
    }
}

fn kib(bytes: usize) -> String {
    (bytes / 1024).to_string()
}

/// With commas, as the documents have it.
fn grouped(number: &str) -> String {
    let split = number.len().saturating_sub(3);
    match number.split_at(split) {
        ("", all) => all.to_owned(),
        (thousands, rest) => format!("{thousands},{rest}"),
    }
}

/// A property of a resource of the template that is a whole number.
fn property(template: &Template, resource: &str, path: &[&str]) -> i64 {
    let value = template.property(resource, path).unwrap();
    value
        .parse()
        .unwrap_or_else(|_| panic!("{resource}, {path:?}: {value}"))
}

#[test]
fn the_cycle_is_the_same_wherever_it_is_said() {
    let template = Template::read().unwrap();
    let alarm = property(&template, "NearestExpiryAlarm", &["Threshold"]) / 86_400;
    let [default, least, most] = [Cycle::DEFAULT.days(), *Cycle::DAYS.start(), *Cycle::DAYS.end()].map(i64::from);
    let lifetime = LIFETIME.as_hours() / 24;
    // A renewal comes a day after its cycle at the latest.
    let left = |days: i64| lifetime - days - 1;
    let sentences = [
        (
            TEMPLATE,
            "RenewalCycleDays: Type: Number Default: {} MinValue: {} MaxValue: {} ConstraintDescription: must be a whole number of days from {} \
             to {} Description",
            vec![default, least, most, least, most],
        ),
        (README, "it forgets each webhook after {} days", vec![lifetime]),
        (
            README,
            "a registration is renewed at least {} days before it would lapse, or {} with the longest cycle",
            vec![left(default), left(most)],
        ),
        (
            README,
            "how often each registration is renewed, from {} to {} days; `{}`",
            vec![least, most, default],
        ),
        (
            README,
            "OctoEverywhere has forgotten the webhook, after {} days in which it couldn't be renewed",
            vec![lifetime],
        ),
        (
            "docs/architecture.md",
            "The cycle is the stack's `RenewalCycleDays`: {} days, which leave at least {} for trouble",
            vec![default, left(default)],
        ),
        (
            "docs/operations.md",
            "PARAMETERS=\"${PARAMETERS:-RenewalCycleDays={} MaxCallsPerSecond={}}\"",
            vec![default, i64::from(CALLS_PER_SECOND)],
        ),
        (
            "shared/src/registration/renewal/cycle.rs",
            "a renewal comes a day after its cycle at the latest, so {} days of {} by default",
            vec![left(default), lifetime],
        ),
        (
            TEMPLATE,
            "A registration had less than {} days left when it was its turn; {} are planned with a cycle of {} days, and {} with the longest, {}.",
            vec![alarm, left(default), default, left(most), most],
        ),
        (
            TEMPLATE,
            "EvaluationPeriods: 1 {} days: a month for a person to help, whatever the cycle is.",
            vec![alarm],
        ),
        (
            RUNBOOK,
            "A registration had less than {} days left when it was its turn.",
            vec![alarm],
        ),
    ];
    let sentences = sentences.map(|(file, sentence, numbers)| {
        let numbers = numbers.iter().map(ToString::to_string).collect();
        (file, sentence, numbers)
    });
    let in_words: [Sentence<'_>; 4] = [
        (
            README,
            "registers each webhook again every {}, for one printer",
            vec![span(default).trim_start_matches("a ").to_owned()],
        ),
        (
            README,
            "then the clock moves on to the renewal's date, up to {}, and the schedule renews",
            vec![span(default)],
        ),
        (
            "docs/cost.md",
            "is back with its next renewal, {} later at the most and not {}; and {} months are left for trouble, not {}.",
            vec![
                span(default),
                word(months(most)),
                word(months(left(default))),
                word(months(left(most))),
            ],
        ),
        (
            TEMPLATE,
            "With one of {} days they are reached after {} of trouble, with one of {} after {}.",
            vec![
                most.to_string(),
                span(left(most) - alarm),
                default.to_string(),
                word(months(left(default) - alarm)),
            ],
        ),
    ];
    check_sentences(&[&sentences[..], &in_words].concat());
}

#[test]
fn the_parameters_defaults_and_bounds_are_the_same_wherever_they_are_said() {
    let template = Template::read().unwrap();
    let mut sentences: Vec<Sentence<'_>> = Vec::new();
    let constraints: Vec<_> = { template.parameters() }
        .filter_map(|name| Some((name, template.bounds(name).ok()?)))
        .collect();
    assert!(constraints.len() >= 5, "{constraints:?}");
    let texts: Vec<_> = { constraints.iter() }
        .map(|(name, _)| {
            format!("{name}: Type: Number Default: {{}} MinValue: {{}} MaxValue: {{}} ConstraintDescription: must be a whole number {{}} Description")
        })
        .collect();
    for ((name, [least, most]), text) in constraints.iter().zip(&texts) {
        let days = if name.ends_with("Days") { "of days " } else { "" };
        let constraint = format!("{days}from {least} to {most}");
        sentences.push((
            TEMPLATE,
            text,
            vec![template.default(name).unwrap(), least.clone(), most.clone(), constraint],
        ));
    }
    let [least, most] = template
        .bounds("RedriveConcurrency")
        .unwrap()
        .map(|bound| grouped(&bound));
    let redrives = template.default("RedriveConcurrency").unwrap();
    sentences.push((
        README,
        "batches of ten that redrive publishes at once of what waited, from {} to {}; `{}`",
        vec![least, most, redrives.clone()],
    ));
    // Where the emulator wants a number, the template has the default once more.
    sentences.push((
        TEMPLATE,
        "RedrivesAsByDefault: !Equals [!Ref RedriveConcurrency, \"{}\"]",
        vec![redrives.clone()],
    ));
    sentences.push((
        TEMPLATE,
        "MaximumConcurrency: !If [RedrivesAsByDefault, {}, !Ref",
        vec![redrives],
    ));
    sentences.push((
        TEMPLATE,
        "MaxCallsPerSecond: Type: Number Default: {} MinValue",
        vec![CALLS_PER_SECOND.to_string()],
    ));
    let renew = template.function("renew").unwrap();
    let in_flight = renew
        .variables
        .iter()
        .find(|(name, _)| name == "MAX_CALLS_IN_FLIGHT")
        .unwrap();
    sentences.push((
        "functions/renew/src/pace.rs",
        "in_flight: NonZeroU32::new({}).unwrap()",
        vec![in_flight.1.clone()],
    ));
    let schedule = template.default("RenewSchedule").unwrap();
    let every = schedule.trim_start_matches("rate(").trim_end_matches(')').to_owned();
    sentences.push((
        "docs/architecture.md",
        "`renew` is invoked by the schedule every {}, with",
        vec![every],
    ));
    check_sentences(&sentences);

    let readme = std::fs::read_to_string(workspace::root().join(README)).unwrap();
    for name in template.parameters().filter(|name| !UNSAID.contains(name)) {
        let default = template.default(name).unwrap();
        let row = readme.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        // Those that are empty by default stand together, and say so in words.
        if let Some(row) = row.filter(|_| !default.is_empty()) {
            assert!(
                row.contains(&format!("`{default}`")),
                "{README} should say `{default}` in the row of {name}, and says {row:?}"
            );
        }
    }
}

#[test]
fn limits_and_times_are_the_same_wherever_they_are_said() {
    let template = Template::read().unwrap();
    let number = |resource: &str, path: &[&str]| property(&template, resource, path);
    let queues = ["FallbackQueue", "DeadLetterQueue", "FailedRunsQueue"];
    let [retention, others @ ..] = queues.map(|queue| number(queue, &["MessageRetentionPeriod"]) / 86_400);
    assert_eq!(others, [retention; 2], "queues keep what is in them for the same time");
    let retention = vec![retention.to_string()];
    let visibility = number("FallbackQueue", &["VisibilityTimeout"]);
    let receives = number("FallbackQueue", &["RedrivePolicy", "maxReceiveCount"]);
    let hours = receives * visibility / 3_600;
    let hours_of = |alarm: &str, path: &str| word(number(alarm, &[path]) / 3_600);
    let heartbeat = word(
        number("RenewHeartbeatAlarm", &["Period"]) * number("RenewHeartbeatAlarm", &["EvaluationPeriods"]) / 3_600,
    );
    let behind = hours_of("RunsBehindAlarm", "Threshold");
    let waiting = (number("WaitingAlarm", &["Threshold"]) / 60).to_string();
    let settling = SETTLING_TIME.as_mins();
    let (id, token) = (MAX_LENGTH.to_string(), kib(MAX_TOKEN_LENGTH));
    let (body, whole) = (kib(payload::MAX_LENGTH), kib(letter::body::MAX_WHOLE));
    let api_gives_up = number("RegisterIntegration", &["TimeoutInMillis"]) / 1_000;
    let one = |value: &str| vec![value.to_owned()];
    check_sentences(&[
        (README, "each 1 to {} characters of", one(&id)),
        ("docs/registering.md", "are yours: 1 to {} characters of", one(&id)),
        (README, "An `appToken` may have {} KiB.", one(&token)),
        (README, "(a body over {} KiB, say)", one(&body)),
        ("docs/architecture.md", "no JSON object, or over {} KiB.", one(&body)),
        (TEMPLATE, "a body of {} KiB is kept whole", one(&whole)),
        (
            README,
            "A change is carried out by itself, beginning {} minutes later",
            vec![settling.to_string()],
        ),
        (
            "docs/domain.md",
            "under the new URL, beginning {} minutes later",
            vec![settling.to_string()],
        ),
        (
            TEMPLATE,
            "A change is carried out by itself: {} minutes later every webhook",
            vec![settling.to_string()],
        ),
        (
            "docs/operations.md",
            "the first one after {} minutes takes the registrations over",
            vec![word(settling)],
        ),
        (
            TEMPLATE,
            "What it holds is deleted {} days after it was first queued.",
            retention.clone(),
        ),
        (
            RUNBOOK,
            "SQS deletes each {} days after it was first queued.",
            retention.clone(),
        ),
        (
            "docs/limits.md",
            "is in the dead-letter queue after {} days at the latest",
            retention,
        ),
        (
            TEMPLATE,
            "Even without redrive's own backoff, {} tries with {} minutes between them take {} hours.",
            vec![receives.to_string(), word(visibility / 60), hours.to_string()],
        ),
        (
            RUNBOOK,
            "Nothing is lost for {} hours; then they go to the dead-letter queue.",
            vec![hours.to_string()],
        ),
        (
            TEMPLATE,
            "the queue's visibility timeout is {} times as long. Timeout:",
            vec![word(visibility / number("RedriveFunction", &["Timeout"]))],
        ),
        (
            TEMPLATE,
            "The API gives up at {} s; OctoEverywhere's answer takes {} s at most.",
            vec![api_gives_up.to_string(), CALL_TIMEOUT.as_secs().to_string()],
        ),
        (
            TEMPLATE,
            "waited in the fallback queue for over {} minutes",
            one(&waiting),
        ),
        (RUNBOOK, "in the fallback queue for over {} minutes", one(&waiting)),
        (TEMPLATE, "the oldest has waited for over {} hours.", one(&behind)),
        (RUNBOOK, "aren't reached: the oldest for over {} hours.", one(&behind)),
        (
            TEMPLATE,
            "No run of renew has come to its end for {} hours.",
            one(&heartbeat),
        ),
        (
            TEMPLATE,
            "The heartbeat alarm expects a run at least every {} hours.",
            one(&heartbeat),
        ),
        (
            "docs/upgrading.md",
            "for up to {} minutes, as long as the last run takes.",
            vec![(number("RenewFunction", &["Timeout"]) / 60).to_string()],
        ),
    ]);
}
