//! What the template's policies say, as text. What of it AWS makes of them no emulator tells: `cargo xtask verify-aws` asks.
//!
//! That each statement is needed, and that a role may do no more, is `tests/renewal/privilege`'s: on a deployed stack.

use std::collections::BTreeSet;

use printbell_harness::fixtures::{ACCOUNT, REGION};
use printbell_harness::template::Template;
use serde_json::{Value, json};

/// A stack that takes over what another one left, so that it has every statement there is.
const RESTORE: [(&str, &str); 3] = [
    ("RestoreFromTable", "Old"),
    ("RestoreKeyArn", "arn:aws:kms:eu-central-1:000000000000:key/Old"),
    (
        "RestoreSecretArn",
        "arn:aws:secretsmanager:eu-central-1:000000000000:secret:Old",
    ),
];

/// One action on one resource that a role's policy allows.
#[derive(Debug, PartialEq, Eq)]
struct Permission {
    /// Without `Role`, in small letters.
    role: String,
    action: String,
    /// Of an ARN in this account and region, what comes after both.
    resource: String,
    condition: Value,
}

fn restoring() -> Template {
    Template::read().unwrap().with(&RESTORE).unwrap()
}

/// One value, or a list of them.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().map(|item| item.as_str().unwrap().to_owned()).collect(),
        one => vec![one.as_str().unwrap().to_owned()],
    }
}

fn name_in(arn: &str) -> String {
    let account = format!(":{REGION}:{ACCOUNT}:");
    arn.split_once(&account)
        .map_or(arn, |(_, resource)| resource)
        .to_owned()
}

fn permissions(template: &Template) -> Vec<Permission> {
    let mut all = Vec::new();
    for role in template.resource_ids_of("AWS::IAM::Role").unwrap() {
        for policy in template.rendered(role, &["Policies"]).unwrap().as_array().unwrap() {
            for statement in policy["PolicyDocument"]["Statement"].as_array().unwrap() {
                assert_eq!(statement["Effect"], "Allow", "{role}: {statement}");
                for (action, resource) in texts(&statement["Action"]).iter().flat_map(|action| {
                    texts(&statement["Resource"])
                        .into_iter()
                        .map(move |resource| (action, resource))
                }) {
                    all.push(Permission {
                        role: role.trim_end_matches("Role").to_lowercase(),
                        action: action.clone(),
                        resource: name_in(&resource),
                        condition: statement["Condition"].clone(),
                    });
                }
            }
        }
    }
    all
}

/// Every text in a value.
fn all_texts<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| all_texts(item, found)),
        Value::Object(members) => members.values().for_each(|member| all_texts(member, found)),
        _ => {}
    }
}

#[test]
fn each_function_has_a_role_of_its_own_with_one_policy_and_nothing_else_has_one() {
    let template = restoring();
    let mut roles = BTreeSet::from(["ScheduleRole".to_owned()]);
    for function in template.functions().unwrap() {
        let id = function.logical_id;
        let role = template.property(&id, &["Role"]).unwrap();
        let role = role.rsplit('/').next().unwrap().to_owned();
        assert!(roles.insert(role.clone()), "{id} shares {role}");
        assert!(
            template.rendered(&id, &["Policies"]).is_err(),
            "SAM makes {id} a policy"
        );
    }
    let made: BTreeSet<_> = template
        .resource_ids_of("AWS::IAM::Role")
        .unwrap()
        .into_iter()
        .collect();
    assert_eq!(made, roles.iter().map(String::as_str).collect());
    for kind in [
        "AWS::IAM::Policy",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::RolePolicy",
        "AWS::IAM::User",
    ] {
        assert_eq!(template.resource_ids_of(kind).unwrap(), [""; 0], "{kind}");
    }
    for role in made {
        assert!(template.rendered(role, &["ManagedPolicyArns"]).is_err(), "{role}");
        let policies = template.rendered(role, &["Policies"]).unwrap();
        assert_eq!(policies.as_array().unwrap().len(), 1, "{role}");
    }
}

