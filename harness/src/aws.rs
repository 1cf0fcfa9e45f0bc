//! A small signed client for AWS, and for an API of ours behind `AWS_IAM`.
//!
//! It speaks the protocols (JSON, Query, REST) rather than each service, so that `cargo xtask`, which is built before
//! anything else, doesn't have to wait for five SDKs.

mod exchange;

use anyhow::{Result, anyhow};
use bytes::Bytes;
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use exchange::{Request, Response, http_client, send};

/// A principal's access key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Credentials {
    /// The public half.
    pub access_key_id: String,
    /// The other half. Only the emulator's are ever put in here.
    pub secret_access_key: String,
    /// Of a session, such as a role's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_token: Option<String>,
}

/// Calls AWS services at one endpoint, in one region, as one principal.
#[derive(Clone, Debug)]
pub struct Aws {
    http: reqwest::Client,
    endpoint: String,
    region: String,
    credentials: Credentials,
}

impl Aws {
    /// A client for the services at this endpoint.
    pub fn new(endpoint: &str, region: &str, credentials: Credentials) -> Self {
        Self {
            http: http_client(),
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            region: region.to_owned(),
            credentials,
        }
    }

    /// The same services, called by somebody else.
    pub fn as_principal(&self, credentials: Credentials) -> Self {
        Self {
            credentials,
            ..self.clone()
        }
    }

    /// Calls an action of a service that speaks AWS JSON: `("DynamoDB_20120810", "GetItem")` of `dynamodb`,
    /// `("AmazonSQS", …)` of `sqs`, `("secretsmanager", …)` of `secretsmanager`.
    ///
    /// # Errors
    /// When there is no answer, or one that isn't a success; the text carries the service's own.
    pub async fn json(&self, service: &str, prefix: &str, action: &str, body: &Value) -> Result<Value> {
        let headers = vec![
            ("content-type", "application/x-amz-json-1.0".to_owned()),
            ("x-amz-target", format!("{prefix}.{action}")),
        ];
        let answer = self
            .send(service, Method::POST, "/", headers, body.to_string())
            .await?
            .succeeded(action)?;
        if answer.body.is_empty() {
            Ok(Value::Null)
        } else {
            answer.json()
        }
    }

    /// An action of SQS.
    ///
    /// # Errors
    /// As [`Aws::json`].
    pub async fn sqs(&self, action: &str, body: &Value) -> Result<Value> {
        self.json("sqs", "AmazonSQS", action, body).await
    }

    /// An action of DynamoDB.
    ///
    /// # Errors
    /// As [`Aws::json`].
    pub async fn dynamodb(&self, action: &str, body: &Value) -> Result<Value> {
        self.json("dynamodb", "DynamoDB_20120810", action, body).await
    }

    /// An action of Secrets Manager.
    ///
    /// # Errors
    /// As [`Aws::json`].
    pub async fn secrets(&self, action: &str, body: &Value) -> Result<Value> {
        self.json("secretsmanager", "secretsmanager", action, body).await
    }

