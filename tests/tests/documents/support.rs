//! The role for support of `docs/security.md`: what it sees, and what it doesn't.

use http::Method;
use serde_json::{Value, json};

use crate::person::Person;
use crate::scene::Scene;

const DOCUMENT: &str = "docs/security.md";

#[tokio::test]
async fn support_sees_statuses_logs_figures_and_no_secret() {
    let scene = Scene::set().await;
    scene.make_role("support").await;
    let mut person = Person::new(scene.environment(&scene.owner())).await;
    person.set("SUPPORT_ROLE", "support").await;
    person.types_all(DOCUMENT, async |_, _| {}).await;

    let session = scene.assume("support").await;
    let support = scene.aws.as_principal(session.clone());
    let outputs = &scene.stack.outputs;
    let queue = json!({"QueueUrl": outputs.fallback_queue_url, "AttributeNames": ["All"]});
    let waiting = support.sqs("GetQueueAttributes", &queue).await.unwrap();
    assert!(
        waiting["Attributes"]["ApproximateNumberOfMessages"].is_string(),
        "{waiting}"
    );
    let table = json!({"TableName": outputs.table_name});
    support.dynamodb("DescribeTable", &table).await.unwrap();
    let log = json!({"logGroupName": scene.resource("WebhookLogs").await});
    support
        .json("logs", "Logs_20140328", "FilterLogEvents", &log)
        .await
        .unwrap();
    support
        .query("monitoring", "2010-08-01", "DescribeAlarms", &[])
        .await
        .unwrap();
    let call = async |method, path: &str, body| {
        let answer = scene.stack.api().call_as(&session, method, path, &body).await.unwrap();
        answer.status
    };
    assert_eq!(call(Method::GET, "/registrations", Value::Null).await, 200);
    assert_eq!(call(Method::GET, "/registrations/nobody/here", Value::Null).await, 404);

    let put = json!({"appToken": "x"});
    for (method, path, body) in [
        (Method::PUT, "/registrations/nobody/here", put),
        (Method::DELETE, "/registrations/nobody/here", Value::Null),
        (Method::POST, "/registrations/nobody/here/test", Value::Null),
        (Method::POST, "/registrations/nobody/here/renew", Value::Null),
    ] {
        assert_eq!(call(method, path, body).await, 403, "{path}");
    }
    let row = json!({"TableName": outputs.table_name, "Key": {"tenantId": {"S": "x"}, "printerRef": {"S": "y"}}});
    let secret = json!({"SecretId": outputs.callback_secret_arn});
    let message = json!({"QueueUrl": outputs.fallback_queue_url});
    for (service, prefix, operation, body) in [
        ("dynamodb", "DynamoDB_20120810", "GetItem", &row),
        ("dynamodb", "DynamoDB_20120810", "Scan", &table),
        ("dynamodb", "DynamoDB_20120810", "DeleteItem", &row),
        ("secretsmanager", "secretsmanager", "GetSecretValue", &secret),
        ("sqs", "AmazonSQS", "ReceiveMessage", &message),
        ("sqs", "AmazonSQS", "PurgeQueue", &message),
    ] {
        let refused = support.json(service, prefix, operation, body).await.unwrap_err();
        let refused = format!("{refused:#}");
        assert!(
            refused.contains(&format!("not authorized to perform: {service}:{operation}")),
            "{refused}"
        );
    }
    let renew = scene.stack.function("renew").unwrap();
    support.invoke(renew, &json!({})).await.unwrap_err();
}
