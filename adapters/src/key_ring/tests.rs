mod interleavings;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::time::Duration;

use printbell_shared::callback;
use printbell_shared::callback::query::Query;
use printbell_shared::id::RegistrationKey;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::timeout;

use super::*;

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Error,
    Hang,
    /// The version is gone.
    Gone,
    /// The version holds no key.
    NoKey,
}

/// The call that lists the versions, among those that read one.
const LIST: &str = "";

/// Secrets Manager, as far as a key ring sees it.
struct Secret {
    /// The versions, the newest last. The last two count.
    versions: RefCell<Vec<String>>,
    changed: Cell<Timestamp>,
    /// What goes wrong with reading which version, or with the [`LIST`].
    faults: RefCell<HashMap<String, Fault>>,
    lists: Cell<usize>,
    reads: Cell<usize>,
}

impl Secret {
    /// A secret that was rotated often enough to have these versions, the last time at second 0.
    fn new(versions: &[&str]) -> Self {
        Self {
            versions: RefCell::new(versions.iter().map(|id| (*id).to_owned()).collect()),
            changed: Cell::new(at(0)),
            faults: RefCell::default(),
            lists: Cell::default(),
            reads: Cell::default(),
        }
    }

    fn rotate(&self, id: &str, second: i64) {
        self.versions.borrow_mut().push(id.to_owned());
        self.changed.set(at(second));
    }

    fn fault(&self, what: &str, fault: impl Into<Option<Fault>>) {
        match fault.into() {
            Some(fault) => self.faults.borrow_mut().insert(what.to_owned(), fault),
            None => self.faults.borrow_mut().remove(what),
        };
    }

    async fn meet(&self, what: &str) -> Result<Option<()>, KeysUnavailable> {
        let fault = self.faults.borrow().get(what).copied();
        match fault {
            None => Ok(Some(())),
            Some(Fault::Gone) => Ok(None),
            Some(Fault::Error) => Err(KeysUnavailable::Unreachable("down".to_owned())),
            Some(Fault::NoKey) => Err(KeysUnavailable::Unusable(what.to_owned())),
            Some(Fault::Hang) => std::future::pending().await,
        }
    }

    /// Which listings and reads there were.
    fn calls(&self) -> (usize, usize) {
        (self.lists.get(), self.reads.get())
    }

    /// The versions that count, the current one first, with their labels.
    fn labelled(&self) -> Vec<(String, Vec<&'static str>)> {
        let versions = self.versions.borrow();
        let newest = versions.iter().rev().cloned();
        newest.zip([vec!["AWSCURRENT"], vec!["AWSPREVIOUS"]]).collect()
    }
}

impl KeySource for &Secret {
    async fn list(&self) -> Result<Listing, KeysUnavailable> {
        self.lists.set(self.lists.get() + 1);
        self.meet(LIST).await?;
        let versions = self.labelled();
        let versions = versions.iter().map(|(id, labels)| (id.as_str(), labels.as_slice()));
        Ok(Listing::new(versions, self.changed.get()).unwrap())
    }

    async fn key(&self, version: Version<'_>) -> Result<Option<CallbackKey>, KeysUnavailable> {
        self.reads.set(self.reads.get() + 1);
        let id = match version {
            Version::Current => self.versions.borrow().last().unwrap().clone(),
            Version::Id(id) => id.as_str().to_owned(),
        };
        Ok(self.meet(&id).await?.map(|()| key(&id)))
    }
}

