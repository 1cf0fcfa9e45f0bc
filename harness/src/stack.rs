//! The stack as it is deployed on the emulator: where it is, what is in it, and who may call it.
//!
//! `cargo xtask` writes it down as a JSON file; the end-to-end tests and `cargo xtask watch` read it. A test has a stack to itself:
//! it leases one.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::aws::{self, Aws, Credentials, Request, Response};
use crate::deployment;
use crate::fixtures::SigningKey;
use crate::stub_aws::MOST_LABELS;

/// The environment variable that names the files of the end-to-end tests, as `PATH` names folders.
pub const STACKS_VARIABLE: &str = "PRINTBELL_STACKS";

/// And those of the documents' tests, whose commands empty queues, rotate keys and more.
pub const DOCUMENTS_STACKS_VARIABLE: &str = "PRINTBELL_DOCUMENTS_STACKS";

/// The alias of the receiver that both doors lead to.
pub const ALIAS: &str = "live";

/// A deployed stack.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stack {
    /// The one address of all AWS services, and of the API: `http://127.0.0.1:4566`.
    pub endpoint: String,
    /// The AWS region.
    pub region: String,
    /// The account's owner, who may do everything.
    pub owner: Credentials,
    /// An IAM user who may call the registrations API and nothing else, as an app's backend would.
    pub backend: Credentials,
    /// What the template puts out.
    pub outputs: Outputs,
    /// What Lambda calls the functions, by the names of their Cargo packages.
    pub functions: BTreeMap<String, String>,
    /// The simulated OctoEverywhere, `http://127.0.0.1:PORT`.
    pub simulator: String,
}

/// The template's outputs, under their own names.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs, reason = "template.yaml describes its outputs")]
pub struct Outputs {
    pub api_url: String,
    pub callback_url: String,
    pub topic_arn: String,
    pub table_name: String,
    pub state_table_name: String,
    pub fallback_queue_url: String,
    pub fallback_queue_arn: String,
    pub dead_letter_queue_url: String,
    pub dead_letter_queue_arn: String,
    pub callback_secret_arn: String,
    pub key_arn: String,
    pub webhook_function_name: String,
    pub renew_function_name: String,
    pub register_function_name: String,
    pub redrive_function_name: String,
}

/// A stack that nobody else has as long as this is kept.
#[derive(Debug)]
pub struct Lease {
    /// The stack.
    pub stack: Stack,
    _lock: File,
}

