mod walk;

use std::cell::{Cell, RefCell};

use super::*;
use crate::key_ring::KeyRing;
use crate::key_ring::tests::secret::{Fault, LABEL, LIST, Secret};
use crate::key_ring::tests::{at, verify};
use printbell_shared::callback::keys::Verdict;
use printbell_shared::callback::signing::MOST_LABELS;

const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;

/// The record, in memory.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) record: RefCell<Option<SigningRecord>>,
    is_down: Cell<bool>,
}

impl Memory {
    fn reach(&self) -> Result<(), String> {
        if self.is_down.get() {
            Err("down".to_owned())
        } else {
            Ok(())
        }
    }
}

impl Records for &Memory {
    async fn read(&self) -> Result<Option<SigningRecord>, String> {
        self.reach()?;
        Ok(self.record.borrow().clone())
    }

    async fn write(&self, record: &SigningRecord) -> Result<(), RecordError> {
        self.reach().map_err(RecordError::Failed)?;
        let before = self.record.borrow().clone();
        if before.as_ref().map_or(0, |before| before.revision) + 1 != record.revision {
            return Err(RecordError::Conflict(before));
        }
        self.record.replace(Some(record.clone()));
        Ok(())
    }
}

/// The id of the version that is signed with.
async fn sign<S: Labels, R: Records>(keys: &SigningKeys<S, R>, second: i64) -> Result<String, KeysUnavailable> {
    let key = keys.signing_key(at(second)).await?;
    Ok(key.version().as_str().to_owned())
}

fn unlabelled(versions: &[&str]) -> Secret {
    let secret = Secret::default();
    for version in versions {
        secret.rotate(version);
    }
    secret
}

#[tokio::test]
async fn the_only_version_of_a_new_secret_is_signed_with_at_once() {
    let (secret, memory) = (unlabelled(&["key-one-"]), Memory::default());
    let keys = SigningKeys::new(&secret, &memory);
    assert_eq!(sign(&keys, 0).await, Ok("key-one-".to_owned()));
    assert_eq!(secret.labelled(), ["key-one-"]);
    let calls = secret.calls();
    for second in 1..300 {
        assert_eq!(sign(&keys, second).await, Ok("key-one-".to_owned()));
    }
    assert_eq!(secret.calls(), calls, "what was read is good for five minutes");
    sign(&keys, 300).await.unwrap();
    assert_eq!(secret.calls(), (calls.0 + 1, calls.1));
}

#[tokio::test]
async fn the_first_of_several_versions_waits_for_two_minutes() {
    let (secret, memory) = (unlabelled(&["key-one-", "key-two-"]), Memory::default());
    let keys = SigningKeys::new(&secret, &memory);
    for second in [0, 119] {
        assert_eq!(
            sign(&keys, second).await,
            Err(KeysUnavailable::NoSigningKey),
            "{second}"
        );
    }
    assert_eq!(secret.labelled(), ["key-two-"]);
    assert_eq!(sign(&keys, 120).await, Ok("key-two-".to_owned()));
}

#[tokio::test]
async fn a_new_version_is_taken_up_after_a_fortnight_and_by_those_who_know_that_everybody_knows_it() {
    let (secret, memory) = (unlabelled(&["key-one-"]), Memory::default());
    let (signer, other) = (SigningKeys::new(&secret, &memory), SigningKeys::new(&secret, &memory));
    let receiver = KeyRing::new(&secret);
    receiver.warm_up(at(0)).await.unwrap();
    assert_eq!(sign(&signer, 0).await, Ok("key-one-".to_owned()));
    secret.rotate("key-two-");
    secret.rotate("key-new-");
    let time = 14 * DAY;
    assert_eq!(sign(&signer, time - 1).await, Ok("key-one-".to_owned()));
    assert_eq!(secret.labelled(), ["key-one-"]);
    // The worst case: a made-up key id has used up the receiver's minute just before the label.
    verify(&receiver, "fake0000", time - 1).await.unwrap();
    assert_eq!(sign(&signer, time).await, Ok("key-one-".to_owned()));
    assert_eq!(secret.labelled(), ["key-new-", "key-one-"]);
    for keys in [&signer, &other] {
        assert_eq!(sign(keys, time + 119).await, Ok("key-one-".to_owned()));
    }
    for keys in [&other, &signer] {
        assert_eq!(sign(keys, time + 120).await, Ok("key-new-".to_owned()));
    }
    assert_eq!(verify(&receiver, "key-new-", time + 120).await, Ok(Verdict::Authentic));
    assert_eq!(verify(&receiver, "key-one-", time + 120).await, Ok(Verdict::Authentic));
    // The older one's label stays for as long as a webhook may bear it, and what it sent may wait.
    for (days, labelled) in [(14 + 195, 2), (14 + 196, 1)] {
        signer.maintain(at(days * DAY)).await.unwrap();
        assert_eq!(secret.labelled().len(), labelled, "{days}");
    }
}

