//! What each function does with what its role allows, at the deployed stack. A permission that is taken out makes its exercise fail.

use std::time::Duration;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use http::Method;
use printbell_harness::fixtures::SigningKey;
use serde_json::{Value, json};

use super::stage::{ANOTHER_KEY, Outcome, PRINT, Place, Stage};
use crate::world::Printer;

/// One thing that a function does, and what it takes.
pub struct Exercise {
    pub role: &'static str,
    pub what: &'static str,
    /// Actions, and on which resources.
    pub needs: &'static [(&'static str, &'static str)],
    pub run: for<'a> fn(&'a Stage) -> LocalBoxFuture<'a, Outcome>,
}

macro_rules! exercises {
    ($($role:literal $what:literal $run:ident [$($action:literal on $resource:literal),* $(,)?])*) => {
        &[$(Exercise {
            role: $role,
            what: $what,
            needs: &[$(($action, $resource)),*],
            run: |stage| $run(stage).boxed_local(),
        }),*]
    };
}

pub const EXERCISES: &[Exercise] = exercises! {
    "webhook" "a callback comes out at the topic" callback_comes_out [
        "sns:Publish" on "Topic",
        "secretsmanager:GetSecretValue" on "CallbackSecret",
    ]
    "webhook" "a callback under a key that isn't the current one comes out" earlier_callback_comes_out [
        "secretsmanager:DescribeSecret" on "CallbackSecret",
    ]
    "webhook" "a callback under the old stack's key comes out" old_callback_comes_out [
        "secretsmanager:DescribeSecret" on "the old secret",
        "secretsmanager:GetSecretValue" on "the old secret",
    ]
    "webhook" "a callback waits while there is no topic" callback_waits [
        "sqs:SendMessage" on "FallbackQueue",
    ]
    "webhook" "a callback that is no JSON is set aside" callback_is_set_aside [
        "sqs:SendMessage" on "DeadLetterQueue",
    ]
    "redrive" "a notification that waited comes out" notification_comes_out [
        "sns:Publish" on "Topic",
    ]
    "redrive" "a callback that nobody had verified comes out" unverified_comes_out [
        "secretsmanager:DescribeSecret" on "CallbackSecret",
        "secretsmanager:GetSecretValue" on "CallbackSecret",
    ]
    "redrive" "one under the old stack's key comes out" old_unverified_comes_out [
        "secretsmanager:DescribeSecret" on "the old secret",
        "secretsmanager:GetSecretValue" on "the old secret",
    ]
    "redrive" "one that is no JSON is set aside" unverified_is_set_aside [
        "sqs:SendMessage" on "DeadLetterQueue",
    ]
    "redrive" "what can't be brought out is put off" is_put_off [
        "sqs:ChangeMessageVisibility" on "FallbackQueue",
    ]
    "register" "a printer is registered" put_new [
        "dynamodb:UpdateItem" on "Registrations",
        "dynamodb:GetItem" on "State",
        "dynamodb:UpdateItem" on "State",
        "secretsmanager:DescribeSecret" on "CallbackSecret",
        "secretsmanager:GetSecretValue" on "CallbackSecret",
    ]
    "register" "a registration is shown" shown [
        "dynamodb:GetItem" on "Registrations",
    ]
    "register" "a tenant's registrations are listed" tenant_listed [
        "dynamodb:Query" on "Registrations",
    ]
    "register" "all registrations are listed" all_listed [
        "dynamodb:Scan" on "Registrations",
    ]
    "register" "a registration is deleted" deleted [
        "dynamodb:DeleteItem" on "Registrations",
        "dynamodb:DeleteItem" on "State",
    ]
    "register" "a token goes on from a row that is gone" put_of_a_stale_token [
        "dynamodb:ConditionCheckItem" on "Registrations",
    ]
    "register" "the topic is told of a new registration" put_is_told [
        "sns:Publish" on "Topic",
    ]
    "register" "a secret's first key is labelled" put_labels [
        "secretsmanager:UpdateSecretVersionStage" on "CallbackSecret",
    ]
    "renew" "a registration that is due is renewed" due_is_renewed [
        "dynamodb:Query" on "Registrations/index/due",
        "dynamodb:GetItem" on "Registrations",
        "dynamodb:UpdateItem" on "Registrations",
        "dynamodb:GetItem" on "State",
        "dynamodb:UpdateItem" on "State",
        "secretsmanager:DescribeSecret" on "CallbackSecret",
        "secretsmanager:GetSecretValue" on "CallbackSecret",
    ]
    "renew" "all of a tenant's registrations are to be applied again" tenant_reapplied [
        "dynamodb:Query" on "Registrations",
    ]
    "renew" "all registrations are to be applied again" all_reapplied [
        "dynamodb:Scan" on "Registrations",
    ]
    "renew" "a deletion is carried out" deletion_is_carried_out [
        "dynamodb:DeleteItem" on "Registrations",
        "dynamodb:DeleteItem" on "State",
    ]
    "renew" "a row by hand gets a token from a row that is gone" by_hand_of_a_stale_token [
        "dynamodb:ConditionCheckItem" on "Registrations",
    ]
    "renew" "the topic is told of a row by hand" by_hand_is_told [
        "sns:Publish" on "Topic",
    ]
    "renew" "a secret's first key is labelled" run_labels [
        "secretsmanager:UpdateSecretVersionStage" on "CallbackSecret",
    ]
    "renew" "a registration is taken over from the old table" taken_over [
        "dynamodb:DescribeTable" on "the old table",
        "dynamodb:Scan" on "the old table",
        "dynamodb:PutItem" on "Registrations",
        "dynamodb:ConditionCheckItem" on "State",
    ]
    "renew" "the old stack's secret ends" old_secret_ends [
        "secretsmanager:DescribeSecret" on "the old secret",
        "secretsmanager:UpdateSecretVersionStage" on "the old secret",
    ]
};

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(what()) }
}

