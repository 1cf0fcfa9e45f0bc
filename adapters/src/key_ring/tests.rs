mod interleavings;
pub(crate) mod secret;

use printbell_shared::callback;
use printbell_shared::callback::query::Query;
use printbell_shared::id::RegistrationKey;
use secrecy::ExposeSecret as _;

use super::*;
use secret::{Fault, LIST, Secret, key};

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

pub(crate) fn claim(key_id: &str) -> Claim {
    let registration = RegistrationKey {
        tenant: "abc123".parse().unwrap(),
        printer: "p42".parse().unwrap(),
    };
    let url = callback::url("https://example.com", &registration, &Default::default(), &key(key_id));
    let (_, query) = url.expose_secret().split_once('?').unwrap();
    Query::read(query.as_bytes()).claim.unwrap()
}

/// Verifies as a callback does: within a second, or not at all.
pub(crate) async fn verify<S: KeySource>(ring: &KeyRing<S>, id: &str, second: i64) -> Result<Verdict, KeysUnavailable> {
    let claim = claim(id);
    let verifying = ring.verify(Some(&claim), at(second), at(second));
    let reason = "a second is over".to_owned();
    let verdict = timeout(Duration::from_secs(1), verifying).await;
    verdict.unwrap_or(Err(KeysUnavailable::Unreachable(reason)))
}

#[tokio::test(start_paused = true)]
async fn what_was_cut_short_accepts_what_came_and_refuses_nothing() {
    for (broken, fault) in [
        ("key-two-", Fault::Error),
        ("key-two-", Fault::Hang),
        ("key-one-", Fault::Error),
        ("key-one-", Fault::Hang),
        (LIST, Fault::Error),
        (LIST, Fault::Hang),
    ] {
        let case = format!("{broken} {fault:?}");
        let secret = Secret::new(&["key-zero", "key-one-", "key-two-"]);
        secret.remove_label("key-zero");
        secret.fault(broken, fault);
        let ring = KeyRing::new(&secret);
        let mut expected = 1;
        for (id, is_known) in [
            // The first of them spends the read.
            ("fake0000", false),
            ("key-one-", broken == "key-two-"),
            ("key-two-", broken == "key-one-"),
            ("key-zero", false),
        ] {
            for second in [0, 9] {
                let verdict = verify(&ring, id, second).await;
                if is_known {
                    assert_eq!(verdict, Ok(Verdict::Authentic), "{case}: {id}");
                } else {
                    assert!(verdict.is_err(), "{case}: {id}: {verdict:?}");
                }
            }
            assert_eq!(secret.lists.get(), expected, "{case}: one read in ten seconds");
        }
        secret.fault(broken, None);
        if broken == LIST {
            expected += 1; // else the listing is there, and the next read goes on from it
        }
        for (id, verdict) in [
            ("fake0000", Verdict::NoSuchKey),
            ("key-one-", Verdict::Authentic),
            ("key-two-", Verdict::Authentic),
            ("key-zero", Verdict::NoSuchKey),
        ] {
            assert_eq!(verify(&ring, id, 10).await, Ok(verdict), "{case}: {id}");
        }
        assert_eq!(secret.lists.get(), expected, "{case}");
    }
}

#[tokio::test]
async fn a_listing_that_is_a_minute_old_is_not_gone_on_from() {
    let secret = Secret::new(&["key-one-", "key-two-"]);
    secret.fault("key-two-", Fault::Error);
    let ring = KeyRing::new(&secret);
    verify(&ring, "key-two-", 0).await.unwrap_err();
    secret.fault("key-two-", None);
    secret.rotate_and_label("key-new-");
    secret.remove_label("key-one-");
    assert_eq!(verify(&ring, "fake0000", 60).await, Ok(Verdict::NoSuchKey));
    assert_eq!(verify(&ring, "key-new-", 60).await, Ok(Verdict::Authentic));
    assert_eq!(verify(&ring, "key-one-", 60).await, Ok(Verdict::NoSuchKey));
    assert_eq!(secret.lists.get(), 2);
}

