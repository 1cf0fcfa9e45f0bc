//! Three registrations that want each other's tokens, and an OctoEverywhere that answers as it likes: in the end, each App Connection's
//! webhook is the one that its registration says.

use proptest::prelude::*;

use super::world::{Answer, World};
use super::*;

const WHOSE: [&str; 3] = ["t/x", "t/y", "u/z"];

fn steps() -> impl Strategy<Value = Vec<(&'static str, String, Vec<Answer>, i64)>> {
    let token = prop::sample::select(vec!["A", "B", "C#i", "D#i"]);
    let what = prop_oneof![
        4 => token.clone().prop_map(|token| format!("{token}?")),
        4 => token.prop_map(|token| format!("{token}…")),
        1 => Just("-".to_owned()),
        1 => Just("--".to_owned()),
        4 => Just("~".to_owned()),
    ];
    let answer = prop_oneof![
        6 => Just(Answer::Yes),
        2 => Just(Answer::No),
        1 => Just(Answer::Later),
        1 => Just(Answer::Suspended),
        1 => Just(Answer::Silence),
    ];
    let answers = prop::collection::vec(answer, 0..4);
    let pause = prop_oneof![3 => 0..100_i64, 3 => 0..100_000_i64, 1 => 0..2_000_000_i64];
    prop::collection::vec((prop::sample::select(&WHOSE[..]), what, answers, pause), 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn every_webhook_is_its_registration_s_in_the_end(steps in steps()) {
        let mut world = World::new();
        for (whose, what, answers, pause) in steps {
            world.now += SignedDuration::from_secs(pause);
            world.answers = answers.into();
            world.step(&format!("{whose} {what}"));
        }
        world.answers.clear();
        for _ in 0..3 {
            world.now += SignedDuration::from_hours(24 * 9);
            WHOSE.iter().for_each(|whose| world.work(whose));
        }
        for row in world.rows.values() {
            match row.renewal.status {
                Status::Active => {
                    prop_assert!(row.renewal.is_applied() && row.old_tokens.is_empty() && row.taken.is_empty(), "{:?}", row);
                    let token = row.wish.connection.as_ref().expect("a token");
                    prop_assert_eq!(world.webhooks.get(&World::name(token)), Some(&row.key));
                }
                Status::Replaced => prop_assert!(row.claims().is_empty(), "{:?}", row),
                _ => prop_assert!(false, "still {:?}", row),
            }
        }
        let active = world.rows.values().filter(|row| row.renewal.status == Status::Active);
        prop_assert_eq!(world.webhooks.len(), active.count(), "{:?} are left, for {:?}", world.webhooks, world.show());
    }
}
