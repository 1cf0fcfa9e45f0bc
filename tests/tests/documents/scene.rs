//! The stack that these tests have to themselves, as somebody sees it who believes that it is on AWS.

use std::time::Duration;

use http::Method;
use printbell_harness::aws::{Aws, Credentials, xml_texts};
use printbell_harness::stack::Stack;
use printbell_harness::tls_front::TlsFront;
use printbell_simulator::{AppConnection, Control, NewPrinter};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

/// The environment variable that names the file of the stack which is these tests' alone.
const STACK_VARIABLE: &str = "PRINTBELL_DOCUMENTS_STACK";

/// Longest wait for something that comes by itself.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Scene {
    pub stack: Stack,
    pub aws: Aws,
    pub control: Control,
    _front: TlsFront,
    curl: TempDir,
}

impl Scene {
    /// The doors answer under their own names, with TLS, to a `curl` that is told where they are.
    pub async fn set() -> Self {
        let path = std::env::var_os(STACK_VARIABLE);
        let path = path.unwrap_or_else(|| panic!("{STACK_VARIABLE} isn't set; run `cargo xtask test`"));
        let stack = Stack::read(path.as_ref()).unwrap();
        let emulator = stack.endpoint.trim_start_matches("http://").parse().unwrap();
        let (api, url) = (
            format!("*.execute-api.{}.amazonaws.com", stack.region),
            format!("*.lambda-url.{}.on.aws", stack.region),
        );
        let front = TlsFront::start(&[&api, &url], emulator).await.unwrap();
        let curl = tempfile::tempdir().unwrap();
        let config = format!(
            "connect-to = \"::{}\"\ncacert = \"{}\"\n",
            front.address(),
            front.authority().display()
        );
        std::fs::write(curl.path().join(".curlrc"), config).unwrap();
        Self {
            aws: stack.aws(),
            control: Control::new(&stack.simulator),
            stack,
            _front: front,
            curl,
        }
    }

    /// What `aws` and `curl` find in their environment.
    pub fn environment(&self, principal: &Credentials) -> Vec<(&'static str, String)> {
        let mut environment = vec![
            ("AWS_ENDPOINT_URL", self.stack.endpoint.clone()),
            ("AWS_REGION", self.stack.region.clone()),
            ("AWS_ACCESS_KEY_ID", principal.access_key_id.clone()),
            ("AWS_SECRET_ACCESS_KEY", principal.secret_access_key.clone()),
            ("AWS_CONFIG_FILE", "/dev/null".to_owned()),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_owned()),
            ("AWS_PAGER", String::new()),
            ("CURL_HOME", self.curl.path().display().to_string()),
        ];
        environment.extend(
            principal
                .session_token
                .clone()
                .map(|token| ("AWS_SESSION_TOKEN", token)),
        );
        environment
    }

    /// Who has deployed the stack.
    pub fn owner(&self) -> Credentials {
        self.stack.owner.clone()
    }

    /// A role that may do nothing, until a document says what.
    pub async fn make_role(&self, name: &str) {
        let anybody = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole",
        }]});
        let role = [("RoleName", name), ("AssumeRolePolicyDocument", &anybody.to_string())];
        self.aws.iam("CreateRole", &role).await.unwrap();
    }

    /// A session of a role.
    pub async fn assume(&self, name: &str) -> Credentials {
        let arn = format!("arn:aws:iam::000000000000:role/{name}");
        self.aws.assume_role(&arn, "documents").await.unwrap()
    }

    /// A printer whose owner has just been through the portal.
    pub async fn issue(&self) -> AppConnection {
        self.control
            .issue_printer(&NewPrinter::named("Workshop"))
            .await
            .unwrap()
    }

    /// Deletes every registration, the other tests' included.
    pub async fn unregister_all(&self) {
        let (api, owner) = (self.stack.api(), &self.stack.owner);
        let all = api
            .call_as(owner, Method::GET, "/registrations", &Value::Null)
            .await
            .unwrap();
        for item in all.json().unwrap()["items"].as_array().unwrap() {
            let [tenant, printer] = ["tenantId", "printerRef"].map(|name| item[name].as_str().unwrap());
            let path = format!("/registrations/{tenant}/{printer}");
            let deleted = api.call_as(owner, Method::DELETE, &path, &Value::Null).await.unwrap();
            assert_eq!(deleted.status, 204, "{path}: {}", deleted.text());
        }
    }

    /// The queue's messages, taken out.
    pub async fn messages(&self, queue_url: &str) -> Vec<Value> {
        let request = json!({"QueueUrl": queue_url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1});
        let received = self.aws.sqs("ReceiveMessage", &request).await.unwrap();
        let messages = received["Messages"].as_array().cloned().unwrap_or_default();
        for message in &messages {
            let handle = json!({"QueueUrl": queue_url, "ReceiptHandle": message["ReceiptHandle"]});
            self.aws.sqs("DeleteMessage", &handle).await.unwrap();
        }
        messages
    }

    /// What a resource is called outside of the template.
    pub async fn resource(&self, logical_id: &str) -> String {
        let which = [("StackName", "printbell"), ("LogicalResourceId", logical_id)];
        let xml = self
            .aws
            .query("cloudformation", "2010-05-15", "DescribeStackResource", &which)
            .await
            .unwrap();
        xml_texts(&xml, "PhysicalResourceId").pop().unwrap()
    }
}

/// Looks again until `look` finds it.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
