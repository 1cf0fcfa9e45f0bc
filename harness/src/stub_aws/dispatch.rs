//! Whom a request is for, and what comes of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::{Behaviour, Service, ServiceCall, State, StubResponse, dynamodb, form, lock, secrets, sns, sqs};
use crate::server::{Reaction, Request, hang, respond};

/// DynamoDB's writes, of many items and of one.
const TRANSACTION: &str = "TransactWriteItems";
const WRITES: [&str; 3] = ["PutItem", "UpdateItem", "DeleteItem"];

pub(super) async fn react(state: Arc<Mutex<State>>, request: Request) -> Reaction {
    let Some((service, action)) = addressee(&request) else {
        return respond(400, "text/plain", "the stub doesn't know this service");
    };
    let behaviour = {
        let mut state = lock(&state);
        let strike = state.strikes.get_mut(&action).and_then(VecDeque::pop_front);
        let scripted = strike.or_else(|| state.scripts.get_mut(&service).and_then(VecDeque::pop_front));
        let mut behaviour = scripted
            .or(state.behaviours.get(&service).copied())
            .unwrap_or(Behaviour::Ok);
        if service == Service::SecretsManager && behaviour == Behaviour::Ok {
            behaviour = state.secrets.of(&request.body).behaviour(&action, &request.body);
        }
        *state.counts.entry((service, action.clone())).or_default() += 1;
        if !state.forgetful {
            state.calls.push(ServiceCall {
                service,
                action: action.clone(),
                headers: request.headers.clone(),
                body: request.body.clone(),
                at: Instant::now(),
                behaviour,
            });
        }
        behaviour
    };
    let work = || {
        let mut state = lock(&state);
        match service {
            Service::Sns => sns::work(&mut state, &action, &request.body),
            Service::Sqs => sqs::work(&mut state, &action, &request.body),
            Service::SecretsManager => secrets::work(state.secrets.of(&request.body), &action, &request.body),
            Service::DynamoDb => dynamodb::work(&mut state.database, &action, &request.body),
        }
    };
    let response = match behaviour {
        Behaviour::Ok => work(),
        Behaviour::Status500 => StubResponse::error(service, 500, "InternalFailure", "as asked for"),
        Behaviour::Throttled | Behaviour::Busy if action == TRANSACTION => {
            let reason = if behaviour == Behaviour::Busy {
                "TransactionConflict"
            } else {
                "ThrottlingError"
            };
            dynamodb::cancelled_for(&request.body, reason)
        }
        Behaviour::Throttled => throttled(service),
        Behaviour::Busy if WRITES.contains(&action.as_str()) => {
            StubResponse::error(service, 400, "TransactionConflictException", "as asked for")
        }
        Behaviour::Busy => work(),
        Behaviour::Denied => StubResponse::error(service, 403, denied(service), "as asked for"),
        Behaviour::BadSignature => bad_signature(service, &request),
        Behaviour::Refused => return Reaction::Reset,
        Behaviour::Hang => return hang().await,
        Behaviour::Slow(time) => {
            let response = work();
            tokio::time::sleep(time).await;
            response
        }
        Behaviour::LostAnswer => {
            work();
            return Reaction::Drop;
        }
    };
    let content_type = match service {
        Service::Sns => "text/xml",
        Service::SecretsManager => "application/x-amz-json-1.1",
        Service::Sqs | Service::DynamoDb => "application/x-amz-json-1.0",
    };
    respond(response.status, content_type, response.body)
}

/// JSON services are told by a header, SNS by the action in its form.
fn addressee(request: &Request) -> Option<(Service, String)> {
    let Some(target) = request.headers.get("x-amz-target") else {
        let action = form::pairs(&request.body).find_map(|(name, value)| (name == "Action").then_some(value));
        return Some((Service::Sns, action?));
    };
    let (service, action) = target.to_str().ok()?.split_once('.')?;
    let service = match service {
        "AmazonSQS" => Service::Sqs,
        "secretsmanager" => Service::SecretsManager,
        "DynamoDB_20120810" => Service::DynamoDb,
        _ => return None,
    };
    Some((service, action.to_owned()))
}

/// Each service's own way to say it (`aws-runtime`'s list of throttling error codes).
fn throttled(service: Service) -> StubResponse {
    let (status, code) = match service {
        Service::Sns => (429, "Throttled"),
        Service::Sqs => (400, "RequestThrottled"),
        Service::SecretsManager => (400, "ThrottlingException"),
        Service::DynamoDb => (400, "ProvisionedThroughputExceededException"),
    };
    StubResponse::error(service, status, code, "Rate exceeded")
}

fn denied(service: Service) -> &'static str {
    match service {
        Service::Sns => "AuthorizationError",
        _ => "AccessDeniedException",
    }
}

/// As AWS writes it: the session's token is among what is signed.
fn bad_signature(service: Service, request: &Request) -> StubResponse {
    let code = match service {
        Service::Sns | Service::Sqs => "SignatureDoesNotMatch",
        Service::SecretsManager | Service::DynamoDb => "InvalidSignatureException",
    };
    let headers = request.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        format!("{name}:{value}\n")
    });
    let canonical = format!(
        "{}\n{}\n\n{}",
        request.method,
        request.target,
        headers.collect::<String>()
    );
    let message = format!(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and \
         signing method. Consult the service documentation for details.\n\n\
         The Canonical String for this request should have been\n'{canonical}'"
    );
    StubResponse::error(service, 403, code, &message)
}
