//! While registrations are taken over from another stack: callbacks under its secret's keys, and that secret in every state.

use std::time::Duration;

use printbell_harness::fixtures::{FALLBACK_QUEUE, KEY, SECOND_KEY, SigningKey, THIRD_KEY};
use printbell_harness::queue_event;
use printbell_harness::runtime_api::Function;
use printbell_harness::stub_aws::{Behaviour, StubAws};

use crate::stage::{aws, launch, rotate, send};

const OLD_SECRET: &str = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:OldSecret-AbCdEf";

/// In the old secret, and begins as the stack's own [`KEY`] does.
const TWIN: SigningKey = SigningKey {
    version_id: "0f1e2d3c-0000-4000-8000-00000000000f",
    secret: "a secret of the stack that was",
};

/// A stub with the stack's secret, and an old one with two keys that are labelled and a current one that isn't.
async fn with_old() -> StubAws {
    let aws = aws().await;
    aws.secret(OLD_SECRET, |secret| {
        rotate(secret, &TWIN);
        rotate(secret, &SECOND_KEY);
        secret.rotate(&THIRD_KEY);
    });
    aws
}

async fn start(function: &str, aws: &StubAws) -> Function {
    launch(function, aws)
        .env("RESTORE_SECRET_ARN", OLD_SECRET)
        .start()
        .await
        .unwrap()
}

/// What a callback is answered, and how many are published and queued for it.
async fn outcome(aws: &StubAws, function: &Function, query: &str) -> (u16, usize, usize) {
    let answer = send(function, query, r#"{"EventType":2}"#).await;
    let (published, queued) = aws.drain();
    assert!(queued.iter().all(|message| message.queue == FALLBACK_QUEUE));
    (answer.status, published.len(), queued.len())
}

const PUBLISHED: (u16, usize, usize) = (200, 1, 0);
const QUEUED: (u16, usize, usize) = (200, 0, 1);
const REFUSED: (u16, usize, usize) = (401, 0, 0);

#[tokio::test]
async fn what_is_labelled_of_the_old_secret_counts_and_its_current_version_does_not() {
    for first in [SECOND_KEY, TWIN, KEY] {
        let aws = with_old().await;
        let function = start("webhook", &aws).await;
        for key in [first, KEY, TWIN, SECOND_KEY] {
            assert_eq!(
                outcome(&aws, &function, &key.query()).await,
                PUBLISHED,
                "{}",
                key.version_id
            );
        }
        for query in [
            THIRD_KEY.query(),
            KEY.query().replace(KEY.key_id(), "madeup00"),
            // The id is both secrets', and the signature neither's.
            KEY.query().replace("p42", "p43"),
            SECOND_KEY.query().replace("p42", "p43"),
        ] {
            assert_eq!(outcome(&aws, &function, &query).await, REFUSED, "{query}");
        }
    }
}

#[tokio::test]
async fn without_the_parameter_the_old_secret_counts_for_nothing() {
    let aws = with_old().await;
    let function = launch("webhook", &aws).start().await.unwrap();
    for key in [TWIN, SECOND_KEY, THIRD_KEY] {
        assert_eq!(outcome(&aws, &function, &key.query()).await, REFUSED);
    }
}

#[tokio::test]
async fn until_the_old_secret_was_read_whoever_may_be_its_waits() {
    for behaviour in [
        Behaviour::Status500,
        Behaviour::Denied,
        Behaviour::Refused,
        Behaviour::Hang,
    ] {
        let aws = with_old().await;
        aws.secret(OLD_SECRET, |secret| secret.behaviour = behaviour);
        let function = start("webhook", &aws).await;
        assert_eq!(
            outcome(&aws, &function, &SECOND_KEY.query()).await,
            QUEUED,
            "{behaviour:?}"
        );
        // The stack's own go on, and so does a key of its own that nobody here knows yet.
        assert_eq!(outcome(&aws, &function, &KEY.query()).await, PUBLISHED, "{behaviour:?}");
        let made_up = KEY.query().replace(KEY.key_id(), "madeup00");
        assert_eq!(outcome(&aws, &function, &made_up).await, QUEUED, "{behaviour:?}");
    }
}

#[tokio::test]
async fn an_old_secret_that_is_gone_has_no_keys_and_keeps_nobody_waiting() {
    for is_waiting in [true, false] {
        let aws = with_old().await;
        aws.secret(OLD_SECRET, |secret| match is_waiting {
            true => secret.is_deleted = true,
            false => secret.versions.clear(),
        });
        let function = start("webhook", &aws).await;
        for (key, expected) in [(SECOND_KEY, REFUSED), (KEY, PUBLISHED), (THIRD_KEY, REFUSED)] {
            assert_eq!(outcome(&aws, &function, &key.query()).await, expected, "{is_waiting}");
        }
    }
}

#[tokio::test]
async fn what_waited_for_the_old_secret_is_published_once_it_can_be_read() {
    let aws = with_old().await;
    aws.secret(OLD_SECRET, |secret| {
        secret.behaviour = Behaviour::Slow(Duration::from_secs(3))
    });
    let function = start("webhook", &aws).await;
    assert_eq!(send(&function, &TWIN.query(), r#"{"EventType":2}"#).await.status, 200);
    let waiting = aws.queued();
    assert_eq!(waiting.len(), 1);
    aws.drain();
    aws.secret(OLD_SECRET, |secret| secret.behaviour = Behaviour::Ok);
    let redrive = start("redrive", &aws).await;
    let answer = redrive
        .call(queue_event::batch(&waiting, 1).to_string())
        .await
        .json()
        .unwrap();
    assert_eq!(answer["batchItemFailures"], serde_json::json!([]));
    assert_eq!(aws.published().len(), 1);
}
