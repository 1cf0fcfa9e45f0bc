//! A stack of this test's own, that takes over what another one left: so its roles have every statement that there is.

use std::cell::Cell;
use std::time::Duration;

use http::Method;
use printbell_harness::aws::{Aws, xml_texts};
use printbell_harness::deployment::physical_id;
use printbell_harness::fixtures::SigningKey;
use printbell_harness::stack::Stack;
use printbell_simulator::{Fault, Route};
use serde_json::{Value, json};

use super::policy::Role;
use crate::restore::Operator;
use crate::world::{MINUTE, Printer, World};

/// The stack's name.
pub const NAME: &str = "printbell-privilege";
/// What the earlier stack left.
pub const OLD_TABLE: &str = "printbell-privilege-old";
/// The version of the earlier stack's secret.
const OLD_VERSION: &str = "3f1e2d3c-0000-4000-8000-000000000004";
/// How our labels begin.
const LABEL: &str = "printbell-";

/// Longest wait for a message that comes by itself. Both ways out of the receiver take eight seconds together.
const PATIENCE: Duration = Duration::from_secs(12);

/// What a role's call, or a function's, comes to.
pub type Outcome = Result<(), String>;

/// The stack, with a registration in it.
pub struct Stage {
    pub world: World,
    pub roles: Vec<Role>,
    /// What the resources are called here, by how their ARNs begin; the longest first.
    names: Vec<(String, &'static str)>,
    /// The stack's own key, and the earlier stack's.
    pub key: SigningKey,
    pub old_key: SigningKey,
    pub old_secret: String,
    pub old_key_arn: String,
    pub failed_runs_queue: String,
    pub alarm_topic: String,
    /// A registration that is active.
    pub kept: Printer,
    /// The tables with it, and nothing to do.
    pub quiet: Snapshot,
    /// With it being deleted.
    pub deleting: Snapshot,
    /// With the earlier stack's table looked at, and nothing taken over yet.
    pub looked: Snapshot,
    /// With everything taken over, and the old secret counting to the last.
    pub ending: Snapshot,
    /// What waited in the fallback queue: an authentic notification; a callback that nobody had verified yet, under the stack's key and
    /// the old one; one whose body is no JSON.
    pub letters: [Value; 4],
    /// The queue that hears what the topic says.
    heard: String,
    mapping: String,
    processes: Cell<u32>,
}

/// What both tables hold.
pub struct Snapshot([(String, Vec<Value>); 2]);

/// Where a callback has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Topic,
    FallbackQueue,
    DeadLetterQueue,
}

impl Stage {
    /// Deploys it, and brings it to where nothing is to be done.
    pub async fn set(operator: &mut Operator) -> Self {
        let (old_key_arn, old_secret, old_key) = leave_something(&operator.world).await;
        operator
            .runs(&format!(
                "deploy RestoreFromTable={OLD_TABLE} RestoreKeyArn={old_key_arn} RestoreSecretArn={old_secret}"
            ))
            .await;
        let world = operator.world().await;
        let mapping = redrive_s_mapping(&world).await;
        let mut stage = Self {
            roles: roles(&world).await,
            names: names(&world, &old_key_arn, &old_secret).await,
            key: world.signing_key().await,
            kept: world.issue("kept").await,
            heard: hears(&world).await,
            quiet: Snapshot::take(&world).await,
            deleting: Snapshot::take(&world).await,
            looked: Snapshot::take(&world).await,
            ending: Snapshot::take(&world).await,
            letters: Default::default(),
            processes: Cell::default(),
            failed_runs_queue: physical(&world, "FailedRunsQueue").await,
            alarm_topic: physical(&world, "AlarmTopic").await,
            old_key,
            old_key_arn,
            old_secret,
            mapping,
            world,
        };
        stage.redrives(false).await;
        for topic in [&stage.world.stack.outputs.topic_arn, &stage.alarm_topic] {
            leave_to_iam(&stage.world, topic).await;
        }
        stage.fill().await;
        stage.letters = stage.collect_letters().await;
        stage
    }