impl Stack {
    /// The first of the stacks of such a variable that nobody has; waits for one.
    ///
    /// # Errors
    /// When there is none; the text says what to run.
    pub async fn lease(variable: &str) -> Result<Lease> {
        let files = std::env::var_os(variable).with_context(|| {
            format!("{variable} isn't set: the end-to-end tests need a deployed stack; run `cargo xtask test`")
        })?;
        loop {
            for path in std::env::split_paths(&files) {
                let file = File::open(&path).with_context(|| format!("can't read {}", path.display()))?;
                // Whoever dies gives it back.
                if file.try_lock().is_ok() {
                    let stack = Self::read(&path)?;
                    return Ok(Lease { stack, _lock: file });
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Reads the file.
    ///
    /// # Errors
    /// When it isn't there, or isn't what [`Stack::write`] writes.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read(path).with_context(|| format!("can't read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} isn't a stack", path.display()))
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self)?;
        std::fs::write(path, text).with_context(|| format!("can't write {}", path.display()))
    }

    /// Another stack on the same emulator, in the owner's hands.
    ///
    /// # Errors
    /// When there is none of this name.
    pub async fn another(&self, name: &str) -> Result<Self> {
        let aws = self.aws();
        Ok(Self {
            outputs: deployment::outputs(&aws, name).await?,
            functions: deployment::functions(&aws, name).await?,
            backend: self.owner.clone(),
            ..self.clone()
        })
    }

    /// A client for the emulator's services, as the account's owner.
    pub fn aws(&self) -> Aws {
        Aws::new(&self.endpoint, &self.region, self.owner.clone())
    }

    /// A client for the stack's API.
    pub fn api(&self) -> Api {
        self.at(&self.outputs.api_url)
    }

    /// A client for another address of the stack's, such as its function URL.
    pub fn at(&self, url: &str) -> Api {
        Api {
            http: aws::http_client(),
            endpoint: self.endpoint.clone(),
            region: self.region.clone(),
            host: url.trim_start_matches("https://").trim_end_matches('/').to_owned(),
            backend: self.backend.clone(),
        }
    }

    /// Rotates the callback secret: makes this its current version.
    ///
    /// # Errors
    /// When there is no answer, or AWS would have refused one of the labels that the secret's versions bear.
    pub async fn rotate(&self, key: &SigningKey) -> Result<()> {
        let secret = &self.outputs.callback_secret_arn;
        let version = json!({"SecretId": secret, "SecretString": key.secret, "ClientRequestToken": key.version_id});
        self.aws().secrets("PutSecretValue", &version).await?;
        self.labels().await.map(drop)
    }

    /// The labels of the callback secret's versions, by their ids.
    ///
    /// # Errors
    /// When there is no answer, or there are more than 20: the emulator doesn't count them.
    pub async fn labels(&self) -> Result<BTreeMap<String, Vec<String>>> {
        let secret = json!({"SecretId": self.outputs.callback_secret_arn});
        let listing = self.aws().secrets("DescribeSecret", &secret).await?;
        let labels: BTreeMap<String, Vec<String>> = serde_json::from_value(listing["VersionIdsToStages"].clone())?;
        let count = labels.values().map(Vec::len).sum::<usize>();
        ensure!(
            count <= MOST_LABELS,
            "AWS would have refused the {count}th label: {labels:?}"
        );
        Ok(labels)
    }

    /// The URL of the function `webhook`'s alias, as Lambda tells it: `https://{id}.lambda-url.{region}.on.aws/`.
    ///
    /// # Errors
    /// When Lambda can't be asked, or there is none.
    pub async fn function_url(&self) -> Result<String> {
        let path = format!(
            "/2021-10-31/functions/{}/url?Qualifier={ALIAS}",
            self.function("webhook")?
        );
        let config = self.aws().lambda(Method::GET, &path, &Value::Null).await?.json()?;
        let url = config["FunctionUrl"]
            .as_str()
            .context("a function URL without its URL")?;
        Ok(url.to_owned())
    }

    /// Sets environment variables of a function, by the name of its Cargo package. What is called by its alias has them from the next
    /// call on too, in a version of its own, as after a deployment.
    ///
    /// # Errors
    /// When Lambda can't be asked, or refuses.
    pub async fn set_environment(&self, name: &str, changes: &[(&str, Option<&str>)]) -> Result<()> {
        let (aws, function) = (self.aws(), self.function(name)?);
        aws.set_environment(function, changes).await?;
        if name == "webhook" {
            let path = format!("/2015-03-31/functions/{function}");
            let published = aws
                .lambda(Method::POST, &format!("{path}/versions"), &json!({}))
                .await?
                .json()?;
            let version = json!({"FunctionVersion": published["Version"]});
            aws.lambda(Method::PUT, &format!("{path}/aliases/{ALIAS}"), &version)
                .await?;
        }
        Ok(())
    }

    /// What Lambda calls a function, by the name of its Cargo package.
    ///
    /// # Errors
    /// When the stack has none of this name.
    pub fn function(&self, name: &str) -> Result<&str> {
        let function = self.functions.get(name);
        function
            .map(String::as_str)
            .with_context(|| format!("the stack has no function {name}"))
    }
}

/// Calls the stack's API, or another door of it, by its own host name at the emulator's address.
#[derive(Clone, Debug)]
pub struct Api {
    http: reqwest::Client,
    endpoint: String,
    region: String,
    host: String,
    backend: Credentials,
}

impl Api {
    /// The API's host name.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// A call signed by the backend, as the registrations API wants it. `body` null is none.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn call(&self, method: Method, path: &str, body: &Value) -> Result<Response> {
        self.call_as(&self.backend, method, path, body).await
    }

    /// A call signed by somebody else.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn call_as(&self, who: &Credentials, method: Method, path: &str, body: &Value) -> Result<Response> {
        let body = if body.is_null() {
            Bytes::new()
        } else {
            body.to_string().into()
        };
        let signature = Some(("execute-api", self.region.as_str(), who));
        aws::send(&self.http, &self.endpoint, self.request(method, path, body), signature).await
    }

    /// A call that nobody signed, such as OctoEverywhere's.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn call_unsigned(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Result<Response> {
        aws::send(
            &self.http,
            &self.endpoint,
            self.request(method, path, body.into()),
            None,
        )
        .await
    }

    fn request(&self, method: Method, path: &str, body: Bytes) -> Request {
        let headers = vec![("content-type", "application/json".to_owned())];
        Request {
            method,
            path: path.to_owned(),
            host: self.host.clone(),
            headers,
            body,
        }
    }
}