#[tokio::test]
async fn a_version_that_was_current_when_it_was_labelled_is_taken_up_though_there_is_a_newer_one() {
    let (secret, memory) = (unlabelled(&["key-one-", "key-two-"]), Memory::default());
    let keys = SigningKeys::new(&secret, &memory);
    sign(&keys, 0).await.unwrap_err();
    for second in [30, 60, 90] {
        secret.rotate(&format!("key-{second:04}"));
        sign(&keys, second).await.unwrap_err();
    }
    assert_eq!(sign(&keys, 120).await, Ok("key-two-".to_owned()));
    assert_eq!(secret.labelled(), ["key-two-"], "one at a time");
}

#[tokio::test]
async fn a_version_that_holds_no_key_or_begins_like_another_is_never_labelled() {
    for (id, fault) in [("key-two-", Some(Fault::NoKey)), ("key-one-b", None)] {
        let (secret, memory) = (unlabelled(&["key-one-"]), Memory::default());
        let keys = SigningKeys::new(&secret, &memory);
        sign(&keys, 0).await.unwrap();
        secret.rotate(id);
        secret.fault(id, fault);
        for day in [14, 15, 100] {
            assert_eq!(sign(&keys, day * DAY).await, Ok("key-one-".to_owned()), "{id}");
        }
        assert_eq!(secret.labelled(), ["key-one-"], "{id}");
        let record = memory.record.borrow().clone().unwrap();
        let listing = (&secret).list().await.unwrap();
        assert!(
            record.is_overdue(&listing, at(100 * DAY).into()),
            "{id}: an operator is told"
        );
        secret.rotate("key-good");
        sign(&keys, 101 * DAY).await.unwrap();
        assert_eq!(sign(&keys, 101 * DAY + 120).await, Ok("key-good".to_owned()), "{id}");
    }
}

#[tokio::test]
async fn a_record_that_is_lost_is_made_again_from_the_labels() {
    for (current_is_labelled, expected) in [(true, "key-two-"), (false, "key-one-")] {
        let secret = Secret::new(&["key-old-", "key-one-"]);
        secret.rotate("key-two-");
        if current_is_labelled {
            secret.set_label("key-two-");
        }
        let (one, two) = (Memory::default(), Memory::default());
        for memory in [&one, &two] {
            let keys = SigningKeys::new(&secret, memory);
            assert_eq!(sign(&keys, 0).await, Err(KeysUnavailable::NoSigningKey));
            assert_eq!(sign(&keys, 119).await, Err(KeysUnavailable::NoSigningKey));
            assert_eq!(sign(&keys, 120).await, Ok(expected.to_owned()));
        }
        assert_eq!(one.record.borrow().as_ref(), two.record.borrow().as_ref());
        let keys = SigningKeys::new(&secret, &one);
        keys.maintain(at(195 * DAY)).await.unwrap();
        assert!(
            secret.labelled().contains(&"key-old-".to_owned()),
            "it counts as used until now"
        );
        keys.maintain(at(196 * DAY)).await.unwrap();
        assert!(!secret.labelled().contains(&"key-old-".to_owned()));
    }
}

