use super::*;
use crate::letter::Callback;
use crate::message::{Origin, Receipt};

/// Ways of which some fail.
#[derive(Default)]
struct Trouble {
    failing: RefCell<Vec<(Way, Failure)>>,
    attempts: RefCell<Vec<Way>>,
}

impl Trouble {
    fn on(&self, failing: &[(Way, Failure)]) {
        failing.clone_into(&mut self.failing.borrow_mut());
    }

    fn attempts(&self) -> Vec<Way> {
        std::mem::take(&mut self.attempts.borrow_mut())
    }
}

impl Ways for &Trouble {
    async fn attempt(&self, way: Way, _: &Letter) -> Result<(), Failure> {
        self.attempts.borrow_mut().push(way);
        let failing = self.failing.borrow();
        let failing = failing.iter().find(|(broken, _)| *broken == way);
        failing.map_or(Ok(()), |(_, failure)| Err(failure.clone()))
    }
}

fn callback(body: &[u8]) -> Callback {
    let receipt = Receipt {
        received: "2026-11-24T10:00:00Z".parse().unwrap(),
        request_id: "8f5e".to_owned(),
    };
    Callback {
        query: Vec::new(),
        body: body.to_vec(),
        receipt,
    }
}

fn authentic(body: &[u8]) -> Letter {
    let registration = crate::id::RegistrationKey {
        tenant: "abc123".parse().unwrap(),
        printer: "p42".parse().unwrap(),
    };
    let metadata = Default::default();
    Letter::authentic(Origin { registration, metadata }, callback(body))
}

fn broken() -> Failure {
    Failure::Temporary("broken".into())
}

async fn deliver(outbox: &Outbox<&Trouble>, letter: &Letter, milliseconds: u64) -> Result<Way, String> {
    let deadline = Instant::now() + Duration::from_millis(milliseconds);
    outbox
        .deliver(letter, deadline)
        .await
        .map_err(|error| error.to_string())
}

#[tokio::test]
async fn each_letter_has_its_way_and_another_one() {
    let unverified = Letter::Unverified(callback(b"{}"));
    let table = [
        (authentic(b"{}"), Way::Topic, Way::FallbackQueue),
        (authentic(b"[]"), Way::DeadLetterQueue, Way::FallbackQueue),
        (unverified, Way::FallbackQueue, Way::DeadLetterQueue),
    ];
    for (letter, first, second) in table {
        let trouble = Trouble::default();
        let outbox = Outbox::new(&trouble);
        assert_eq!(deliver(&outbox, &letter, 8000).await, Ok(first));
        assert_eq!(trouble.attempts(), [first]);
        trouble.on(&[(first, broken())]);
        assert_eq!(deliver(&outbox, &letter, 8000).await, Ok(second));
        assert_eq!(trouble.attempts(), [first, first, second]);
    }
}

#[tokio::test]
async fn after_a_failure_of_sns_the_queue_comes_first() {
    let trouble = Trouble::default();
    let outbox = Outbox::new(&trouble);
    trouble.on(&[(Way::Topic, broken())]);
    assert_eq!(deliver(&outbox, &authentic(b"{}"), 8000).await, Ok(Way::FallbackQueue));
    trouble.attempts();
    assert_eq!(deliver(&outbox, &authentic(b"{}"), 8000).await, Ok(Way::FallbackQueue));
    assert_eq!(trouble.attempts(), [Way::FallbackQueue]);
    // SNS is well again, and the queue isn't: that closes the breaker.
    trouble.on(&[(Way::FallbackQueue, broken())]);
    assert_eq!(deliver(&outbox, &authentic(b"{}"), 8000).await, Ok(Way::Topic));
    trouble.attempts();
    assert_eq!(deliver(&outbox, &authentic(b"{}"), 8000).await, Ok(Way::Topic));
    assert_eq!(trouble.attempts(), [Way::Topic]);
}

#[tokio::test]
async fn a_message_that_sns_refuses_says_nothing_about_sns() {
    let trouble = Trouble::default();
    let outbox = Outbox::new(&trouble);
    trouble.on(&[(Way::Topic, Failure::Refused("too odd".into()))]);
    for _ in 0..2 {
        assert_eq!(deliver(&outbox, &authentic(b"{}"), 8000).await, Ok(Way::FallbackQueue));
        assert_eq!(trouble.attempts(), [Way::Topic, Way::FallbackQueue]);
    }
}

#[tokio::test]
async fn when_nothing_works_the_deadline_ends_it() {
    let trouble = Trouble::default();
    let outbox = Outbox::new(&trouble);
    trouble.on(&[(Way::Topic, broken()), (Way::FallbackQueue, broken())]);
    let began = Instant::now();
    let error = deliver(&outbox, &authentic(b"{}"), 1300).await.unwrap_err();
    assert!(began.elapsed() < Duration::from_millis(1300));
    assert_eq!(
        error,
        "not delivered in time; the last failure of each way: Topic: broken; FallbackQueue: broken"
    );
}

#[tokio::test]
async fn when_both_refuse_there_is_nothing_to_wait_for() {
    let trouble = Trouble::default();
    let outbox = Outbox::new(&trouble);
    let refused = || Failure::Refused("no".into());
    trouble.on(&[(Way::Topic, refused()), (Way::FallbackQueue, refused())]);
    deliver(&outbox, &authentic(b"{}"), 60_000).await.unwrap_err();
    assert_eq!(trouble.attempts(), [Way::Topic, Way::FallbackQueue]);
}