/// Each `*` that a policy has, and why it has to be one.
const WILDCARDS: [(&str, &str, &str); 14] = [
    ("WebhookRole", "log-group:WebhookLogs:*", "its streams"),
    ("RedriveRole", "log-group:RedriveLogs:*", "its streams"),
    ("RegisterRole", "log-group:RegisterLogs:*", "its streams"),
    ("RenewRole", "log-group:RenewLogs:*", "its streams"),
    ("RenewRole", "*", "dynamodb:ListStreams knows no resource"),
    ("RegisterRole", "printbell-*", "a label bears its key's id"),
    ("RenewRole", "printbell-*", "a label bears its key's id"),
    (
        "RenewRole",
        "printbell-*",
        "a label bears its key's id, at the old secret too",
    ),
    (
        "DataKey",
        "kms:*",
        "the account's, for IAM to hand on; nobody's by this",
    ),
    ("DataKey", "*", "this key: a key's policy is about no other"),
    (
        "WebhookInvokePermission",
        "a1b2c3d4e5/*/POST/octoeverywhere/webhook",
        "the API's stage",
    ),
    (
        "RegisterInvokePermission",
        "a1b2c3d4e5/*/*/registrations*",
        "the stage, methods and paths of its routes",
    ),
    ("WebhookUrlPermission", "*", "a door that is open to the internet"),
    ("WebhookUrlInvokePermission", "*", "the same, by the URL alone"),
];

#[test]
fn no_policy_has_a_wildcard_without_a_reason() {
    let parameters: Vec<_> = RESTORE
        .into_iter()
        .chain([("CallbackDoor", "HttpApiAndFunctionUrl")])
        .collect();
    let template = Template::read().unwrap().with(&parameters).unwrap();
    let mut found = Vec::new();
    for id in template.resource_ids().unwrap() {
        for property in [
            "Policies",
            "AssumeRolePolicyDocument",
            "KeyPolicy",
            "PolicyDocument",
            "ResourcePolicy",
            "SourceArn",
            "Principal",
        ] {
            let Ok(value) = template.rendered(id, &[property]) else {
                continue;
            };
            let mut texts = Vec::new();
            all_texts(&value, &mut texts);
            let wild = texts.into_iter().filter(|text| text.contains('*'));
            found.extend(wild.map(|text| (id.to_owned(), name_in(text))));
        }
    }
    found.sort();
    let mut allowed: Vec<_> = WILDCARDS
        .iter()
        .map(|(id, text, _)| ((*id).to_owned(), (*text).to_owned()))
        .collect();
    allowed.sort();
    assert_eq!(found, allowed);
    println!("{} wildcards in policies, each with a reason", found.len());
}

/// Whose key, through which service, and what of that service's is encrypted under it: the names of tables, or a secret's ARN. An old
/// stack's key is held to the service alone: nobody says what a restored table or a copied secret is called in there.
const KEYS: [(&str, &str, &str, &[&str]); 9] = [
    ("webhook", "key/DataKey", "secretsmanager", &["secret:CallbackSecret"]),
    ("webhook", "key/Old", "secretsmanager", &[]),
    ("redrive", "key/DataKey", "secretsmanager", &["secret:CallbackSecret"]),
    ("redrive", "key/Old", "secretsmanager", &[]),
    ("register", "key/DataKey", "dynamodb", &["Registrations", "State"]),
    ("register", "key/DataKey", "secretsmanager", &["secret:CallbackSecret"]),
    ("renew", "key/DataKey", "dynamodb", &["Registrations", "State"]),
    ("renew", "key/DataKey", "secretsmanager", &["secret:CallbackSecret"]),
    ("renew", "key/Old", "dynamodb", &[]),
];

/// A text only: the emulator asks no key's policy, and lets everybody read a table that is encrypted under one.
#[test]
fn the_template_says_that_each_role_decrypts_through_its_services_and_nobody_else_does() {
    let found: Vec<_> = permissions(&restoring())
        .into_iter()
        .filter(|permission| permission.action.starts_with("kms:"))
        .collect();
    let expected = KEYS.map(|(role, key, service, what)| {
        let mut held = json!({"kms:ViaService": format!("{service}.{REGION}.amazonaws.com")});
        match (service, what) {
            (_, []) => {}
            ("dynamodb", tables) => held["kms:EncryptionContext:aws:dynamodb:tableName"] = json!(tables),
            (_, [secret]) => {
                let arn = format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:{secret}");
                held["kms:EncryptionContext:SecretARN"] = json!(arn);
            }
            (_, secrets) => panic!("{secrets:?}"),
        }
        Permission {
            role: role.to_owned(),
            action: "kms:Decrypt".to_owned(),
            resource: key.to_owned(),
            condition: json!({"StringEquals": held}),
        }
    });
    assert_eq!(found, expected);
    println!("{} uses of a key, held by this text alone", found.len());
}

