//! A rotation of the secret during traffic loses nothing, and a retired key's token is refused.

use std::time::{Duration, Instant};

use printbell_harness::fixtures::{KEY, SECOND_KEY, THIRD_KEY};
use printbell_harness::http_event;
use printbell_harness::runtime_api::{Function, Launch};
use printbell_harness::stub_aws::{Behaviour, Service};

use crate::stage::{aws, launch, receiver, rotate, send};

#[tokio::test]
async fn a_rotation_during_traffic_loses_nothing() {
    let aws = aws().await;
    let function = receiver(&aws).await;
    let mut sent = 0;
    for n in 0..100 {
        if n == 50 {
            aws.secrets(|secrets| rotate(secrets, &SECOND_KEY));
        }
        // From the rotation on, renewals carry the new key out to more and more printers.
        let key = if n >= 50 && n % 3 == 0 { &SECOND_KEY } else { &KEY };
        let query = key.query_for("abc123", &format!("p{n}"));
        assert_eq!(send(&function, &query, r#"{"EventType":1}"#).await.status, 200, "{n}");
        sent += 1;
    }
    assert_eq!(aws.published().len(), sent);
    let count = |action| aws.count(Service::SecretsManager, action);
    assert_eq!(count("DescribeSecret"), 1, "at the first token of the new key");
    assert_eq!(count("GetSecretValue"), 2, "each version once");
}

#[tokio::test]
async fn a_retired_key_s_token_is_refused_and_that_of_one_before_it_is_not() {
    let aws = aws().await;
    let warm = receiver(&aws).await;
    assert_eq!(send(&warm, &KEY.query(), "{}").await.status, 200);
    aws.secrets(|secrets| {
        rotate(secrets, &SECOND_KEY);
        rotate(secrets, &THIRD_KEY);
        secrets.retire(&SECOND_KEY);
    });
    let cold = receiver(&aws).await;
    for function in [&warm, &cold] {
        assert_eq!(send(function, &SECOND_KEY.query(), "{}").await.status, 401);
        assert_eq!(send(function, &KEY.query(), "{}").await.status, 200);
        assert_eq!(send(function, &THIRD_KEY.query(), "{}").await.status, 200);
    }
    assert_eq!(aws.published().len(), 5);
}

#[tokio::test]
async fn more_rotations_than_anybody_signs_with_refuse_nobody() {
    let aws = aws().await;
    let warm = receiver(&aws).await;
    assert_eq!(send(&warm, &KEY.query(), "{}").await.status, 200);
    for n in 0..30 {
        aws.secrets(|secrets| {
            secrets.put(
                &format!("{n:08}-0000-4000-8000-000000000000"),
                "never signed with at all",
            )
        });
    }
    let cold = receiver(&aws).await;
    for function in [&warm, &cold] {
        let made_up = KEY.query().replace(KEY.key_id(), "madeup00");
        assert_eq!(send(function, &made_up, "{}").await.status, 401);
        assert_eq!(send(function, &KEY.query(), "{}").await.status, 200);
    }
}

/// How far a process's clock is ahead; it may be moved while the process runs.
#[cfg(target_os = "linux")]
struct MovedClock {
    folder: tempfile::TempDir,
}

#[cfg(target_os = "linux")]
impl MovedClock {
    /// What stands between a program and the system's clock: `CLOCK_OFFSET_SECONDS` counts from a start, and a process can't be
    /// given another environment.
    const SHIM: &str = r#"
        #define _GNU_SOURCE
        #include <stdio.h>
        #include <stdlib.h>
        #include <sys/syscall.h>
        #include <time.h>
        #include <unistd.h>
        int clock_gettime(clockid_t clock, struct timespec *time) {
            int result = (int)syscall(SYS_clock_gettime, clock, time);
            const char *path = getenv("MOVED_CLOCK");
            FILE *file = clock == CLOCK_REALTIME && path ? fopen(path, "r") : NULL;
            long seconds = 0;
            if (file) {
                if (fscanf(file, "%ld", &seconds) == 1) time->tv_sec += seconds;
                fclose(file);
            }
            return result;
        }
    "#;

    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("shim.c");
        std::fs::write(&source, Self::SHIM).unwrap();
        let mut compiler = std::process::Command::new("cc");
        compiler
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(folder.path().join("shim.so"));
        assert!(compiler.arg(&source).status().unwrap().success());
        let clock = Self { folder };
        clock.set(0);
        clock
    }

    fn launch(&self, launch: Launch) -> Launch {
        let path = |name| self.folder.path().join(name).to_str().unwrap().to_owned();
        launch
            .env("LD_PRELOAD", path("shim.so"))
            .env("MOVED_CLOCK", path("offset"))
    }

    /// The status that a callback is answered with; its deadline is by the clock that wasn't moved.
    async fn send(&self, function: &Function, query: &str) -> u16 {
        let event = http_event::callback(query, "{}").to_string();
        let call = function.call_within(Duration::from_secs(3600), event).await;
        call.http().unwrap().status
    }

    fn set(&self, seconds: u32) {
        std::fs::write(self.folder.path().join("offset"), seconds.to_string()).unwrap();
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_warm_process_refuses_a_retired_key_within_ten_minutes() {
    let aws = aws().await;
    let clock = MovedClock::new();
    let warm = clock.launch(launch("webhook", &aws)).start().await.unwrap();
    assert_eq!(clock.send(&warm, &KEY.query()).await, 200);
    aws.secrets(|secrets| {
        rotate(secrets, &SECOND_KEY);
        secrets.retire(&KEY);
    });
    let count = |action| aws.count(Service::SecretsManager, action);
    for (offset, status, listings) in [(500, 200, 0), (600, 401, 1), (1100, 401, 2)] {
        clock.set(offset);
        assert_eq!(clock.send(&warm, &KEY.query()).await, status, "{offset}");
        assert_eq!(count("DescribeSecret"), listings, "{offset}");
    }
    // While Secrets Manager doesn't answer, what is known goes on counting, and costs half a second every ten.
    aws.set(Service::SecretsManager, Behaviour::Hang);
    clock.set(2000);
    let began = Instant::now();
    for _ in 0..3 {
        assert_eq!(clock.send(&warm, &SECOND_KEY.query()).await, 200);
    }
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!((aws.published().len(), aws.queued().len()), (5, 0));
    aws.set(Service::SecretsManager, Behaviour::Ok);
    clock.set(2011);
    assert_eq!(clock.send(&warm, &SECOND_KEY.query()).await, 200);
}

#[tokio::test]
async fn made_up_keys_are_refused_and_make_one_call_a_minute() {
    let aws = aws().await;
    let function = receiver(&aws).await;
    for n in 0..50 {
        let query = KEY.query().replace(KEY.key_id(), &format!("fake{n:04}"));
        assert_eq!(send(&function, &query, "{}").await.status, 401);
    }
    let count = |action| aws.count(Service::SecretsManager, action);
    assert_eq!((count("DescribeSecret"), count("GetSecretValue")), (1, 1));
    assert!(aws.published().is_empty() && aws.queued().is_empty());
}
