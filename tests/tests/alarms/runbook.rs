//! The runbook has a section for each alarm. What it tells to type is typed by `tests/documents`.

use std::collections::BTreeSet;

use printbell_harness::template::Template;
use printbell_harness::workspace;

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
