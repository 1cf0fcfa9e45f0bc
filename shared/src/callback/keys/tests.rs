use secrecy::ExposeSecret as _;

use super::*;
use crate::callback::query::Query;
use crate::callback::url;
use crate::metadata::Metadata;

const OLD: &str = "11111111-0000-4000-8000-000000000001";
const NEW: &str = "22222222-0000-4000-8000-000000000002";
const OLD_LABEL: &str = "printbell-11111111";
const NEW_LABEL: &str = "printbell-22222222";
/// Begins like [`NEW`].
const TWIN: &str = "22222222-0000-4000-8000-000000000003";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn key(version: &str) -> CallbackKey {
    CallbackKey::new(version, &SecretString::from(format!("the secret of version {version}")))
}

fn claim(signed_with: &CallbackKey) -> Claim {
    let registration = RegistrationKey {
        tenant: "abc123".parse().unwrap(),
        printer: "p42".parse().unwrap(),
    };
    let url = url("https://example.com", &registration, &Metadata::default(), signed_with);
    let (_, query) = url.expose_secret().split_once('?').unwrap();
    Query::read(query.as_bytes()).claim.unwrap()
}

/// A version and its labels.
type Labelled<'a> = (&'a str, &'a [&'a str]);

fn listing(versions: &[Labelled]) -> Listing {
    Listing::new(versions.iter().copied()).unwrap()
}

/// What is known of [`NEW`] and [`OLD`], listed at second 1000, when these versions have been read.
fn known(read: &[&str]) -> CallbackKeys {
    let mut keys = CallbackKeys::default();
    keys.list(listing(&[(OLD, &[OLD_LABEL]), (NEW, &["AWSCURRENT"])]), at(1000));
    for version in read {
        keys.learn((*version).into(), Some(key(version)));
    }
    keys
}

#[test]
fn only_versions_that_bear_a_label_of_ours_count() {
    let table: [(&[Labelled], &[&str]); 6] = [
        (&[(NEW, &["AWSCURRENT"])], &[NEW]),
        (&[(NEW, &["AWSCURRENT", NEW_LABEL])], &[NEW]),
        (
            &[(OLD, &["AWSPREVIOUS", OLD_LABEL]), (NEW, &["AWSCURRENT"])],
            &[NEW, OLD],
        ),
        (
            &[(OLD, &["AWSCURRENT", "AWSPENDING"]), (NEW, &["x", NEW_LABEL])],
            &[OLD, NEW],
        ),
        // A rotation alone makes no version count, and neither does another's label.
        (
            &[
                (OLD, &["AWSPREVIOUS", "printbell-"]),
                (TWIN, &[]),
                (NEW, &["AWSCURRENT", OLD_LABEL]),
            ],
            &[NEW],
        ),
        (&[(OLD, &["Printbell-11111111"]), (NEW, &["AWSCURRENT"])], &[NEW]),
    ];
    for (versions, expected) in table {
        let mut keys = CallbackKeys::default();
        keys.list(listing(versions), at(0));
        let missing: Vec<_> = keys
            .missing()
            .iter()
            .map(|version| version.as_str().to_owned())
            .collect();
        assert_eq!(missing, expected, "{versions:?}");
    }
    assert_eq!(Listing::new([(OLD, &["AWSPREVIOUS", OLD_LABEL][..])]), None);
}

#[test]
fn what_was_cut_short_accepts_and_refuses_nothing() {
    let (old, new, never) = (claim(&key(OLD)), claim(&key(NEW)), claim(&key("33333333-never")));
    let tampered = Claim {
        registration: RegistrationKey {
            printer: "p43".parse().unwrap(),
            ..new.registration.clone()
        },
        ..new.clone()
    };
    let authentic = Some(Verdict::Authentic);
    let (forged, no_such_key) = (Some(Verdict::Forged), Some(Verdict::NoSuchKey));
    let table: [(&[&str], _); 4] = [
        // versions read → old, new, never, tampered
        (&[], [None, None, None, None]),
        (&[NEW], [None, authentic, None, None]),
        (&[OLD], [authentic, None, None, None]),
        (&[OLD, NEW], [authentic, authentic, no_such_key, forged]),
    ];
    for (read, expected) in table {
        let keys = known(read);
        let verdicts = [&old, &new, &never, &tampered].map(|claim| keys.verify(Some(claim), at(1000)));
        assert_eq!(verdicts, expected, "{read:?}");
        assert_eq!(keys.verify(None, at(1000)), forged, "{read:?}");
    }
}

