use super::*;
use printbell_shared::notification::letter::Callback;
use printbell_shared::notification::message::{Arrival, Origin};

/// Ways of which some fail.
#[derive(Default)]
struct Trouble {
    failing: RefCell<Vec<(Sink, SendError)>>,
    attempts: RefCell<Vec<Sink>>,
}

impl Trouble {
    fn on(&self, failing: &[(Sink, SendError)]) {
        failing.clone_into(&mut self.failing.borrow_mut());
    }

    fn attempts(&self) -> Vec<Sink> {
        std::mem::take(&mut self.attempts.borrow_mut())
    }
}

impl Sinks for &Trouble {
    async fn attempt(&self, sink: Sink, _: &Letter) -> Result<(), SendError> {
        self.attempts.borrow_mut().push(sink);
        let failing = self.failing.borrow();
        let failing = failing.iter().find(|(broken, _)| *broken == sink);
        failing.map_or(Ok(()), |(_, failure)| Err(failure.clone()))
    }
}

fn callback(body: &[u8]) -> Callback {
    let arrival = Arrival {
        received: "2026-11-24T10:00:00Z".parse().unwrap(),
        request_id: "8f5e".to_owned(),
    };
    Callback {
        query: Vec::new(),
        body: body.to_vec(),
        arrival,
    }
}

fn authentic(body: &[u8]) -> Letter {
    let registration = printbell_shared::id::RegistrationKey {
        tenant: "abc123".parse().unwrap(),
        printer: "p42".parse().unwrap(),
    };
    let metadata = Default::default();
    Letter::authentic(Origin { registration, metadata }, callback(body))
}

fn broken() -> SendError {
    SendError::Temporary("broken".into())
}

async fn deliver(publisher: &Publisher<&Trouble>, letter: &Letter, milliseconds: u64) -> Result<Sink, String> {
    let deadline = Instant::now() + Duration::from_millis(milliseconds);
    publisher
        .deliver(letter, deadline)
        .await
        .map_err(|error| error.to_string())
}

#[tokio::test]
async fn each_letter_has_its_way_and_another_one() {
    let unverified = Letter::Unverified(callback(b"{}"));
    let table = [
        (authentic(b"{}"), Sink::Topic, Sink::FallbackQueue),
        (authentic(b"[]"), Sink::DeadLetterQueue, Sink::FallbackQueue),
        (unverified, Sink::FallbackQueue, Sink::DeadLetterQueue),
    ];
    for (letter, first, second) in table {
        let trouble = Trouble::default();
        let publisher = Publisher::new(&trouble);
        assert_eq!(deliver(&publisher, &letter, 8000).await, Ok(first));
        assert_eq!(trouble.attempts(), [first]);
        trouble.on(&[(first, broken())]);
        assert_eq!(deliver(&publisher, &letter, 8000).await, Ok(second));
        assert_eq!(trouble.attempts(), [first, first, second]);
    }
}

#[tokio::test]
async fn after_a_failure_of_sns_the_queue_comes_first() {
    let trouble = Trouble::default();
    let publisher = Publisher::new(&trouble);
    trouble.on(&[(Sink::Topic, broken())]);
    assert_eq!(
        deliver(&publisher, &authentic(b"{}"), 8000).await,
        Ok(Sink::FallbackQueue)
    );
    trouble.attempts();
    assert_eq!(
        deliver(&publisher, &authentic(b"{}"), 8000).await,
        Ok(Sink::FallbackQueue)
    );
    assert_eq!(trouble.attempts(), [Sink::FallbackQueue]);
    // SNS is well again, and the queue isn't: that closes the breaker.
    trouble.on(&[(Sink::FallbackQueue, broken())]);
    assert_eq!(deliver(&publisher, &authentic(b"{}"), 8000).await, Ok(Sink::Topic));
    trouble.attempts();
    assert_eq!(deliver(&publisher, &authentic(b"{}"), 8000).await, Ok(Sink::Topic));
    assert_eq!(trouble.attempts(), [Sink::Topic]);
}

#[tokio::test]
async fn a_message_that_sns_refuses_says_nothing_about_sns() {
    let trouble = Trouble::default();
    let publisher = Publisher::new(&trouble);
    trouble.on(&[(Sink::Topic, SendError::Refused("too odd".into()))]);
    for _ in 0..2 {
        assert_eq!(
            deliver(&publisher, &authentic(b"{}"), 8000).await,
            Ok(Sink::FallbackQueue)
        );
        assert_eq!(trouble.attempts(), [Sink::Topic, Sink::FallbackQueue]);
    }
}

#[tokio::test]
async fn when_nothing_works_the_deadline_ends_it() {
    let trouble = Trouble::default();
    let publisher = Publisher::new(&trouble);
    trouble.on(&[(Sink::Topic, broken()), (Sink::FallbackQueue, broken())]);
    let began = Instant::now();
    let error = deliver(&publisher, &authentic(b"{}"), 1300).await.unwrap_err();
    assert!(began.elapsed() < Duration::from_millis(1300));
    assert_eq!(
        error,
        "not delivered in time; the last failure of each way: Topic: broken; FallbackQueue: broken"
    );
}

#[tokio::test]
async fn when_both_refuse_there_is_nothing_to_wait_for() {
    let trouble = Trouble::default();
    let publisher = Publisher::new(&trouble);
    let refused = || SendError::Refused("no".into());
    trouble.on(&[(Sink::Topic, refused()), (Sink::FallbackQueue, refused())]);
    deliver(&publisher, &authentic(b"{}"), 60_000).await.unwrap_err();
    assert_eq!(trouble.attempts(), [Sink::Topic, Sink::FallbackQueue]);
}