fn key(id: &str) -> CallbackKey {
    CallbackKey::new(id, &SecretString::from(format!("the secret of version {id}")))
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn claim(key_id: &str) -> Claim {
    let registration = RegistrationKey {
        tenant: "abc123".parse().unwrap(),
        printer: "p42".parse().unwrap(),
    };
    let url = callback::url("https://example.com", &registration, &Default::default(), &key(key_id));
    let (_, query) = url.expose_secret().split_once('?').unwrap();
    Query::read(query.as_bytes()).claim.unwrap()
}

/// Verifies as a callback does: within a second, or not at all.
async fn verify<S: KeySource>(ring: &KeyRing<S>, id: &str, second: i64) -> Result<Verdict, KeysUnavailable> {
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
    secret.rotate("key-new-", 10);
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
    secret.rotate("key-new-", 5);
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
    assert_eq!(ring.signing_key(at(1000)).await.unwrap().id(), "key-two-");
    let only = Secret::new(&["key-one-"]);
    only.fault("key-one-", Fault::NoKey);
    let signer = KeyRing::new(&only);
    assert_eq!(
        signer.signing_key(at(1000)).await.err(),
        Some(KeysUnavailable::NoSigningKey)
    );
    assert_eq!(
        signer.warm_up(at(2000)).await,
        Err(KeysUnavailable::Unusable("key-one-".to_owned()))
    );
}

#[tokio::test]
async fn current_and_previous_are_accepted_and_a_retired_key_is_not() {
    let secret = Secret::new(&["key-one-", "key-two-", "key-three"]);
    let ring = KeyRing::new(&secret);
    assert_eq!(verify(&ring, "key-three", 10).await, Ok(Verdict::Authentic));
    assert_eq!(verify(&ring, "key-two-", 11).await, Ok(Verdict::Authentic));
    assert_eq!(verify(&ring, "key-one-", 12).await, Ok(Verdict::NoSuchKey));
    assert_eq!(ring.verify(None, at(13), at(13)).await, Ok(Verdict::Forged));
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
    let secret = Secret::new(&["the-same-1", "the-same-2"]);
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
    secret.rotate("key-two-", 10);
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
        secret.rotate("key-two-", 1);
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
    secret.rotate("key-two-", 20);
    secret.fault(LIST, Fault::Error);
    for second in [140, 141, 155] {
        assert!(verify(&ring, "key-two-", second).await.is_err());
        assert_eq!(verify(&ring, "key-one-", second).await, Ok(Verdict::Authentic));
    }
    secret.fault(LIST, None);
    assert_eq!(verify(&ring, "key-two-", 165).await, Ok(Verdict::Authentic));
}

#[tokio::test]
async fn nobody_signs_with_a_key_that_a_receiver_might_not_get_to_know_in_time() {
    let secret = Secret::new(&["key-one-"]);
    let signer = KeyRing::new(&secret);
    let receiver = KeyRing::new(&secret);
    assert_eq!(
        signer.signing_key(at(1)).await.unwrap().id(),
        "key-one-",
        "there is no other"
    );

    // The worst case: a made-up key id has used up the receiver's minute just before the rotation.
    receiver.warm_up(at(1)).await.unwrap();
    verify(&receiver, "fake0000", 999).await.unwrap();
    secret.rotate("key-two-", 1000);
    assert_eq!(signer.signing_key(at(1119)).await.unwrap().id(), "key-one-");
    assert_eq!(signer.signing_key(at(1120)).await.unwrap().id(), "key-two-");
    assert_eq!(verify(&receiver, "key-two-", 1120).await, Ok(Verdict::Authentic));

    secret.fault(LIST, Fault::Error);
    assert_eq!(
        signer.signing_key(at(9999)).await.unwrap().id(),
        "key-two-",
        "known keys go on serving"
    );
}

#[tokio::test]
async fn a_settling_key_is_not_signed_with_because_the_one_before_was_not_read() {
    let secret = Secret::new(&["key-one-", "key-two-"]);
    secret.fault("key-one-", Fault::Error);
    let signer = KeyRing::new(&secret);
    assert!(signer.signing_key(at(10)).await.is_err());
    assert!(signer.signing_key(at(119)).await.is_err());
    assert_eq!(signer.signing_key(at(120)).await.unwrap().id(), "key-two-");
}

#[tokio::test]
async fn the_previous_key_is_read_when_it_is_needed() {
    let secret = Secret::new(&["key-one-", "key-two-"]);
    let ring = KeyRing::new(&secret);
    ring.warm_up(at(1000)).await.unwrap();
    assert_eq!(verify(&ring, "key-two-", 1001).await, Ok(Verdict::Authentic));
    assert_eq!(secret.calls(), (0, 1));
    secret.fault("key-one-", Fault::Error);
    assert!(
        verify(&ring, "key-one-", 1002).await.is_err(),
        "it may be the previous one"
    );
    assert!(verify(&ring, "key-one-", 1003).await.is_err());
    secret.fault("key-one-", None);
    assert_eq!(verify(&ring, "key-one-", 1070).await, Ok(Verdict::Authentic));
    // Not known to be the only one, so it is looked up before it is signed with.
    let signer = KeyRing::new(&secret);
    signer.warm_up(at(10)).await.unwrap();
    assert_eq!(signer.signing_key(at(11)).await.unwrap().id(), "key-one-");
}