async fn comes_to(stage: &Stage, expected: Place) -> Outcome {
    let (place, message) = stage.arrival().await?;
    ensure(place == expected, || format!("it is at the {place:?}: {message}"))
}

async fn calls_back(stage: &Stage, key: &SigningKey, body: &str, expected: Place) -> Outcome {
    let status = stage.callback(key, body).await;
    ensure(status == 200, || format!("it is answered {status}"))?;
    comes_to(stage, expected).await
}

async fn callback_comes_out(stage: &Stage) -> Outcome {
    stage.begin("webhook", &[]).await;
    calls_back(stage, &stage.key, PRINT, Place::Topic).await
}

async fn earlier_callback_comes_out(stage: &Stage) -> Outcome {
    stage.count_another(true).await;
    stage.begin("webhook", &[]).await;
    let outcome = calls_back(stage, &ANOTHER_KEY, PRINT, Place::Topic).await;
    stage.count_another(false).await;
    outcome
}

async fn old_callback_comes_out(stage: &Stage) -> Outcome {
    stage.label_old(true).await;
    stage.begin("webhook", &[]).await;
    calls_back(stage, &stage.old_key, PRINT, Place::Topic).await
}

async fn callback_waits(stage: &Stage) -> Outcome {
    let nowhere = format!("{}-nowhere", stage.world.stack.outputs.topic_arn);
    stage.begin("webhook", &[("TOPIC_ARN", &nowhere)]).await;
    calls_back(stage, &stage.key, PRINT, Place::FallbackQueue).await
}

async fn callback_is_set_aside(stage: &Stage) -> Outcome {
    stage.begin("webhook", &[]).await;
    calls_back(stage, &stage.key, "no JSON", Place::DeadLetterQueue).await
}

