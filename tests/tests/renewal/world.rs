//! The deployed stack in the hands of one test: its clocks, its functions, and printers of its own.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http::Method;
use jiff::{SignedDuration, Timestamp};
use printbell_harness::aws::Aws;
use printbell_harness::fixtures::SigningKey;
use printbell_harness::stack::{Api, STACKS_VARIABLE, Stack};
use printbell_simulator::{AppConnection, AppToken, Control, History, NewPrinter, PrinterId, Route};
use serde_json::{Value, json};
use tokio::task::{LocalSet, spawn_local};

pub const MINUTE: SignedDuration = SignedDuration::from_mins(1);
pub const HOUR: SignedDuration = SignedDuration::from_hours(1);
pub const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Longest wait for something that comes by itself.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub struct World {
    pub stack: Stack,
    pub aws: Aws,
    pub api: Api,
    pub control: Control,
    /// Of this test alone.
    pub tenant: String,
    /// Whose each token is that was issued to this test.
    pub issued: Rc<RefCell<BTreeMap<String, PrinterId>>>,
}

/// A printer that OctoEverywhere knows, registered or not.
#[derive(Clone, Debug)]
pub struct Printer {
    pub reference: String,
    pub id: PrinterId,
    pub token: AppToken,
}

impl Printer {
    /// The same printer under another name.
    pub fn renamed(&self, reference: &str) -> Self {
        Self {
            reference: reference.to_owned(),
            ..self.clone()
        }
    }
}

/// Runs a test on a stack that no other has meanwhile, and puts the clocks right and takes the faults back whatever comes of it.
pub async fn on_the_stack<Running>(test: impl FnOnce(World) -> Running)
where
    Running: Future<Output = ()> + 'static,
{
    static TESTS: AtomicU32 = AtomicU32::new(0);
    let lease = Stack::lease(STACKS_VARIABLE).await.unwrap();
    let stack = lease.stack.clone();
    let number = TESTS.fetch_add(1, Ordering::Relaxed);
    let world = World {
        aws: stack.aws(),
        api: stack.api(),
        control: Control::new(&stack.simulator),
        tenant: format!("renewal-{}-{number}", std::process::id()),
        issued: Rc::default(),
        stack,
    };
    world.clear().await;
    let running = test(world.clone());
    let outcome = LocalSet::new().run_until(async { spawn_local(running).await }).await;
    world.clear().await;
    if let Err(failure) = outcome {
        resume_unwind(failure.into_panic());
    }
}

impl World {
    /// The same emulator and simulator, with another stack.
    pub async fn with_stack(&self, name: &str) -> Self {
        let stack = self.stack.another(name).await.unwrap();
        Self {
            api: stack.api(),
            stack,
            ..self.clone()
        }
    }

    /// What the stack signs with.
    pub async fn signing_key(&self) -> SigningKey {
        let secret = json!({"SecretId": self.stack.outputs.callback_secret_arn});
        let secret = self.aws.secrets("GetSecretValue", &secret).await.unwrap();
        let text = |name: &str| -> &'static str { secret[name].as_str().unwrap().to_owned().leak() };
        SigningKey {
            version_id: text("VersionId"),
            secret: text("SecretString"),
        }
    }

    async fn clear(&self) {
        self.control.clear_faults().await.unwrap();
        self.control.set_clock(Timestamp::now()).await.unwrap();
        let outputs = &self.stack.outputs;
        let environment = [
            ("CLOCK_OFFSET_SECONDS", None),
            ("TOPIC_ARN", Some(&*outputs.topic_arn)),
            ("PUBLIC_URL", Some(&*outputs.api_url)),
        ];
        self.set_environment(&environment).await;
        let calls = [("MAX_CALLS_PER_SECOND", Some("20"))];
        self.aws.set_environment(self.renew(), &calls).await.unwrap();
        // No sweep under way, and the stack's URL known: what the last test left may be of a time that is to come.
        let sweep = json!({"id": {"S": "sweep"}, "revision": {"N": "1"}, "url": {"S": outputs.api_url}});
        let put = json!({"TableName": outputs.state_table_name, "Item": sweep});
        self.aws.dynamodb("PutItem", &put).await.unwrap();
    }

    /// Sets environment variables of the functions that work on registrations, until the end of the test.
    pub async fn set_environment(&self, changes: &[(&str, Option<&str>)]) {
        for function in ["renew", "register"] {
            let function = self.stack.function(function).unwrap();
            self.aws.set_environment(function, changes).await.unwrap();
        }
    }

    /// Other tests' registrations are swept, too: faster than by default.
    pub async fn allow_calls(&self, per_second: &str) {
        let calls = [("MAX_CALLS_PER_SECOND", Some(per_second))];
        self.aws.set_environment(self.renew(), &calls).await.unwrap();
    }

    /// Moves OctoEverywhere's clock and the functions' on.
    pub async fn advance(&self, by: SignedDuration) {
        let now = self.control.advance_clock(by).await.unwrap();
        let offset = now.duration_since(Timestamp::now()).as_secs();
        self.set_environment(&[("CLOCK_OFFSET_SECONDS", Some(&offset.to_string()))])
            .await;
    }

