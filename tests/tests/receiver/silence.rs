//! What the log holds of what goes well: the start alone.

use printbell_harness::fixtures::KEY;
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