/// What Lambda and EventBridge Scheduler do in a role's name, and what no test has the patience for (a table that takes five seconds to
/// count).
const OTHERS: [(&str, &str, &str); 20] = [
    ("webhook", "logs:CreateLogStream", "log-group:WebhookLogs:*"),
    ("webhook", "logs:PutLogEvents", "log-group:WebhookLogs:*"),
    ("redrive", "logs:CreateLogStream", "log-group:RedriveLogs:*"),
    ("redrive", "logs:PutLogEvents", "log-group:RedriveLogs:*"),
    ("redrive", "sqs:ReceiveMessage", "FallbackQueue"),
    ("redrive", "sqs:DeleteMessage", "FallbackQueue"),
    ("redrive", "sqs:GetQueueAttributes", "FallbackQueue"),
    ("register", "logs:CreateLogStream", "log-group:RegisterLogs:*"),
    ("register", "logs:PutLogEvents", "log-group:RegisterLogs:*"),
    ("renew", "logs:CreateLogStream", "log-group:RenewLogs:*"),
    ("renew", "logs:PutLogEvents", "log-group:RenewLogs:*"),
    ("renew", "dynamodb:DescribeStream", "table/Registrations/stream/1"),
    ("renew", "dynamodb:GetRecords", "table/Registrations/stream/1"),
    ("renew", "dynamodb:GetShardIterator", "table/Registrations/stream/1"),
    ("renew", "dynamodb:ListStreams", "*"),
    ("renew", "dynamodb:DescribeTable", "table/Registrations"),
    ("renew", "sqs:SendMessage", "FailedRunsQueue"),
    // Held at the deployed stack.
    ("renew", "dynamodb:DescribeTable", "table/Old"),
    ("schedule", "lambda:InvokeFunction", "function:RenewFunction"),
    ("schedule", "sqs:SendMessage", "FailedRunsQueue"),
];

/// A text only: the emulator does all of it without asking IAM.
#[test]
fn the_template_says_what_lambda_and_the_scheduler_may_do_in_a_role_s_name() {
    let is_such = |permission: &Permission| {
        let mut others = OTHERS.iter();
        others.any(|(role, action, _)| (*role, *action) == (&*permission.role, &*permission.action))
    };
    let found: Vec<_> = permissions(&restoring()).into_iter().filter(is_such).collect();
    let expected = OTHERS.map(|(role, action, resource)| Permission {
        role: role.to_owned(),
        action: action.to_owned(),
        resource: resource.to_owned(),
        condition: Value::Null,
    });
    assert_eq!(found, expected);
    println!("{} permissions, held by this text alone", found.len() - 1);
}

/// A text only: the emulator doesn't know which label a request names. Every other condition is a key's.
#[test]
fn the_template_says_that_only_our_own_labels_are_moved() {
    let found: Vec<_> = permissions(&restoring())
        .into_iter()
        .filter(|permission| !permission.condition.is_null() && !permission.action.starts_with("kms:"))
        .collect();
    let ours = json!({"StringLikeIfExists": {"secretsmanager:VersionStage": "printbell-*"}});
    let expected = [
        ("register", "secret:CallbackSecret"),
        ("renew", "secret:CallbackSecret"),
        ("renew", "secret:Old"),
    ];
    let expected = expected.map(|(role, secret)| Permission {
        role: role.to_owned(),
        action: "secretsmanager:UpdateSecretVersionStage".to_owned(),
        resource: secret.to_owned(),
        condition: ours.clone(),
    });
    assert_eq!(found, expected);
}

/// What a key's policy allows nobody can be denied by IAM; so it leaves everything to IAM.
#[test]
fn the_key_s_policy_leaves_everything_to_iam() {
    let statement = json!([{
        "Sid": "Administration", "Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{ACCOUNT}:root")},
        "Action": "kms:*", "Resource": "*",
    }]);
    for template in [Template::read().unwrap(), restoring()] {
        let keys = template.resource_ids_of("AWS::KMS::Key").unwrap();
        assert_eq!(keys, ["DataKey"]);
        assert_eq!(
            template.rendered("DataKey", &["KeyPolicy", "Statement"]).unwrap(),
            statement
        );
        let tables = template.resource_ids_of("AWS::DynamoDB::Table").unwrap();
        for table in &tables {
            let key = template
                .property(table, &["SSESpecification", "KMSMasterKeyId"])
                .unwrap();
            assert_eq!(name_in(&key), "key/DataKey", "{table}");
        }
        let key = template.property("CallbackSecret", &["KmsKeyId"]).unwrap();
        assert_eq!((tables.len(), &*name_in(&key)), (2, "key/DataKey"));
    }
}