    pub async fn now(&self) -> Timestamp {
        self.control.now().await.unwrap()
    }

    pub async fn issue(&self, reference: &str) -> Printer {
        let issued = self.control.issue_printer(&NewPrinter::named(reference)).await.unwrap();
        self.remember(reference, issued)
    }

    /// The same printer with one more token of its App Connection.
    pub async fn issue_another(&self, printer: &Printer) -> Printer {
        let issued = self.control.issue_token(&printer.id).await.unwrap();
        self.remember(&printer.reference, issued)
    }

    fn remember(&self, reference: &str, issued: AppConnection) -> Printer {
        let token = issued.token.expose().to_owned();
        self.issued.borrow_mut().insert(token, issued.printer_id.clone());
        Printer {
            reference: reference.to_owned(),
            id: issued.printer_id,
            token: issued.token,
        }
    }

    /// The same stack in the hands of another tenant.
    pub fn another_tenant(&self) -> Self {
        Self {
            tenant: format!("{}-another", self.tenant),
            ..self.clone()
        }
    }

    /// A printer that is registered.
    pub async fn registered(&self, reference: &str) -> Printer {
        let printer = self.issue(reference).await;
        let (status, shown) = self
            .put(&printer, json!({"appToken": printer.token, "eventTypes": [1]}))
            .await;
        assert_eq!((status, &shown["status"]), (201, &json!("active")), "{shown}");
        printer
    }

    pub async fn put(&self, printer: &Printer, body: Value) -> (u16, Value) {
        self.call(Method::PUT, printer, "", body).await
    }

    pub async fn get(&self, printer: &Printer) -> Value {
        let (status, shown) = self.call(Method::GET, printer, "", Value::Null).await;
        assert_eq!(status, 200, "{shown}");
        shown
    }

    pub async fn call(&self, method: Method, printer: &Printer, what: &str, body: Value) -> (u16, Value) {
        let path = format!("/registrations/{}/{}{what}", self.tenant, printer.reference);
        let answer = self.api.call(method, &path, &body).await.unwrap();
        let text = answer.text();
        assert!(!text.contains(printer.token.expose()), "{text}");
        (answer.status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    pub async fn history(&self, printer: &Printer) -> History {
        self.control.registration(&printer.id).await.unwrap().history
    }

    /// How often OctoEverywhere was asked to set this printer's webhook.
    pub async fn sets_asked(&self, printer: &Printer) -> usize {
        let calls = self.control.calls(&printer.id).await.unwrap();
        calls.iter().filter(|call| call.route == Route::Set).count()
    }

    /// One run of renew, as the schedule would start it; answers with its report.
    pub async fn run(&self) -> Value {
        self.invoke(json!({})).await
    }

    pub async fn invoke(&self, event: Value) -> Value {
        let answer = self.aws.invoke(self.renew(), &event).await;
        answer.unwrap().unwrap_or_else(|error| panic!("renew failed: {error}"))
    }

    /// What Lambda calls renew.
    pub fn renew(&self) -> &str {
        self.stack.function("renew").unwrap()
    }

    pub fn key(&self, printer: &Printer) -> Value {
        json!({"tenantId": {"S": self.tenant}, "printerRef": {"S": printer.reference}})
    }

    /// A registration's row, in DynamoDB's JSON.
    pub async fn row(&self, printer: &Printer) -> Value {
        let request =
            json!({"TableName": self.stack.outputs.table_name, "Key": self.key(printer), "ConsistentRead": true});
        self.aws.dynamodb("GetItem", &request).await.unwrap()["Item"].clone()
    }

    /// Writes a registration straight into the table, as a person may.
    pub async fn write_by_hand(&self, printer: &Printer) {
        let mut item = self.key(printer);
        item["appToken"] = json!({"S": printer.token});
        item["dueAt"] = json!({"N": "0"});
        let put = json!({"TableName": self.stack.outputs.table_name, "Item": item});
        self.aws.dynamodb("PutItem", &put).await.unwrap();
    }

    /// Makes a registration due at once.
    pub async fn make_due(&self, printer: &Printer) {
        let request = json!({
            "TableName": self.stack.outputs.table_name, "Key": self.key(printer),
            "UpdateExpression": "SET dueAt = :past", "ExpressionAttributeValues": {":past": {"N": "1"}},
        });
        self.aws.dynamodb("UpdateItem", &request).await.unwrap();
    }

    /// Moves the clocks on to just after the registration's next attempt.
    pub async fn until_due(&self, printer: &Printer) -> SignedDuration {
        let due: Timestamp = self.get(printer).await["nextAttemptAt"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        let wait = due.duration_since(self.now().await).max(SignedDuration::ZERO);
        // Clocks that are moved by whole seconds, and one of them by way of the other.
        self.advance(wait + SignedDuration::from_secs(3)).await;
        wait
    }
}

/// Looks again until `look` finds it.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let end = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < end, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
