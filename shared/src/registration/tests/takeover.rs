//! A token goes to another registration of the tenant, and back if that one is refused.

use std::sync::Arc;

use super::rows::refuse;
use super::world::{START, World, connection, key, objection};
use super::*;
use crate::registration::claim::Claim;
use crate::registration::protocol::{Conclusion, Objection, Turn};

#[test]
fn a_token_goes_to_who_asks_for_it() {
    let table: [(&[&str], &str, &[&str]); 14] = [
        (&[], "A", &["t/own pending A"]),
        (&["t/own A"], "A", &["t/own active A, before: A"]),
        (&["t/own A"], "B", &["t/own active B, before: A"]),
        (
            &["t/x A"],
            "A",
            &["t/own pending A, taken: A from t/x", "t/x replaced -"],
        ),
        (
            &["t/x A", "t/x B?"],
            "B",
            &["t/own pending B, taken: B from t/x before A", "t/x replaced -"],
        ),
        (
            &["t/x A", "t/x B?"],
            "A",
            &["t/own pending A, taken: other A from t/x", "t/x active B"],
        ),
        (
            &["t/x A", "t/x B?", "t/x C?"],
            "B",
            &["t/own pending B, taken: other B from t/x", "t/x active C, before: A"],
        ),
        (
            &["t/x A", "t/x B?", "t/x C?"],
            "C",
            &["t/own pending C, taken: C from t/x before A old B", "t/x replaced -"],
        ),
        (&["t/x A", "t/x -"], "A", &["t/own pending A, taken: A from t/x"]),
        (
            &["t/x A", "t/x B?", "t/x -"],
            "B",
            &["t/own pending B, taken: B from t/x old A"],
        ),
        (
            &["t/x A", "t/x B?", "t/x -"],
            "A",
            &["t/own pending A, taken: other A from t/x", "t/x deleting B"],
        ),
        (
            &["t/x A#i"],
            "B#i",
            &["t/own pending B, taken: A from t/x", "t/x replaced -"],
        ),
        (
            &["t/x A", "t/y A?"],
            "A",
            &[
                "t/own pending A, taken: A from t/y",
                "t/x replaced -",
                "t/y replaced -, taken: A from t/x",
            ],
        ),
        (
            &["t/own A", "t/x B"],
            "B",
            &["t/own active B, before: A, taken: B from t/x", "t/x replaced -"],
        ),
    ];
    for (steps, token, rows) in table {
        let mut world = World::after(steps);
        let conclusion = world.put("t/own", token, Turn::Denied);
        assert_eq!(objection(&conclusion), None, "{steps:?}");
        assert_eq!(world.show(), rows, "{steps:?}");
        // Then it is OctoEverywhere's turn.
        world.wait_and_work("t/own");
        let own = world.row("t/own");
        assert!(
            own.renewal.is_applied() && own.taken.is_empty() && own.old_tokens.is_empty(),
            "{steps:?}"
        );
    }
}

#[test]
fn who_holds_what_it_does_not_claim_is_no_obstacle() {
    let claim = Claim::of(&connection("A")).next().unwrap();
    for (what, steps) in [
        ("gone", &[][..]),
        ("has another token", &["t/stale B"]),
        ("replaced", &["t/stale B", "t/y B"]),
    ] {
        let mut world = World::after(steps);
        world.holders.insert(claim, key("t/stale"));
        let stale = world.rows.get(&key("t/stale")).cloned();
        let conclusion = world.put("t/own", "A", Turn::Denied);
        assert_eq!(objection(&conclusion), None, "{what}");
        assert_eq!(
            (world.holders.get(&claim), world.rows.get(&key("t/stale"))),
            (Some(&key("t/own")), stale.as_ref())
        );
    }
}

#[test]
fn a_token_of_another_tenant_is_had_only_once_it_is_revoked() {
    let table: [(&[&str], &str); 6] = [
        (&["u/x A"], "A"),
        (&["u/x A?"], "A"),
        (&["u/x A", "u/x B?"], "A"),
        (&["u/x A", "u/x B?", "u/x C?"], "B"),
        (&["u/x A", "u/x -"], "A"),
        (&["u/x A#i"], "B#i"),
    ];
    for (steps, token) in table {
        let mut world = World::after(steps);
        let before = world.show();
        let conclusion = world.put("t/own", token, Turn::Granted);
        assert_eq!(objection(&conclusion), Some(Objection::OtherTenant), "{steps:?}");
        assert_eq!(world.show(), before, "{steps:?}");
    }
    let mut world = World::after(&["u/x A"]);
    refuse(&mut world, "u/x");
    world.step("t/own A");
    assert_eq!(world.show(), ["t/own active A", "u/x replaced -"]);
}

#[test]
fn a_row_by_hand_takes_its_token_over_or_is_replaced() {
    let by_hand = |token: &str| {
        let mut row = Registration::empty(&key("t/own"));
        row.wish.connection = Some(connection(token));
        Arc::new(row)
    };
    let table: [(&[&str], &[&str]); 3] = [
        (&[], &["t/own active A"]),
        (&["t/x A"], &["t/own active A", "t/x replaced -"]),
        (&["u/x A"], &["t/own replaced -", "u/x active A"]),
    ];
    for (steps, rows) in table {
        let mut world = World::after(steps);
        world.rows.insert(key("t/own"), by_hand("A"));
        world.work("t/own");
        assert_eq!(world.show(), rows, "{steps:?}");
    }
}