    async fn fill(&mut self) {
        let world = &self.world;
        let put = world.put(&self.kept, json!({"appToken": self.kept.token})).await;
        assert_eq!(put.0, 201, "{}", put.1);
        // A row as an earlier stack left it.
        let old = world.registered("old").await;
        let row = json!({"TableName": OLD_TABLE, "Item": world.row(&old).await});
        world.aws.dynamodb("PutItem", &row).await.unwrap();
        // A DELETE would be final, while there is a restore.
        self.remove_by_hand(&old).await;

        world.run().await;
        self.looked = Snapshot::take(world).await;
        world.advance(MINUTE * 21).await;
        loop {
            let before = Snapshot::take(world).await;
            let report = world.run().await;
            if self.old_labels().await.is_empty() {
                self.ending = before;
                assert_eq!(
                    (&report["restores"], &report["sweeps"]),
                    (&json!(0), &json!(0)),
                    "{report}"
                );
                break;
            }
        }
        self.quiet = Snapshot::take(world).await;

        let failing = Fault::answer(500).on(Route::Delete).for_printer(&self.kept.id);
        world.control.add_fault(&failing).await.unwrap();
        let (status, answer) = world.call(Method::DELETE, &self.kept, "", Value::Null).await;
        assert_eq!(status, 202, "{answer}");
        world.control.clear_faults().await.unwrap();
        world.make_due(&self.kept).await;
        self.deleting = Snapshot::take(world).await;
    }

    async fn collect_letters(&self) -> [Value; 4] {
        label(&self.world, &self.old_secret, OLD_VERSION, true).await;
        let nowhere = format!("{}-nowhere", self.world.stack.outputs.topic_arn);
        let nobody = format!("{}-nobody", self.old_secret);
        let no_keys = [
            ("CALLBACK_SECRET_ARN", nobody.as_str()),
            ("RESTORE_SECRET_ARN", &nobody),
        ];
        let letter = async |changes: &[(&str, &str)], key, body| {
            self.begin("webhook", changes).await;
            assert_eq!(self.callback(key, body).await, 200);
            let found = self.arrival().await;
            let (place, letter) = found.unwrap();
            assert_eq!(place, Place::FallbackQueue, "{letter}");
            letter
        };
        [
            letter(&[("TOPIC_ARN", &nowhere)], &self.key, PRINT).await,
            letter(&no_keys, &self.key, PRINT).await,
            letter(&no_keys, &self.old_key, PRINT).await,
            letter(&no_keys, &self.key, "no JSON").await,
        ]
    }

    /// What a resource is called here.
    pub fn name_of(&self, arn: &str) -> String {
        let known = self
            .names
            .iter()
            .find_map(|(begins, name)| Some((name, arn.strip_prefix(begins)?)));
        match known {
            // A stream's label is the time at which it was made.
            Some((name, rest)) if rest.starts_with("/stream/") => format!("{name}/stream"),
            Some((name, rest)) => format!("{name}{rest}"),
            None => arn.to_owned(),
        }
    }

    /// Puts a role's policy in place of its present one.
    pub async fn put_policy(&self, role: &Role, document: &Value) {
        let policy = [
            ("RoleName", role.id()),
            ("PolicyName", role.name),
            ("PolicyDocument", &document.to_string()),
        ];
        self.world.aws.iam("PutRolePolicy", &policy).await.unwrap();
    }

