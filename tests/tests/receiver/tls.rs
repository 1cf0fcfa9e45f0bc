//! Connections to AWS as they are there: encrypted.

use futures::future::join_all;
use printbell_harness::fixtures::KEY;
use printbell_harness::tls_front::TlsFront;

use crate::stage::{aws, launch, send};

const BODY: &str = r#"{"EventType":3,"PrinterId":"the-printer"}"#;

#[tokio::test]
async fn nobody_is_trusted_but_whom_the_partition_and_the_bundle_name() {
    const COMMERCIAL: &str = "eu-central-1";
    const GOVERNMENT: &str = "us-gov-west-1";
    // The region, the variables that name the front's authority, and whether it is trusted then.
    let table: [(&str, &[&str], bool); 5] = [
        (COMMERCIAL, &["AWS_CA_BUNDLE"], true),
        (COMMERCIAL, &["SSL_CERT_FILE"], false),
        (GOVERNMENT, &["AWS_CA_BUNDLE"], true),
        (GOVERNMENT, &["SSL_CERT_FILE"], true),
        (GOVERNMENT, &[], false),
    ];
    join_all(table.map(async |(region, variables, is_trusted)| {
        let aws = aws().await;
        let front = TlsFront::start(aws.address()).await.unwrap();
        let launch = launch("webhook", &aws)
            .env("AWS_ENDPOINT_URL", front.url())
            .env("AWS_REGION", region);
        let launch = variables
            .iter()
            .fold(launch, |launch, name| launch.env(name, front.authority()));
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
    let aws = aws().await;
    let front = TlsFront::start(aws.address()).await.unwrap();
    let function = launch("webhook", &aws)
        .env("AWS_ENDPOINT_URL", front.url())
        .env("AWS_CA_BUNDLE", front.authority())
        .start()
        .await
        .unwrap();
    let opened = front.handshakes();
    assert_eq!(opened, 2, "one to Secrets Manager, one to SNS");
    for _ in 0..50 {
        assert_eq!(send(&function, &KEY.query(), BODY).await.status, 200);
    }
    assert_eq!(front.handshakes(), opened);
    assert_eq!(aws.drain().0.len(), 50);
}
