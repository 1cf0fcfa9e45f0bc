//! What an answer says back of its call.

use serde_json::Value;

use super::fleet::SharedPrinter;
use super::refusal::Refusal;
use super::request::{Call, Command};
use crate::wire::quotes::Quotes;

/// Keys and values that an answer quotes; none, mostly.
#[derive(Debug, Default)]
pub(crate) struct Quote(Vec<(&'static str, String)>);

impl Quote {
    /// What is to be quoted of this call, before it is carried out.
    pub(crate) fn of(quotes: Quotes, call: &Call, printer: Option<&SharedPrinter>) -> Self {
        let url = match &call.command {
            Ok(Command::Set(parameters)) => Some(parameters.url.as_str().to_owned()),
            _ => printer.and_then(|printer| printer.lock().webhook_url()),
        };
        let token = call.token.as_ref().ok().map(|token| token.expose().to_owned());
        let url = url.filter(|_| quotes.webhook_url).map(|url| ("WebhookUrl", url));
        let token = token.filter(|_| quotes.app_token).map(|token| ("AppToken", token));
        Self(url.into_iter().chain(token).collect())
    }

    /// As keys of its own in a good answer, within the text of an error.
    pub(crate) fn add_to(&self, mut result: Result<Value, Refusal>) -> Result<Value, Refusal> {
        for (key, value) in &self.0 {
            match &mut result {
                Ok(body) => body[*key] = Value::from(value.as_str()),
                Err(refusal) => refusal.text.push_str(&format!(" {key}: {value}")),
            }
        }
        result
    }
}