async fn redriven(stage: &Stage, letter: usize, expected: Place) -> Outcome {
    stage.label_old(true).await;
    stage.begin("redrive", &[]).await;
    let message = stage.queued(&stage.letters[letter], 600).await;
    let comes_back = stage.redrive(&message).await;
    ensure(!comes_back, || "it comes back later".to_owned())?;
    comes_to(stage, expected).await
}

async fn notification_comes_out(stage: &Stage) -> Outcome {
    redriven(stage, 0, Place::Topic).await
}

async fn unverified_comes_out(stage: &Stage) -> Outcome {
    redriven(stage, 1, Place::Topic).await
}

async fn old_unverified_comes_out(stage: &Stage) -> Outcome {
    redriven(stage, 2, Place::Topic).await
}

async fn unverified_is_set_aside(stage: &Stage) -> Outcome {
    redriven(stage, 3, Place::DeadLetterQueue).await
}

async fn is_put_off(stage: &Stage) -> Outcome {
    let nobody = format!("{}-nobody", stage.old_secret);
    let no_keys = [
        ("CALLBACK_SECRET_ARN", nobody.as_str()),
        ("RESTORE_SECRET_ARN", &nobody),
    ];
    stage.begin("redrive", &no_keys).await;
    let message = stage.queued(&stage.letters[1], 2).await;
    let comes_back = stage.redrive(&message).await;
    ensure(comes_back, || "it doesn't come back".to_owned())?;
    // It is put off for four seconds at least.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let is_visible = stage.is_visible().await;
    ensure(!is_visible, || "it isn't put off".to_owned())
}

/// A call of the registrations API, which has to be answered with this.
async fn calls(stage: &Stage, method: Method, path: &str, body: Value, expected: u16) -> Result<Value, String> {
    let answer = stage
        .world
        .api
        .call(method, &format!("/registrations{path}"), &body)
        .await
        .unwrap();
    let text = answer.text();
    ensure(answer.status == expected, || {
        format!("{path} is answered {}: {text}", answer.status)
    })?;
    Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
}

fn path(stage: &Stage, printer: &Printer) -> String {
    format!("/{}/{}", stage.world.tenant, printer.reference)
}

async fn quiet(stage: &Stage, function: &str) {
    stage.quiet.put_back(&stage.world).await;
    stage.begin(function, &[]).await;
}

async fn puts(stage: &Stage, printer: &Printer, expected: u16) -> Outcome {
    let shown = calls(
        stage,
        Method::PUT,
        &path(stage, printer),
        json!({"appToken": printer.token}),
        expected,
    )
    .await?;
    ensure(shown["status"] == "active", || shown.to_string())
}

async fn put_new(stage: &Stage) -> Outcome {
    quiet(stage, "register").await;
    let printer = stage.world.issue("new").await;
    puts(stage, &printer, 201).await
}

async fn shown(stage: &Stage) -> Outcome {
    quiet(stage, "register").await;
    calls(stage, Method::GET, &path(stage, &stage.kept), Value::Null, 200)
        .await
        .map(drop)
}

async fn tenant_listed(stage: &Stage) -> Outcome {
    quiet(stage, "register").await;
    let path = format!("/{}", stage.world.tenant);
    let listed = calls(stage, Method::GET, &path, Value::Null, 200).await?;
    ensure(listed["items"] != json!([]), || listed.to_string())
}

async fn all_listed(stage: &Stage) -> Outcome {
    quiet(stage, "register").await;
    let listed = calls(stage, Method::GET, "", Value::Null, 200).await?;
    ensure(listed["items"] != json!([]), || listed.to_string())
}

/// Neither a row nor a claim is the registration's.
async fn is_gone(stage: &Stage) -> Outcome {
    let left = stage.mentions(&stage.kept).await;
    ensure(left.is_empty(), || format!("it is left: {left:?}"))
}

async fn deleted(stage: &Stage) -> Outcome {
    quiet(stage, "register").await;
    calls(stage, Method::DELETE, &path(stage, &stage.kept), Value::Null, 204).await?;
    is_gone(stage).await
}

