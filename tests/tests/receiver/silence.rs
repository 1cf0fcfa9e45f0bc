//! What the log holds: of what goes well the start alone, and never a secret.

use printbell_harness::fixtures::KEY;
use printbell_harness::stub_aws::{Behaviour, Service};
use serde_json::Value;

use crate::stage::{aws, receiver, send};

const BODY: &str = r#"{"EventType":1,"PrinterId":"the-printer","SecretKey":"the-user-s-secret"}"#;

#[tokio::test]
async fn of_what_goes_well_the_start_alone_is_logged() {
    let aws = aws().await;
    let function = receiver(&aws).await;
    for _ in 0..20 {
        assert_eq!(send(&function, &KEY.query(), BODY).await.status, 200);
        assert_eq!(send(&function, "tenantId=a", BODY).await.status, 401);
    }
    let output = function.output();
    let line: Value = serde_json::from_str(output.trim_end()).unwrap_or_else(|error| panic!("{error}: {output}"));
    let fields = &line["fields"];
    assert_eq!(
        (&line["level"], &fields["message"], &fields["version"]),
        (&"INFO".into(), &"ready".into(), &env!("CARGO_PKG_VERSION").into())
    );
    let milliseconds = fields["milliseconds"].as_f64().unwrap();
    assert!(milliseconds > 0.0 && milliseconds < 10_000.0, "{line}");
    let kibibytes = fields["kibibytes"].as_u64().unwrap();
    assert!((1024..256 * 1024).contains(&kibibytes), "{line}");
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
