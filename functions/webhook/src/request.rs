//! The event: an HTTP request as API Gateway (payload format 2.0), a function URL and `cargo lambda` hand it over.
//!
//! Anybody can send anything to this function, so the event is read with as few demands as can be. `lambda_http` builds
//! a request of it and panics over queries, hosts and bodies that such a request can't hold (docs/decisions/0030).

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, Visitor};

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What is used of the event.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Request {
    raw_query_string: Text,
    body: Text,
    is_base64_encoded: Option<bool>,
    request_context: Option<RequestContext>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RequestContext {
    time_epoch: Option<i64>,
}

impl Request {
    /// The query as it was sent.
    pub fn query(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.raw_query_string.0)
    }

    /// The body as it was sent; where it should be base64 and isn't, as it came here.
    pub fn body(&mut self) -> Vec<u8> {
        let body = std::mem::take(&mut self.body.0);
        match self.is_base64_encoded {
            Some(true) => BASE64.decode(&body).unwrap_or(body),
            _ => body,
        }
    }

    /// When it reached the API.
    pub fn arrived(&self) -> Option<Timestamp> {
        let milliseconds = self.request_context.as_ref()?.time_epoch?;
        Timestamp::from_millisecond(milliseconds).ok()
    }
}

/// A JSON string, as bytes: it may hold a lone surrogate, which no Rust string can. `null` is an empty one.
#[derive(Default)]
struct Text(Vec<u8>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl<'de> Visitor<'de> for Bytes {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_none<E>(self) -> Result<Text, E> {
                Ok(Text::default())
            }

            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Text, D::Error> {
                deserializer.deserialize_bytes(self)
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Text, E> {
                Ok(Text(bytes.to_vec()))
            }
        }
        deserializer.deserialize_option(Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(event: &str, query: &[u8], body: &[u8]) {
        let mut request: Request = serde_json::from_str(event).unwrap();
        assert_eq!(
            (request.query().as_slice(), request.body().as_slice()),
            (query, body),
            "{event}"
        );
    }

    #[test]
    fn every_form_is_read() {
        check("{}", b"", b"");
        check(
            r#"{"body":null,"isBase64Encoded":null,"requestContext":null}"#,
            b"",
            b"",
        );
        check(
            r#"{"rawQueryString":"a=b&a=c","body":"{}","isBase64Encoded":false}"#,
            b"a=b&a=c",
            b"{}",
        );
        check(r#"{"body":"e30=","isBase64Encoded":true}"#, b"", b"{}");
        check(r#"{"body":"e30","isBase64Encoded":true}"#, b"", b"{}");
        check(r#"{"body":"{\"a\":1}","isBase64Encoded":true}"#, b"", b"{\"a\":1}");
        check(
            r#"{"rawQueryString":"a=\ud800","body":"\u0000\udfff"}"#,
            b"a=\xED\xA0\x80",
            b"\0\xED\xBF\xBF",
        );
        check(r#"{"headers":{"x\u0000":"\ud800"},"cookies":7,"body":"x"}"#, b"", b"x");
    }

    #[test]
    fn the_arrival_is_the_api_s() {
        let mut request: Request = serde_json::from_str(r#"{"requestContext":{"timeEpoch":1795514400000}}"#).unwrap();
        assert_eq!(request.arrived(), "2026-11-24T10:00:00Z".parse().ok());
        request.request_context = Some(RequestContext {
            time_epoch: Some(i64::MAX),
        });
        assert_eq!(request.arrived(), None);
    }
}