async fn put_of_a_stale_token(stage: &Stage) -> Outcome {
    quiet(stage, "register").await;
    stage.remove_by_hand(&stage.kept).await;
    puts(stage, &stage.kept.renamed("other"), 201).await
}

async fn put_is_told(stage: &Stage) -> Outcome {
    put_new(stage).await?;
    comes_to(stage, Place::Topic).await
}

async fn put_labels(stage: &Stage) -> Outcome {
    quiet(stage, "register").await;
    stage.forget_keys().await;
    stage.begin("register", &[]).await;
    puts(stage, &stage.kept, 200).await?;
    ensure(!stage.own_labels().await.is_empty(), || "it has no label".to_owned())
}

async fn is_renewed(stage: &Stage) -> Outcome {
    let before = stage.world.history(&stage.kept).await.sets;
    stage.world.make_due(&stage.kept).await;
    stage.renew(json!({})).await?;
    let after = stage.world.history(&stage.kept).await.sets;
    ensure(after == before + 1, || "its webhook isn't set".to_owned())
}

async fn due_is_renewed(stage: &Stage) -> Outcome {
    quiet(stage, "renew").await;
    is_renewed(stage).await?;
    ensure(!stage.has_state("run").await, || {
        "the turn to run isn't given back".to_owned()
    })
}

async fn reapplied(stage: &Stage, which: Value) -> Outcome {
    quiet(stage, "renew").await;
    let forecast = stage.renew(json!({"reapply": which})).await?;
    ensure(forecast["sweep"]["rows"] == 2, || forecast.to_string())
}

async fn tenant_reapplied(stage: &Stage) -> Outcome {
    reapplied(stage, json!({"tenantId": stage.world.tenant})).await
}

async fn all_reapplied(stage: &Stage) -> Outcome {
    reapplied(stage, json!({})).await
}

async fn deletion_is_carried_out(stage: &Stage) -> Outcome {
    stage.deleting.put_back(&stage.world).await;
    stage.begin("renew", &[]).await;
    stage.renew(json!({})).await?;
    is_gone(stage).await
}

async fn by_hand_is_active(stage: &Stage, printer: &Printer) -> Outcome {
    stage.adopted(printer).await;
    stage.renew(json!({})).await?;
    let row = stage.row(printer).await.unwrap_or_default();
    ensure(row["status"]["S"] == "active", || format!("{row}"))
}

async fn by_hand_of_a_stale_token(stage: &Stage) -> Outcome {
    quiet(stage, "renew").await;
    stage.remove_by_hand(&stage.kept).await;
    by_hand_is_active(stage, &stage.kept.renamed("other")).await
}

async fn by_hand_is_told(stage: &Stage) -> Outcome {
    quiet(stage, "renew").await;
    let printer = stage.world.issue("by-hand").await;
    by_hand_is_active(stage, &printer).await?;
    comes_to(stage, Place::Topic).await
}

async fn run_labels(stage: &Stage) -> Outcome {
    quiet(stage, "renew").await;
    stage.forget_keys().await;
    stage.begin("renew", &[]).await;
    is_renewed(stage).await?;
    ensure(!stage.own_labels().await.is_empty(), || "it has no label".to_owned())
}

async fn taken_over(stage: &Stage) -> Outcome {
    stage.looked.put_back(&stage.world).await;
    stage.label_old(true).await;
    stage.begin("renew", &[]).await;
    stage.renew(json!({})).await?;
    let left = stage.world.row(&stage.old()).await;
    ensure(left.is_object(), || "it isn't there".to_owned())
}

async fn old_secret_ends(stage: &Stage) -> Outcome {
    stage.ending.put_back(&stage.world).await;
    stage.label_old(true).await;
    stage.begin("renew", &[]).await;
    stage.renew(json!({})).await?;
    let labels = stage.old_labels().await;
    ensure(labels.is_empty(), || format!("it bears {labels:?}"))
}
