//! What the log holds: nothing of what goes well, and never a secret.

use printbell_harness::fixtures::KEY;
use printbell_harness::stub_aws::{Behaviour, Service};

use crate::stage::{aws, receiver, send};

const BODY: &str = r#"{"EventType":1,"PrinterId":"the-printer","SecretKey":"the-user-s-secret"}"#;

#[tokio::test]
async fn what_goes_well_is_not_logged() {
    let aws = aws().await;
    let function = receiver(&aws).await;
    for _ in 0..20 {
        assert_eq!(send(&function, &KEY.query(), BODY).await.status, 200);
        assert_eq!(send(&function, "tenantId=a", BODY).await.status, 401);
    }
    assert_eq!(function.output(), "");
}

#[tokio::test]
async fn whatever_goes_wrong_no_secret_is_logged_or_answered() {
    let query = KEY.query();
    let secrets = [
        query
            .split('&')
            .find_map(|pair| pair.strip_prefix("callbackToken="))
            .unwrap(),
        KEY.secret,
        "the-user-s-secret",
        "not-a-secret", // of the credentials that the harness gives out
        "not-a-token",
    ];
    for broken in [Service::Sns, Service::Sqs, Service::SecretsManager] {
        for how in [
            Behaviour::Status500,
            Behaviour::Denied,
            Behaviour::Throttled,
            Behaviour::Refused,
        ] {
            let aws = aws().await;
            aws.set(broken, how);
            let function = receiver(&aws).await;
            let mut text = String::new();
            for body in [BODY, "the-user-s-secret", r#"{"SecretKey":"the-user-s-secret""#] {
                // Where the queue is broken, this takes its eight seconds.
                if broken != Service::Sqs || body == BODY {
                    text += &send(&function, &query, body).await.raw.to_string();
                }
            }
            text += &function.output();
            for secret in secrets {
                assert!(!text.contains(secret), "{broken:?} {how:?}: {text}");
            }
        }
    }
}
