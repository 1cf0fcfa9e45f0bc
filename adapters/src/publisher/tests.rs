//! In virtual time: an hour takes no longer than a moment.

use std::cell::Cell;

use printbell_shared::id::RegistrationKey;
use printbell_shared::notification::letter::Callback;
use printbell_shared::notification::message::{Arrival, Origin};
use tokio::time::sleep;

use super::*;

/// What a sink does with each letter.
#[derive(Debug, Clone, Copy)]
enum Behaviour {
    /// Takes it at once, and says so after this many milliseconds.
    Answers(u64),
    /// Fails after five milliseconds.
    Fails,
    /// Refuses it after five milliseconds.
    Refuses,
    Hangs,
}
use Behaviour::{Answers, Fails, Hangs, Refuses};

/// A topic and queues, and what they were given.
struct World {
    topic: Cell<Behaviour>,
    queues: Cell<Behaviour>,
    attempts: RefCell<Vec<Sink>>,
    /// Copies that a sink took, whatever became of its answer.
    copies: RefCell<Vec<Sink>>,
}

impl World {
    fn new(topic: Behaviour, queues: Behaviour) -> Self {
        Self {
            topic: Cell::new(topic),
            queues: Cell::new(queues),
            attempts: RefCell::default(),
            copies: RefCell::default(),
        }
    }
}

impl Sinks for &World {
    async fn attempt(&self, sink: Sink, _: &Letter) -> Result<(), SendError> {
        self.attempts.borrow_mut().push(sink);
        let behaviour = if sink == Sink::Topic { &self.topic } else { &self.queues };
        match behaviour.get() {
            Answers(after) => {
                self.copies.borrow_mut().push(sink);
                sleep(Duration::from_millis(after)).await;
                Ok(())
            }
            Fails => {
                sleep(Duration::from_millis(5)).await;
                Err(SendError::Temporary("broken".into()))
            }
            Refuses => {
                sleep(Duration::from_millis(5)).await;
                Err(SendError::Refused("too odd".into()))
            }
            Hangs => std::future::pending().await,
        }
    }
}

fn callback(body: &[u8]) -> Callback {
    let arrival = Arrival {
        received: "2026-11-24T10:00:00Z".parse().unwrap(),
        request_id: "8f5e".to_owned(),
    };
    Callback {
        query: Vec::new(),
        body: body.to_vec().into(),
        arrival,
    }
}

fn authentic(body: &[u8]) -> Letter {
    let registration = RegistrationKey {
        tenant: "abc123".parse().unwrap(),
        printer: "p42".parse().unwrap(),
    };
    let metadata = Default::default();
    Letter::authentic(Origin { registration, metadata }, callback(body))
}

async fn deliver(publisher: &Publisher<&World>, letter: &Letter) -> Result<Sink, String> {
    let deadline = Instant::now() + Duration::from_secs(8);
    publisher
        .deliver(letter, deadline)
        .await
        .map_err(|error| error.to_string())
}

#[tokio::test(start_paused = true)]
async fn each_letter_has_its_sink_and_another_one() {
    let table = [
        (authentic(b"{}"), Sink::Topic, Sink::FallbackQueue),
        (authentic(b"[]"), Sink::DeadLetterQueue, Sink::FallbackQueue),
        (
            Letter::Unverified(callback(b"{}")),
            Sink::FallbackQueue,
            Sink::DeadLetterQueue,
        ),
    ];
    for (letter, first, second) in table {
        let world = World::new(Answers(20), Answers(20));
        assert_eq!(deliver(&Publisher::new(&world), &letter).await, Ok(first));
        assert_eq!(world.attempts.take(), [first]);
        let world = World::new(Fails, Fails);
        deliver(&Publisher::new(&world), &letter).await.unwrap_err();
        assert_eq!(world.attempts.take()[..2], [first, second]);
    }
}

