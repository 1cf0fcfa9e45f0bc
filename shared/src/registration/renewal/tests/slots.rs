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
    let next = |cycle| {
        let slot = Slot {
            key: key("abc123", "p42"),
            cycle: days(cycle),
        };
        slot.next(NOW).to_string()
    };
    assert_eq!(next(7), "2026-12-01T11:57:49Z");
    assert_eq!(next(30), "2026-11-26T13:33:30Z");
    assert_eq!(next(120), "2027-02-05T06:14:00Z");
}

#[test]
fn keys_are_spread_evenly_over_shards_and_the_cycle() {
    let keys: Vec<_> = (0..48_000).map(|n| key("tenant", &format!("printer-{n}"))).collect();
    let mut shards = [0; SHARDS as usize];
    for key in &keys {
        shards[key.shard() as usize] += 1;
    }
    assert!(shards.iter().all(|n| (2800..3200).contains(n)), "{shards:?}");
    for cycle in [7, 30, 120] {
        let mut rows = vec![0; cycle.into()];
        for key in &keys {
            let slot = Slot {
                key: *key,
                cycle: days(cycle),
            };
            let wait = slot.next(NOW) - (NOW + DAY);
            rows[(wait.as_hours() / 24) as usize] += 1;
        }
        let mean = 48_000 / i32::from(cycle);
        assert!(
            rows.iter().all(|n| (mean * 3 / 4..mean * 5 / 4).contains(n)),
            "{rows:?}"
        );
    }
}

#[test]
fn a_cycle_has_from_7_to_120_days() {
    for (good, days) in [("7", 7), ("30", 30), ("120", 120)] {
        let cycle: Cycle = good.parse().expect(good);
        assert_eq!((cycle.length(), cycle.to_string().as_str()), (DAY * days, good));
    }
    for bad in ["", "0", "6", "121", "300", "-30", "30.5", "30 days"] {
        assert_eq!(bad.parse::<Cycle>(), Err(InvalidCycle), "{bad}");
    }
    assert_eq!(Cycle::default().length(), DAY * 30);
}

fn slot() -> impl Strategy<Value = Slot> {
    (any::<u64>(), Cycle::DAYS).prop_map(|(hash, cycle)| Slot {
        key: KeyHash(hash),
        cycle: days(cycle),
    })
}

proptest! {
    #[test]
    fn a_success_is_due_again_within_a_cycle_and_a_day_and_59_before_expiry(slot in slot(), now in 0..4_000_000_000_i64) {
        let now = EpochSeconds(now);
        let due = slot.next(now);
        prop_assert!(due - now >= DAY);
        prop_assert!(due - now < slot.cycle.length() + DAY);
        prop_assert!((now + LIFETIME) - due > DAY * 59);
    }

    #[test]
    fn by_default_149_days_are_left_at_a_renewal(hash: u64, now in 0..4_000_000_000_i64) {
        let (slot, now) = (Slot { key: KeyHash(hash), ..SLOT }, EpochSeconds(now));
        prop_assert!((now + LIFETIME) - slot.next(now) > DAY * 149);
    }

    #[test]
    fn whenever_it_succeeds_within_a_cycle_it_keeps_its_slot(slot in slot(), late in 0.0..1.0) {
        let due = slot.next(NOW);
        let window = slot.cycle.length() - DAY;
        let again = slot.next(due + SignedDuration::from_secs((window.as_secs_f64() * late) as i64));
        prop_assert_eq!(again - due, slot.cycle.length());
    }

    #[test]
    fn a_new_cycle_counts_from_the_next_success(hash: u64, late in 0..1_000_000_i64, cycles in any::<prop::sample::Index>()) {
        let changes = [(7, 30), (7, 120), (30, 7), (30, 120), (120, 7), (120, 30)];
        let (before, after) = *cycles.get(&changes);
        let slot = |cycle| Slot { key: KeyHash(hash), cycle: days(cycle) };
        let mut success = slot(before).next(NOW) + SignedDuration::from_secs(late);
        for cycle in [after, before, after] {
            let due = slot(cycle).next(success);
            prop_assert!(due - success >= DAY);
            prop_assert!(due - success < slot(cycle).cycle.length() + DAY);
            success = due;
        }
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
