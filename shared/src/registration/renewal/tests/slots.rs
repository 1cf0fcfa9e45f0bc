use proptest::prelude::*;

use super::*;
use crate::id::RegistrationKey;

fn key(tenant: &str, printer: &str) -> KeyHash {
    let parse = "an id";
    KeyHash::from(&RegistrationKey {
        tenant: tenant.parse().expect(parse),
        printer: printer.parse().expect(parse),
    })
}

#[test]
fn the_hash_of_a_key_never_changes() {
    // A changed hash would move every row of a deployed table to another shard and slot.
    assert_eq!(key("abc123", "p42"), KeyHash(0xc916_607f_c54e_78ed));
    assert_eq!(key("abc123", "p42").shard(), 13);
    assert_eq!(key("abc123", "p42").next_slot(NOW).to_string(), "2027-02-05T06:14:00Z");
}

#[test]
fn keys_are_spread_evenly_over_shards_and_the_cycle() {
    let mut shards = [0; SHARDS as usize];
    let mut days = [0; 120];
    for n in 0..48_000 {
        let key = key("tenant", &format!("printer-{n}"));
        shards[key.shard() as usize] += 1;
        let wait = key.next_slot(NOW) - (NOW + DAY);
        days[(wait.as_hours() / 24) as usize] += 1;
    }
    assert!(shards.iter().all(|n| (2800..3200).contains(n)), "{shards:?}");
    assert!(days.iter().all(|n| (300..500).contains(n)), "{days:?}");
}

proptest! {
    #[test]
    fn a_success_is_due_again_within_121_days_and_59_before_expiry(hash: u64, now in 0..4_000_000_000_i64) {
        let now = EpochSeconds(now);
        let due = KeyHash(hash).next_slot(now);
        prop_assert!(due - now >= DAY);
        prop_assert!(due - now <= DAY * 121);
        prop_assert!((now + LIFETIME) - due >= DAY * 59);
    }

    #[test]
    fn whenever_it_succeeds_within_a_cycle_it_keeps_its_slot(hash: u64, late in 0..(119 * 86_400_i64)) {
        let slot = KeyHash(hash).next_slot(NOW);
        let again = KeyHash(hash).next_slot(slot + SignedDuration::from_secs(late));
        prop_assert_eq!(again - slot, CYCLE);
    }

    #[test]
    fn retries_climb_the_ladder_give_or_take_a_fifth(hash: u64, attempts in 1..40_u32) {
        let rung = [1, 5, 15, 60, 180, 360, 720, 1440][attempts.min(8) as usize - 1] * 60;
        let delay = KeyHash(hash).retry_delay(attempts).as_secs();
        prop_assert!(delay * 5 >= rung * 4 && delay * 5 <= rung * 6, "{delay} for {rung}");
    }
}

#[test]
fn retries_of_many_keys_are_spread_over_the_whole_fifth() {
    let delays = (0..1000).map(|n| key("tenant", &format!("printer-{n}")).retry_delay(20).as_secs());
    let (low, middle, high) = delays.fold((0, 0, 0), |(low, middle, high), delay| match delay {
        ..80_640 => (low + 1, middle, high),
        80_640..92_160 => (low, middle + 1, high),
        _ => (low, middle, high + 1),
    });
    assert!(
        [low, middle, high].iter().all(|n| (270..400).contains(n)),
        "{low} {middle} {high}"
    );
}
