//! What is made for the time of a run, and how it is found again: by its name, whoever made it and however that run ended.

use anyhow::{Context, Result, ensure};
use http::Method;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::account::{Account, Answer, option, soon};
use super::deployed::Deployed;

/// Whose registrations the checks make. No app has a tenant of this name.
pub(super) const TENANT: &str = "printbell-verify-aws";
/// What the messages hold that the checks put into the stack's queues.
pub(super) const MESSAGE: &str = "printbell-verify-aws";
/// A tag of the function whose concurrency the checks took away: what it had before.
const TAG: &str = "printbell-verify-aws";

pub(super) struct Belongings<'a> {
    account: &'a Account,
    stack: &'a Deployed,
    /// What the names of queues and roles begin with.
    pub prefix: String,
    /// Of this run.
    pub run: String,
}

/// A queue that is subscribed to a topic.
pub(super) struct Subscriber<'a> {
    account: &'a Account,
    url: String,
}

impl Subscriber<'_> {
    /// The bodies of the messages that come within ten seconds; they are gone from the queue then.
    pub(super) async fn receive(&self) -> Result<Vec<String>> {
        let arguments = [
            "--queue-url",
            &self.url,
            "--max-number-of-messages",
            "10",
            "--wait-time-seconds",
            "10",
        ];
        let received = self.account.aws("sqs", "receive-message", &arguments).await?;
        let mut bodies = Vec::new();
        for message in received["Messages"].as_array().into_iter().flatten() {
            bodies.push(message["Body"].as_str().unwrap_or_default().to_owned());
            let handle = message["ReceiptHandle"].as_str().context("no receipt handle")?;
            let arguments = ["--queue-url", &self.url, "--receipt-handle", handle];
            self.account.aws("sqs", "delete-message", &arguments).await?;
        }
        Ok(bodies)
    }

    /// Waits for a message that `is_it` takes.
    pub(super) async fn hear<T>(&self, what: &str, is_it: impl Fn(&str) -> Option<T>) -> Result<T> {
        soon(what, async || {
            Ok(self.receive().await?.iter().find_map(|body| is_it(body)))
        })
        .await
    }
}

impl<'a> Belongings<'a> {
    pub(super) fn new(account: &'a Account, stack: &'a Deployed) -> Result<Self> {
        Ok(Self {
            account,
            stack,
            prefix: format!("{}-verify-", stack.name),
            run: format!("{:x}", jiff::Timestamp::now().as_microsecond()),
        })
    }

