use super::*;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use printbell_shared::registration::service_response::{Fault, ResponseClass};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Answers one call with `answer` and tells what came in.
async fn exchange<F, Called>(answer: Vec<u8>, call: F) -> (String, ServiceResponse)
where
    F: FnOnce(OctoEverywhere) -> Called,
    Called: Future<Output = ServiceResponse>,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let read = stream.read(&mut buffer).await.unwrap();
            request.extend_from_slice(&buffer[..read]);
            let text = String::from_utf8_lossy(&request);
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "))
                    .map_or(0, |length| length.parse().unwrap());
                if body.len() >= length {
                    break;
                }
            }
        }
        stream.write_all(&answer).await.unwrap();
        String::from_utf8(request).unwrap()
    };
    tokio::join!(server, call(OctoEverywhere::new(&url, Clock::default()).unwrap()))
}

fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}").into_bytes()
}

fn token(text: &str) -> AppToken {
    SecretString::from(text).try_into().unwrap()
}

fn alone(called: &AppToken) -> Tokens<'_> {
    Tokens {
        called,
        known: Vec::new(),
    }
}

fn service_fault() -> ResponseClass {
    ResponseClass::Temporary {
        fault: Fault::Service,
        retry_after: None,
    }
}

#[tokio::test]
async fn set_sends_the_token_in_the_header_and_nowhere_else() {
    let (request, response) = exchange(answer(200, "", "{}"), |octoeverywhere| async move {
        let url = SecretString::from("https://bell.example.com/octoeverywhere/webhook?tenantId=a");
        octoeverywhere
            .set_notification_webhook(&alone(&token("token-1")), &url, &EventFilter::new([65, 1]).unwrap())
            .await
    })
    .await;
    assert_eq!(response.class, ResponseClass::Applied);
    assert!(
        request.starts_with("POST /api/appconnection/SetNotificationWebhook HTTP/1.1\r\n"),
        "{request}"
    );
    assert_eq!(request.matches("token-1").count(), 1, "{request}");
    assert!(request.contains("apptoken: token-1\r\n"), "{request}");
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    insta::assert_snapshot!(body, @r#"{"WebhookUrl":"https://bell.example.com/octoeverywhere/webhook?tenantId=a","InclusiveEventTypesFilter":[1,65]}"#);
}

#[tokio::test]
async fn a_token_that_many_refuse_in_a_header_goes_into_the_body_of_a_post() {
    let (longest, long) = ("x".repeat(4096), "x".repeat(4097));
    let url = || SecretString::from("https://x");
    let post = |text: &str| {
        let token = token(text);
        async move {
            let (set, _) = exchange(answer(200, "", ""), |octoeverywhere| {
                let token = token.clone();
                async move {
                    octoeverywhere
                        .set_notification_webhook(&alone(&token), &url(), &EventFilter::default())
                        .await
                }
            })
            .await;
            let (delete, _) = exchange(answer(200, "", ""), |octoeverywhere| async move {
                octoeverywhere.delete_notification_webhook(&alone(&token)).await
            })
            .await;
            [set, delete].map(|request| {
                let (head, body) = request.split_once("\r\n\r\n").unwrap();
                (head.contains("apptoken: "), body.to_owned())
            })
        }
    };
    let in_header = [
        (true, r#"{"WebhookUrl":"https://x"}"#.to_owned()),
        (true, "{}".to_owned()),
    ];
    assert_eq!(post(&longest).await, in_header);
    let in_body = [
        (false, format!(r#"{{"AppToken":"{long}","WebhookUrl":"https://x"}}"#)),
        (false, format!(r#"{{"AppToken":"{long}"}}"#)),
    ];
    assert_eq!(post(&long).await, in_body);
    // A GET has no body.
    let get = token(&long);
    let (request, _) = exchange(answer(200, "", ""), |octoeverywhere| async move {
        octoeverywhere.test_webhook(&alone(&get)).await
    })
    .await;
    assert!(request.contains(&format!("apptoken: {long}\r\n")) && request.ends_with("\r\n\r\n"));
}

#[tokio::test]
async fn no_part_of_an_echoed_token_is_left() {
    let secret: String = (0..8192_u32)
        .map(|n| char::from(b'!' + u8::try_from(n * 7 % 94).unwrap()))
        .collect();
    let piece = &secret[..8];
    // Echoed within what is read, cut by its end, by the service itself, and by a connection that breaks.
    let echo = format!(r#"{{"Error":"no such token: {secret}"}}"#);
    let broken = answer(400, "", &echo);
    for answer in [
        answer(400, "", &echo),
        answer(400, "", &format!("{}{echo}", " ".repeat(3_000))),
        answer(400, "", &format!("bad header: {}...", &secret[..100])),
        broken[..broken.len() - 8_000].to_vec(),
        // So little of it is left that only the break tells that it isn't by chance.
        broken[..broken.len() - 8_192 - 2 + 10].to_vec(),
    ] {
        let token = token(&secret);
        let (_, response) = exchange(answer, |octoeverywhere| async move {
            octoeverywhere.delete_notification_webhook(&alone(&token)).await
        })
        .await;
        assert_eq!(response.code, Some(400));
        assert!(!response.message.contains(piece), "{}", response.message);
    }
}

#[tokio::test]
async fn no_filter_is_sent_when_all_events_are_wanted() {
    let (request, _) = exchange(answer(200, "", ""), |octoeverywhere| async move {
        octoeverywhere
            .set_notification_webhook(
                &alone(&token("token-1")),
                &SecretString::from("https://x"),
                &EventFilter::default(),
            )
            .await
    })
    .await;
    assert!(request.ends_with(r#"{"WebhookUrl":"https://x"}"#), "{request}");
}

#[tokio::test]
async fn the_other_calls_are_what_the_page_says() {
    let (request, _) = exchange(answer(200, "", ""), |octoeverywhere| async move {
        octoeverywhere
            .delete_notification_webhook(&alone(&token("token-1")))
            .await
    })
    .await;
    assert!(
        request.starts_with("POST /api/appconnection/DeleteNotificationWebhook "),
        "{request}"
    );
    let (request, response) = exchange(answer(200, "", r#"{"status":200}"#), |octoeverywhere| async move {
        octoeverywhere.test_webhook(&alone(&token("token-1"))).await
    })
    .await;
    assert!(request.starts_with("GET /api/appconnection/TestWebhook "), "{request}");
    assert_eq!(response.message, r#"{"status":200}"#);
    let (request, _) = exchange(answer(200, "", ""), |octoeverywhere| async move {
        octoeverywhere.info(&alone(&token("token-1"))).await
    })
    .await;
    assert!(request.starts_with("GET /api/appconnection/info "), "{request}");
}

#[tokio::test]
async fn an_echoed_token_is_masked_and_retry_after_is_read() {
    let limit = answer(429, "retry-after: 7\r\n", "slow down, token-1");
    let (_, response) = exchange(limit, |octoeverywhere| async move {
        octoeverywhere.test_webhook(&alone(&token("token-1"))).await
    })
    .await;
    let expected = ResponseClass::Temporary {
        fault: Fault::Registration,
        retry_after: Some(jiff::SignedDuration::from_secs(7)),
    };
    assert_eq!(response.class, expected);
    assert_eq!(
        response.message,
        "OctoEverywhere answered 429 (too many requests): slow down, [secret]"
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let redirect = answer(307, "location: http://127.0.0.1:9/elsewhere\r\n", "");
    let (_, response) = exchange(redirect, |octoeverywhere| async move {
        octoeverywhere.test_webhook(&alone(&token("token-1"))).await
    })
    .await;
    assert!(
        response.message.starts_with("OctoEverywhere answered 307"),
        "{}",
        response.message
    );
}

#[tokio::test]
async fn an_endless_answer_is_cut() {
    let endless = answer(200, "", &"x".repeat(50 * MAX_ANSWER));
    let (_, response) = exchange(endless, |octoeverywhere| async move {
        octoeverywhere.info(&alone(&token("token-1"))).await
    })
    .await;
    assert_eq!(response.class, ResponseClass::Applied);
    assert_eq!(response.message.len(), MAX_ANSWER);
}

#[tokio::test]
async fn a_refused_connection_is_the_service_s_fault() {
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let octoeverywhere = OctoEverywhere::new(&format!("http://{unused}"), Clock::default()).unwrap();
    let response = octoeverywhere.info(&alone(&token("token-1"))).await;
    assert_eq!(response.class, service_fault(), "{}", response.message);
    assert!(response.message.contains("refused"), "{}", response.message);
}

#[test]
fn only_http_urls_have_clients() {
    for url in ["", "octoeverywhere.com", "ftp://octoeverywhere.com", "https://x/?a=b"] {
        assert!(
            matches!(OctoEverywhere::new(url, Clock::default()), Err(ClientError::Url(_))),
            "{url}"
        );
    }
}

/// What a server does with a connection, once a request has come in on it.
#[derive(Clone, Copy)]
enum Reaction {
    /// It answers, and keeps the connection.
    Answers,
    /// It closes it, without a byte of an answer.
    Closes,
    /// It resets it, without a byte of an answer.
    Resets,
    /// It says nothing and keeps it open.
    Hangs,
    /// It says the head of an answer and a part of its body, and closes it.
    BreaksOff,
    /// It says what isn't HTTP, and closes it.
    Babbles,
}

/// A server that does to the requests, counted from 0, what `reactions` says; with how many came.
async fn server(reactions: impl Fn(usize) -> Reaction + Send + 'static) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&requests);
    tokio::spawn(async move {
        // Kept, so that those that hang stay open.
        let mut open = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            loop {
                let mut buffer = [0; 4096];
                let mut request = Vec::new();
                let is_whole = loop {
                    let read = stream.read(&mut buffer).await.unwrap_or(0);
                    request.extend_from_slice(&buffer[..read]);
                    let is_whole = request.ends_with(b"}") || request.ends_with(b"\r\n\r\n") && request[..3] == *b"GET";
                    if is_whole || read == 0 {
                        break is_whole;
                    }
                };
                if !is_whole {
                    break;
                }
                match reactions(counter.fetch_add(1, Ordering::SeqCst)) {
                    Reaction::Answers => {
                        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
                        stream.write_all(answer).await.unwrap();
                        continue;
                    }
                    Reaction::Closes => {}
                    Reaction::Resets => stream.set_zero_linger().unwrap(),
                    Reaction::Hangs => {
                        open.push(stream);
                        break;
                    }
                    Reaction::BreaksOff => {
                        let part = b"HTTP/1.1 605 x\r\ncontent-length: 100\r\n\r\n{\"Err";
                        stream.write_all(part).await.unwrap();
                    }
                    Reaction::Babbles => stream.write_all(b"220 smtp ready\r\n\r\n").await.unwrap(),
                }
                break;
            }
        }
    });
    (url, requests)
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_answer_begins_is_replaced_once() {
    use Reaction::{Answers, Babbles, BreaksOff, Closes, Hangs, Resets};
    const SILENCE: ResponseClass = ResponseClass::Temporary {
        fault: Fault::Silence,
        retry_after: None,
    };
    // The reactions to the first request and to those after it; then the class, and how many requests came.
    for (name, first, rest, class, requests) in [
        ("one closes", Closes, Answers, ResponseClass::Applied, 2),
        ("one resets", Resets, Answers, ResponseClass::Applied, 2),
        ("all close", Closes, Closes, SILENCE, 2),
        ("all reset", Resets, Resets, SILENCE, 2),
        (
            "a head, then silence for good",
            BreaksOff,
            Answers,
            ResponseClass::Suspended,
            1,
        ),
        (
            "a head at the second try",
            Closes,
            BreaksOff,
            ResponseClass::Suspended,
            2,
        ),
        ("no HTTP", Babbles, Answers, SILENCE, 1),
    ] {
        let (url, count) = server(move |n| if n == 0 { first } else { rest }).await;
        let octoeverywhere = OctoEverywhere::new(&url, Clock::default()).unwrap();
        let response = octoeverywhere
            .delete_notification_webhook(&alone(&token("token-1")))
            .await;
        assert_eq!(response.class, class, "{name}: {}", response.message);
        assert_eq!(count.load(Ordering::SeqCst), requests, "{name}");
    }
    // Time passes by itself here, as soon as nothing else happens.
    tokio::time::pause();
    for (name, first, requests) in [("hangs", Hangs, 1), ("closes, then hangs", Closes, 2)] {
        let (url, count) = server(move |n| if n == 0 { first } else { Hangs }).await;
        let octoeverywhere = OctoEverywhere::new(&url, Clock::default()).unwrap();
        let begin = Instant::now();
        let response = octoeverywhere
            .delete_notification_webhook(&alone(&token("token-1")))
            .await;
        assert_eq!(response.class, SILENCE, "{name}: {}", response.message);
        assert!(response.message.ends_with("no answer in time"), "{}", response.message);
        assert_eq!(count.load(Ordering::SeqCst), requests, "{name}");
        // Both tries together.
        let span = begin.elapsed();
        assert!(
            (Duration::from_secs(10)..Duration::from_secs(11)).contains(&span),
            "{name}: {span:?}"
        );
    }
}

#[tokio::test]
async fn calls_over_connections_of_which_every_second_one_breaks_all_succeed() {
    for breaks in [Reaction::Closes, Reaction::Resets] {
        // Each new connection but those of second tries; and each that was kept, at the second request on it.
        for (every, at, requests) in [(2, 0, 120), (3, 1, 90)] {
            let (url, count) = server(move |n| if n % every == at { breaks } else { Reaction::Answers }).await;
            let octoeverywhere = OctoEverywhere::new(&url, Clock::default()).unwrap();
            for number in 0..60 {
                let response = octoeverywhere
                    .delete_notification_webhook(&alone(&token("token-1")))
                    .await;
                assert_eq!(response.class, ResponseClass::Applied, "{number}: {}", response.message);
            }
            assert_eq!(count.load(Ordering::SeqCst), requests);
        }
    }
}

#[tokio::test]
async fn what_an_answer_means_depends_on_the_call_and_on_its_kind_of_content() {
    let delete = async |status, headers, body| {
        let (_, response) = exchange(answer(status, headers, body), |octoeverywhere| async move {
            octoeverywhere
                .delete_notification_webhook(&alone(&token("token-1")))
                .await
        })
        .await;
        response.class
    };
    assert_eq!(delete(604, "", "").await, ResponseClass::Applied);
    assert_eq!(delete(200, "", r#"{"Status":605}"#).await, ResponseClass::Suspended);
    assert_eq!(
        delete(200, "content-type: text/html\r\n", "<p>soon</p>").await,
        service_fault()
    );
    let (_, response) = exchange(answer(200, "", r#"{"Status":604}"#), |octoeverywhere| async move {
        octoeverywhere.test_webhook(&alone(&token("token-1"))).await
    })
    .await;
    assert_eq!(response.class, ResponseClass::Applied);
}
