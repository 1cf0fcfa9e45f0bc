//! Against a bootstrap of a few lines.

use std::time::Duration;

use super::{Completion, Function, Launch};

/// Answers an event with itself; `die` and `hang` do what they say.
const ECHO: &str = r#"
import os, sys, time, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
print("hello from", os.environ["NAME"], flush=True)
while True:
    with urllib.request.urlopen(api + "next") as event:
        id, body = event.headers["Lambda-Runtime-Aws-Request-Id"], event.read()
    if body == b"die": sys.exit(3)
    if body == b"hang": time.sleep(1000)
    outcome = "error" if body == b"fail" else "response"
    urllib.request.urlopen(urllib.request.Request(api + id + "/" + outcome, data=body)).read()
"#;

fn python(script: &str) -> Launch {
    let path = std::env::var("PATH").unwrap();
    Launch::new("python3")
        .arg("-c")
        .arg(script)
        .env("NAME", "echo")
        .env("PATH", path)
}

async fn echo() -> Function {
    python(ECHO).start().await.unwrap()
}

#[tokio::test]
async fn an_event_goes_in_and_its_answer_comes_out_byte_for_byte() {
    let function = echo().await;
    let odd = b"\x00\xff not JSON".as_slice();
    assert_eq!(function.call(odd).await.completion, Completion::Answered(odd.into()));
    assert_eq!(
        function.call("fail").await.completion,
        Completion::Failed("fail".into())
    );
    assert_eq!(function.output(), "hello from echo\n");
    assert!(function.started_in > Duration::ZERO && function.cpu_time().unwrap() > Duration::ZERO);
    assert!(function.peak_memory().unwrap() > 1 << 20);
}

#[tokio::test]
async fn a_function_that_dies_or_hangs_is_told_from_one_that_answers() {
    let mut function = echo().await;
    assert_eq!(function.call("die").await.completion, Completion::Died);
    assert_eq!(function.call("again").await.completion, Completion::Died);
    function.respawn().await.unwrap();
    assert_eq!(
        function.call_within(Duration::from_millis(1), "hang").await.completion,
        Completion::TimedOut
    );
    assert!(!function.is_running());
}

#[tokio::test]
async fn a_start_that_fails_says_what_the_function_wrote() {
    let error = python("print('no configuration'); exit(1)")
        .start()
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("no configuration") && error.contains("exit status: 1"),
        "{error}"
    );
}
