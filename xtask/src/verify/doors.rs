//! A callback comes in by each door, authenticated by the stack's own key, and comes out of the topic.

use anyhow::{Context, Result, ensure};
use printbell_shared::callback::{self, key::CallbackKey};
use printbell_shared::metadata::Metadata;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::account::option;
use super::belongings::TENANT;
use super::report::Report;
use super::{Verification, registration_key};

/// The printer that the callbacks are about. It isn't registered, which the receiver neither knows nor needs to.
const PRINTER: &str = "callback";

/// A test notification: each is an event of its own.
const BODY: &str = r#"{"PrinterId":"printbell-verify-aws","EventType":16}"#;

impl Verification<'_> {
    pub(super) async fn check_doors(&self, report: &mut Report) {
        let remedy =
            "docs/runbook.md#callbacks-failing; `aws logs tail` of the stack's WebhookLogs says what the receiver says";
        report
            .check(
                "A callback, from each door to the topic",
                remedy,
                self.callbacks_come_out(),
            )
            .await;
        let remedy = "Don't use this stack: it publishes what anybody sends";
        report
            .check("A callback that nobody signed", remedy, self.forgeries_are_refused())
            .await;
    }

    /// The key that callbacks are signed with here: the one that was current when it was first asked for. One that has become so since
    /// may not count everywhere for a minute, so nobody signs with it yet.
    pub(super) async fn signing_key(&self) -> Result<&CallbackKey> {
        self.key.get_or_try_init(|| self.key_of(&[])).await
    }

    /// A version out of Secrets Manager: the current one, or which these options name.
    pub(super) async fn key_of(&self, which: &[&str]) -> Result<CallbackKey> {
        let secret = ["--secret-id", self.stack.outputs.callback_secret_arn.as_str()];
        let arguments = [&secret[..], which].concat();
        let version = self
            .account
            .aws("secretsmanager", "get-secret-value", &arguments)
            .await?;
        let (Some(id), Some(secret)) = (version["VersionId"].as_str(), version["SecretString"].as_str()) else {
            anyhow::bail!("the callback secret has no such version");
        };
        Ok(CallbackKey::new(id, &SecretString::from(secret)))
    }

    /// Calls a door as OctoEverywhere does; answers with status and notification id.
    pub(super) async fn call_back(&self, door: &str, key: &CallbackKey) -> Result<(u16, Option<String>)> {
        let url = callback::url(door, &registration_key(PRINTER)?, &Metadata::default(), key);
        self.post(url.expose_secret()).await
    }

    async fn post(&self, url: &str) -> Result<(u16, Option<String>)> {
        let options = option("url", url) + &option("header", "content-type: application/json") + &option("data", BODY);
        let answer = self.account.curl(&options).await?;
        let id = serde_json::from_str::<Value>(&answer.body).ok();
        Ok((answer.status, id.and_then(|body| Some(body["id"].as_str()?.to_owned()))))
    }

    /// The bases of the callback URLs that answer: that of the API, the function's own, and whichever OctoEverywhere is given.
    async fn doors(&self) -> Result<Vec<String>> {
        let outputs = &self.stack.outputs;
        let mut doors = vec![outputs.api_url.clone()];
        if let Ok(function) = self.stack.resource("WebhookUrl") {
            let arguments = ["--function-name", function];
            let config = self
                .account
                .aws("lambda", "get-function-url-config", &arguments)
                .await?;
            let url = config["FunctionUrl"]
                .as_str()
                .context("a function URL without its URL")?;
            doors.push(url.trim_end_matches('/').to_owned());
        }
        if !doors.contains(&outputs.callback_url) {
            doors.push(outputs.callback_url.clone());
        }
        Ok(doors)
    }

    async fn callbacks_come_out(&self) -> Result<String> {
        let (topic, key) = (&self.stack.outputs.topic_arn, self.signing_key().await?);
        let ours = Some(json!({"tenantId": [TENANT]}));
        let subscriber = self.belongings.subscriber("doors", topic, ours).await?;
        let doors = self.doors().await?;
        for door in &doors {
            let (status, id) = self.call_back(door, key).await?;
            ensure!(status == 200, "{door} answered {status}");
            let id = id.with_context(|| format!("{door} answered without an id"))?;
            let what = format!("the notification {id}, sent to {door}, in a subscribed queue");
            let is_it = |body: &str| {
                let event: Value = serde_json::from_str(body).ok()?;
                (event["id"] == id.as_str()).then_some(())
            };
            subscriber.hear(&what, is_it).await?;
        }
        Ok(format!("in by {}, out to a queue", doors.join(" and ")))
    }

    async fn forgeries_are_refused(&self) -> Result<String> {
        let key = self.signing_key().await?;
        let forged = CallbackKey::new(key.version().as_str(), &SecretString::from("not the key"));
        for door in self.doors().await? {
            let (status, _) = self.call_back(&door, &forged).await?;
            ensure!(status == 401, "{door} answered {status} to a token that isn't ours");
            let (status, _) = self.post(&format!("{door}{}", callback::PATH)).await?;
            ensure!(status == 401, "{door} answered {status} to no token at all");
        }
        Ok("refused".to_owned())
    }
}
