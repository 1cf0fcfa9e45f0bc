//! A webhook function with a stub AWS around it, and callbacks to send it.

use printbell_harness::fixtures::{KEY, SigningKey};
use printbell_harness::http_event;
use printbell_harness::runtime_api::{Function, HttpResponse, Launch};
use printbell_harness::stub_aws::{Secrets, StubAws};
use serde_json::Value;

/// How a function of the stack is started.
pub fn launch(function: &str, aws: &StubAws) -> Launch {
    Launch::deployed(function, &[]).unwrap().aws(aws)
}

/// A stub AWS with the key in it, which has been signed with.
pub async fn aws() -> StubAws {
    let aws = StubAws::start().await.unwrap();
    aws.secrets(|secrets| rotate(secrets, &KEY));
    aws
}

/// Rotates the secret, and has the new version taken up as register and renew do.
pub fn rotate(secrets: &mut Secrets, key: &SigningKey) {
    secrets.rotate(key);
    secrets.label(key);
}

/// A running receiver.
pub async fn receiver(aws: &StubAws) -> Function {
    launch("webhook", aws).start().await.unwrap()
}

/// What a callback is answered.
pub async fn send(function: &Function, query: &str, body: &str) -> HttpResponse {
    call(function, &http_event::callback(query, body)).await
}

/// What an event is answered; it must be answered.
pub async fn call(function: &Function, event: &Value) -> HttpResponse {
    let call = function.call(event.to_string()).await;
    call.http()
        .unwrap_or_else(|error| panic!("{error:#}\n{}", function.output()))
}

/// The event's id, as the answer tells it.
pub fn id(answer: &HttpResponse) -> String {
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    body["id"].as_str().unwrap_or_default().to_owned()
}

/// The event in a message.
pub fn event(message: &str) -> Value {
    serde_json::from_str(message).unwrap()
}