#[tokio::test]
async fn a_label_that_a_rotation_took_away_is_set_again_and_the_version_before_stands_in() {
    let (secret, memory) = (unlabelled(&["key-one-"]), Memory::default());
    let keys = SigningKeys::new(&secret, &memory);
    sign(&keys, 0).await.unwrap();
    secret.rotate("key-two-");
    sign(&keys, 14 * DAY).await.unwrap();
    assert_eq!(sign(&keys, 15 * DAY).await, Ok("key-two-".to_owned()));
    secret.loses_labels.set(true);
    secret.rotate("key-new-");
    assert!(!secret.counts("key-two-"));
    let time = 16 * DAY;
    assert_eq!(sign(&keys, time).await, Ok("key-one-".to_owned()));
    assert_eq!(secret.labelled(), ["key-one-", "key-two-"]);
    assert_eq!(sign(&keys, time + 119).await, Ok("key-one-".to_owned()));
    assert_eq!(sign(&keys, time + 120).await, Ok("key-two-".to_owned()));
    // A run does the same.
    secret.remove_label("key-one-");
    assert!(secret.labelled().len() < 2, "it is gone without a label");
    secret.remove_label("key-two-");
    let status = keys.maintain(at(time + 1000)).await.unwrap();
    assert_eq!(secret.labelled(), ["key-two-"]);
    assert_eq!(
        status.good,
        BTreeSet::from(["key-two-".into()]),
        "the other is gone for good"
    );
}

