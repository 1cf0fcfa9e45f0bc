//! App Connections: their tokens, the portal that gives them, and what answers say of them.

use printbell_simulator::{
    AppConnection, EventType, Fault, Joint, KeyCase, PortalChoice, PortalVisit, PrinterId, Quotes, Route,
};
use serde_json::json;

use crate::receiver::Receiver;
use crate::world::{World, status_and_json};

async fn set_as(world: &World, connection: &AppConnection, url: &str) {
    let body = json!({"WebhookUrl": url});
    let answer = world.call_as(connection.token.expose(), Route::Set, Some(body)).await;
    assert_eq!(answer.unwrap().status(), 200);
}

#[tokio::test]
async fn two_tokens_of_one_app_connection_have_one_webhook_between_them() {
    let world = World::new().await;
    let (old, new) = (Receiver::start([]).await, Receiver::start([]).await);
    let first = &world.printer;
    let second = world.control.issue_token(&first.printer_id).await.unwrap();
    assert_ne!(second.token, first.token);
    assert_eq!(
        (&second.connection_id, &second.printer_id),
        (&first.connection_id, &first.printer_id)
    );

    set_as(&world, first, &format!("http://{}/old", old.address)).await;
    set_as(&world, &second, &format!("http://{}/new", new.address)).await;
    world
        .control
        .fire(&first.printer_id, EventType::PRINT_STARTED)
        .await
        .unwrap();
    assert_eq!(
        (old.requests().len(), new.requests().len()),
        (0, 1),
        "the second Set replaced the first"
    );
    let registrations = world.control.registrations().await.unwrap();
    assert_eq!(registrations.len(), 1);
    assert_eq!(registrations[0].connection_id, first.connection_id);
    assert_eq!(registrations[0].history.sets, 2);

    let answer = world.call_as(first.token.expose(), Route::Delete, None).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(world.registration().await.webhook.is_none(), "it was the only one");
    set_as(&world, first, "https://a.example/again").await;
    let info = world.call_as(second.token.expose(), Route::Info, None).await.unwrap();
    assert_eq!(info.status(), 200, "both stay good");
}

#[tokio::test]
async fn the_portals_final_url_carries_a_token_that_works() {
    let world = World::new().await;
    let again = Some(world.printer.printer_id.clone());
    for (printer_id, keys, joint, beginning, key) in [
        (
            None,
            KeyCase::Documented,
            Joint::QuestionMark,
            "https://app.example/?s=1?success=true&",
            "appApiToken",
        ),
        (
            again,
            KeyCase::Lower,
            Joint::Ampersand,
            "https://app.example/?s=1&success=true&",
            "appapitoken",
        ),
    ] {
        let visit = PortalVisit {
            printer_id: printer_id.clone(),
            keys,
            joint,
            ..PortalVisit::to("https://app.example/?s=1")
        };
        let way_back = world.control.visit_portal(&visit).await.unwrap();
        let connection = way_back.connection.unwrap();
        assert!(way_back.url.starts_with(beginning), "{}", way_back.url);
        let token = format!("&{key}={}&", connection.token.expose());
        assert!(way_back.url.contains(&token), "{}", way_back.url);
        set_as(&world, &connection, "https://a.example/").await;
        if let Some(id) = printer_id {
            assert_eq!(connection.printer_id, id);
            assert_eq!(connection.connection_id, world.printer.connection_id);
            assert!(way_back.url.contains("&printername=Ender%203&"), "{}", way_back.url);
        }
    }
}

#[tokio::test]
async fn the_portal_gives_nothing_to_who_refuses_and_goes_nowhere_that_it_cannot() {
    let world = World::new().await;
    let visit = PortalVisit {
        choice: PortalChoice::Refuse,
        ..PortalVisit::to("https://app.example/")
    };
    let way_back = world.control.visit_portal(&visit).await.unwrap();
    assert_eq!(way_back.url, "https://app.example/?success=false");
    assert!(way_back.connection.is_none());

    assert!(world.control.visit_portal(&PortalVisit::to("/back")).await.is_err());
    let nobody = PortalVisit {
        printer_id: Some(PrinterId::new("nobody")),
        ..visit
    };
    let nobody = PortalVisit {
        choice: PortalChoice::Authorise,
        ..nobody
    };
    assert!(world.control.visit_portal(&nobody).await.is_err());
}

#[tokio::test]
async fn answers_quote_the_url_and_the_token_when_they_are_told_to() {
    const URL: &str = "https://a.example/?callbackToken=s3cret";
    let world = World::new().await;
    let token = world.printer.token.expose();
    let set = || world.call(Route::Set, Some(json!({"WebhookUrl": URL})));
    for quotes in [
        Quotes::default(),
        Quotes {
            webhook_url: true,
            ..Quotes::default()
        },
        Quotes {
            app_token: true,
            ..Quotes::default()
        },
        Quotes {
            webhook_url: true,
            app_token: true,
        },
    ] {
        world.control.set_quotes(quotes).await.unwrap();
        let check = |text: &str| {
            assert_eq!(text.contains(URL), quotes.webhook_url, "{quotes:?}: {text}");
            assert_eq!(text.contains(token), quotes.app_token, "{quotes:?}: {text}");
        };
        let (status, body) = status_and_json(set().await.unwrap()).await;
        assert_eq!((status, &body["Status"]), (200, &json!(200)));
        check(&body.to_string());
        check(
            &status_and_json(world.call(Route::Info, None).await.unwrap())
                .await
                .1
                .to_string(),
        );

        world.control.add_fault(&Fault::answer(604).times(1)).await.unwrap();
        let (status, body) = status_and_json(set().await.unwrap()).await;
        assert_eq!(status, 604);
        check(body["Error"].as_str().unwrap());
        check(
            &status_and_json(world.call(Route::Delete, None).await.unwrap())
                .await
                .1
                .to_string(),
        );
    }
}
