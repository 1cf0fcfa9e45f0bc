//! The warm path's floor: the SDK publishes the body as it came, and nothing is checked, read or made of it.

use aws_config::BehaviorVersion;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let config = aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await;
    let sns = aws_sdk_sns::Client::new(&config);
    let topic = std::env::var("TOPIC_ARN")?;
    run(service_fn(|event: LambdaEvent<Value>| {
        let publish = sns.publish().topic_arn(&topic).message(event.payload["body"].as_str().unwrap_or_default());
        async move {
            publish.send().await?;
            Ok::<_, Error>(json!({"statusCode": 200}))
        }
    }))
    .await
}
