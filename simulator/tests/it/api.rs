//! The App APIs, by the specification page.

use http::Method;
use printbell_simulator::{EventType, NewPrinter, Options, Route, Standing};
use serde_json::json;

use crate::receiver::Receiver;
use crate::world::{World, status_and_json};

const ROUTES: [Route; 4] = [Route::Set, Route::Delete, Route::Test, Route::Info];

#[tokio::test]
async fn an_unknown_token_gets_a_real_603_with_a_json_body_on_every_route() {
    let world = World::new().await;
    for route in ROUTES {
        let body = (route == Route::Set).then(|| json!({"WebhookUrl": "https://a.example/"}));
        let answer = world.call_as("nobody-issued-this", route, body).await.unwrap();
        assert_eq!(
            status_and_json(answer).await,
            (603, json!({"Status": 603, "Error": "App Connection not found."})),
            "{route:?}"
        );
    }
}

#[tokio::test]
async fn every_token_is_good_when_the_simulator_is_told_so() {
    let world = World::with(Options {
        any_token: true,
        ..Options::default()
    })
    .await;
    let body = json!({"WebhookUrl": "https://a.example/"});
    assert_eq!(
        world
            .call_as("first", Route::Set, Some(body.clone()))
            .await
            .unwrap()
            .status(),
        200
    );
    assert_eq!(
        world.call_as("second", Route::Set, Some(body)).await.unwrap().status(),
        200
    );
    assert_eq!(world.control.registrations().await.unwrap().len(), 2);

    let token = Some(printbell_simulator::AppToken::new("first"));
    let first = world
        .control
        .issue_printer(&NewPrinter {
            token,
            ..NewPrinter::default()
        })
        .await
        .unwrap();
    assert!(
        world
            .control
            .registration(&first.printer_id)
            .await
            .unwrap()
            .webhook
            .is_some(),
        "it is the same printer"
    );
}

#[tokio::test]
async fn a_call_without_a_token_gets_400() {
    let world = World::new().await;
    for route in ROUTES {
        let mut request = world.http.request(route.method(), world.url(route));
        if route == Route::Set {
            request = request.json(&json!({"WebhookUrl": "https://a.example/"}));
        }
        let (status, body) = status_and_json(request.send().await.unwrap()).await;
        assert_eq!((status, &body["Status"]), (400, &json!(400)), "{route:?}");
        assert!(
            body["Error"].as_str().unwrap().contains("No AppToken"),
            "{route:?}: {body}"
        );
    }
}

#[tokio::test]
async fn the_token_may_stand_in_the_body_of_the_posts_only() {
    let world = World::new().await;
    let token = world.printer.token.expose();
    for (route, body, expected) in [
        (
            Route::Set,
            json!({"AppToken": token, "WebhookUrl": "https://a.example/"}),
            200,
        ),
        (Route::Delete, json!({"AppToken": token}), 200),
        (Route::Test, json!({"AppToken": token}), 400),
        (Route::Info, json!({"AppToken": token}), 400),
    ] {
        let request = world.http.request(route.method(), world.url(route)).json(&body);
        assert_eq!(request.send().await.unwrap().status(), expected, "{route:?}");
    }
}

#[tokio::test]
async fn each_route_takes_its_own_method_only() {
    let world = World::new().await;
    for route in ROUTES {
        for method in [
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::DELETE,
            Method::OPTIONS,
        ] {
            if method == route.method() {
                continue;
            }
            let token = world.printer.token.expose();
            let request = world
                .http
                .request(method.clone(), world.url(route))
                .header("AppToken", token);
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 405, "{method} {route:?}");
            assert_eq!(answer.headers()["allow"], route.method().as_str());
        }
    }
}

#[tokio::test]
async fn other_paths_get_404_with_a_json_body() {
    let world = World::new().await;
    for path in [
        "/",
        "/api/appconnection",
        "/api/appconnection/setnotificationwebhook",
        "/control/none",
    ] {
        let answer = world
            .http
            .get(format!("{}{path}", world.simulator.url()))
            .send()
            .await
            .unwrap();
        assert_eq!(
            status_and_json(answer).await,
            (404, json!({"Status": 404, "Error": "Not Found"})),
            "{path}"
        );
    }
}

#[tokio::test]
async fn bad_requests_change_nothing() {
    let world = World::with(Options::default()).await;
    world.set("https://a.example/x", &[1]).await;
    let before = world.registration().await.webhook.unwrap();
    for body in [
        json!({}),
        json!({"WebhookUrl": "http://a.example/"}),
        json!({"WebhookUrl": "https://b.example/", "InclusiveEventTypesFilter": "1"}),
        json!({"WebhookUrl": "https://b.example/", "Unknown": true}),
        json!({"WebhookUrl": "https://b.example/", "AppToken": "another"}),
        json!({"WebhookUrl": format!("https://b.example/{}", "x".repeat(200_000))}),
    ] {
        let (status, answer) = status_and_json(world.call(Route::Set, Some(body.clone())).await.unwrap()).await;
        assert_eq!((status, &answer["Status"]), (400, &json!(400)), "{body}");
    }
    let after = world.registration().await;
    assert_eq!(after.webhook.unwrap().url, before.url);
    assert_eq!(after.history.sets, 1);
}

#[tokio::test]
async fn a_set_overwrites_everything_at_once_and_a_delete_ends_it() {
    let world = World::new().await;
    let (old, new) = (Receiver::start([]).await, Receiver::start([]).await);
    world.set(&format!("http://{}/old", old.address), &[1, 2]).await;
    world.set(&format!("http://{}/new", new.address), &[]).await;
    let webhook = world.registration().await.webhook.unwrap();
    assert_eq!(webhook.filter, []);
    assert_eq!(webhook.expires_at, webhook.set_at + printbell_simulator::LIFETIME);
    assert_eq!(webhook.standing, Standing::Active);

    let id = &world.printer.printer_id;
    world.control.fire(id, EventType::GADGET_WARNING).await.unwrap();
    assert_eq!((old.requests().len(), new.requests().len()), (0, 1));

    for _ in 0..2 {
        assert_eq!(
            world.call(Route::Delete, None).await.unwrap().status(),
            200,
            "a second Delete is fine, too"
        );
    }
    assert!(world.registration().await.webhook.is_none());
    world.control.fire(id, EventType::GADGET_WARNING).await.unwrap();
    assert_eq!(new.requests().len(), 1);
}

#[tokio::test]
async fn info_tells_of_the_printer() {
    let world = World::new().await;
    let (status, info) = status_and_json(world.call(Route::Info, None).await.unwrap()).await;
    assert_eq!(
        (status, &info["PrinterName"], &info["IsOnline"]),
        (200, &json!("Ender 3"), &json!(true))
    );
    for key in [
        "PrinterLocalIp",
        "LastDisconnectTimeUtc",
        "LastConnectionTimeUtc",
        "UserFacingPrinterUrl",
    ] {
        assert!(info[key].is_string(), "{key}");
    }
    assert!(info["PrinterLimits"].is_object());
}
