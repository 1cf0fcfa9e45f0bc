//! How a function reaches AWS: everything that Lambda tells it through the environment, and nothing that has to be
//! discovered first.
//!
//! `aws_config::load` looks through files, profiles and metadata services and reads the machine's whole certificate
//! store; none of it says anything in a Lambda function, and it is most of a cold start.

mod connector;

use std::fmt;
use std::path::Path;
use std::sync::OnceLock;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use thiserror::Error;

use crate::http::{Connections, Tls, Trust, TrustError};
use connector::Connectors;

/// What the names of AWS's commercial regions begin with. Other partitions may have authorities of their own.
const COMMERCIAL_REGIONS: [&str; 9] = ["af-", "ap-", "ca-", "eu-", "il-", "me-", "mx-", "sa-", "us-"];
/// Beginnings that look commercial and are not.
const OTHER_PARTITIONS: [&str; 4] = ["us-gov-", "us-iso", "eu-isoe-", "eusc-"];

/// What keeps a function from reaching AWS at all.
#[derive(Debug, Error)]
pub enum AwsConfigError {
    /// A variable that Lambda sets is not there.
    #[error("{0} is missing: Lambda sets it; outside of Lambda set it yourself, or use `cargo xtask watch`")]
    Environment(&'static str),
    /// The certificates to trust can't be used: those in the file that `AWS_CA_BUNDLE` names or, in a partition other
    /// than the commercial one, the system's.
    #[error("the trusted certificates can't be used: {0}")]
    Trust(#[from] TrustError),
}

/// The configuration that every AWS client of this process is made from: they share its connections, which are kept in
/// `connections`, and one reading of the trusted certificates.
///
/// `lookup` reads the environment: `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN` and,
/// where they are set, `AWS_ENDPOINT_URL` and `AWS_CA_BUNDLE`.
pub fn configure(
    lookup: impl Fn(&'static str) -> Option<String>,
    timeouts: TimeoutConfig,
    retries: RetryConfig,
    connections: &Connections,
) -> Result<SdkConfig, AwsConfigError> {
    let required = |name| {
        lookup(name)
            .filter(|value: &String| !value.is_empty())
            .ok_or(AwsConfigError::Environment(name))
    };
    let region = required("AWS_REGION")?;
    let credentials = Credentials::from_keys(
        required("AWS_ACCESS_KEY_ID")?,
        required("AWS_SECRET_ACCESS_KEY")?,
        lookup("AWS_SESSION_TOKEN").filter(|token| !token.is_empty()),
    );
    let tls = Tls::new(trust(&region, lookup("AWS_CA_BUNDLE").as_deref()))?;
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(SharedHttpClient::new(Connectors::new(tls, connections.clone())))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .sleep_impl(aws_smithy_async::rt::sleep::TokioSleep::new())
        .time_source(aws_smithy_async::time::SystemTimeSource::new())
        .timeout_config(timeouts)
        .retry_config(retries)
        .region(Region::new(region));
    config.set_endpoint_url(lookup("AWS_ENDPOINT_URL").filter(|url| !url.is_empty()));
    Ok(config.build())
}

/// Compiled-in authorities where they are known to be enough; else the system's.
fn trust<'a>(region: &str, ca_bundle: Option<&'a str>) -> Trust<'a> {
    let commercial = COMMERCIAL_REGIONS.iter().any(|prefix| region.starts_with(prefix))
        && !OTHER_PARTITIONS.iter().any(|prefix| region.starts_with(prefix));
    match ca_bundle.filter(|path| !path.is_empty()) {
        Some(path) => Trust::Bundle(Path::new(path)),
        None if commercial => Trust::CompiledIn,
        None => Trust::System,
    }
}

/// A client that is made when it is first needed: making one means to parse its service's endpoint rules, which is a good
/// part of a start.
pub struct Lazy<C> {
    config: SdkConfig,
    make: fn(&SdkConfig) -> C,
    client: OnceLock<C>,
}

impl<C> fmt::Debug for Lazy<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lazy")
    }
}

