use super::*;

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
            .set_notification_webhook(&token("token-1"), &url, &EventFilter::new([65, 1]).unwrap())
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
                        .set_notification_webhook(&token, &url(), &EventFilter::default())
                        .await
                }
            })
            .await;
            let (delete, _) = exchange(answer(200, "", ""), |octoeverywhere| async move {
                octoeverywhere.delete_notification_webhook(&token).await
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
        octoeverywhere.test_webhook(&get).await
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
            octoeverywhere.delete_notification_webhook(&token).await
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
                &token("token-1"),
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
        octoeverywhere.delete_notification_webhook(&token("token-1")).await
    })
    .await;
    assert!(
        request.starts_with("POST /api/appconnection/DeleteNotificationWebhook "),
        "{request}"
    );
    let (request, response) = exchange(answer(200, "", r#"{"status":200}"#), |octoeverywhere| async move {
        octoeverywhere.test_webhook(&token("token-1")).await
    })
    .await;
    assert!(request.starts_with("GET /api/appconnection/TestWebhook "), "{request}");
    assert_eq!(response.message, r#"{"status":200}"#);
    let (request, _) = exchange(answer(200, "", ""), |octoeverywhere| async move {
        octoeverywhere.info(&token("token-1")).await
    })
    .await;
    assert!(request.starts_with("GET /api/appconnection/info "), "{request}");
}

#[tokio::test]
async fn an_echoed_token_is_masked_and_retry_after_is_read() {
    let limit = answer(429, "retry-after: 7\r\n", "slow down, token-1");
    let (_, response) = exchange(limit, |octoeverywhere| async move {
        octoeverywhere.test_webhook(&token("token-1")).await
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
        octoeverywhere.test_webhook(&token("token-1")).await
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
        octoeverywhere.info(&token("token-1")).await
    })
    .await;
    assert_eq!(response.class, ResponseClass::Applied);
    assert_eq!(response.message.len(), MAX_ANSWER);
}

#[tokio::test]
async fn a_lost_answer_and_a_refused_connection_are_the_service_s_fault() {
    let (_, response) = exchange(Vec::new(), |octoeverywhere| async move {
        octoeverywhere.info(&token("token-1")).await
    })
    .await;
    assert_eq!(response.class, service_fault(), "{}", response.message);
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let octoeverywhere = OctoEverywhere::new(&format!("http://{unused}"), Clock::default()).unwrap();
    let response = octoeverywhere.info(&token("token-1")).await;
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