#[tokio::test]
async fn a_version_that_is_gone_makes_the_read_begin_anew() {
    let secret = Secret::new(&["key-one-", "key-two-"]);
    secret.fault("key-one-", Fault::Gone);
    let ring = KeyRing::new(&secret);
    assert!(verify(&ring, "fake0000", 0).await.is_err());
    assert_eq!(secret.calls(), (3, 4), "the one that came isn't read again");
    assert_eq!(verify(&ring, "key-two-", 0).await, Ok(Verdict::Authentic));
    secret.rotate_and_label("key-new-");
    secret.remove_label("key-one-");
    assert_eq!(verify(&ring, "key-new-", 10).await, Ok(Verdict::Authentic));
    assert_eq!(verify(&ring, "key-one-", 10).await, Ok(Verdict::NoSuchKey));
}

#[tokio::test]
async fn a_version_that_holds_no_key_hides_nobody_else_s() {
    let secret = Secret::new(&["key-one-", "key-two-"]);
    secret.fault("key-one-", Fault::NoKey);
    let ring = KeyRing::new(&secret);
    assert_eq!(verify(&ring, "key-one-", 1000).await, Ok(Verdict::NoSuchKey));
    assert_eq!(verify(&ring, "key-two-", 1000).await, Ok(Verdict::Authentic));
    let only = Secret::new(&["key-one-"]);
    only.fault("key-one-", Fault::NoKey);
    assert_eq!(
        KeyRing::new(&only).warm_up(at(2000)).await,
        Err(KeysUnavailable::Unusable("key-one-".to_owned()))
    );
}