#[test]
fn nobody_calls_for_a_token_before_the_lease_that_it_came_with_is_over() {
    let mut world = World::after(&["t/x A", "t/x ^"]);
    world.calls.clear();
    let lease = world.row("t/x").renewal.lease.expect("leased");
    let conclusion = world.put("t/own", "A", Turn::Granted);
    assert!(matches!(conclusion, Conclusion::Worked(work) if !work.is_applied));
    let foreign = world.row("t/own").renewal.foreign.expect("it came along");
    assert_eq!(
        (foreign.origin, foreign.until),
        (Some((KeyHash::from(&key("t/x")), lease.id)), lease.until)
    );
    // And again, before it is over.
    world.put("t/y", "A", Turn::Granted);
    assert_eq!(world.row("t/y").renewal.foreign, Some(foreign));
    assert_eq!(world.calls, [""; 0]);
    world.wait_and_work("t/y");
    assert_eq!(world.calls, ["Set A"]);
    assert!(EpochSeconds::from(world.now) >= lease.until);
}

#[test]
fn a_refusal_gives_the_token_back() {
    let table: [(&[&str], &[&str]); 7] = [
        (&["t/x A", "t/own !A"], &["t/x active A"]),
        (&["t/x A", "t/x B?", "t/own !B"], &["t/x active B, before: A"]),
        (&["t/x A", "t/x B?", "t/own !A"], &["t/x active B, old: A"]),
        (
            &["t/x A", "t/x B?", "t/x C?", "t/own !C"],
            &["t/x active C, before: A, old: B"],
        ),
        (&["t/x A", "t/x -", "t/own !A"], &["t/x deleting A"]),
        (&["t/own B", "t/x A", "t/own !A"], &["t/own active B", "t/x active A"]),
        (
            &["t/own B", "t/x A", "t/own A?", "t/y C", "t/own !C"],
            &[
                "t/own active A, before: B, taken: A from t/x",
                "t/x replaced -",
                "t/y active C",
            ],
        ),
    ];
    for (steps, rows) in table {
        let world = World::after(steps);
        assert_eq!(world.show(), rows, "{steps:?}");
        for row in world.rows.values().filter(|row| row.renewal.status != Status::Replaced) {
            let is_settled = row.renewal.is_applied();
            assert!(
                is_settled || row.renewal.due <= Some(EpochSeconds::from(world.now)),
                "{steps:?}: due at once"
            );
        }
    }
}

#[test]
fn a_refusal_that_comes_later_gives_the_token_back_too() {
    let table: [(&[&str], &[&str]); 9] = [
        (&["t/x A", "t/own A?"], &["t/own replaced -", "t/x active A"]),
        (&["t/own B", "t/x A", "t/own A?"], &["t/own active B", "t/x active A"]),
        // Meanwhile that one has another token.
        (
            &["t/x A", "t/own A?", "t/x D?"],
            &["t/own replaced -", "t/x pending D, old: A"],
        ),
        // Meanwhile that one is gone: nobody else would delete its webhook.
        (
            &["t/x A", "t/own A?", "t/x --"],
            &["t/own replaced -", "t/x deleting A"],
        ),
        (&["t/x A", "t/x -", "t/own A?"], &["t/own replaced -", "t/x deleting A"]),
        // It goes back to a token that it took itself.
        (
            &["t/x A", "t/own A?", "t/own B?"],
            &["t/own pending A, taken: A from t/x", "t/x replaced -"],
        ),
        (
            &["t/x A", "t/y B", "t/own A?", "t/own B?"],
            &["t/own pending A, taken: A from t/x", "t/x replaced -", "t/y active B"],
        ),
        // It goes back to its own, and what it took in between isn't its any more.
        (
            &["t/own P", "t/x A", "t/own A?", "t/own B?"],
            &["t/own active P", "t/x active A"],
        ),
        (
            &["t/own P", "t/x A", "t/x B?", "t/own A?", "t/own C?"],
            &["t/own active P", "t/x active B, old: A"],
        ),
    ];
    for (steps, rows) in table {
        let mut world = World::after(steps);
        refuse(&mut world, "t/own");
        assert_eq!(world.show(), rows, "{steps:?}");
    }
}

#[test]
fn what_was_taken_earlier_from_the_same_registration_is_cleared() {
    let mut world = World::after(&["t/x A", "t/own A?", "t/x B", "t/own B?"]);
    assert_eq!(
        world.show(),
        ["t/own pending B, before: A, taken: B from t/x", "t/x replaced -"]
    );
    world = World::after(&["t/own P", "t/x A", "t/own A?", "t/x B", "t/own B?"]);
    assert_eq!(
        world.show(),
        ["t/own active B, before: P, old: A, taken: B from t/x", "t/x replaced -"]
    );
    world = World::after(&["t/own P", "t/x A", "t/x C?", "t/own C?", "t/x B", "t/own B?"]);
    assert_eq!(
        world.show(),
        [
            "t/own active B, before: P, old: C A, taken: B from t/x",
            "t/x replaced -"
        ]
    );
}

#[test]
fn a_success_keeps_the_token() {
    let mut world = World::after(&["t/x A", "t/own A", "t/own !B"]);
    assert_eq!(world.show(), ["t/own active A", "t/x replaced -"]);
    world.step("t/x --");
    assert_eq!(
        world.show(),
        ["t/own active A"],
        "and who lost it is deleted without a call"
    );
    assert_eq!(world.now, START);
    assert!(!world.calls.iter().any(|call| call.starts_with("Delete")));
}

#[test]
fn what_came_along_with_a_token_that_is_lost_again_is_cleared() {
    let steps = ["t/x B", "t/x C?", "t/y C?", "t/y A?", "t/x C?"];
    let mut world = World::after(&steps);
    assert_eq!(
        world.show(),
        ["t/x pending C, taken: other C from t/y", "t/y pending A, old: B"]
    );
    world.wait_and_work("t/y");
    assert!(world.calls.iter().any(|call| call == "Clear B"));
}
