//! What goes wrong in the storm.

use std::process::Command;
use std::time::{Duration, SystemTime};

use http::Method;
use printbell_harness::aws::encode;
use printbell_harness::stack::Stack;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const POLICY: &str = "storm";

/// How long the fallback queue hides what a killed redrive had taken: in the template, six minutes. A storm of that
/// length would show nothing else.
const VISIBILITY_TIMEOUT: &str = "12";

/// Has SNS refuse what the functions publish.
pub async fn deny_sns(stack: &Stack) {
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Action": "sns:Publish", "Resource": stack.outputs.topic_arn},
    ]});
    for role in roles(stack).await {
        let put = [
            ("RoleName", role.as_str()),
            ("PolicyName", POLICY),
            ("PolicyDocument", &policy.to_string()),
        ];
        stack.aws().iam("PutRolePolicy", &put).await.unwrap();
    }
}

/// Ends that; it need not have begun.
pub async fn allow_sns(stack: &Stack) {
    for role in roles(stack).await {
        let delete = [("RoleName", role.as_str()), ("PolicyName", POLICY)];
        let _ = stack.aws().iam("DeleteRolePolicy", &delete).await;
    }
}

/// The names of the roles that publish notifications.
async fn roles(stack: &Stack) -> Vec<String> {
    let mut roles = Vec::new();
    for function in ["webhook", "redrive"] {
        let function = encode(stack.function(function).unwrap());
        let path = format!("/2015-03-31/functions/{function}/configuration");
        let answer = stack.aws().lambda(Method::GET, &path, &Value::Null).await.unwrap();
        let configuration = answer.json().unwrap();
        let (_, name) = configuration["Role"].as_str().unwrap().rsplit_once('/').unwrap();
        roles.push(name.to_owned());
    }
    roles
}

/// Shortens the time after which a message that a killed redrive had taken comes back; returns what it was.
pub async fn shorten_visibility(stack: &Stack) -> String {
    let queue = &stack.outputs.fallback_queue_url;
    let request = json!({"QueueUrl": queue, "AttributeNames": ["VisibilityTimeout"]});
    let attributes = stack.aws().sqs("GetQueueAttributes", &request).await.unwrap();
    let before = attributes["Attributes"]["VisibilityTimeout"]
        .as_str()
        .unwrap()
        .to_owned();
    set_visibility(stack, VISIBILITY_TIMEOUT).await;
    before
}

/// Sets it.
pub async fn set_visibility(stack: &Stack, seconds: &str) {
    let queue = &stack.outputs.fallback_queue_url;
    let attributes = json!({"QueueUrl": queue, "Attributes": {"VisibilityTimeout": seconds}});
    stack.aws().sqs("SetQueueAttributes", &attributes).await.unwrap();
}

/// Kills the stack's functions at random.
pub struct Killer {
    stop: oneshot::Sender<()>,
    killing: JoinHandle<usize>,
}

impl Killer {
    pub fn start(stack: &Stack) -> Self {
        // The emulator runs each function from a folder that has its port in its name.
        let (_, port) = stack.endpoint.rsplit_once(':').unwrap();
        let mark = format!("ministack-provided-code-{}/", port.trim_end_matches('/'));
        let (stop, stopped) = oneshot::channel();
        Self {
            stop,
            killing: tokio::spawn(kill(mark, stopped)),
        }
    }

    /// Stops, and tells how many it were.
    pub async fn stop(self) -> usize {
        let _ = self.stop.send(());
        self.killing.await.unwrap()
    }
}

async fn kill(mark: String, mut stopped: oneshot::Receiver<()>) -> usize {
    let mut killed = 0;
    loop {
        let running = functions(&mark);
        if !running.is_empty() {
            let victim = &running[random(running.len())];
            let kill = Command::new("kill").args(["-9", victim]).status();
            killed += usize::from(kill.is_ok_and(|status| status.success()));
        }
        let pause = Duration::from_millis(50 + random(250) as u64);
        if tokio::time::timeout(pause, &mut stopped).await.is_ok() {
            return killed;
        }
    }
}

/// The process ids of the functions that run now.
fn functions(mark: &str) -> Vec<String> {
    let listed = Command::new("ps").args(["-axo", "pid=,args="]).output().unwrap();
    String::from_utf8_lossy(&listed.stdout)
        .lines()
        .filter(|line| line.contains(mark) && line.ends_with("/bootstrap"))
        .filter_map(|line| Some(line.split_whitespace().next()?.to_owned()))
        .collect()
}

/// Below `limit`; the time's last digits are random enough to choose a victim.
fn random(limit: usize) -> usize {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    now.subsec_nanos() as usize / 100 % limit
}