#[tokio::test]
async fn every_labelled_key_is_accepted_and_no_other_but_the_current_one() {
    let ids: Vec<_> = (0..16).map(|n| format!("key-{n:04}")).collect();
    let secret = Secret::new(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    secret.rotate("passing-");
    secret.rotate("current-");
    let ring = KeyRing::new(&secret);
    for id in ids.iter().map(String::as_str).chain(["current-"]) {
        assert_eq!(verify(&ring, id, 10).await, Ok(Verdict::Authentic), "{id}");
    }
    assert_eq!(verify(&ring, "passing-", 11).await, Ok(Verdict::NoSuchKey));
    assert_eq!(ring.verify(None, at(13), at(13)).await, Ok(Verdict::Forged));
    assert_eq!(secret.calls(), (1, 17));
}

/// A ring that knows `key-one-` alone: by a first read of the current key, or by a listing at that second.
async fn warm(secret: &Secret, by_listing: bool) -> KeyRing<&Secret> {
    let ring = KeyRing::new(secret);
    if by_listing {
        assert_eq!(verify(&ring, "fake0000", 0).await, Ok(Verdict::NoSuchKey));
    } else {
        ring.warm_up(at(0)).await.unwrap();
    }
    ring
}

#[tokio::test]
async fn a_warm_process_refuses_a_retired_key_within_ten_minutes() {
    for by_listing in [false, true] {
        let secret = Secret::new(&["key-one-"]);
        let ring = warm(&secret, by_listing).await;
        secret.rotate_and_label("key-two-");
        secret.remove_label("key-one-");
        assert_eq!(verify(&ring, "key-one-", 539).await, Ok(Verdict::Authentic));
        assert_eq!(
            verify(&ring, "key-one-", 540).await,
            Ok(Verdict::NoSuchKey),
            "{by_listing}"
        );
        assert_eq!(verify(&ring, "key-two-", 541).await, Ok(Verdict::Authentic));
    }
}

#[tokio::test]
async fn a_process_in_use_looks_once_in_nine_minutes_whether_its_keys_still_count() {
    let secret = Secret::new(&["key-one-"]);
    let ring = warm(&secret, false).await;
    for second in 1..5400 {
        assert_eq!(verify(&ring, "key-one-", second).await, Ok(Verdict::Authentic));
    }
    assert_eq!(secret.calls(), (9, 1));
}

#[tokio::test(start_paused = true)]
async fn the_known_keys_go_on_counting_while_secrets_manager_doesn_t_answer() {
    for fault in [Fault::Error, Fault::Hang] {
        let secret = Secret::new(&["key-one-"]);
        let ring = warm(&secret, false).await;
        secret.rotate_and_label("key-two-");
        secret.remove_label("key-one-");
        secret.fault(LIST, fault);
        let mut expected = 0;
        for second in 540..600 {
            let began = tokio::time::Instant::now();
            assert_eq!(
                verify(&ring, "key-one-", second).await,
                Ok(Verdict::Authentic),
                "{fault:?}"
            );
            assert!(
                began.elapsed() <= CONFIRMATION_LIMIT,
                "half a second is left for a read"
            );
            expected += usize::from(second % 10 == 0);
            assert_eq!(secret.lists.get(), expected, "one try in ten seconds");
        }
        secret.fault(LIST, None);
        assert_eq!(verify(&ring, "key-one-", 600).await, Ok(Verdict::NoSuchKey));
    }
}

#[tokio::test]
async fn a_key_that_counts_no_more_is_refused_only_by_a_whole_read() {
    let secret = Secret::new(&["key-one-"]);
    let ring = warm(&secret, false).await;
    secret.rotate_and_label("key-two-");
    secret.remove_label("key-one-");
    secret.fault("key-two-", Fault::Error);
    assert!(
        verify(&ring, "key-one-", 540).await.is_err(),
        "another may begin the same"
    );
    secret.fault("key-two-", None);
    assert_eq!(verify(&ring, "key-one-", 550).await, Ok(Verdict::NoSuchKey));
}

#[tokio::test]
async fn a_signature_that_the_named_key_did_not_make_is_a_forgery() {
    let secret = Secret::new(&["key-one-", "key-two-"]);
    let ring = KeyRing::new(&secret);
    for (named, signed_by) in [
        ("key-two-", "key-one-"),
        ("key-one-", "key-two-"),
        ("key-two-", "key-nine"),
    ] {
        let mut claim = claim(signed_by);
        named.clone_into(&mut claim.token.key_id);
        let verdict = ring.verify(Some(&claim), at(10), at(10)).await.unwrap();
        assert_eq!(verdict, Verdict::Forged, "{named} named, {signed_by} signed");
    }
    let mut elsewhere = claim("key-two-");
    elsewhere.registration.printer = "p43".parse().unwrap();
    assert_eq!(
        ring.verify(Some(&elsewhere), at(10), at(10)).await.unwrap(),
        Verdict::Forged
    );
    assert_eq!(verify(&ring, "key-two-", 10).await, Ok(Verdict::Authentic));
}

#[tokio::test]
async fn a_version_that_begins_like_a_known_one_is_looked_for() {
    // As it is where a rotation makes one that begins like the labelled one before it.
    let secret = Secret::new(&["the-same-1"]);
    secret.rotate("the-same-2");
    let ring = KeyRing::new(&secret);
    ring.warm_up(at(1000)).await.unwrap();
    assert_eq!(verify(&ring, "the-same-1", 1000).await, Ok(Verdict::Authentic));
    assert_eq!(verify(&ring, "the-same-2", 1000).await, Ok(Verdict::Authentic));
    assert_eq!(verify(&ring, "the-same-3", 1000).await, Ok(Verdict::Forged));
}

#[tokio::test]
async fn a_rotation_is_noticed_by_the_first_token_that_comes_of_it() {
    let secret = Secret::new(&["key-one-"]);
    let ring = KeyRing::new(&secret);
    assert_eq!(verify(&ring, "key-one-", 1).await, Ok(Verdict::Authentic));
    secret.rotate_and_label("key-two-");
    assert_eq!(verify(&ring, "key-two-", 130).await, Ok(Verdict::Authentic));
    assert_eq!(verify(&ring, "key-one-", 131).await, Ok(Verdict::Authentic));
    assert_eq!(secret.calls(), (2, 2), "each version once");
}

#[tokio::test]
async fn made_up_keys_are_refused_and_cost_one_read_a_minute() {
    let secret = Secret::new(&["key-one-"]);
    let ring = KeyRing::new(&secret);
    ring.warm_up(at(0)).await.unwrap();
    for second in 1..=600 {
        let verdict = verify(&ring, &format!("fake{second:04}"), second).await;
        assert_eq!(verdict, Ok(Verdict::NoSuchKey), "{second}");
    }
    assert_eq!(secret.calls(), (10, 1));
}

#[tokio::test(start_paused = true)]
async fn a_made_up_key_does_not_spend_the_read_that_a_good_one_needs() {
    for fault in [Fault::Error, Fault::Hang] {
        let secret = Secret::new(&["key-one-"]);
        let ring = KeyRing::new(&secret);
        assert_eq!(verify(&ring, "fake0000", 0).await, Ok(Verdict::NoSuchKey));
        secret.rotate_and_label("key-two-");
        secret.fault(LIST, fault);
        assert!(verify(&ring, "fake0000", 130).await.is_err());
        secret.fault(LIST, None);
        assert!(
            verify(&ring, "key-two-", 131).await.is_err(),
            "it waits; it isn't refused"
        );
        assert_eq!(verify(&ring, "key-two-", 140).await, Ok(Verdict::Authentic));
    }
}

#[tokio::test]
async fn what_holds_no_token_costs_no_read() {
    let secret = Secret::new(&["key-one-"]);
    let ring = KeyRing::new(&secret);
    assert_eq!(ring.verify(None, at(0), at(0)).await, Ok(Verdict::Forged));
    assert_eq!(secret.calls(), (0, 0));
}

#[tokio::test]
async fn keys_that_were_read_later_know_every_key_that_was_used_before() {
    let secret = Secret::new(&["key-one-"]);
    let ring = KeyRing::new(&secret);
    for (id, second) in [("unknown1", 100), ("unknown2", 101), ("unknown3", 102)] {
        let verdict = ring.verify(Some(&claim(id)), at(50), at(second)).await;
        assert_eq!(verdict, Ok(Verdict::NoSuchKey));
    }
    assert_eq!(secret.calls(), (1, 1));
}

#[tokio::test]
async fn a_callback_that_came_by_a_clock_that_is_ahead_makes_no_more_reads() {
    let secret = Secret::new(&["key-one-"]);
    let ring = KeyRing::new(&secret);
    for second in 0..60 {
        let verdict = ring.verify(Some(&claim("unknown1")), at(500), at(second)).await;
        assert_eq!(verdict, Err(KeysUnavailable::Waiting));
    }
    assert_eq!(secret.lists.get(), 1);
}

#[tokio::test]
async fn nothing_is_refused_for_want_of_keys() {
    let secret = Secret::new(&["key-one-"]);
    secret.fault("key-one-", Fault::Error);
    let ring = KeyRing::new(&secret);
    ring.warm_up(at(0)).await.unwrap_err();
    for second in 0..10 {
        assert!(verify(&ring, "key-one-", second).await.is_err());
    }
    assert_eq!(secret.calls(), (0, 1), "an outage costs a read in ten seconds");
    secret.fault("key-one-", None);
    assert_eq!(verify(&ring, "key-one-", 10).await, Ok(Verdict::Authentic));

    // A rotation while Secrets Manager can be reached by those who sign and not from here.
    secret.rotate_and_label("key-two-");
    secret.fault(LIST, Fault::Error);
    for second in [140, 141, 155] {
        assert!(verify(&ring, "key-two-", second).await.is_err());
        assert_eq!(verify(&ring, "key-one-", second).await, Ok(Verdict::Authentic));
    }
    secret.fault(LIST, None);
    assert_eq!(verify(&ring, "key-two-", 165).await, Ok(Verdict::Authentic));
}

#[tokio::test]
async fn another_key_is_read_when_it_is_needed() {
    let secret = Secret::new(&["key-one-", "key-two-"]);
    let ring = KeyRing::new(&secret);
    ring.warm_up(at(1000)).await.unwrap();
    assert_eq!(verify(&ring, "key-two-", 1001).await, Ok(Verdict::Authentic));
    assert_eq!(secret.calls(), (0, 1));
    secret.fault("key-one-", Fault::Error);
    assert!(
        verify(&ring, "key-one-", 1002).await.is_err(),
        "it may be one that counts"
    );
    assert!(verify(&ring, "key-one-", 1003).await.is_err());
    secret.fault("key-one-", None);
    assert_eq!(verify(&ring, "key-one-", 1070).await, Ok(Verdict::Authentic));
}
