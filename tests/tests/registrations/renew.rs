//! Runs over what is due, when all goes well and when it doesn't.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use printbell_harness::fixtures;
use printbell_harness::runtime_api::Completion;
use printbell_harness::stub_aws::{Behaviour, Service};
use printbell_harness::stub_octoeverywhere::AppBehaviour;
use serde_json::{Value, json};

use crate::world::{DAY, TOKEN, World, launch};

impl World {
    /// Registers printers `0..count`, each with a token of its own, and makes them due.
    fn due(&self, count: usize) {
        for number in 0..count {
            let printer = format!("p{number}");
            let mut row = fixtures::registration("t", &printer, &token(number));
            row["renewedAt"] = (self.now() - 121 * DAY).into();
            row["dueAt"] = (self.now() - 1000 + number as i64).into();
            row["dueShard"] = (number % 16).into();
            self.write_row(&printer, row);
        }
    }

    fn calls(&self) -> usize {
        self.octoeverywhere.calls().len()
    }

    fn webhooks(&self, count: usize) -> usize {
        (0..count)
            .filter(|number| self.octoeverywhere.webhook(&token(*number)).is_some())
            .count()
    }

    fn leased(&self, count: usize) -> usize {
        let rows = (0..count).filter_map(|number| self.row(&format!("p{number}")));
        rows.filter(|row| row.get("lease").is_some()).count()
    }
}

const MINUTE: Duration = Duration::from_secs(60);

fn token(number: usize) -> String {
    format!("{TOKEN}-{number}")
}

#[tokio::test]
async fn a_run_renews_what_is_due_and_nothing_else() {
    let world = World::new().await;
    for printer in ["p1", "p2", "p3"] {
        world
            .put(
                printer,
                json!({"appToken": format!("{TOKEN}-{printer}"), "eventTypes": [1]}),
            )
            .await;
    }
    let before = world.octoeverywhere.webhook(&format!("{TOKEN}-p1"));
    world.octoeverywhere.reset();
    world.make_due("p1", 0);
    world.make_due("p2", world.now());
    let report = world.run().await;
    assert_eq!(
        (&report["due"], &report["renewed"], &report["leftOver"]),
        (&json!(2), &json!(2), &json!(0))
    );
    let nearest = report["secondsToNearestExpiry"].as_i64().unwrap();
    assert!((180 * DAY - 60..=180 * DAY).contains(&nearest), "{nearest}");
    assert_eq!(world.calls(), 2);
    assert_eq!(world.octoeverywhere.webhook(&format!("{TOKEN}-p1")), before);
    let report = world.run().await;
    assert_eq!(
        (&report["due"], &report["secondsToNearestExpiry"]),
        (&json!(0), &json!(null))
    );
}