    /// Makes a queue and subscribes it, as README.md says it.
    pub(super) async fn subscriber(&self, name: &str, topic: &str, filter: Option<Value>) -> Result<Subscriber<'a>> {
        let name = format!("{}{name}-{}", self.prefix, self.run);
        let created = self
            .account
            .aws("sqs", "create-queue", &["--queue-name", &name])
            .await?;
        let url = created["QueueUrl"]
            .as_str()
            .context("a queue without a URL")?
            .to_owned();
        let arguments = ["--queue-url", &url, "--attribute-names", "QueueArn"];
        let attributes = self.account.aws("sqs", "get-queue-attributes", &arguments).await?;
        let arn = attributes["Attributes"]["QueueArn"]
            .as_str()
            .context("a queue without an ARN")?;
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }]});
        let attributes = json!({"QueueUrl": url, "Attributes": {"Policy": policy.to_string()}});
        self.account
            .aws_with("sqs", "set-queue-attributes", &attributes)
            .await?;
        self.subscribe(topic, arn, filter).await?;
        Ok(Subscriber {
            account: self.account,
            url,
        })
    }

    /// A queue whose policy lets nobody in, subscribed all the same.
    pub(super) async fn deaf_subscriber(&self, topic: &str) -> Result<()> {
        let name = format!("{}deaf-{}", self.prefix, self.run);
        let created = self
            .account
            .aws("sqs", "create-queue", &["--queue-name", &name])
            .await?;
        let url = created["QueueUrl"].as_str().context("a queue without a URL")?;
        let arguments = ["--queue-url", url, "--attribute-names", "QueueArn"];
        let attributes = self.account.aws("sqs", "get-queue-attributes", &arguments).await?;
        let arn = attributes["Attributes"]["QueueArn"]
            .as_str()
            .context("a queue without an ARN")?;
        self.subscribe(topic, arn, Some(json!({"tenantId": [TENANT]}))).await
    }

    async fn subscribe(&self, topic: &str, arn: &str, filter: Option<Value>) -> Result<()> {
        let mut attributes = json!({"RawMessageDelivery": "true"});
        if let Some(filter) = filter {
            attributes["FilterPolicy"] = filter.to_string().into();
        }
        let subscribe = json!({"TopicArn": topic, "Protocol": "sqs", "Endpoint": arn, "Attributes": attributes});
        self.account.aws_with("sns", "subscribe", &subscribe).await?;
        Ok(())
    }

    /// Calls the registrations API, signed with the credentials that `aws` has.
    pub(super) async fn call(&self, method: &Method, path: &str, body: &Value) -> Result<Answer> {
        let keys = self.account.keys().await?;
        let (id, secret) = (
            keys.access_key_id.expose_secret(),
            keys.secret_access_key.expose_secret(),
        );
        let mut options = option("url", &format!("{}{path}", self.stack.outputs.api_url));
        options += &option("request", method.as_str());
        options += &option("aws-sigv4", &format!("aws:amz:{}:execute-api", self.stack.region()));
        options += &option("user", &format!("{id}:{secret}"));
        if let Some(token) = keys.session_token {
            options += &option("header", &format!("x-amz-security-token:{}", token.expose_secret()));
        }
        if !body.is_null() {
            options += &option("data", &body.to_string());
        }
        self.account.curl(&options).await
    }

    /// Puts a message into one of the stack's queues.
    pub(super) async fn put_message(&self, queue_url: &str) -> Result<()> {
        let arguments = ["--queue-url", queue_url, "--message-body", MESSAGE];
        self.account.aws("sqs", "send-message", &arguments).await.map(drop)
    }

    /// Takes all concurrency from the receiver, and notes down what it had.
    pub(super) async fn throttle(&self) -> Result<()> {
        let function = &self.stack.outputs.webhook_function_name;
        let arguments = ["--function-name", function.as_str()];
        let before = self
            .account
            .aws("lambda", "get-function-concurrency", &arguments)
            .await?;
        let before = before["ReservedConcurrentExecutions"]
            .as_u64()
            .map_or("none".to_owned(), |count| count.to_string());
        let tag = json!({"Resource": self.webhook_arn().await?, "Tags": {TAG: before}});
        self.account.aws_with("lambda", "tag-resource", &tag).await?;
        let none = ["--function-name", function, "--reserved-concurrent-executions", "0"];
        self.account
            .aws("lambda", "put-function-concurrency", &none)
            .await
            .map(drop)
    }

    /// Gives it back; tells whether there was something to give back.
    pub(super) async fn end_throttle(&self) -> Result<bool> {
        let (function, arn) = (&self.stack.outputs.webhook_function_name, self.webhook_arn().await?);
        let tags = self.account.aws("lambda", "list-tags", &["--resource", &arn]).await?;
        let Some(before) = tags["Tags"][TAG].as_str() else {
            return Ok(false);
        };
        let name = ["--function-name", function.as_str()];
        if before == "none" {
            self.account.aws("lambda", "delete-function-concurrency", &name).await?;
        } else {
            let arguments = [name[0], name[1], "--reserved-concurrent-executions", before];
            self.account
                .aws("lambda", "put-function-concurrency", &arguments)
                .await?;
        }
        let arguments = ["--resource", &arn, "--tag-keys", TAG];
        self.account.aws("lambda", "untag-resource", &arguments).await?;
        Ok(true)
    }

    async fn webhook_arn(&self) -> Result<String> {
        let name = ["--function-name", self.stack.outputs.webhook_function_name.as_str()];
        let function = self.account.aws("lambda", "get-function-configuration", &name).await?;
        Ok(function["FunctionArn"]
            .as_str()
            .context("a function without an ARN")?
            .to_owned())
    }

    /// Removes everything, of this run and of earlier ones; tells how many things it were.
    ///
    /// # Errors
    /// When something couldn't be removed: the first that couldn't; everything else is removed all the same.
    pub(super) async fn remove_all(&self) -> Result<usize> {
        let parts = [
            self.remove_registrations().await,
            self.end_throttle().await.map(usize::from),
            self.remove_messages().await,
            self.remove_subscriptions().await,
            self.remove_queues().await,
            self.remove_roles().await,
        ];
        let mut removed = 0;
        for part in parts {
            removed += part?;
        }
        Ok(removed)
    }

    /// By the API, which also lets go of the token and deletes the webhook.
    async fn remove_registrations(&self) -> Result<usize> {
        let answer = self
            .call(&Method::GET, &format!("/registrations/{TENANT}"), &Value::Null)
            .await?;
        ensure!(
            answer.status == 200,
            "listing the tenant's registrations was answered {}",
            answer.status
        );
        let items = answer.json()?["items"].as_array().cloned().unwrap_or_default();
        for item in &items {
            let printer = item["printerRef"].as_str().unwrap_or_default();
            let path = format!("/registrations/{TENANT}/{printer}");
            soon(&format!("DELETE {path} answered with 204"), async || {
                let answer = self.call(&Method::DELETE, &path, &Value::Null).await?;
                Ok((answer.status == 204).then_some(()))
            })
            .await?;
        }
        Ok(items.len())
    }

    async fn remove_messages(&self) -> Result<usize> {
        let failed_runs = self.stack.resource("FailedRunsQueue")?;
        let mut removed = 0;
        for queue in [&self.stack.outputs.dead_letter_queue_url, failed_runs] {
            let arguments = [
                "--queue-url",
                queue,
                "--max-number-of-messages",
                "10",
                "--visibility-timeout",
                "5",
            ];
            let received = self.account.aws("sqs", "receive-message", &arguments).await?;
            let messages = received["Messages"].as_array().cloned().unwrap_or_default();
            for message in messages.iter().filter(|message| message["Body"] == MESSAGE) {
                let handle = message["ReceiptHandle"].as_str().context("no receipt handle")?;
                let arguments = ["--queue-url", queue, "--receipt-handle", handle];
                self.account.aws("sqs", "delete-message", &arguments).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    async fn remove_subscriptions(&self) -> Result<usize> {
        let mut removed = 0;
        for topic in [&self.stack.outputs.topic_arn, self.stack.resource("AlarmTopic")?] {
            let listed = self
                .account
                .aws("sns", "list-subscriptions-by-topic", &["--topic-arn", topic])
                .await?;
            for one in listed["Subscriptions"].as_array().into_iter().flatten() {
                let name = one["Endpoint"]
                    .as_str()
                    .unwrap_or_default()
                    .rsplit(':')
                    .next()
                    .unwrap_or_default();
                if name.starts_with(&self.prefix) {
                    let arn = one["SubscriptionArn"].as_str().unwrap_or_default();
                    self.account
                        .aws("sns", "unsubscribe", &["--subscription-arn", arn])
                        .await?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }

    async fn remove_queues(&self) -> Result<usize> {
        let listed = self
            .account
            .aws("sqs", "list-queues", &["--queue-name-prefix", &self.prefix])
            .await?;
        let urls = listed["QueueUrls"].as_array().cloned().unwrap_or_default();
        for url in &urls {
            let url = url.as_str().unwrap_or_default();
            self.account.aws("sqs", "delete-queue", &["--queue-url", url]).await?;
        }
        Ok(urls.len())
    }

    async fn remove_roles(&self) -> Result<usize> {
        let listed = self
            .account
            .aws("iam", "list-roles", &["--path-prefix", ROLE_PATH])
            .await?;
        let mut removed = 0;
        for role in listed["Roles"].as_array().into_iter().flatten() {
            let name = role["RoleName"].as_str().unwrap_or_default();
            if name.starts_with(&self.prefix) {
                let policy = ["--role-name", name, "--policy-name", ROLE_POLICY];
                // A run that was ended between the two left a role without it.
                let _ = self.account.aws("iam", "delete-role-policy", &policy).await;
                self.account.aws("iam", "delete-role", &["--role-name", name]).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// A role of this account's that may do what `policy` says; answers with its ARN.
    pub(super) async fn role(&self, policy: &Value) -> Result<String> {
        let caller = self.account.aws("sts", "get-caller-identity", &[]).await?;
        let account = caller["Account"].as_str().context("an account without a number")?;
        let name = format!("{}{}", self.prefix, self.run);
        let anybody = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole",
        }]});
        let role = json!({"RoleName": name, "Path": ROLE_PATH, "AssumeRolePolicyDocument": anybody.to_string()});
        let created = self.account.aws_with("iam", "create-role", &role).await?;
        let policy = json!({"RoleName": name, "PolicyName": ROLE_POLICY, "PolicyDocument": policy.to_string()});
        self.account.aws_with("iam", "put-role-policy", &policy).await?;
        Ok(created["Role"]["Arn"]
            .as_str()
            .context("a role without an ARN")?
            .to_owned())
    }
}

/// Where roles of this command's are.
const ROLE_PATH: &str = "/printbell-verify/";
/// What the one policy of each is called.
const ROLE_POLICY: &str = "verify";