#[tokio::test]
async fn never_more_than_16_labels_are_ours() {
    let ids: Vec<_> = (0..15).map(|n| format!("key-{n:04}")).collect();
    let secret = Secret::new(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    secret.rotate("key-new1");
    let memory = Memory::default();
    let keys = SigningKeys::new(&secret, &memory);
    // Lost at last: they count as used until now.
    for day in 0..195 {
        secret.rotate(&format!("new-{day:04}"));
        keys.maintain(at(day * DAY)).await.unwrap();
        assert!(secret.labelled().len() <= MOST_LABELS, "{day}");
    }
    assert_eq!(secret.labelled().len(), MOST_LABELS);
    assert_eq!(
        sign(&keys, 195 * DAY).await,
        Ok("new-0014".to_owned()),
        "the one that could be taken up"
    );
}

#[tokio::test]
async fn who_signs_goes_by_nothing_that_is_older_than_five_minutes() {
    let (secret, memory) = (unlabelled(&["key-one-"]), Memory::default());
    for break_it in [
        |secret: &Secret, _: &Memory| secret.fault(LIST, Fault::Error),
        |_: &Secret, memory: &Memory| memory.is_down.set(true),
    ] {
        let keys = SigningKeys::new(&secret, &memory);
        sign(&keys, 0).await.unwrap();
        break_it(&secret, &memory);
        assert_eq!(sign(&keys, 299).await, Ok("key-one-".to_owned()));
        let lists = secret.lists.get();
        for second in 300..310 {
            sign(&keys, second).await.unwrap_err();
        }
        assert_eq!(secret.lists.get(), lists + 1, "one look in ten seconds");
        secret.fault(LIST, None);
        memory.is_down.set(false);
        assert_eq!(sign(&keys, 310).await, Ok("key-one-".to_owned()));
    }
}

#[tokio::test]
async fn a_label_that_can_t_be_set_keeps_nobody_from_signing_with_what_has_one() {
    let (secret, memory) = (unlabelled(&["key-one-"]), Memory::default());
    let keys = SigningKeys::new(&secret, &memory);
    sign(&keys, 0).await.unwrap();
    secret.rotate("key-two-");
    secret.fault(LABEL, Fault::Error);
    for second in [0, 1, 2] {
        assert_eq!(sign(&keys, 14 * DAY + second).await, Ok("key-one-".to_owned()));
    }
    secret.fault(LABEL, None);
    sign(&keys, 14 * DAY + 300).await.unwrap();
    assert_eq!(sign(&keys, 14 * DAY + 420).await, Ok("key-two-".to_owned()));
}

/// A secret of which `key-one-` was used before `key-two-`, and `key-new-` is current; and the second at which that is so.
async fn used(memory: &Memory) -> (Secret, i64) {
    let secret = unlabelled(&["key-one-"]);
    let keys = SigningKeys::new(&secret, memory);
    sign(&keys, 0).await.unwrap();
    secret.rotate("key-two-");
    sign(&keys, 14 * DAY).await.unwrap();
    assert_eq!(sign(&keys, 15 * DAY).await, Ok("key-two-".to_owned()));
    secret.rotate("key-new-");
    (secret, 16 * DAY)
}

#[tokio::test]
async fn a_key_that_is_retired_goes_once_no_webhook_bears_it_or_at_once_by_force() {
    let memory = Memory::default();
    let (secret, time) = used(&memory).await;
    let keys = SigningKeys::new(&secret, &memory);
    let one = VersionId::from("key-one-");
    let retirement = keys.retire("key-one-", Force::No, at(time)).await;
    assert_eq!(retirement, Ok(Retirement::UnderWay(one.clone())));
    let status = keys.maintain(at(time)).await.unwrap();
    assert_eq!(status.good, BTreeSet::from(["key-two-".into()]));
    assert_eq!(status.retiring.keys().collect::<Vec<_>>(), [&one]);
    assert!(secret.counts("key-one-"));
    keys.finish_retirement(&one, at(time + 1)).await.unwrap();
    assert!(!secret.counts("key-one-"));
    for second in [2, DAY] {
        assert_eq!(
            keys.maintain(at(time + second)).await.unwrap().retiring,
            BTreeMap::new()
        );
        assert!(!secret.counts("key-one-"), "it isn't repaired");
    }
    let again = keys.retire("key-one-", Force::No, at(time)).await;
    assert_eq!(again, Ok(Retirement::Complete(one)));

    let memory = Memory::default();
    let (secret, time) = used(&memory).await;
    let keys = SigningKeys::new(&secret, &memory);
    let retirement = keys.retire("key-one-", Force::Yes, at(time)).await;
    assert_eq!(retirement, Ok(Retirement::Complete("key-one-".into())));
    assert_eq!(secret.labelled(), ["key-two-"]);
}

#[tokio::test]
async fn the_key_in_use_has_its_successor_taken_up_at_once_when_it_is_retired() {
    let memory = Memory::default();
    let (secret, time) = used(&memory).await;
    let keys = SigningKeys::new(&secret, &memory);
    let two = VersionId::from("key-two-");
    keys.retire("key-two-", Force::No, at(time)).await.unwrap();
    assert_eq!(secret.labelled(), ["key-new-", "key-one-", "key-two-"]);
    assert_eq!(sign(&keys, time + 119).await, Ok("key-two-".to_owned()));
    assert_eq!(sign(&keys, time + 120).await, Ok("key-new-".to_owned()));
    // Rows may still be written that bear it, by those who hadn't heard.
    let status = keys.maintain(at(time + 121)).await.unwrap();
    assert_eq!((status.retiring.len(), status.last_uses.len()), (0, 1));
    let early = keys.finish_retirement(&two, at(time + 121)).await;
    assert_eq!(early, Err(FinishError::Objection(FinishObjection::InUse)));
    let later = time + 120 + 20 * MINUTE;
    assert_eq!(
        keys.maintain(at(later)).await.unwrap().retiring,
        BTreeMap::from([(two.clone(), EpochSeconds::from(at(later)))])
    );
    keys.finish_retirement(&two, at(later)).await.unwrap();
    assert_eq!(secret.labelled(), ["key-new-", "key-one-"]);

    // By force it isn't signed with for another moment.
    let memory = Memory::default();
    let (secret, time) = used(&memory).await;
    let keys = SigningKeys::new(&secret, &memory);
    keys.retire("key-two-", Force::Yes, at(time)).await.unwrap();
    assert_eq!(secret.labelled(), ["key-new-", "key-one-"]);
    assert_eq!(
        sign(&keys, time).await,
        Ok("key-one-".to_owned()),
        "the one before stands in"
    );
    assert_eq!(sign(&keys, time + 120).await, Ok("key-new-".to_owned()));
}

#[tokio::test]
async fn a_key_that_can_t_be_retired_is_told_why() {
    let memory = Memory::default();
    let (secret, time) = used(&memory).await;
    let keys = SigningKeys::new(&secret, &memory);
    let mut texts = String::new();
    for key_id in ["key-new-", "key-none", ""] {
        let error = keys.retire(key_id, Force::Yes, at(time)).await.unwrap_err();
        texts += &format!("{key_id}: {error}\n");
    }
    secret.fault("key-new-", Fault::NoKey);
    let version = VersionId::from("key-one-");
    let error = keys.finish_retirement(&version, at(time)).await.unwrap_err();
    texts += &format!("finish key-one-: {error}\n");
    keys.retire("key-one-", Force::No, at(time)).await.unwrap();
    secret.fault(LABEL, Fault::Error);
    let error = keys.retire("key-one-", Force::Yes, at(time)).await.unwrap_err();
    texts += &format!("key-one-: {error}\n");
    insta::assert_snapshot!(texts);
    secret.fault(LABEL, None);
    keys.maintain(at(time)).await.unwrap();
    assert!(!secret.counts("key-one-"), "a run takes it away");
}