#[tokio::test]
async fn the_figures_are_metrics_too() {
    let world = World::new().await;
    world.due(3);
    world.run().await;
    let output = world.renew.output();
    let line = output.lines().find(|line| line.contains("CloudWatchMetrics")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(
        (&line["due"], &line["renewed"], &line["temporary"]),
        (&json!(3), &json!(3), &json!(0))
    );
    let metrics = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
    let names: BTreeSet<_> = metrics.iter().map(|metric| metric["Name"].as_str().unwrap()).collect();
    let contract = [
        "due",
        "renewed",
        "temporary",
        "permanent",
        "leftOver",
        "secondsToNearestExpiry",
    ];
    assert_eq!(names, contract.into());
}

#[tokio::test]
async fn the_oldest_due_goes_first_across_shards() {
    let world = World::new().await;
    world.due(40);
    let renew = launch(&world.aws, &world.octoeverywhere, "renew", 0).env("MAX_CALLS_IN_FLIGHT", "1");
    let renew = renew.start().await.unwrap();
    renew.call_within(MINUTE, "{}").await.json().unwrap();
    let called = world.octoeverywhere.calls();
    assert_eq!(called.len(), 40);
    for (place, call) in called.iter().enumerate() {
        // Some rows are leased ahead, and of those one may overtake another.
        let due = (0..40).position(|number| token(number) == call.app_token).unwrap();
        assert!(due.abs_diff(place) <= 16, "{due} was called in place {place}");
    }
}

#[tokio::test]
async fn a_bad_row_is_reported_and_costs_no_other_row_its_renewal() {
    let world = World::new().await;
    world.due(5);
    world.write_row("p1", json!({"status": "frozen"}));
    world.write_row("p2", json!({"appToken": false}));
    world.write_row("p 9", json!({"appToken": TOKEN, "dueAt": 0, "dueShard": 3}));
    let report = world.run().await;
    assert_eq!(
        (&report["due"], &report["renewed"], &report["unreadable"]),
        (&json!(6), &json!(3), &json!(3))
    );
    for row in ["t/p1", "t/p2", "t/p 9"] {
        assert!(world.renew.output().contains(row), "{row}");
    }
}

#[tokio::test]
async fn a_failing_service_stops_the_run_and_the_rest_stays_due() {
    // A call whose connection breaks is made once more.
    for (behaviour, tries) in [
        (AppBehaviour::Status(500), 1),
        (AppBehaviour::Status(600), 1),
        (AppBehaviour::Refused, 2),
    ] {
        let world = World::new().await;
        world.due(200);
        world.octoeverywhere.set_behaviour(behaviour);
        let report = world.run().await;
        assert_eq!(report["stopped"], "failing", "{behaviour:?}");
        assert!(
            (20 * tries..(20 + 32) * tries).contains(&world.calls()),
            "{behaviour:?}: {}",
            world.calls()
        );
        let figure = |name: &str| report[name].as_u64().unwrap();
        assert_eq!(
            (figure("due"), figure("temporary") + figure("leftOver")),
            (200, 200),
            "{report}"
        );
        world.everyone_gets(200);
        let report = world.run().await;
        assert_eq!(report["renewed"], figure("leftOver"), "{behaviour:?} {report}");
    }
}

#[tokio::test]
async fn webhooks_that_are_gone_already_do_not_stop_the_run() {
    for status in [404, 410, 603, 604, 606] {
        let world = World::new().await;
        world.due(35);
        for number in 0..25 {
            world.write_row(&format!("p{number}"), json!({"status": "deleting"}));
            world
                .octoeverywhere
                .set_behaviour_for(&token(number), AppBehaviour::Status(status));
        }
        let report = world.run().await;
        let figures = ["deleted", "renewed", "stopped"].map(|name| &report[name]);
        assert_eq!(figures, [&json!(25), &json!(10), &json!(null)], "{status}: {report}");
        assert_eq!(world.row("p0"), None);
    }
}

#[tokio::test]
async fn a_registration_s_own_trouble_does_not_stop_the_run() {
    for status in [601, 602, 605, 604, 613, 699] {
        let world = World::new().await;
        world.due(60);
        world.everyone_gets(status);
        let report = world.run().await;
        assert_eq!(
            (&report["temporary"], &report["stopped"]),
            (&json!(60), &json!(null)),
            "{status}"
        );
    }
}

#[tokio::test]
async fn a_service_that_asks_for_a_pause_gets_it() {
    let world = World::new().await;
    world.due(200);
    world.octoeverywhere.set_behaviour(AppBehaviour::RetryAfter(3600));
    let report = world.run().await;
    assert_eq!(report["stopped"], "throttled");
    assert!(world.calls() < 3 + 32, "{}", world.calls());
    // Whoever was first: the oldest due is begun first, and may be overtaken on the way to its call.
    let first = world.octoeverywhere.calls().swap_remove(0).app_token;
    let first = (0..200).find(|number| token(*number) == first).unwrap();
    let due = world.row(&format!("p{first}")).unwrap()["dueAt"].as_i64().unwrap() - world.now();
    assert!((3600 - 5..=3600).contains(&due), "{due}");
}

#[tokio::test]
async fn a_pause_that_ends_in_time_is_waited_for() {
    let world = World::new().await;
    world.due(40);
    world.octoeverywhere.set_behaviour(AppBehaviour::RetryAfter(1));
    let run = world.run();
    let calm = async {
        while world.calls() < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        world.everyone_gets(200);
    };
    let (report, ()) = tokio::join!(run, calm);
    let figure = |name: &str| report[name].as_u64().unwrap();
    assert_eq!(
        (figure("renewed") + figure("temporary"), &report["stopped"]),
        (40, &json!(null)),
        "{report}"
    );
}

#[tokio::test]
async fn one_throttled_registration_does_not_hold_the_others_up() {
    let world = World::new().await;
    world.due(40);
    world
        .octoeverywhere
        .set_behaviour_for(&token(3), AppBehaviour::RetryAfter(3600));
    let report = world.run().await;
    assert_eq!((&report["renewed"], &report["temporary"]), (&json!(39), &json!(1)));
}

#[tokio::test]
async fn calls_keep_to_the_rate() {
    let world = World::new().await;
    world.due(50);
    let renew = launch(&world.aws, &world.octoeverywhere, "renew", 0).env("MAX_CALLS_PER_SECOND", "20");
    renew
        .start()
        .await
        .unwrap()
        .call_within(Duration::from_secs(30), "{}")
        .await
        .json()
        .unwrap();
    let at: Vec<Instant> = world.octoeverywhere.calls().into_iter().map(|call| call.at).collect();
    assert_eq!(at.len(), 50);
    let busiest = at.iter().map(|start| {
        let second = *start..*start + Duration::from_secs(1);
        at.iter().filter(|at| second.contains(*at)).count()
    });
    // A call may be late, and then the next one comes sooner after it.
    assert!(busiest.max().unwrap() <= 22);
}

#[tokio::test]
async fn a_run_ends_in_time_and_leaves_no_lease_behind() {
    let world = World::new().await;
    world.due(300);
    world.octoeverywhere.set_latency(Duration::from_millis(300));
    let began = Instant::now();
    // A second more than a call and the write of its result need.
    let report = world.run_within(Duration::from_secs(16)).await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let figure = |name: &str| report[name].as_u64().unwrap();
    assert_eq!((figure("due"), &report["stopped"]), (300, &json!("time")), "{report}");
    assert!(figure("renewed") >= 32 && figure("leftOver") > 0, "{report}");
    assert_eq!(
        (figure("renewed") as usize, world.leased(300)),
        (world.webhooks(300), 0)
    );
}

#[tokio::test]
async fn a_run_that_is_killed_is_finished_by_the_next_ones() {
    let mut world = World::new().await;
    world.due(100);
    world.octoeverywhere.set_latency(Duration::from_millis(100));
    let killed = async {
        while world.webhooks(100) < 40 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        world.renew.kill().await;
    };
    let (call, ()) = tokio::join!(world.renew.call_within(MINUTE, "{}"), killed);
    assert_eq!(call.completion, Completion::Died);
    assert!(world.leased(100) > 0);
    // It is still the dead one's turn, and its leases': until its deadline, and a minute. A crash costs one run.
    world.advance(0).await;
    assert_eq!(world.run().await["isAnotherRunUnderWay"], true);
    let before = world.webhooks(100) as u64;
    world.advance(60 + 61).await;
    let renewed = world.run().await["renewed"].as_u64().unwrap();
    assert!(before >= 40 && renewed >= 100 - before, "{before} {renewed}");
    assert_eq!((world.webhooks(100), world.leased(100)), (100, 0));
}

#[tokio::test]
async fn a_filter_that_changes_during_a_renewal_is_applied_at_once() {
    let world = World::new().await;
    world.put("p0", json!({"appToken": token(0), "eventTypes": [1]})).await;
    world.make_due("p0", 0);
    world.octoeverywhere.reset();
    world.octoeverywhere.set_latency(Duration::from_millis(500));
    let change = async {
        while world.octoeverywhere.load().calls == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        world.put("p0", json!({"eventTypes": [2]})).await
    };
    let (report, answer) = tokio::join!(world.run(), change);
    assert_eq!(
        (answer.status, &World::body(&answer)["eventTypes"]),
        (200, &json!([2])),
        "{report}"
    );
    let filters: Vec<_> = world.octoeverywhere.calls().into_iter().map(|call| call.body).collect();
    let filters: Vec<_> = filters.iter().map(|body| &body["InclusiveEventTypesFilter"]).collect();
    assert_eq!(filters, [&json!([1]), &json!([2])]);
    assert_eq!(world.octoeverywhere.load().most_in_flight, 1);
}

#[tokio::test]
async fn two_callers_at_once_end_with_one_of_the_two_states() {
    let world = World::new().await;
    world.octoeverywhere.set_latency(Duration::from_millis(100));
    let second = launch(&world.aws, &world.octoeverywhere, "register", 0)
        .start()
        .await
        .unwrap();
    let body =
        |number: u16| json!({"appToken": token(0), "eventTypes": [number], "metadata": {"n": number.to_string()}});
    let route = "PUT /registrations/{tenantId}/{printerRef}";
    for round in 0..5 {
        let path = format!("/registrations/t/p{round}");
        let event = printbell_harness::http_event::request(route, &path, "", Some(&body(2).to_string()));
        let other = second.call_within(Duration::from_secs(29), event.to_string());
        let printer = format!("p{round}");
        let (first, other) = tokio::join!(world.put(&printer, body(1)), other);
        let other = other.http().unwrap();
        let statuses = BTreeSet::from([first.status, other.status]);
        assert!(statuses.is_subset(&[200, 201].into()), "{} {}", first.body, other.body);
        let row = world.row(&printer).unwrap();
        let webhook = world.octoeverywhere.webhook(&token(0)).unwrap();
        assert_eq!(webhook["InclusiveEventTypesFilter"], row["eventTypes"], "{row}");
        assert_eq!(row["metadata"]["n"], row["eventTypes"][0].to_string(), "{row}");
        assert!(
            webhook["WebhookUrl"]
                .as_str()
                .unwrap()
                .ends_with(&format!("&n={}", row["eventTypes"][0]))
        );
        assert_eq!(row["applied"], row["version"], "{row}");
    }
    assert_eq!(world.octoeverywhere.load().most_in_flight, 1);
}

#[tokio::test]
async fn three_refusals_over_a_day_revoke_and_one_event_tells() {
    let mut world = World::new().await;
    world.due(1);
    world.everyone_gets(604);
    let mut calls = 0;
    for _ in 0..40 {
        let report = world.run().await;
        if report["permanent"] == 1 {
            break;
        }
        calls += 1;
        let row = world.row("p0").unwrap();
        assert_eq!(row["status"], "active");
        let wait = row["dueAt"].as_i64().unwrap() - world.now();
        world.advance(wait.max(0)).await;
    }
    let row = world.row("p0").unwrap();
    assert!(calls >= 2, "{calls}");
    let wait = row["dueAt"].as_i64().unwrap() - world.now();
    assert_eq!(row["status"], "revoked");
    assert!((5 * DAY..9 * DAY).contains(&wait), "it is tried weekly: {wait}");
    let events: Vec<_> = world.announced().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(events, ["dev.printbell.registration.revoked"]);
    assert_eq!(world.post("p0", "renew").await.status, 409);
    for _ in 0..40 {
        world.advance(9 * DAY).await;
        world.run().await;
    }
    let row = world.row("p0").unwrap();
    assert_eq!(
        (row.get("dueAt"), row.get("dueShard")),
        (None, None),
        "its webhook would have expired"
    );
    assert_eq!(world.announced().len(), 1);
    // A PUT brings it back.
    world.everyone_gets(200);
    let answer = world.put("p0", json!({"appToken": "new-token"})).await;
    assert_eq!(
        (answer.status, &World::body(&answer)["status"]),
        (200, &json!("active"))
    );
}

#[tokio::test]
async fn a_change_of_status_is_told_even_if_sns_is_down_at_first_and_then_under_the_same_id() {
    let mut world = World::new().await;
    world.due(1);
    world.everyone_gets(605);
    // What was sent is published, but nobody hears so.
    world.aws.set(Service::Sns, Behaviour::LostAnswer);
    let report = world.run().await;
    assert_eq!(report["temporary"], 1, "{report}");
    let first = world.announced();
    assert!(first.iter().all(|event| *event == first[0]) && first[0].0 == "dev.printbell.registration.suspended");
    world.aws.set(Service::Sns, Behaviour::Ok);
    world.octoeverywhere.reset();
    assert_eq!(world.run().await["due"], 0);
    world.advance(15 * 60 + 61).await;
    world.run().await;
    let events = world.announced();
    assert_eq!((events.last(), events.len()), (first.first(), first.len() + 1));
    assert_eq!((world.calls(), world.leased(1)), (0, 0));
    let due = world.row("p0").unwrap()["dueAt"].as_i64().unwrap();
    assert!(due > world.now() + DAY / 2);
}

#[tokio::test]
async fn a_suspended_registration_comes_back_by_itself() {
    let mut world = World::new().await;
    world.due(1);
    world.everyone_gets(605);
    for _ in 0..3 {
        world.run().await;
        assert_eq!(world.row("p0").unwrap()["status"], "suspended");
        world.advance(2 * DAY).await;
    }
    world.everyone_gets(200);
    assert_eq!(world.run().await["renewed"], 1);
    let events: Vec<_> = world.announced().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(
        events,
        [
            "dev.printbell.registration.suspended",
            "dev.printbell.registration.active"
        ]
    );
}

#[tokio::test]
async fn a_row_by_hand_is_put_into_the_index_and_renewed() {
    let world = World::new().await;
    let records = |printers: &[&str]| {
        let record = |printer: &&str| {
            let keys = json!({"tenantId": {"S": "t"}, "printerRef": {"S": printer}});
            json!({"eventName": "INSERT", "dynamodb": {"Keys": keys, "NewImage": {"appToken": {"S": TOKEN}}}})
        };
        json!({"Records": printers.iter().map(record).collect::<Vec<_>>()}).to_string()
    };
    world.write_row("p0", json!({"appToken": token(0), "dueAt": 0}));
    assert_eq!(world.run().await["due"], 0);
    let adopted = world
        .renew
        .call_within(MINUTE, records(&["p0", "p 1", "p2"]))
        .await
        .json()
        .unwrap();
    assert_eq!(
        (&adopted["adopted"], &adopted["renewed"], &adopted["unreadable"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(
        (world.webhooks(1), &world.row("p0").unwrap()["status"]),
        (1, &json!("active"))
    );

    // What is odd about a record costs that record; a row under an id that is none is told.
    world.write_row("p1", json!({"appToken": token(1), "dueAt": 0}));
    let mut event: Value = serde_json::from_str(&records(&["p1", ".."])).unwrap();
    let mut odd = event["Records"][0].clone();
    odd["dynamodb"]["Keys"]["printerRef"] = 7.into();
    event["Records"]
        .as_array_mut()
        .unwrap()
        .splice(0..0, [json!(null), odd, json!([])]);
    let adopted = world.renew.call_within(MINUTE, event.to_string()).await.json().unwrap();
    assert_eq!(
        (&adopted["adopted"], &adopted["oddRecords"], &adopted["unreadable"]),
        (&json!(1), &json!(3), &json!(1))
    );
    assert_eq!(world.webhooks(2), 2);
    assert!(world.renew.output().contains("neither `.` nor `..`") && !world.renew.output().contains(TOKEN));

    // An import waits for the schedule.
    let many: Vec<_> = (0..50).map(|number| format!("i{number}")).collect();
    for printer in &many {
        world.write_row(printer, json!({"appToken": format!("{TOKEN}-{printer}"), "dueAt": 0}));
    }
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let adopted = world.renew.call_within(MINUTE, records(&many)).await.json().unwrap();
    assert_eq!((&adopted["adopted"], &adopted["due"]), (&json!(50), &json!(0)));
    assert_eq!(world.run().await["renewed"], 50);
    assert!(!world.renew.output().contains(TOKEN));
}

#[tokio::test]
async fn without_a_key_to_sign_with_a_run_takes_no_lease() {
    let world = World::new().await;
    world.due(3);
    world.aws.set(Service::SecretsManager, Behaviour::Status500);
    assert!(matches!(world.renew.call("{}").await.completion, Completion::Failed(_)));
    assert_eq!((world.leased(3), world.calls()), (0, 0));
}
