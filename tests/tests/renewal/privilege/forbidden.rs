//! Calls, and the roles that may make them. Every other role is denied each of them, in its own name.

use http::Method;
use printbell_harness::aws::{Aws, encode};
use serde_json::{Value, json};

use super::stage::Stage;

/// A call, by who may make it.
pub struct Call {
    /// `dynamodb:GetItem`.
    pub action: &'static str,
    /// On what, as it is called here.
    pub resource: &'static str,
    /// The roles that may.
    pub may: &'static [&'static str],
    request: Request,
}

enum Request {
    /// The service, its prefix, and the body of AWS JSON.
    Json(&'static str, &'static str, Value),
    /// The service, its version, and the parameters of AWS Query.
    Query(&'static str, &'static str, Vec<(&'static str, String)>),
    /// Of Lambda's REST API.
    Lambda(Method, String, Value),
}

const ALL: &[&str] = &["webhook", "redrive", "register", "renew"];
const ON_ROWS: &[&str] = &["register", "renew"];
const NOBODY: &[&str] = &[];

impl Call {
    /// Makes it in the name of a role, and tells whether it is denied for want of a permission; an error is what else comes of it.
    pub async fn is_denied(&self, aws: &Aws) -> Result<(), String> {
        let (_, operation) = self.action.split_once(':').unwrap();
        let outcome = match &self.request {
            Request::Json(service, prefix, body) => aws.json(service, prefix, operation, body).await.map(drop),
            Request::Query(service, version, parameters) => {
                let parameters: Vec<_> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
                aws.query(service, version, operation, &parameters).await.map(drop)
            }
            Request::Lambda(method, path, body) => aws.lambda(method.clone(), path, body).await.map(drop),
        };
        let refusal = match outcome {
            Ok(()) => return Err("it is answered".to_owned()),
            Err(error) => format!("{error:#}"),
        };
        let expected = format!("not authorized to perform: {}", self.action);
        if refusal.contains(&expected) {
            Ok(())
        } else {
            Err(refusal)
        }
    }
}

/// All of them, on what the stack has.
pub fn calls(stage: &Stage) -> Vec<Call> {
    let mut calls = Vec::new();
    of_tables(stage, &mut calls);
    of_secrets(stage, &mut calls);
    of_keys(stage, &mut calls);
    of_messages(stage, &mut calls);
    of_the_rest(stage, &mut calls);
    calls
}

fn of_tables(stage: &Stage, calls: &mut Vec<Call>) {
    let outputs = &stage.world.stack.outputs;
    let row = stage.world.key(&stage.kept);
    let item = json!({"id": {"S": "x"}});
    let tenant = json!({":tenant": {"S": "x"}});
    let tables = [
        ("Registrations", outputs.table_name.as_str(), &row, "tenantId = :tenant"),
        ("State", &outputs.state_table_name, &item, "id = :tenant"),
        ("the old table", super::stage::OLD_TABLE, &row, "tenantId = :tenant"),
    ];
    for (name, table, key, condition) in tables {
        let is = |which: &str| which == name;
        let may = |roles, tables: &[&str]| {
            if tables.iter().any(|table| is(table)) {
                roles
            } else {
                NOBODY
            }
        };
        let both: &[&str] = &["Registrations", "State"];
        let renew: &[&str] = &["renew"];
        let scans = match name {
            "Registrations" => ON_ROWS,
            "State" => NOBODY,
            _ => renew,
        };
        let operations = [
            (
                "dynamodb:GetItem",
                may(ON_ROWS, both),
                json!({"TableName": table, "Key": key}),
            ),
            (
                "dynamodb:PutItem",
                may(renew, &["Registrations"]),
                json!({"TableName": table, "Item": key}),
            ),
            (
                "dynamodb:UpdateItem",
                may(ON_ROWS, both),
                json!({"TableName": table, "Key": key}),
            ),
            (
                "dynamodb:DeleteItem",
                may(ON_ROWS, both),
                json!({"TableName": table, "Key": key}),
            ),
            (
                "dynamodb:Query",
                may(ON_ROWS, &["Registrations"]),
                json!({"TableName": table, "KeyConditionExpression": condition, "ExpressionAttributeValues": tenant}),
            ),
            ("dynamodb:Scan", scans, json!({"TableName": table})),
            (
                "dynamodb:BatchGetItem",
                NOBODY,
                json!({"RequestItems": {table: {"Keys": [key]}}}),
            ),
            (
                "dynamodb:BatchWriteItem",
                NOBODY,
                json!({"RequestItems": {table: [{"DeleteRequest": {"Key": key}}]}}),
            ),
            (
                "dynamodb:DescribeTable",
                may(renew, &["Registrations", "the old table"]),
                json!({"TableName": table}),
            ),
            (
                "dynamodb:UpdateTable",
                NOBODY,
                json!({"TableName": table, "DeletionProtectionEnabled": false}),
            ),
            ("dynamodb:DeleteTable", NOBODY, json!({"TableName": table})),
            (
                "dynamodb:CreateBackup",
                NOBODY,
                json!({"TableName": table, "BackupName": "stolen"}),
            ),
            (
                "dynamodb:UpdateContinuousBackups",
                NOBODY,
                json!({"TableName": table, "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": false}}),
            ),
        ];
        for (action, may, body) in operations {
            calls.push(Call {
                action,
                resource: name,
                may,
                request: Request::Json("dynamodb", "DynamoDB_20120810", body),
            });
        }
    }
    let index = |condition: &str| {
        json!({
            "TableName": outputs.table_name, "IndexName": "due", "KeyConditionExpression": condition,
            "ExpressionAttributeValues": {":shard": {"N": "0"}},
        })
    };
    calls.push(Call {
        action: "dynamodb:Query",
        resource: "Registrations/index/due",
        may: &["renew"],
        request: Request::Json("dynamodb", "DynamoDB_20120810", index("dueShard = :shard")),
    });
    calls.push(Call {
        action: "dynamodb:Scan",
        resource: "Registrations/index/due",
        may: NOBODY,
        request: Request::Json(
            "dynamodb",
            "DynamoDB_20120810",
            json!({"TableName": outputs.table_name, "IndexName": "due"}),
        ),
    });
}

fn of_secrets(stage: &Stage, calls: &mut Vec<Call>) {
    let own = stage.world.stack.outputs.callback_secret_arn.as_str();
    let another = format!("{}-another", stage.old_secret);
    let label = |secret: &str| json!({"SecretId": secret, "VersionStage": "printbell-x", "MoveToVersionId": "x"});
    let readers: &[&str] = &["webhook", "redrive"];
    let lookers: &[&str] = &["webhook", "redrive", "renew"];
    let renew: &[&str] = &["renew"];
    for (name, secret, describe, get, labels) in [
        ("CallbackSecret", own, ALL, ALL, ON_ROWS),
        ("the old secret", &*stage.old_secret, lookers, readers, renew),
        ("a secret of somebody else's", &*another, NOBODY, NOBODY, NOBODY),
    ] {
        let which = json!({"SecretId": secret});
        let value = json!({"SecretId": secret, "SecretString": "x"});
        let policy = json!({"SecretId": secret, "ResourcePolicy": "{}"});
        for (action, may, body) in [
            ("secretsmanager:DescribeSecret", describe, which.clone()),
            ("secretsmanager:GetSecretValue", get, which.clone()),
            ("secretsmanager:UpdateSecretVersionStage", labels, label(secret)),
            ("secretsmanager:PutSecretValue", NOBODY, value.clone()),
            ("secretsmanager:UpdateSecret", NOBODY, value),
            ("secretsmanager:DeleteSecret", NOBODY, which.clone()),
            ("secretsmanager:RotateSecret", NOBODY, which),
            ("secretsmanager:PutResourcePolicy", NOBODY, policy),
        ] {
            calls.push(Call {
                action,
                resource: name,
                may,
                request: Request::Json("secretsmanager", "secretsmanager", body),
            });
        }
    }
}

/// By themselves, and not through the service: nobody.
fn of_keys(stage: &Stage, calls: &mut Vec<Call>) {
    let key = stage.world.stack.outputs.key_arn.as_str();
    let other = stage.old_key_arn.as_str();
    for (name, key) in [("DataKey", key), ("the old key", other)] {
        let role = "arn:aws:iam::000000000000:role/x";
        for (action, body) in [
            ("kms:Decrypt", json!({"KeyId": key, "CiphertextBlob": "AAAA"})),
            ("kms:Encrypt", json!({"KeyId": key, "Plaintext": "AAAA"})),
            ("kms:GenerateDataKey", json!({"KeyId": key, "KeySpec": "AES_256"})),
            (
                "kms:CreateGrant",
                json!({"KeyId": key, "GranteePrincipal": role, "Operations": ["Decrypt"]}),
            ),
            ("kms:DescribeKey", json!({"KeyId": key})),
            ("kms:GetKeyPolicy", json!({"KeyId": key, "PolicyName": "default"})),
            (
                "kms:PutKeyPolicy",
                json!({"KeyId": key, "PolicyName": "default", "Policy": "{}"}),
            ),
            ("kms:DisableKey", json!({"KeyId": key})),
            (
                "kms:ScheduleKeyDeletion",
                json!({"KeyId": key, "PendingWindowInDays": 7}),
            ),
        ] {
            calls.push(Call {
                action,
                resource: name,
                may: NOBODY,
                request: Request::Json("kms", "TrentService", body),
            });
        }
    }
}

fn of_messages(stage: &Stage, calls: &mut Vec<Call>) {
    let outputs = &stage.world.stack.outputs;
    let redrive: &[&str] = &["redrive"];
    for (name, queue, sends, receives) in [
        ("FallbackQueue", &outputs.fallback_queue_url, &["webhook"][..], redrive),
        (
            "DeadLetterQueue",
            &outputs.dead_letter_queue_url,
            &["webhook", "redrive"],
            NOBODY,
        ),
        (
            "FailedRunsQueue",
            &stage.failed_runs_queue,
            &["renew", "schedule"],
            NOBODY,
        ),
    ] {
        for (action, may, body) in [
            ("sqs:SendMessage", sends, json!({"QueueUrl": queue, "MessageBody": "x"})),
            ("sqs:ReceiveMessage", receives, json!({"QueueUrl": queue})),
            (
                "sqs:DeleteMessage",
                receives,
                json!({"QueueUrl": queue, "ReceiptHandle": "x"}),
            ),
            (
                "sqs:ChangeMessageVisibility",
                receives,
                json!({"QueueUrl": queue, "ReceiptHandle": "x", "VisibilityTimeout": 1}),
            ),
            (
                "sqs:GetQueueAttributes",
                receives,
                json!({"QueueUrl": queue, "AttributeNames": ["All"]}),
            ),
            (
                "sqs:SetQueueAttributes",
                NOBODY,
                json!({"QueueUrl": queue, "Attributes": {"Policy": ""}}),
            ),
            ("sqs:PurgeQueue", NOBODY, json!({"QueueUrl": queue})),
            ("sqs:DeleteQueue", NOBODY, json!({"QueueUrl": queue})),
        ] {
            calls.push(Call {
                action,
                resource: name,
                may,
                request: Request::Json("sqs", "AmazonSQS", body),
            });
        }
    }
    for (name, topic, publishes) in [
        ("Topic", &outputs.topic_arn, ALL),
        ("AlarmTopic", &stage.alarm_topic, NOBODY),
    ] {
        let arn = ("TopicArn", topic.clone());
        let text = |name, value: &str| (name, value.to_owned());
        for (action, may, parameters) in [
            ("sns:Publish", publishes, vec![arn.clone(), text("Message", "x")]),
            (
                "sns:Subscribe",
                NOBODY,
                vec![
                    arn.clone(),
                    text("Protocol", "https"),
                    text("Endpoint", "https://example.com"),
                ],
            ),
            (
                "sns:SetTopicAttributes",
                NOBODY,
                vec![
                    arn.clone(),
                    text("AttributeName", "DisplayName"),
                    text("AttributeValue", "x"),
                ],
            ),
            ("sns:ListSubscriptionsByTopic", NOBODY, vec![arn.clone()]),
            ("sns:DeleteTopic", NOBODY, vec![arn]),
        ] {
            calls.push(Call {
                action,
                resource: name,
                may,
                request: Request::Query("sns", "2010-03-31", parameters),
            });
        }
    }
}

fn of_the_rest(stage: &Stage, calls: &mut Vec<Call>) {
    let functions = &stage.world.stack.functions;
    for (name, function) in functions {
        let path = format!("/2015-03-31/functions/{}", encode(function));
        let invokes: &[&str] = if name == "renew" { &["schedule"] } else { NOBODY };
        let permission = json!({
            "StatementId": "x", "Action": "lambda:InvokeFunction", "Principal": "*",
        });
        for (action, may, method, path, body) in [
            (
                "lambda:InvokeFunction",
                invokes,
                Method::POST,
                format!("{path}/invocations"),
                json!({}),
            ),
            ("lambda:GetFunction", NOBODY, Method::GET, path.clone(), Value::Null),
            (
                "lambda:UpdateFunctionConfiguration",
                NOBODY,
                Method::PUT,
                format!("{path}/configuration"),
                json!({}),
            ),
            (
                "lambda:UpdateFunctionCode",
                NOBODY,
                Method::PUT,
                format!("{path}/code"),
                json!({}),
            ),
            (
                "lambda:AddPermission",
                NOBODY,
                Method::POST,
                format!("{path}/policy"),
                permission,
            ),
            (
                "lambda:DeleteFunction",
                NOBODY,
                Method::DELETE,
                path.clone(),
                Value::Null,
            ),
        ] {
            calls.push(Call {
                action,
                resource: "a function of the stack's",
                may,
                request: Request::Lambda(method, path, body),
            });
        }
    }
    let text = |name, value: &str| (name, value.to_owned());
    for role in &stage.roles {
        let which = text("RoleName", role.id());
        let policy = text("PolicyDocument", "{}");
        for (action, parameters) in [
            (
                "iam:PutRolePolicy",
                vec![which.clone(), text("PolicyName", "x"), policy.clone()],
            ),
            ("iam:UpdateAssumeRolePolicy", vec![which.clone(), policy]),
            (
                "iam:AttachRolePolicy",
                vec![which, text("PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess")],
            ),
            ("iam:CreateUser", vec![text("UserName", "x")]),
        ] {
            calls.push(Call {
                action,
                resource: "a role of the stack's",
                may: NOBODY,
                request: Request::Query("iam", "2010-05-08", parameters),
            });
        }
    }
    for function in functions.keys() {
        let group = format!("/aws/lambda/{}/{function}", super::stage::NAME);
        for (action, body) in [
            ("logs:FilterLogEvents", json!({"logGroupName": group})),
            (
                "logs:PutRetentionPolicy",
                json!({"logGroupName": group, "retentionInDays": 1}),
            ),
            ("logs:DeleteLogGroup", json!({"logGroupName": group})),
        ] {
            calls.push(Call {
                action,
                resource: "a log of the stack's",
                may: NOBODY,
                request: Request::Json("logs", "Logs_20140328", body),
            });
        }
    }
    let stack = text("StackName", super::stage::NAME);
    calls.push(Call {
        action: "cloudformation:DeleteStack",
        resource: "the stack",
        may: NOBODY,
        request: Request::Query("cloudformation", "2010-05-15", vec![stack]),
    });
    calls.push(Call {
        action: "secretsmanager:ListSecrets",
        resource: "*",
        may: NOBODY,
        request: Request::Json("secretsmanager", "secretsmanager", json!({})),
    });
    calls.push(Call {
        action: "dynamodb:ListTables",
        resource: "*",
        may: NOBODY,
        request: Request::Json("dynamodb", "DynamoDB_20120810", json!({})),
    });
}
