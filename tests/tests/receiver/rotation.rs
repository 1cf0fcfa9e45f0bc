//! A rotation of the secret during traffic loses nothing, and a retired key's token is refused.

use printbell_harness::fixtures::{KEY, SECOND_KEY, THIRD_KEY};
use printbell_harness::stub_aws::Service;

use crate::stage::{aws, receiver, send};

#[tokio::test]
async fn a_rotation_during_traffic_loses_nothing() {
    let aws = aws().await;
    let function = receiver(&aws).await;
    let mut sent = 0;
    for n in 0..100 {
        if n == 50 {
            aws.secrets(|secrets| secrets.rotate(&SECOND_KEY));
        }
        // From the rotation on, renewals carry the new key out to more and more printers.
        let key = if n >= 50 && n % 3 == 0 { &SECOND_KEY } else { &KEY };
        let query = key.query_for("abc123", &format!("p{n}"));
        assert_eq!(send(&function, &query, r#"{"EventType":1}"#).await.status, 200, "{n}");
        sent += 1;
    }
    assert_eq!(aws.published().len(), sent);
    let count = |action| aws.count(Service::SecretsManager, action);
    assert_eq!(count("DescribeSecret"), 1, "at the first token of the new key");
    assert_eq!(count("GetSecretValue"), 2, "each version once");
}

#[tokio::test]
async fn a_retired_key_s_token_is_refused() {
    let aws = aws().await;
    let warm = receiver(&aws).await;
    assert_eq!(send(&warm, &KEY.query(), "{}").await.status, 200);
    for key in [SECOND_KEY, THIRD_KEY] {
        aws.secrets(|secrets| secrets.rotate(&key));
    }
    // A process that was there before learns of it when it meets the new key.
    assert_eq!(send(&warm, &THIRD_KEY.query(), "{}").await.status, 200);
    let cold = receiver(&aws).await;
    for function in [&warm, &cold] {
        assert_eq!(send(function, &KEY.query(), "{}").await.status, 401);
        assert_eq!(send(function, &SECOND_KEY.query(), "{}").await.status, 200);
        assert_eq!(send(function, &THIRD_KEY.query(), "{}").await.status, 200);
    }
    assert_eq!(aws.published().len(), 6);
}

#[tokio::test]
async fn made_up_keys_are_refused_and_make_one_call_a_minute() {
    let aws = aws().await;
    let function = receiver(&aws).await;
    for n in 0..50 {
        let query = KEY.query().replace(KEY.key_id(), &format!("fake{n:04}"));
        assert_eq!(send(&function, &query, "{}").await.status, 401);
    }
    let count = |action| aws.count(Service::SecretsManager, action);
    assert_eq!((count("DescribeSecret"), count("GetSecretValue")), (1, 1));
    assert!(aws.published().is_empty() && aws.queued().is_empty());
}