#[test]
fn a_whole_read_refuses_what_came_before_it_and_for_a_minute_after() {
    let keys = known(&[OLD, NEW]);
    let never = claim(&key("33333333-never"));
    for (received, expected) in [
        (-100_000, Some(Verdict::NoSuchKey)),
        (1000, Some(Verdict::NoSuchKey)),
        (1059, Some(Verdict::NoSuchKey)),
        (1060, None),
        (100_000, None),
    ] {
        assert_eq!(keys.verify(Some(&never), at(received)), expected, "{received}");
        let authentic = keys.verify(Some(&claim(&key(OLD))), at(received));
        assert_eq!(authentic, Some(Verdict::Authentic), "{received}");
    }
}

#[test]
fn versions_that_begin_the_same_are_both_tried() {
    let mut keys = CallbackKeys::default();
    keys.learn(NEW.into(), Some(key(NEW)));
    assert_eq!(
        keys.verify(Some(&claim(&key(TWIN))), at(0)),
        None,
        "it may be another that begins like it"
    );
    keys.list(listing(&[(NEW, &[NEW_LABEL]), (TWIN, &["AWSCURRENT"])]), at(0));
    keys.learn(TWIN.into(), Some(key(TWIN)));
    for version in [NEW, TWIN] {
        let verdict = keys.verify(Some(&claim(&key(version))), at(0));
        assert_eq!(verdict, Some(Verdict::Authentic), "{version}");
    }
    let third = claim(&key("22222222-0000-4000-8000-000000000004"));
    assert_eq!(keys.verify(Some(&third), at(0)), Some(Verdict::Forged));
}

#[test]
fn a_listing_takes_away_what_no_longer_counts() {
    let mut keys = known(&[OLD, NEW]);
    keys.list(listing(&[(NEW, &[NEW_LABEL]), (TWIN, &["AWSCURRENT"])]), at(2000));
    assert_eq!(keys.verify(Some(&claim(&key(NEW))), at(2000)), Some(Verdict::Authentic));
    assert_eq!(keys.verify(Some(&claim(&key(OLD))), at(2000)), None, "cut short");
    keys.learn(TWIN.into(), Some(key(TWIN)));
    assert_eq!(keys.verify(Some(&claim(&key(OLD))), at(2000)), Some(Verdict::NoSuchKey));
}

#[test]
fn a_version_that_holds_no_key_is_read_all_the_same() {
    let mut keys = known(&[NEW]);
    keys.learn(OLD.into(), None);
    assert_eq!(keys.whole_at(), Some(at(1000)));
    assert_eq!(keys.verify(Some(&claim(&key(OLD))), at(1000)), Some(Verdict::NoSuchKey));
}

#[test]
fn what_is_known_is_recent_for_nine_minutes_after_the_last_look() {
    let mut keys = CallbackKeys::default();
    assert!(!keys.are_recent(at(0)), "nothing is known");
    keys.warm_up(key(NEW), at(0));
    keys.learn(OLD.into(), Some(key(OLD)));
    for (listed, last) in [(None, 539), (Some(300), 839), (Some(1000), 1539)] {
        if let Some(second) = listed {
            keys.list(listing(&[(OLD, &[OLD_LABEL]), (NEW, &["AWSCURRENT"])]), at(second));
        }
        assert_eq!(
            (keys.are_recent(at(last)), keys.are_recent(at(last + 1))),
            (true, false),
            "{listed:?}"
        );
    }
}