    /// A client in the name of a role, which it lets the account in for.
    pub async fn in_the_name_of(&self, role: &Role) -> Aws {
        let anybody = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole",
        }]});
        let trust = [("RoleName", role.id()), ("PolicyDocument", &anybody.to_string())];
        self.world.aws.iam("UpdateAssumeRolePolicy", &trust).await.unwrap();
        let session = self.world.aws.assume_role(&role.arn, "privilege").await.unwrap();
        self.world.aws.as_principal(session)
    }

    /// A function in a process that knows nothing yet, with queues that are empty and the variables that the stack gave it, but for
    /// these.
    pub async fn begin(&self, function: &str, changes: &[(&str, &str)]) {
        let outputs = &self.world.stack.outputs;
        for queue in [&self.heard, &outputs.fallback_queue_url, &outputs.dead_letter_queue_url] {
            let purge = json!({"QueueUrl": queue});
            self.world.aws.sqs("PurgeQueue", &purge).await.unwrap();
        }
        self.processes.update(|number| number + 1);
        let number = self.processes.get().to_string();
        let mut variables = vec![
            ("PROCESS", Some(number.as_str())),
            ("TOPIC_ARN", Some(&outputs.topic_arn)),
            ("CALLBACK_SECRET_ARN", Some(&outputs.callback_secret_arn)),
            ("RESTORE_SECRET_ARN", Some(&self.old_secret)),
        ];
        variables.extend(changes.iter().map(|(name, value)| (*name, Some(*value))));
        self.world.stack.set_environment(function, &variables).await.unwrap();
    }

    /// Sends a callback to the HTTP API, and tells its status.
    pub async fn callback(&self, key: &SigningKey, body: &str) -> u16 {
        let path = format!("/octoeverywhere/webhook?{}", key.query_for(&self.world.tenant, "kept"));
        let answer = self.world.api.call_unsigned(Method::POST, &path, body.to_owned()).await;
        answer.unwrap().status
    }

    /// Where something has come to, and what; nothing comes again.
    pub async fn arrival(&self) -> Result<(Place, Value), String> {
        let outputs = &self.world.stack.outputs;
        let places = [
            (Place::Topic, &self.heard),
            (Place::FallbackQueue, &outputs.fallback_queue_url),
            (Place::DeadLetterQueue, &outputs.dead_letter_queue_url),
        ];
        let end = tokio::time::Instant::now() + PATIENCE;
        while tokio::time::Instant::now() < end {
            for (place, queue) in places {
                if let Some(message) = self.receive(queue, 600).await {
                    return Ok((place, message));
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err("it is nowhere".to_owned())
    }

    /// A message that nobody else gets for so many seconds.
    async fn receive(&self, queue: &str, seconds: u32) -> Option<Value> {
        let request = json!({
            "QueueUrl": queue, "MaxNumberOfMessages": 1, "VisibilityTimeout": seconds,
            "AttributeNames": ["All"], "MessageAttributeNames": ["All"],
        });
        let received = self.world.aws.sqs("ReceiveMessage", &request).await.unwrap();
        received["Messages"].as_array()?.first().cloned()
    }

    /// Puts a letter into the fallback queue and takes it out again, as Lambda does; so long has redrive for it.
    pub async fn queued(&self, letter: &Value, seconds: u32) -> Value {
        let queue = &self.world.stack.outputs.fallback_queue_url;
        let send = json!({
            "QueueUrl": queue, "MessageBody": letter["Body"], "MessageAttributes": letter["MessageAttributes"],
        });
        self.world.aws.sqs("SendMessage", &send).await.unwrap();
        self.receive(queue, seconds).await.unwrap()
    }

    /// Whether a message can be had that was put off.
    pub async fn is_visible(&self) -> bool {
        let queue = &self.world.stack.outputs.fallback_queue_url;
        self.receive(queue, 600).await.is_some()
    }

    /// Hands a letter to redrive, as Lambda does what it got from the queue; tells whether it comes back later.
    pub async fn redrive(&self, message: &Value) -> bool {
        let attributes = message["MessageAttributes"].as_object().cloned().unwrap_or_default();
        let attributes: serde_json::Map<_, _> = attributes
            .into_iter()
            .map(|(name, value)| {
                let value = json!({"stringValue": value["StringValue"], "dataType": value["DataType"]});
                (name, value)
            })
            .collect();
        let event = json!({"Records": [{
            "messageId": message["MessageId"], "receiptHandle": message["ReceiptHandle"], "body": message["Body"],
            "attributes": message["Attributes"], "messageAttributes": attributes, "eventSource": "aws:sqs",
            "eventSourceARN": self.world.stack.outputs.fallback_queue_arn, "awsRegion": self.world.stack.region,
        }]});
        let function = self.world.stack.function("redrive").unwrap();
        let answer = self.world.aws.invoke(function, &event).await.unwrap().unwrap();
        answer["batchItemFailures"] != json!([])
    }

    /// Invokes renew; an error is what it says.
    pub async fn renew(&self, event: Value) -> Result<Value, String> {
        let answer = self.world.aws.invoke(self.world.renew(), &event).await.unwrap();
        answer.map_err(|error| error.to_string())
    }

    /// Has the fallback queue worked off by itself, or not.
    pub async fn redrives(&self, is_on: bool) {
        let path = format!("/2015-03-31/event-source-mappings/{}", self.mapping);
        let change = json!({"Enabled": is_on});
        self.world.aws.lambda(Method::PUT, &path, &change).await.unwrap();
    }

    /// Makes the stack's secret one that nobody has looked at.
    pub async fn forget_keys(&self) {
        let world = &self.world;
        label(
            world,
            &world.stack.outputs.callback_secret_arn,
            self.key.version_id,
            false,
        )
        .await;
        let keys = json!({"TableName": world.stack.outputs.state_table_name, "Key": {"id": {"S": "keys"}}});
        world.aws.dynamodb("DeleteItem", &keys).await.unwrap();
    }

    /// Has one more key count, or not: not the current one.
    pub async fn count_another(&self, counts: bool) {
        let (world, key) = (&self.world, ANOTHER_KEY);
        let secret = &world.stack.outputs.callback_secret_arn;
        let name = format!("{LABEL}{}", key.key_id());
        if counts {
            let version = json!({
                "SecretId": secret, "SecretString": key.secret, "ClientRequestToken": key.version_id, "VersionStages": [name],
            });
            world.aws.secrets("PutSecretValue", &version).await.unwrap();
        } else {
            label(world, secret, key.version_id, false).await;
        }
    }

    /// Has the old secret's key count again, or not.
    pub async fn label_old(&self, is_labelled: bool) {
        label(&self.world, &self.old_secret, OLD_VERSION, is_labelled).await;
    }

    pub async fn own_labels(&self) -> Vec<String> {
        self.world
            .labels_of(&self.world.stack.outputs.callback_secret_arn)
            .await
    }

    pub async fn old_labels(&self) -> Vec<String> {
        self.world.labels_of(&self.old_secret).await
    }

    /// What the table says of a printer, as its owner sees it.
    pub async fn row(&self, printer: &Printer) -> Option<Value> {
        Some(self.world.row(printer).await).filter(Value::is_object)
    }

    /// The registration that the earlier stack had.
    pub fn old(&self) -> Printer {
        self.kept.renamed("old")
    }

    /// Removes a row as a person may: what it claims stays.
    pub async fn remove_by_hand(&self, printer: &Printer) {
        let outputs = &self.world.stack.outputs;
        let delete = json!({"TableName": outputs.table_name, "Key": self.world.key(printer)});
        self.world.aws.dynamodb("DeleteItem", &delete).await.unwrap();
    }

    /// Writes a row by hand that the stream has told of already.
    pub async fn adopted(&self, printer: &Printer) {
        let mut item = self.world.key(printer);
        item["appToken"] = json!({"S": printer.token});
        item["dueAt"] = json!({"N": "1"});
        item["dueShard"] = json!({"N": "0"});
        let put = json!({"TableName": self.world.stack.outputs.table_name, "Item": item});
        self.world.aws.dynamodb("PutItem", &put).await.unwrap();
    }

    /// The items of both tables that are a printer's.
    pub async fn mentions(&self, printer: &Printer) -> Vec<Value> {
        let Snapshot(tables) = Snapshot::take(&self.world).await;
        let items = tables.into_iter().flat_map(|(_, items)| items);
        let reference = json!({"S": printer.reference});
        items.filter(|item| item["printerRef"] == reference).collect()
    }

    /// Whether `State` has an item of this id.
    pub async fn has_state(&self, id: &str) -> bool {
        let get = json!({"TableName": self.world.stack.outputs.state_table_name, "Key": {"id": {"S": id}}});
        self.world
            .aws
            .dynamodb("GetItem", &get)
            .await
            .unwrap()
            .get("Item")
            .is_some()
    }

    /// Removes what the earlier stack left; the stack itself is removed by hand, as a person does.
    pub async fn clear(&self) {
        let aws = &self.world.aws;
        aws.dynamodb("DeleteTable", &json!({"TableName": OLD_TABLE}))
            .await
            .unwrap();
        let secret = json!({"SecretId": self.old_secret, "ForceDeleteWithoutRecovery": true});
        aws.secrets("DeleteSecret", &secret).await.unwrap();
        aws.sqs("DeleteQueue", &json!({"QueueUrl": self.heard})).await.unwrap();
    }
}

impl Snapshot {
    pub async fn take(world: &World) -> Self {
        let outputs = &world.stack.outputs;
        let mut tables = [&outputs.table_name, &outputs.state_table_name].map(|table| (table.clone(), Vec::new()));
        for (table, items) in &mut tables {
            items.extend(scan(world, table).await);
        }
        Self(tables)
    }

    pub async fn put_back(&self, world: &World) {
        let keys = ["tenantId", "printerRef", "id"];
        for (table, items) in &self.0 {
            for item in scan(world, table).await {
                let key: serde_json::Map<_, _> = keys
                    .iter()
                    .filter_map(|name| Some(((*name).to_owned(), item.get(*name)?.clone())))
                    .collect();
                // An item of `State` has a tenant too.
                let key = match key.get("id") {
                    Some(id) => json!({"id": id}),
                    None => key.into(),
                };
                let delete = json!({"TableName": table, "Key": key});
                world.aws.dynamodb("DeleteItem", &delete).await.unwrap();
            }
            for item in items {
                let put = json!({"TableName": table, "Item": item});
                world.aws.dynamodb("PutItem", &put).await.unwrap();
            }
        }
    }
}

async fn scan(world: &World, table: &str) -> Vec<Value> {
    let scan = json!({"TableName": table, "ConsistentRead": true});
    let found = world.aws.dynamodb("Scan", &scan).await.unwrap();
    found["Items"].as_array().unwrap().clone()
}

/// A key that counts by its label alone.
pub const ANOTHER_KEY: SigningKey = SigningKey {
    version_id: "4f1e2d3c-0000-4000-8000-000000000005",
    secret: "a key that was current before",
};

/// What a callback says here.
pub const PRINT: &str = r#"{"PrinterId":"x","PrintId":"y","EventType":2,"DurationSec":60}"#;

/// A table, a key and a secret, as an earlier stack leaves them: the key's and the secret's ARNs, and what it signed with.
async fn leave_something(world: &World) -> (String, String, SigningKey) {
    let aws = &world.aws;
    let table = json!({
        "TableName": OLD_TABLE, "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "tenantId", "AttributeType": "S"}, {"AttributeName": "printerRef", "AttributeType": "S"},
        ],
        "KeySchema": [{"AttributeName": "tenantId", "KeyType": "HASH"}, {"AttributeName": "printerRef", "KeyType": "RANGE"}],
    });
    aws.dynamodb("CreateTable", &table).await.unwrap();
    let key = aws.json("kms", "TrentService", "CreateKey", &json!({})).await.unwrap();
    let signing = SigningKey {
        version_id: OLD_VERSION,
        secret: "what an earlier stack signed with",
    };
    let created = json!({"Name": OLD_TABLE, "SecretString": "what it began with"});
    let created = aws.secrets("CreateSecret", &created).await.unwrap();
    let secret = created["ARN"].as_str().unwrap().to_owned();
    let version = json!({"SecretId": secret, "SecretString": signing.secret, "ClientRequestToken": signing.version_id});
    aws.secrets("PutSecretValue", &version).await.unwrap();
    label(world, &secret, OLD_VERSION, true).await;
    (key["KeyMetadata"]["Arn"].as_str().unwrap().to_owned(), secret, signing)
}

/// Has a version bear its label, or not.
async fn label(world: &World, secret: &str, version: &str, is_labelled: bool) {
    let name = format!("{LABEL}{}", &version[..8]);
    let labels = world.labels_of(secret).await;
    if labels.contains(&name) == is_labelled {
        return;
    }
    let which = if is_labelled {
        "MoveToVersionId"
    } else {
        "RemoveFromVersionId"
    };
    let stage = json!({"SecretId": secret, "VersionStage": name, which: version});
    world.aws.secrets("UpdateSecretVersionStage", &stage).await.unwrap();
}

async fn physical(world: &World, logical_id: &str) -> String {
    physical_id(&world.aws, NAME, logical_id).await.unwrap()
}

async fn roles(world: &World) -> Vec<Role> {
    let mut roles = Vec::new();
    for (logical, name) in [
        ("WebhookRole", "webhook"),
        ("RedriveRole", "redrive"),
        ("RegisterRole", "register"),
        ("RenewRole", "renew"),
        ("ScheduleRole", "schedule"),
    ] {
        let id = physical(world, logical).await;
        let id = id.rsplit('/').next().unwrap();
        let role = world.aws.iam("GetRole", &[("RoleName", id)]).await.unwrap();
        let policy = [("RoleName", id), ("PolicyName", name)];
        let policy = world.aws.iam("GetRolePolicy", &policy).await.unwrap();
        let document = xml_texts(&policy, "PolicyDocument").pop().unwrap();
        let document = percent_encoding::percent_decode_str(&document).decode_utf8_lossy();
        roles.push(Role {
            name,
            arn: xml_texts(&role, "Arn").pop().unwrap(),
            document: serde_json::from_str(&document).unwrap(),
        });
    }
    roles
}

async fn names(world: &World, old_key: &str, old_secret: &str) -> Vec<(String, &'static str)> {
    let Stack { outputs, region, .. } = &world.stack;
    let mut names = vec![
        (outputs.topic_arn.clone(), "Topic"),
        (outputs.fallback_queue_arn.clone(), "FallbackQueue"),
        (outputs.dead_letter_queue_arn.clone(), "DeadLetterQueue"),
        (outputs.callback_secret_arn.clone(), "CallbackSecret"),
        (outputs.key_arn.clone(), "DataKey"),
        (old_key.to_owned(), "the old key"),
        (old_secret.to_owned(), "the old secret"),
    ];
    let account = outputs.topic_arn.split(':').nth(4).unwrap();
    for (table, name) in [
        (outputs.table_name.as_str(), "Registrations"),
        (&outputs.state_table_name, "State"),
        (OLD_TABLE, "the old table"),
    ] {
        names.push((format!("arn:aws:dynamodb:{region}:{account}:table/{table}"), name));
    }
    let failed = physical(world, "FailedRunsQueue").await;
    let failed = failed.rsplit('/').next().unwrap();
    names.push((format!("arn:aws:sqs:{region}:{account}:{failed}"), "FailedRunsQueue"));
    for (name, function) in &world.stack.functions {
        let name = match name.as_str() {
            "renew" => "RenewFunction",
            _ => continue,
        };
        names.push((format!("arn:aws:lambda:{region}:{account}:function:{function}"), name));
    }
    names.push((
        format!("arn:aws:logs:{region}:{account}:log-group:/aws/lambda/{NAME}/"),
        "log of ",
    ));
    names.sort_by_key(|(begins, _)| std::cmp::Reverse(begins.len()));
    names
}

/// Has a topic's policy speak for nobody, so that a role's own decides. The one that each topic begins with is for the account's owner;
/// the emulator takes everybody in the account for that, and AWS doesn't ("no identity-based policy allows the SNS:Publish action").
async fn leave_to_iam(world: &World, topic: &str) {
    let account = topic.split(':').nth(4).unwrap();
    let owner = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{account}:root")},
        "Action": ["sns:Publish", "sns:Subscribe"], "Resource": topic,
    }]});
    let policy = [
        ("TopicArn", topic),
        ("AttributeName", "Policy"),
        ("AttributeValue", &owner.to_string()),
    ];
    world.aws.sns("SetTopicAttributes", &policy).await.unwrap();
}

