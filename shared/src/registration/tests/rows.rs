//! One row: what its changes and their answers make of the wish, the wish before, and what was said.

use super::world::{Answer, World, connection, key, show};
use super::*;
use crate::registration::holding::{HolderWrite, Write};
use crate::registration::protocol::{Conclusion, Turn};
use std::sync::Arc;

#[test]
fn a_refused_put_leaves_the_row_as_it_was() {
    let table: [(&[&str], &[&str]); 6] = [
        (&["t/x !A"], &[]),
        (&["t/x A", "t/x !A"], &["t/x active A"]),
        (&["t/x A", "t/x !B"], &["t/x active A"]),
        (&["t/x A", "t/x B?", "t/x !C"], &["t/x active B, before: A"]),
        (&["t/x A", "t/x -", "t/x !B"], &["t/x deleting A"]),
        (&["t/x A", "t/y A", "t/x !B"], &["t/x replaced -", "t/y active A"]),
    ];
    for (steps, rows) in table {
        assert_eq!(World::after(steps).show(), rows, "{steps:?}");
    }
}

#[test]
fn a_change_that_is_refused_later_goes_back_to_the_wish_before() {
    let table: [(&[&str], &[&str]); 4] = [
        (&["t/x A", "t/x B?"], &["t/x active A"]),
        (&["t/x A?"], &["t/x revoked A"]),
        (&["t/x A", "t/x B?", "t/x C?"], &["t/x active A, old: B"]),
        (&["t/x A", "t/x -", "t/x B?"], &["t/x deleting A"]),
    ];
    for (steps, rows) in table {
        let mut world = World::after(steps);
        refuse(&mut world, "t/x");
        assert_eq!(world.show(), rows, "{steps:?}");
        assert!(world.row("t/x").last_error.is_some(), "{steps:?}");
    }
}

/// Refuses what is wanted until that is believed.
pub fn refuse(world: &mut World, whose: &str) {
    let version = world.row(whose).renewal.version;
    for _ in 0..20 {
        let row = Arc::clone(world.row(whose));
        if row.renewal.version != version || row.wish.connection.is_none() || row.renewal.status == Status::Revoked {
            break;
        }
        world.answers.push_back(Answer::No);
        let due = row.renewal.index().expect("due").to_timestamp();
        world.now = due.max(world.now);
        // What is due after the refusal isn't done yet.
        world.answers.extend([Answer::Later; 5]);
        world.work(whose);
        world.answers.clear();
    }
}

#[test]
fn what_a_row_claims_no_more_is_released_with_it() {
    let row = |token: &str, old: &[&str]| {
        let mut row = Registration::empty(&key("t/x"));
        row.wish.connection = Some(connection(token));
        row.old_tokens = old
            .iter()
            .map(|token| OldToken {
                connection: connection(token),
                expires_at: EpochSeconds(i64::MAX),
            })
            .collect();
        Some(Arc::new(row))
    };
    let table = [
        (None, row("A", &[]), 0),
        (row("A", &[]), row("A", &[]), 0),
        (row("A", &["B"]), row("A", &[]), 1),
        (row("A", &["B"]), row("B", &[]), 1),
        (row("A#i", &[]), row("B#i", &[]), 1),
        (row("A#i", &["B"]), None, 3),
    ];
    for (read, new, releases) in table {
        let write = Write::of(&key("t/x"), read, new);
        assert_eq!(write.holders.len(), releases);
        assert!(
            write
                .holders
                .iter()
                .all(|holder| matches!(holder, HolderWrite::Release { .. }))
        );
    }
}

#[test]
fn nothing_shows_a_token() {
    let steps = [
        "t/y secret-1",
        "t/y secret-2?",
        "t/x secret-3",
        "t/x secret-4?",
        "t/x secret-2?",
    ];
    let mut world = World::after(&steps);
    let row = Arc::clone(world.row("t/x"));
    let full = show(&row);
    for token in ["secret-1", "secret-2", "secret-3", "secret-4"] {
        assert!(full.contains(token), "{token} isn't there to be shown: {full}");
    }
    let conclusion = world.put("t/x", "secret-3", Turn::Denied);
    assert!(matches!(conclusion, Conclusion::Worked(_)));
    let write = world.last_write.clone().expect("written");
    for text in [
        format!("{row:?}"),
        format!("{conclusion:?}"),
        format!("{write:?}"),
        format!("{:?}", world.holders),
    ] {
        assert!(!text.contains("secret-"), "{text}");
    }
}