#[tokio::test(start_paused = true)]
async fn whichever_answers_first_counts() {
    let table = [
        // topic, queue, who took it, copies, after (ms)
        (Answers(500), Answers(20), Some(Sink::Topic), 1, 500),
        (Hangs, Answers(1500), Some(Sink::FallbackQueue), 1, 2500),
        (Hangs, Answers(5500), Some(Sink::FallbackQueue), 2, 6500),
        (Answers(5500), Hangs, Some(Sink::Topic), 2, 5500),
        (Answers(3000), Answers(3000), Some(Sink::Topic), 2, 3000),
        (Fails, Answers(20), Some(Sink::FallbackQueue), 1, 25),
        (Refuses, Answers(20), Some(Sink::FallbackQueue), 1, 25),
        (Hangs, Hangs, None, 0, 8000),
        (Refuses, Refuses, None, 0, 10),
    ];
    for (topic, queues, taker, copies, after) in table {
        let world = World::new(topic, queues);
        let began = Instant::now();
        let taken = deliver(&Publisher::new(&world), &authentic(b"{}")).await;
        let result = (taken.ok(), world.copies.take().len(), began.elapsed().as_millis());
        assert_eq!(result, (taker, copies, after), "{topic:?}, {queues:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_named() {
    let world = World::new(Refuses, Hangs);
    let error = deliver(&Publisher::new(&world), &authentic(b"{}")).await.unwrap_err();
    assert_eq!(
        error,
        "not delivered in time; the last failure of each sink: Topic: too odd; FallbackQueue: no answer in time"
    );
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_failed_gives_way_and_is_the_hedge() {
    let world = World::new(Fails, Answers(20));
    let publisher = Publisher::new(&world);
    assert_eq!(deliver(&publisher, &authentic(b"{}")).await, Ok(Sink::FallbackQueue));
    world.attempts.take();
    assert_eq!(deliver(&publisher, &authentic(b"{}")).await, Ok(Sink::FallbackQueue));
    assert_eq!(world.attempts.take(), [Sink::FallbackQueue]);
    // The topic is well again, and the queue isn't.
    world.topic.set(Answers(20));
    world.queues.set(Hangs);
    assert_eq!(deliver(&publisher, &authentic(b"{}")).await, Ok(Sink::Topic));
    world.attempts.take();
    assert_eq!(deliver(&publisher, &authentic(b"{}")).await, Ok(Sink::Topic));
    assert_eq!(
        world.attempts.take(),
        [Sink::Topic],
        "a quick answer closes the breaker"
    );
}

#[tokio::test(start_paused = true)]
async fn a_message_that_sns_refuses_says_nothing_about_sns() {
    let world = World::new(Refuses, Answers(20));
    let publisher = Publisher::new(&world);
    for _ in 0..2 {
        assert_eq!(deliver(&publisher, &authentic(b"{}")).await, Ok(Sink::FallbackQueue));
        assert_eq!(world.attempts.take(), [Sink::Topic, Sink::FallbackQueue]);
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_topic_answers_within_800_ms_there_is_never_a_second_copy() {
    const PUBLISHES: u64 = 10_000;
    let world = World::new(Hangs, Answers(20));
    let publisher = Publisher::new(&world);
    for n in 0..PUBLISHES {
        world.topic.set(Answers(n * 7919 % 801));
        assert_eq!(deliver(&publisher, &authentic(b"{}")).await, Ok(Sink::Topic));
    }
    assert_eq!(world.copies.take().len() as u64, PUBLISHES);
    println!("{PUBLISHES} publishes at 0 to 800 ms: no second copy");
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_a_topic_at_1200_ms_makes_few_copies_and_is_over_within_a_minute() {
    let world = World::new(Answers(1_200), Answers(20));
    let publisher = Publisher::new(&world);
    let end = Instant::now() + Duration::from_secs(3600);
    let (mut publishes, mut probes) = (0_u32, 0_u32);
    while Instant::now() < end {
        let sink = deliver(&publisher, &authentic(b"{}")).await.unwrap();
        publishes += 1;
        probes += u32::from(sink == Sink::Topic);
        sleep(Duration::from_secs(1)).await;
    }
    let copies = world.copies.take().len() as u32 - publishes;
    println!("an hour at 1.2 s: {publishes} notifications, {probes} by the topic, {copies} second copies");
    assert!(copies * 100 <= publishes, "{copies} of {publishes}");

    world.topic.set(Answers(20));
    let well = Instant::now();
    while deliver(&publisher, &authentic(b"{}")).await != Ok(Sink::Topic) {
        sleep(Duration::from_secs(1)).await;
    }
    assert!(well.elapsed() <= Duration::from_secs(60), "{:?}", well.elapsed());
}
