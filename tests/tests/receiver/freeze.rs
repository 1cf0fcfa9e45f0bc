//! Lambda freezes a process once it has answered, and thaws it with the next event: nothing of the last one may go out then.

use std::time::Duration;

use printbell_harness::fixtures::KEY;
use printbell_harness::runtime_api::Function;
use printbell_harness::stub_aws::{Behaviour, Service, StubAws};
use tokio::time::sleep;

use crate::stage::{aws, receiver, send};

/// How long the process is stopped.
const FROZEN: Duration = Duration::from_secs(60);
/// What a connection that goes on would need to be seen.
const MOMENT: Duration = Duration::from_secs(2);

const BODY: &str = r#"{"EventType":9,"PrinterId":"x"}"#;

fn connections(function: &Function, aws: &StubAws) -> usize {
    function.connections_to(aws.address().port()).unwrap()
}

/// One callback while `broken` is as it is; the connections that are open when it has been answered, and whether anything
/// reaches AWS from a process that is frozen then, and thawed.
async fn freeze_after(broken: Service, behaviour: Behaviour, status: u16) -> (usize, bool) {
    let aws = aws().await;
    let function = receiver(&aws).await;
    aws.set(broken, behaviour);
    let response = send(&function, &KEY.query(), BODY).await;
    assert_eq!(response.status, status, "{broken:?} {behaviour:?}");
    function.freeze().await.unwrap();
    let open = connections(&function, &aws);
    let before = (aws.calls().len(), aws.published().len(), aws.queued().len());
    sleep(FROZEN).await;
    function.thaw().await.unwrap();
    sleep(MOMENT).await;
    let after = (aws.calls().len(), aws.published().len(), aws.queued().len());
    // And it goes on working.
    aws.set(broken, Behaviour::Ok);
    assert_eq!(send(&function, &KEY.query(), BODY).await.status, 200);
    (open, before != after)
}

#[tokio::test]
async fn nothing_is_in_flight_once_the_callback_is_answered() {
    let (quiet, hanging, slow) = tokio::join!(
        freeze_after(Service::Sqs, Behaviour::Hang, 200),
        freeze_after(Service::Sns, Behaviour::Hang, 200),
        freeze_after(Service::Sns, Behaviour::Slow(Duration::from_secs(3)), 200),
    );
    assert!(
        quiet.0 > 0 && !quiet.1,
        "a connection on which nothing is under way is kept: {quiet:?}"
    );
    assert_eq!(
        (hanging, slow),
        ((0, false), (0, false)),
        "a connection on which something is, isn't"
    );
}
