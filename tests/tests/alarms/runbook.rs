//! The runbook has a section for each alarm, and what it tells to type exists.

use std::collections::BTreeSet;

use printbell_harness::runtime_api::Completion;
use printbell_harness::template::Template;
use printbell_harness::workspace;

use crate::stage::Stage;

/// Operations of the AWS CLI, version 2, by its command reference.
const OPERATIONS: [&str; 21] = [
    "cloudformation describe-stack-resource",
    "dynamodb delete-item",
    "dynamodb describe-continuous-backups",
    "dynamodb describe-table",
    "dynamodb query",
    "dynamodb restore-table-to-point-in-time",
    "kms describe-key",
    "kms enable-key",
    "lambda get-account-settings",
    "lambda invoke",
    "logs tail",
    "scheduler get-schedule",
    "secretsmanager list-secret-version-ids",
    "service-quotas list-service-quotas",
    "sns get-topic-attributes",
    "sns list-subscriptions-by-topic",
    "sns set-subscription-attributes",
    "sqs get-queue-attributes",
    "sqs purge-queue",
    "sqs receive-message",
    "sqs start-message-move-task",
];

fn runbook() -> String {
    std::fs::read_to_string(workspace::root().join("docs/runbook.md")).unwrap()
}

/// The sections: how a link names each, and its text.
fn sections(runbook: &str) -> Vec<(String, &str)> {
    let sections = runbook.split("\n## ").skip(1);
    sections
        .map(|section| {
            let (heading, text) = section.split_once('\n').unwrap();
            (heading.to_lowercase().replace(' ', "-"), text)
        })
        .collect()
}

/// The lines that are to be typed.
fn commands(text: &str) -> impl Iterator<Item = &str> {
    let blocks = text.split("```sh\n").skip(1);
    blocks.flat_map(|block| block.split_once("```").unwrap().0.lines())
}

/// What stands between two texts, each time.
fn between<'a>(text: &'a str, begin: &'a str, end: char) -> impl Iterator<Item = &'a str> {
    let rests = text.split(begin).skip(1);
    rests.filter_map(move |rest| rest.split(end).next())
}

#[test]
fn every_alarm_has_its_section_and_every_section_its_alarm() {
    let runbook = runbook();
    let sections = sections(&runbook);
    let mut spare: BTreeSet<_> = sections.iter().map(|(name, _)| name.as_str()).collect();
    for alarm in Template::read().unwrap().alarms().unwrap() {
        let (_, section) = alarm.description.rsplit_once(" docs/runbook.md#").unwrap();
        let found = sections.iter().find(|(name, _)| name == section);
        let (_, text) = found.unwrap_or_else(|| panic!("{}: no section {section}", alarm.logical_id));
        assert!(
            text.contains(&format!("`{}`", alarm.logical_id)),
            "{}",
            alarm.logical_id
        );
        spare.remove(section);
        let [on_alarm, on_silence, on_recovery] = &alarm.actions;
        let is_told = |actions: &[String]| actions.iter().any(|action| action.ends_with(":AlarmTopic"));
        assert!(is_told(on_alarm), "{}", alarm.logical_id);
        assert!(on_silence.is_empty() || is_told(on_silence));
        assert!(on_recovery.is_empty() || is_told(on_recovery));
    }
    assert_eq!(spare, BTreeSet::new());
    for (name, text) in sections {
        for part in ["**What it means.**", "**Look.**", "**Do.**", "```sh"] {
            assert!(text.contains(part), "{name}: {part}");
        }
    }
}

#[test]
fn what_is_to_be_typed_exists() {
    let runbook = runbook();
    let template = Template::read().unwrap();
    let mut operations = BTreeSet::new();
    for command in commands(&runbook) {
        for operation in between(command, "aws ", '-').filter(|_| command.contains("aws ")) {
            let known = OPERATIONS
                .iter()
                .find(|known| command.contains(&format!("aws {known} ")));
            operations.insert(*known.unwrap_or_else(|| panic!("{operation}: {command}")));
        }
        for resource in between(command, "$(resource ", ')').filter(|name| *name != "\"$1\"") {
            let is_there = template.has_resource(resource) || resource == "RenewFunctionSchedule";
            assert!(is_there, "{resource}: {command}");
        }
        for queue in between(command, "$(queue_arn ", ')') {
            assert!(template.has_resource(queue), "{queue}: {command}");
        }
        let word = command.split([' ', '=', '(']).next().unwrap();
        assert!(
            ["aws", "renew", "sam", "STACK", "resource", "queue_arn"].contains(&word),
            "{command}"
        );
        for parameter in between(command, "--parameter-overrides ", '=') {
            assert!(template.parameters().any(|known| known == parameter), "{parameter}");
        }
    }
    assert_eq!(operations, OPERATIONS.into());
}

#[tokio::test]
async fn renew_takes_what_it_is_told_to_take() {
    let runbook = runbook();
    let mut stage = Stage::new().await;
    let events: BTreeSet<_> = commands(&runbook)
        .flat_map(|command| between(command, "renew '", '\''))
        .collect();
    assert!(events.len() >= 3, "{events:?}");
    for event in events {
        let call = stage.call("renew", event).await;
        assert!(matches!(call.completion, Completion::Answered(_)), "{event}: {call:?}");
    }
}