/// A queue that hears everything that the topic says.
async fn hears(world: &World) -> String {
    let created = world.aws.sqs("CreateQueue", &json!({"QueueName": NAME})).await.unwrap();
    let queue = created["QueueUrl"].as_str().unwrap().to_owned();
    let request = json!({"QueueUrl": queue, "AttributeNames": ["QueueArn"]});
    let attributes = world.aws.sqs("GetQueueAttributes", &request).await.unwrap();
    let arn = attributes["Attributes"]["QueueArn"].as_str().unwrap();
    let topic_may_send = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn,
    }]});
    let policy = json!({"QueueUrl": queue, "Attributes": {"Policy": topic_may_send.to_string()}});
    world.aws.sqs("SetQueueAttributes", &policy).await.unwrap();
    let subscribe = [
        ("TopicArn", world.stack.outputs.topic_arn.as_str()),
        ("Protocol", "sqs"),
        ("Endpoint", arn),
    ];
    world.aws.sns("Subscribe", &subscribe).await.unwrap();
    queue
}

/// What hands the fallback queue's messages to redrive.
async fn redrive_s_mapping(world: &World) -> String {
    let path = format!(
        "/2015-03-31/event-source-mappings?FunctionName={}",
        world.stack.function("redrive").unwrap()
    );
    let mappings = world
        .aws
        .lambda(Method::GET, &path, &Value::Null)
        .await
        .unwrap()
        .json()
        .unwrap();
    mappings["EventSourceMappings"][0]["UUID"].as_str().unwrap().to_owned()
}
