//! Both doors of the deployed stack (`CallbackDoor=HttpApiAndFunctionUrl`), and the way from one to the other.

use http::Method;
use jiff::SignedDuration;
use printbell_harness::aws::Response;
use printbell_harness::stack::Api;
use printbell_simulator::EventType;
use serde_json::json;

use crate::subscription::Subscription;
use crate::world::{MINUTE, Printer, World, on_the_stack};

/// As the template puts it into `PUBLIC_URL`: without the slash at its end.
async fn function_url(world: &World) -> String {
    let url = world.stack.function_url().await.unwrap();
    url.strip_suffix('/').unwrap().to_owned()
}

/// The URL that OctoEverywhere calls, in two: the door, and path and query.
async fn webhook(world: &World, printer: &Printer) -> (String, String) {
    let registration = world.control.registration(&printer.id).await.unwrap();
    let url = registration.webhook.unwrap().url;
    let at = url.find("/octoeverywhere").unwrap();
    (url[..at].to_owned(), url[at..].to_owned())
}

async fn post(door: &Api, target: &str, body: &str) -> Response {
    door.call_unsigned(Method::POST, target, body.to_owned()).await.unwrap()
}

#[tokio::test]
async fn a_callback_comes_in_by_either_door_and_nothing_else_by_the_function_url() {
    on_the_stack(async |world: World| {
        let subscription = Subscription::new(&world).await;
        let printer = world.registered("p1").await;
        let (door, target) = webhook(&world, &printer).await;
        let outputs = &world.stack.outputs;
        assert_eq!((&door, &door), (&outputs.api_url, &outputs.callback_url));

        let function = world.stack.at(&function_url(&world).await);
        assert_ne!(function.host(), world.api.host());
        let mut ids = Vec::new();
        for (door, body) in [(&world.api, r#"{"EventType":1}"#), (&function, r#"{"EventType":2}"#)] {
            let answer = post(door, &target, body).await;
            assert_eq!(answer.status, 200, "{}: {}", door.host(), answer.text());
            ids.push(answer.json().unwrap()["id"].as_str().unwrap().to_owned());
        }
        assert_ne!(ids[0], ids[1]);
        let mut events = subscription.receive(3).await;
        events.sort();
        assert_eq!(
            events,
            [
                "p1 active",
                "p1 com.octoeverywhere.print.complete",
                "p1 com.octoeverywhere.print.started"
            ]
        );

        for door in [&world.api, &function] {
            let forged = target.replace("p1", "p2");
            assert_eq!(post(door, &forged, "{}").await.status, 401, "{}", door.host());
        }
        let query = target.split_once('?').unwrap().1;
        for path in [
            "/",
            "/octoeverywhere/webhook/",
            "//octoeverywhere/webhook",
            "/registrations",
        ] {
            let answer = post(&function, &format!("{path}?{query}"), "{}").await;
            assert_eq!(answer.status, 404, "{path}");
            assert_eq!(answer.headers["content-type"], "application/problem+json", "{path}");
        }
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let answer = function.call_unsigned(method.clone(), &target, "").await.unwrap();
            assert_eq!(
                (answer.status, &answer.headers["allow"]),
                (405, &"POST".parse().unwrap()),
                "{method}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn another_door_reaches_every_webhook_and_so_does_the_way_back() {
    on_the_stack(async |world: World| {
        let printer = world.registered("p1").await;
        // The other tests' registrations are swept too.
        world.allow_calls("200").await;
        let api = world.stack.outputs.api_url.clone();
        let function = function_url(&world).await;
        for door in [&function, &api] {
            // What a deployment with another `CallbackDoor` does.
            world.set_environment(&[("PUBLIC_URL", Some(door))]).await;
            let report = world.run().await;
            assert_eq!(
                (&report["sweeps"], &report["swept"]),
                (&json!(1), &json!(0)),
                "{report}"
            );
            let delivery = world.control.fire(&printer.id, EventType::PRINT_STARTED).await.unwrap();
            assert_eq!(delivery.status(), Some(200), "by the old door, which is open still");
            world.advance(MINUTE * 21 + SignedDuration::from_secs(1)).await;
            let report = world.run().await;
            assert_eq!(report["sweeps"], 0, "{report}");
            assert_eq!(&webhook(&world, &printer).await.0, door);
            let delivery = world.control.fire(&printer.id, EventType::PRINT_STARTED).await.unwrap();
            assert_eq!(delivery.status(), Some(200), "{delivery:?}");
        }
    })
    .await;
}
