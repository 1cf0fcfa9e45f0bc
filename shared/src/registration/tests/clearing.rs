//! The webhooks of earlier tokens are deleted, and the present one's stays.

use super::world::{Answer, START, World, key, objection};
use super::*;
use crate::registration::protocol::{Objection, Turn};

#[test]
fn each_earlier_token_is_cleared_and_the_present_one_set_again_after_it() {
    let table: [(&[&str], &[&str]); 12] = [
        (&["t/x A", "t/x B?"], &["Set B", "Clear A", "Set B"]),
        (&["t/x A", "t/x A?"], &["Set A"]),
        (&["t/x A?", "t/x B?"], &["Set B", "Clear A", "Set B"]),
        (&["t/x A", "t/x B?", "t/x A?"], &["Set A", "Clear B", "Set A"]),
        (&["t/x A", "t/x B", "t/x A?"], &["Set A", "Clear B", "Set A"]),
        (
            &["t/x A", "t/x B?", "t/x C?"],
            &["Set C", "Clear B", "Set C", "Clear A", "Set C"],
        ),
        (&["t/x A#i", "t/x B#i?"], &["Set B"]),
        (&["t/x A#i", "t/x B#j?"], &["Set B", "Clear A", "Set B"]),
        (&["t/x A#i", "t/x A?"], &["Set A"]),
        (&["t/x A", "t/x -"], &["Delete A"]),
        (
            &["t/x A", "t/x B?", "t/x C?", "t/x -"],
            &["Clear B", "Clear A", "Delete C"],
        ),
        (&["t/x A", "t/y B", "t/x B?", "t/x -"], &["Clear A", "Delete B"]),
    ];
    for (steps, calls) in table {
        let mut world = World::after(steps);
        world.calls.clear();
        world.wait_and_work("t/x");
        assert_eq!(world.calls, calls, "{steps:?}");
        if let Some(row) = world.rows.values().find(|row| row.key == key("t/x")) {
            assert!(
                row.renewal.is_applied() && row.old_tokens.is_empty() && row.previous.is_none(),
                "{steps:?}"
            );
            assert!(
                row.renewal.due > Some(EpochSeconds::from(world.now) + SignedDuration::from_hours(24)),
                "{steps:?}"
            );
        }
    }
}

#[test]
fn a_token_that_cannot_be_cleared_is_tried_less_and_less_often_and_the_renewal_comes_first() {
    for answer in [Answer::Later, Answer::Silence, Answer::Suspended] {
        let mut world = World::after(&["t/x A", "t/x B?"]);
        world.calls.clear();
        world.answers.extend([Answer::Yes, answer]);
        world.wait_and_work("t/x");
        assert_eq!(world.calls, ["Set B", "Clear A"], "{answer:?}");
        for minutes in [1, 5, 15, 60, 180, 360, 720, 1440, 1440] {
            let row = world.row("t/x");
            assert!(!row.renewal.is_applied(), "its webhook may be gone");
            let wait = row.renewal.due.unwrap() - EpochSeconds::from(world.now);
            let wait = wait.as_secs();
            assert!(
                wait * 5 >= minutes * 240 && wait * 5 <= minutes * 360,
                "{answer:?}: {wait} s for {minutes} min"
            );
            world.calls.clear();
            world.answers.extend([Answer::Yes, answer]);
            world.wait_and_work("t/x");
            assert_eq!(world.calls, ["Set B", "Clear A"], "{answer:?}");
        }
        world.calls.clear();
        world.wait_and_work("t/x");
        assert_eq!(world.calls, ["Set B", "Clear A", "Set B"], "{answer:?}");
        assert_eq!(
            (world.row("t/x").renewal.attempts, &world.row("t/x").old_tokens),
            (0, &vec![]),
            "{answer:?}"
        );
    }
}

#[test]
fn a_token_whose_webhook_has_expired_is_forgotten() {
    let mut world = World::after(&["t/x A", "t/x B?"]);
    world.answers.extend([Answer::Yes, Answer::Later]);
    world.wait_and_work("t/x");
    let expiry = world.row("t/x").old_tokens[0].expires_at;
    assert_eq!(
        expiry,
        EpochSeconds::from(START) + LIFETIME,
        "of its last success, and not of the new one's"
    );
    world.now = expiry.to_timestamp();
    world.calls.clear();
    world.work("t/x");
    assert_eq!(world.calls, ["Set B"]);
    assert_eq!(world.holders.len(), 1, "and anybody may have it");
}

#[test]
fn an_expired_token_holds_up_no_deletion() {
    let mut world = World::after(&["t/x A", "t/x B?", "t/x -"]);
    world.now = world.row("t/x").old_tokens[0].expires_at.to_timestamp();
    world.answers.push_back(Answer::No);
    world.calls.clear();
    world.work("t/x");
    assert_eq!(world.calls, ["Clear A", "Delete B"]);
    assert!(world.rows.is_empty() && world.holders.is_empty());
}

#[test]
fn four_old_tokens_may_wait_and_no_more() {
    let mut world = World::after(&["t/x A", "t/x B?", "t/x C?", "t/x D?", "t/x E?"]);
    let before = world.show();
    let conclusion = world.put("t/x", "F", Turn::Denied);
    assert_eq!(
        objection(&conclusion),
        Some(Objection::TooManyOldTokens(TooManyOldTokens))
    );
    assert_eq!(world.show(), before);
    for token in ["E", "A", "B"] {
        let mut world = World::after(&["t/x A", "t/x B?", "t/x C?", "t/x D?", "t/x E?"]);
        assert_eq!(
            objection(&world.put("t/x", token, Turn::Denied)),
            None,
            "{token} is there already"
        );
    }
    world.step("t/x -");
    assert_eq!(world.show(), ["t/x deleting E, old: B C D A"]);
    world.calls.clear();
    world.work("t/x");
    assert_eq!(world.calls, ["Clear B", "Clear C", "Clear D", "Clear A", "Delete E"]);
}