impl<C> Lazy<C> {
    /// A client that `make` will make.
    pub fn new(config: &SdkConfig, make: fn(&SdkConfig) -> C) -> Self {
        Self {
            config: config.clone(),
            make,
            client: OnceLock::new(),
        }
    }

    /// The client.
    pub fn get(&self) -> &C {
        self.client.get_or_init(|| (self.make)(&self.config))
    }
}

/// Why a call failed, in a few words for the log: never the request, nor what was answered beyond the code and the first line of the
/// message. (`DisplayErrorContext` prints whole answers, and an answer may be a secret. To a signature that doesn't match AWS answers
/// with all that was signed, the session's token among it, in the lines after the first.)
pub fn explain<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    match error {
        SdkError::ServiceError(refusal) => {
            let refusal = refusal.err();
            let message = refusal.message().and_then(|message| message.trim().lines().next());
            format!(
                "{}: {}",
                refusal.code().unwrap_or("error"),
                message.unwrap_or("no message")
            )
        }
        SdkError::TimeoutError(_) => "no answer in time".into(),
        SdkError::DispatchFailure(failure) => failure.as_connector_error().map_or_else(
            || "not sent".into(),
            |error| format!("not sent: {}", std::error::Error::source(error).unwrap_or(error)),
        ),
        SdkError::ResponseError(_) => "the answer could not be read".into(),
        _ => "the request could not be made".into(),
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    fn environment(name: &'static str) -> Option<String> {
        let value = match name {
            "AWS_REGION" => "eu-central-1",
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => "test",
            "AWS_ENDPOINT_URL" => "http://127.0.0.1:4566",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[test]
    fn lambda_s_own_environment_is_enough() {
        let config = configure(
            environment,
            TimeoutConfig::disabled(),
            RetryConfig::disabled(),
            &Connections::default(),
        )
        .unwrap();
        assert_eq!(config.region().map(Region::as_ref), Some("eu-central-1"));
        assert_eq!(config.endpoint_url(), Some("http://127.0.0.1:4566"));
    }

    #[test]
    fn nothing_that_was_signed_is_repeated() {
        let message = "The signature does not match.\n\nThe Canonical String should have been\n'POST\nx-amz-security-token:secret";
        let refusal = ErrorMetadata::builder()
            .code("SignatureDoesNotMatch")
            .message(message)
            .build();
        let error = SdkError::service_error(refusal, ());
        assert_eq!(explain(&error), "SignatureDoesNotMatch: The signature does not match.");
        let error = SdkError::service_error(ErrorMetadata::builder().build(), ());
        assert_eq!(explain(&error), "error: no message");
    }

    #[test]
    fn what_is_missing_is_named() {
        for missing in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            let lookup = |name: &'static str| if name == missing { None } else { environment(name) };
            let error = configure(
                lookup,
                TimeoutConfig::disabled(),
                RetryConfig::disabled(),
                &Connections::default(),
            )
            .unwrap_err();
            assert!(error.to_string().starts_with(missing), "{error}");
        }
    }

    #[test]
    fn other_partitions_trust_the_system_s_authorities() {
        for region in [
            "us-gov-west-1",
            "cn-north-1",
            "us-iso-east-1",
            "eu-isoe-west-1",
            "eusc-de-east-1",
            "xx-new-1",
        ] {
            assert_eq!(trust(region, None), Trust::System, "{region}");
        }
        assert_eq!(trust("us-east-1", Some("")), Trust::CompiledIn);
        assert_eq!(trust("us-east-1", Some("/a.pem")), Trust::Bundle(Path::new("/a.pem")));
    }

    #[test]
    fn a_bundle_that_is_not_there_is_said_at_once() {
        let lookup = |name: &'static str| match name {
            "AWS_CA_BUNDLE" => Some("/nowhere.pem".to_owned()),
            name => environment(name),
        };
        let error = configure(
            lookup,
            TimeoutConfig::disabled(),
            RetryConfig::disabled(),
            &Connections::default(),
        )
        .unwrap_err();
        assert!(error.to_string().contains("/nowhere.pem"), "{error}");
    }
}
