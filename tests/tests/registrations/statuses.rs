//! Every status that `docs/openapi.json` describes is one that is given: each is provoked here. That no other is given, each answer of
//! these tests is held against the description for.

use std::collections::BTreeSet;

use printbell_harness::stub_aws::{Behaviour, Service};
use printbell_tests::openapi::OpenApi;
use serde_json::{Value, json};

use crate::world::{TOKEN, World};

const LIST: &str = "GET /registrations";
const LIST_OF_TENANT: &str = "GET /registrations/{tenantId}";
const GET: &str = "GET /registrations/{tenantId}/{printerRef}";
const PUT: &str = "PUT /registrations/{tenantId}/{printerRef}";
const DELETE: &str = "DELETE /registrations/{tenantId}/{printerRef}";
const TEST: &str = "POST /registrations/{tenantId}/{printerRef}/test";
const RENEW: &str = "POST /registrations/{tenantId}/{printerRef}/renew";
const ROUTES: [&str; 7] = [LIST, LIST_OF_TENANT, GET, PUT, DELETE, TEST, RENEW];

/// What takes somebody who writes between two steps of one request: a row that goes, or that a person makes unreadable.
const RACES: [(&str, u16); 2] = [(PUT, 404), (DELETE, 409)];

#[tokio::test]
async fn every_status_that_is_described_is_given() {
    let world = World::new().await;
    let mut given = BTreeSet::new();
    let mut check = async |route: &'static str, printer: &str, query: &str, body: Option<Value>, status: u16| {
        let answer = world.call(route, printer, query, body).await;
        assert_eq!(answer.status, status, "{route}: {}", answer.body);
        given.insert((route, status));
    };
    let token = |token: &str| Some(json!({"appToken": token}));

    let mut tokens = 0..;

    for route in [GET, PUT, DELETE, TEST, RENEW] {
        check(route, "no id", "", token(TOKEN), 400).await;
    }
    for route in [LIST, LIST_OF_TENANT] {
        check(route, "", "limit=0", None, 400).await;
        check(route, "", "limit=1", None, 200).await;
    }
    for route in [GET, TEST, RENEW] {
        check(route, "p1", "", None, 404).await;
    }
    check(DELETE, "p1", "", None, 204).await;
    check(PUT, "p1", "", token(TOKEN), 201).await;
    check(PUT, "p1", "", token(TOKEN), 200).await;
    for route in [GET, TEST, RENEW] {
        check(route, "p1", "", None, 200).await;
    }
    world.write_row("p2", json!({"appToken": "another-token", "eventTypes": "all"}));
    check(GET, "p2", "", None, 200).await;
    check(TEST, "p2", "", None, 409).await;

    world.everyone_gets(604);
    check(PUT, "p3", "", token("refused-token"), 422).await;
    check(TEST, "p1", "", None, 502).await;
    world.everyone_gets(500);
    check(RENEW, "p1", "", None, 202).await;
    check(PUT, "p1", "", Some(json!({})), 202).await;
    for status in [202, 202, 202, 202, 202, 409] {
        let newer = format!("token-{}", tokens.next().unwrap());
        check(PUT, "p4", "", token(&newer), status).await;
    }
    check(DELETE, "p1", "", None, 202).await;
    check(RENEW, "p1", "", None, 409).await;

    world.aws.set(Service::DynamoDb, Behaviour::Status500);
    for route in ROUTES {
        check(route, "p1", "", Some(json!({})), 503).await;
    }

    let description = OpenApi::read();
    let described = ROUTES.map(|route| {
        description
            .statuses(route)
            .into_iter()
            .map(move |status| (route, status))
    });
    let described: BTreeSet<_> = described.into_iter().flatten().collect();
    let missing: Vec<_> = described
        .difference(&given)
        .filter(|answer| !RACES.contains(answer))
        .collect();
    assert!(missing.is_empty(), "described, and never given: {missing:?}");
    println!(
        "{} statuses of {} operations are described, and given",
        given.len(),
        ROUTES.len()
    );
}