    /// Calls an action of a service that speaks AWS Query (`sns` of 2010-03-31, `iam` of 2010-05-08,
    /// `cloudformation` of 2010-05-15); answers with the XML.
    ///
    /// # Errors
    /// When there is no answer, or one that isn't a success; the text carries the service's own.
    pub async fn query(
        &self,
        service: &str,
        version: &str,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<String> {
        let mut form = format!("Action={action}&Version={version}");
        for (name, value) in parameters {
            form.push_str(&format!("&{name}={}", encode(value)));
        }
        let headers = vec![("content-type", "application/x-www-form-urlencoded".to_owned())];
        Ok(self
            .send(service, Method::POST, "/", headers, form)
            .await?
            .succeeded(action)?
            .text())
    }

    /// An action of SNS.
    ///
    /// # Errors
    /// As [`Aws::query`].
    pub async fn sns(&self, action: &str, parameters: &[(&str, &str)]) -> Result<String> {
        self.query("sns", "2010-03-31", action, parameters).await
    }

    /// An action of IAM.
    ///
    /// # Errors
    /// As [`Aws::query`].
    pub async fn iam(&self, action: &str, parameters: &[(&str, &str)]) -> Result<String> {
        self.query("iam", "2010-05-08", action, parameters).await
    }

    /// A session of a role, as its trust policy allows this client.
    ///
    /// # Errors
    /// As [`Aws::query`]; and when it tells no credentials.
    pub async fn assume_role(&self, arn: &str, session: &str) -> Result<Credentials> {
        let role = [("RoleArn", arn), ("RoleSessionName", session)];
        let answer = self.query("sts", "2011-06-15", "AssumeRole", &role).await?;
        let part = |name| {
            let text = xml_texts(&answer, name).pop();
            text.ok_or_else(|| anyhow!("a session without its {name}"))
        };
        Ok(Credentials {
            access_key_id: part("AccessKeyId")?,
            secret_access_key: part("SecretAccessKey")?,
            session_token: Some(part("SessionToken")?),
        })
    }

    /// Calls the REST API of Lambda, such as `GET /2015-03-31/functions/{name}/configuration`.
    ///
    /// # Errors
    /// When there is no answer, or one that isn't a success; the text carries the service's own.
    pub async fn lambda(&self, method: Method, path: &str, body: &Value) -> Result<Response> {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let headers = vec![("content-type", "application/json".to_owned())];
        self.send("lambda", method, path, headers, body).await?.succeeded(path)
    }

    /// Invokes a function with this event and waits for its answer: what it returned, or the error that it raised.
    ///
    /// # Errors
    /// When Lambda can't be asked. An error of the function is an `Ok` with `FunctionError` told apart.
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<std::result::Result<Value, Value>> {
        let path = format!("/2015-03-31/functions/{}/invocations", encode(function));
        let answer = self.lambda(Method::POST, &path, event).await?;
        let value = if answer.body.is_empty() {
            Value::Null
        } else {
            answer.json()?
        };
        Ok(if answer.headers.contains_key("x-amz-function-error") {
            Err(value)
        } else {
            Ok(value)
        })
    }

    /// The environment variables of a function.
    ///
    /// # Errors
    /// When there is no such function, or it has none.
    pub async fn environment(&self, function: &str) -> Result<serde_json::Map<String, Value>> {
        let current = self
            .lambda(Method::GET, &configuration(function), &Value::Null)
            .await?
            .json()?;
        let variables = current["Environment"]["Variables"].as_object().cloned();
        variables.ok_or_else(|| anyhow!("{function} has no environment"))
    }

    /// Sets some of a function's environment variables and leaves the others; `None` takes one away.
    ///
    /// # Errors
    /// When Lambda can't be asked, or refuses.
    pub async fn set_environment(&self, function: &str, changes: &[(&str, Option<&str>)]) -> Result<()> {
        let mut variables = self.environment(function).await?;
        for (name, value) in changes {
            match value {
                Some(value) => variables.insert((*name).to_owned(), Value::from(*value)),
                None => variables.remove(*name),
            };
        }
        self.lambda(
            Method::PUT,
            &configuration(function),
            &serde_json::json!({"Environment": {"Variables": variables}}),
        )
        .await?;
        Ok(())
    }

    async fn send(
        &self,
        service: &str,
        method: Method,
        path: &str,
        headers: Vec<(&'static str, String)>,
        body: impl Into<Bytes>,
    ) -> Result<Response> {
        let host = self
            .endpoint
            .split_once("://")
            .map_or(self.endpoint.as_str(), |(_, host)| host)
            .to_owned();
        let request = Request {
            method,
            path: path.to_owned(),
            host,
            headers,
            body: body.into(),
        };
        let signature = Some((service, self.region.as_str(), &self.credentials));
        send(&self.http, &self.endpoint, request, signature).await
    }
}

/// Where a function's configuration is.
fn configuration(function: &str) -> String {
    format!("/2015-03-31/functions/{}/configuration", encode(function))
}

/// Percent-encodes everything but RFC 3986's unreserved characters, as SigV4 wants it.
pub fn encode(value: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(value, &RESERVED).to_string()
}

/// The texts of every element of this name in an answer of the Query protocol, in order.
pub fn xml_texts(xml: &str, element: &str) -> Vec<String> {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    xml.split(&open)
        .skip(1)
        .filter_map(|rest| rest.split_once(&close))
        .map(|(text, _)| {
            text.replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&quot;", "\"")
                .replace("&amp;", "&")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_from_xml() {
        let xml = "<r><m><Key>a</Key><Value>1 &lt; 2 &amp;&amp; x</Value></m><m><Key>b</Key><Value></Value></m></r>";
        assert_eq!(xml_texts(xml, "Key"), ["a", "b"]);
        assert_eq!(xml_texts(xml, "Value"), ["1 < 2 && x", ""]);
        assert_eq!(xml_texts(xml, "Other"), Vec::<String>::new());
    }

    #[test]
    fn everything_but_unreserved_characters_is_encoded() {
        assert_eq!(encode("a-b.c_d~1/é +"), "a-b.c_d~1%2F%C3%A9%20%2B");
    }
}
