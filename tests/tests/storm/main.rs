//! The storm: thousands of notifications from several senders, while SNS fails for a while and functions are killed at
//! random. Every notification that got `200` comes out of the topic at least once, and nothing comes out that was never
//! sent.
//!
//! SNS is made to fail by a policy that denies the functions' roles to publish. A proxy that breaks connections would
//! have to stand between the functions and all of AWS; the policy is a fault that real stacks meet, needs no change to
//! what is deployed, and works on AWS too. (Hanging, slow and lost answers are in the fault matrix, at the binary.)

#![allow(clippy::disallowed_methods, reason = "a test is in the world")]
#![allow(clippy::unwrap_used, reason = "what goes wrong in a test ends it")]

mod trouble;
mod witness;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::Method;
use jiff::SignedDuration;
use printbell_harness::stack::{Api, STACKS_VARIABLE, Stack};
use printbell_shared::callback;
use printbell_shared::callback::key::CallbackKey;
use printbell_shared::id::RegistrationKey;
use printbell_shared::metadata::Metadata;
use printbell_shared::notification::identity::notification_id;
use printbell_shared::notification::payload::Payload;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use trouble::Killer;
use witness::Witness;

const NOTIFICATIONS: usize = 2_000;
const SENDERS: usize = 8;
/// While these are sent, SNS fails.
const OUTAGE: std::ops::Range<usize> = 500..1_100;
/// What took longer than this from its arrival didn't go to SNS straight away.
const WAITED: SignedDuration = SignedDuration::from_secs(3);
/// How long after the last one everything must have come out: redrive's pauses have grown meanwhile.
const PATIENCE: Duration = Duration::from_secs(150);

/// What a sender knows of one notification.
#[derive(Clone, Debug)]
struct Delivery {
    id: String,
    status: u16,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_notification_that_got_200_comes_out() {
    let lease = Stack::lease(STACKS_VARIABLE).await.unwrap();
    let stack = lease.stack.clone();
    let visibility = trouble::shorten_visibility(&stack).await;
    let outcome = tokio::spawn(storm(stack.clone())).await;
    trouble::allow_sns(&stack).await;
    trouble::set_visibility(&stack, &visibility).await;
    outcome.unwrap();
}

async fn storm(stack: Stack) {
    let tenant = format!("storm-{}", std::process::id());
    let key = signing_key(&stack).await;
    let witness = Witness::subscribe(&stack, &tenant).await;
    let began = Instant::now();

    let killer = Killer::start(&stack);
    let next = Arc::new(AtomicUsize::new(0));
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| tokio::spawn(send_all(stack.api(), key.clone(), tenant.clone(), Arc::clone(&next))))
        .collect();
    reached(&next, OUTAGE.start).await;
    trouble::deny_sns(&stack).await;
    reached(&next, OUTAGE.end).await;
    trouble::allow_sns(&stack).await;
    let mut deliveries = BTreeMap::new();
    for sender in senders {
        deliveries.extend(sender.await.unwrap());
    }
    let sending = began.elapsed();
    let kills = killer.stop().await;

    let safe: Vec<_> = deliveries
        .iter()
        .filter(|(_, delivery)| delivery.status == 200)
        .collect();
    let arrivals = witness
        .wait_for(safe.iter().map(|(_, delivery)| delivery.id.as_str()), PATIENCE)
        .await;

    let missing: Vec<_> = safe
        .iter()
        .filter(|(_, delivery)| !arrivals.contains_key(&delivery.id))
        .collect();
    let never_sent: Vec<_> = arrivals
        .iter()
        .filter(|(id, arrival)| {
            deliveries
                .get(&arrival.number)
                .is_none_or(|delivery| delivery.id != **id)
        })
        .collect();
    // The functions' clock may have been moved: what counts is the difference to the fastest.
    let fastest = arrivals.values().map(|arrival| arrival.delay).min().unwrap_or_default();
    let late = arrivals
        .values()
        .filter(|arrival| arrival.delay - fastest > WAITED)
        .count();
    let again = arrivals.values().filter(|arrival| arrival.copies > 1).count();
    let duplicates = arrivals.values().map(|arrival| arrival.copies - 1).sum::<usize>();
    println!(
        "{} notifications from {SENDERS} senders in {} s; SNS denied while {} of them were sent; {kills} processes killed\n\
         {} got 200, {} did not\n\
         {} came out of the topic, {late} of them late, by the fallback queue; the last one {} s after the last was sent\n\
         {again} came more than once ({duplicates} duplicates, all under the id of the first)",
        deliveries.len(),
        sending.as_secs(),
        OUTAGE.len(),
        safe.len(),
        deliveries.len() - safe.len(),
        arrivals.len(),
        (began.elapsed() - sending).as_secs(),
    );
    assert_eq!(deliveries.len(), NOTIFICATIONS);
    assert!(
        missing.is_empty(),
        "{} got 200 and never came out: {missing:?}",
        missing.len()
    );
    assert!(never_sent.is_empty(), "came out and were never sent: {never_sent:?}");
    assert!(kills >= 20, "a storm kills more than {kills}");
    assert!(late >= OUTAGE.len() / 4, "SNS failed for {late} only");
    assert!(safe.len() > NOTIFICATIONS * 3 / 4, "only {} got 200", safe.len());
}

/// Waits until as many were begun to be sent.
async fn reached(next: &AtomicUsize, number: usize) {
    while next.load(Ordering::Relaxed) < number {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Sends what no other sender has sent, one after the other; as OctoEverywhere does, each one once.
async fn send_all(api: Api, key: CallbackKey, tenant: String, next: Arc<AtomicUsize>) -> Vec<(usize, Delivery)> {
    let mut all = Vec::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= NOTIFICATIONS {
            next.fetch_sub(1, Ordering::Relaxed);
            return all;
        }
        let registration = RegistrationKey {
            tenant: tenant.parse().unwrap(),
            printer: format!("p{}", number % 50).parse().unwrap(),
        };
        // It identifies itself: its id doesn't depend on the request.
        let body = json!({"EventType": 6, "PrinterId": "x", "PrintId": "y", "DurationSec": 60, "Number": number});
        let body = body.to_string();
        let payload = Payload::read(body.as_bytes()).unwrap();
        let id = notification_id(&registration, &payload, "");
        let url = callback::url("", &registration, &Metadata::default(), &key);
        let answer = api.call_unsigned(Method::POST, url.expose_secret(), body).await;
        let status = answer.as_ref().map_or(0, |answer| answer.status);
        if let (200, Ok(answer)) = (status, &answer) {
            assert_eq!(answer.json().unwrap()["id"], id);
        }
        all.push((number, Delivery { id, status }));
    }
}

/// The key that the deployed stack signs with.
async fn signing_key(stack: &Stack) -> CallbackKey {
    let request = json!({"SecretId": stack.outputs.callback_secret_arn});
    let secret: Value = stack.aws().secrets("GetSecretValue", &request).await.unwrap();
    let text = |name: &str| secret[name].as_str().unwrap().to_owned();
    CallbackKey::new(&text("VersionId"), &SecretString::from(text("SecretString")))
}
