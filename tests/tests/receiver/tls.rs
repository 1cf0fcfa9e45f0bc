//! Connections to AWS as they are there: encrypted.

use futures::future::join_all;
use printbell_harness::fixtures::KEY;
use printbell_harness::stub_aws::StubAws;

use crate::stage::{launch, rotate, send};

const BODY: &str = r#"{"EventType":3,"PrinterId":"the-printer"}"#;

async fn encrypted_aws() -> StubAws {
    let aws = StubAws::start_encrypted().await.unwrap();
    aws.secrets(|secrets| rotate(secrets, &KEY));
    aws
}

fn authority(aws: &StubAws) -> String {
    aws.authority().unwrap().display().to_string()
}

#[tokio::test]
async fn nobody_is_trusted_but_whom_the_partition_and_the_bundle_name() {
    const COMMERCIAL: &str = "eu-central-1";
    const GOVERNMENT: &str = "us-gov-west-1";
    // The region, the variables that name the stub's authority, and whether it is trusted then.
    let table: [(&str, &[&str], bool); 5] = [
        (COMMERCIAL, &["AWS_CA_BUNDLE"], true),
        (COMMERCIAL, &["SSL_CERT_FILE"], false),
        (GOVERNMENT, &["AWS_CA_BUNDLE"], true),
        (GOVERNMENT, &["SSL_CERT_FILE"], true),
        (GOVERNMENT, &[], false),
    ];
    join_all(table.map(async |(region, variables, is_trusted)| {
        let aws = encrypted_aws().await;
        let launch = launch("webhook", &aws).env("AWS_REGION", region);
        let launch = variables
            .iter()
            .fold(launch, |launch, name| launch.env(name, authority(&aws)));
        let function = launch.start().await.unwrap();
        let status = if is_trusted { 200 } else { 503 };
        let answer = send(&function, &KEY.query(), BODY).await;
        assert_eq!(answer.status, status, "{region} {variables:?}");
        let (published, queued) = aws.drain();
        assert_eq!((published.len(), queued.len()), (usize::from(is_trusted), 0));
    }))
    .await;
}

#[tokio::test]
async fn the_connections_that_a_start_opens_serve_all_that_follows() {
    let aws = encrypted_aws().await;
    let function = launch("webhook", &aws)
        .env("AWS_CA_BUNDLE", authority(&aws))
        .start()
        .await
        .unwrap();
    let opened = aws.handshakes();
    assert_eq!(opened, 2, "one to Secrets Manager, one to SNS");
    for _ in 0..50 {
        assert_eq!(send(&function, &KEY.query(), BODY).await.status, 200);
    }
    assert_eq!(aws.handshakes(), opened);
    assert_eq!(aws.drain().0.len(), 50);
}
