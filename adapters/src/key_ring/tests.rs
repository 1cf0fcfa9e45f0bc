use std::cell::{Cell, RefCell};

use secrecy::{ExposeSecret as _, SecretString};

use super::*;
use printbell_shared::callback;
use printbell_shared::callback::keys::Previous;
use printbell_shared::callback::query::Query;
use printbell_shared::id::RegistrationKey;

/// Secrets Manager, as far as a key ring sees it.
#[derive(Default)]
struct Secret {
    /// The versions, the newest last.
    versions: RefCell<Vec<(String, Timestamp)>>,
    down: Cell<bool>,
    reads: Cell<usize>,
}

impl Secret {
    fn rotate(&self, id: &str, at: Timestamp) {
        self.versions.borrow_mut().push((id.to_owned(), at));
    }
}

fn key(id: &str) -> CallbackKey {
    CallbackKey::new(id, &SecretString::from(format!("the secret of version {id}")))
}

impl KeySource for &Secret {
    async fn fetch(&self, wanted: Versions) -> Result<CallbackKeys, KeysUnavailable> {
        self.reads.set(self.reads.get() + 1);
        let versions = self.versions.borrow();
        let Some((current, since)) = versions.last().filter(|_| !self.down.get()) else {
            return Err(KeysUnavailable::Unreachable("down".into()));
        };
        let previous = match versions.iter().nth_back(1) {
            _ if wanted == Versions::Current => Previous::Unread,
            None => Previous::None,
            Some((id, _)) => Previous::Key(key(id)),
        };
        Ok(CallbackKeys::new(key(current), *since, previous))
    }
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

async fn verify(ring: &KeyRing<&Secret>, key_id: &str, seconds: i64) -> Result<Verdict, KeysUnavailable> {
    ring.verify(Some(&claim(key_id)), at(seconds), at(seconds)).await
}

#[tokio::test]
async fn current_and_previous_are_accepted_and_a_retired_key_is_not() {
    let secret = Secret::default();
    for (id, seconds) in [("key-one-", 0), ("key-two-", 1), ("key-three", 2)] {
        secret.rotate(id, at(seconds));
    }
    let ring = KeyRing::new(&secret);
    assert_eq!(verify(&ring, "key-three", 10).await.unwrap(), Verdict::Authentic);
    assert_eq!(verify(&ring, "key-two-", 11).await.unwrap(), Verdict::Authentic);
    assert_eq!(verify(&ring, "key-one-", 12).await.unwrap(), Verdict::Forged);
    assert_eq!(ring.verify(None, at(13), at(13)).await.unwrap(), Verdict::Forged);
}

#[tokio::test]
async fn a_signature_that_the_named_key_did_not_make_is_a_forgery() {
    let secret = Secret::default();
    secret.rotate("key-one-", at(0));
    secret.rotate("key-two-", at(1));
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
    assert_eq!(verify(&ring, "key-two-", 10).await.unwrap(), Verdict::Authentic);
}

#[tokio::test]
async fn a_rotation_is_noticed_by_the_first_token_that_comes_of_it() {
    let secret = Secret::default();
    secret.rotate("key-one-", at(0));
    let ring = KeyRing::new(&secret);
    assert_eq!(verify(&ring, "key-one-", 1).await.unwrap(), Verdict::Authentic);
    secret.rotate("key-two-", at(10));
    assert_eq!(verify(&ring, "key-two-", 20).await.unwrap(), Verdict::Authentic);
    assert_eq!(verify(&ring, "key-one-", 21).await.unwrap(), Verdict::Authentic);
    assert_eq!(secret.reads.get(), 2);
}

#[tokio::test]
async fn made_up_key_ids_cost_one_read_a_minute() {
    let secret = Secret::default();
    secret.rotate("key-one-", at(0));
    let ring = KeyRing::new(&secret);
    ring.warm_up(at(0)).await.unwrap();
    for second in 1..=60 {
        let expected = if second == 1 {
            Verdict::Forged
        } else {
            Verdict::UnknownKey
        };
        assert_eq!(
            verify(&ring, &format!("fake{second:04}"), second).await.unwrap(),
            expected
        );
    }
    assert_eq!(secret.reads.get(), 2);
    assert_eq!(verify(&ring, "fake-one", 61).await.unwrap(), Verdict::Forged);
    assert_eq!(secret.reads.get(), 3);
}

#[tokio::test]
async fn keys_that_were_read_later_know_every_key_that_was_used_before() {
    let secret = Secret::default();
    secret.rotate("key-one-", at(0));
    let ring = KeyRing::new(&secret);
    for (id, second) in [("unknown1", 100), ("unknown2", 101), ("unknown3", 102)] {
        let verdict = ring.verify(Some(&claim(id)), at(50), at(second)).await.unwrap();
        assert_eq!(verdict, Verdict::Forged);
    }
    assert_eq!(secret.reads.get(), 1);
}

#[tokio::test]
async fn nothing_is_refused_for_want_of_keys() {
    let secret = Secret::default();
    secret.rotate("key-one-", at(0));
    secret.down.set(true);
    let ring = KeyRing::new(&secret);
    for second in 0..10 {
        assert!(verify(&ring, "key-one-", second).await.is_err());
    }
    assert_eq!(secret.reads.get(), 1, "an outage costs a read in ten seconds");
    secret.down.set(false);
    assert_eq!(verify(&ring, "key-one-", 10).await.unwrap(), Verdict::Authentic);

    // A rotation while Secrets Manager can be reached by those who sign and not from here.
    secret.rotate("key-two-", at(20));
    secret.down.set(true);
    for second in [30, 31, 50] {
        assert!(verify(&ring, "key-two-", second).await.is_err());
        assert_eq!(verify(&ring, "key-one-", second).await.unwrap(), Verdict::Authentic);
    }
    secret.down.set(false);
    assert_eq!(verify(&ring, "key-two-", 90).await.unwrap(), Verdict::Authentic);
}

#[tokio::test]
async fn nobody_signs_with_a_key_that_a_receiver_might_not_get_to_know_in_time() {
    let secret = Secret::default();
    secret.rotate("key-one-", at(0));
    let signer = KeyRing::new(&secret);
    let receiver = KeyRing::new(&secret);
    assert_eq!(
        signer.signing_key(at(1)).await.unwrap().id(),
        "key-one-",
        "there is no other"
    );

    // The worst case: a made-up key id has used up the receiver's minute just before the rotation.
    receiver.warm_up(at(1)).await.unwrap();
    verify(&receiver, "fake-one", 999).await.unwrap();
    secret.rotate("key-two-", at(1000));
    assert_eq!(signer.signing_key(at(1119)).await.unwrap().id(), "key-one-");
    assert_eq!(signer.signing_key(at(1120)).await.unwrap().id(), "key-two-");
    assert_eq!(verify(&receiver, "key-two-", 1120).await.unwrap(), Verdict::Authentic);

    secret.down.set(true);
    assert_eq!(
        signer.signing_key(at(9999)).await.unwrap().id(),
        "key-two-",
        "known keys go on serving"
    );
}

#[tokio::test]
async fn the_previous_key_is_read_when_it_is_needed() {
    let secret = Secret::default();
    secret.rotate("key-one-", at(0));
    secret.rotate("key-two-", at(1));
    let ring = KeyRing::new(&secret);
    ring.warm_up(at(1000)).await.unwrap();
    assert_eq!(verify(&ring, "key-two-", 1001).await.unwrap(), Verdict::Authentic);
    assert_eq!(secret.reads.get(), 1);
    secret.down.set(true);
    assert!(
        verify(&ring, "key-one-", 1002).await.is_err(),
        "it may be the previous one"
    );
    assert!(verify(&ring, "key-one-", 1003).await.is_err());
    secret.down.set(false);
    assert_eq!(verify(&ring, "key-one-", 1070).await.unwrap(), Verdict::Authentic);
    // Not known to be the only one, so it is looked up before it is signed with.
    let signer = KeyRing::new(&secret);
    signer.warm_up(at(10)).await.unwrap();
    assert_eq!(signer.signing_key(at(11)).await.unwrap().id(), "key-one-");
}
