//! What the stub keeps, as a client sees it.

use serde_json::{Value, json};

use super::{Behaviour, LabelRefusal, MOST_LABELS, Secrets, Service, StubAws};
use crate::aws::http_client;
use crate::fixtures::{KEY, SECOND_KEY, SigningKey, THIRD_KEY};

#[tokio::test]
async fn sns_keeps_what_it_accepts_and_only_that() {
    let aws = StubAws::start().await.unwrap();
    let publish = |message: &'static str| {
        let form = format!(
            "Action=Publish&TopicArn=arn%3Atopic&Message={message}&MessageAttributes.entry.1.Name=severity\
             &MessageAttributes.entry.1.Value.DataType=String&MessageAttributes.entry.1.Value.StringValue=info"
        );
        http_client().post(aws.url()).body(form).send()
    };
    assert_eq!(publish("a+%7B%22b%22%7D").await.unwrap().status(), 200);
    assert_eq!(publish("%EF%BF%BF").await.unwrap().status(), 400);
    aws.script(
        Service::Sns,
        [Behaviour::Status500, Behaviour::LostAnswer, Behaviour::Refused],
    );
    assert_eq!(publish("broken").await.unwrap().status(), 500);
    publish("lost").await.unwrap_err();
    publish("refused").await.unwrap_err();
    let published = aws.published();
    let messages: Vec<_> = published.iter().map(|message| message.text.as_str()).collect();
    assert_eq!(messages, ["a {\"b\"}", "lost"]);
    assert_eq!(
        published[0].attributes["severity"],
        ("String".to_owned(), "info".to_owned())
    );
    assert_eq!(aws.count(Service::Sns, "Publish"), 5);
}

#[tokio::test]
async fn a_secret_s_versions_are_listed_with_their_labels_and_read_one_by_one() {
    let aws = StubAws::start().await.unwrap();
    let ask = async |action: &str, request: Value| {
        let request = http_client()
            .post(aws.url())
            .header("x-amz-target", format!("secretsmanager.{action}"))
            .json(&request);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    assert_eq!(
        ask("DescribeSecret", json!({"SecretId": "x"})).await.0,
        400,
        "there is none"
    );
    for key in [KEY, SECOND_KEY, THIRD_KEY] {
        aws.secrets(|secrets| secrets.rotate(&key));
    }
    let (_, listing) = ask("DescribeSecret", json!({"SecretId": "x"})).await;
    let expected = json!({SECOND_KEY.version_id: ["AWSPREVIOUS"], THIRD_KEY.version_id: ["AWSCURRENT"]});
    assert_eq!(listing["VersionIdsToStages"], expected);
    let table = [
        (json!({}), Some(THIRD_KEY)),
        (json!({"VersionStage": "AWSPREVIOUS"}), Some(SECOND_KEY)),
        (json!({"VersionId": SECOND_KEY.version_id}), Some(SECOND_KEY)),
        (
            json!({"VersionId": SECOND_KEY.version_id, "VersionStage": "AWSCURRENT"}),
            None,
        ),
        (json!({"VersionId": KEY.version_id}), None),
    ];
    for (request, expected) in table {
        let (status, version) = ask("GetSecretValue", request.clone()).await;
        assert_eq!(status == 200, expected.is_some(), "{request}");
        assert_eq!(
            version["SecretString"].as_str(),
            expected.map(|key| key.secret),
            "{request}"
        );
    }
    aws.secrets(|secrets| secrets.set(&SECOND_KEY, Behaviour::Status500));
    assert_eq!(
        ask("GetSecretValue", json!({"VersionId": SECOND_KEY.version_id}))
            .await
            .0,
        500
    );
    assert_eq!(ask("GetSecretValue", json!({})).await.0, 200);
}

#[test]
fn labels_keep_a_version_and_are_on_one_each_and_20_at_most() {
    for loses_labels in [false, true] {
        let mut secrets = Secrets {
            loses_labels,
            ..Secrets::default()
        };
        secrets.rotate(&KEY);
        secrets.label(&KEY);
        secrets.label(&KEY);
        assert_eq!(secrets.label_count(), 2);
        secrets.rotate(&SECOND_KEY);
        secrets.rotate(&THIRD_KEY);
        let stages = |secrets: &Secrets, key: &SigningKey| {
            let version = secrets.versions.iter().find(|version| version.id == key.version_id);
            version.map(|version| version.stages.clone())
        };
        let label = "printbell-0f1e2d3c".to_owned();
        assert_eq!(stages(&secrets, &KEY), (!loses_labels).then(|| vec![label.clone()]));
        assert_eq!(stages(&secrets, &SECOND_KEY), Some(vec!["AWSPREVIOUS".to_owned()]));
        if loses_labels {
            let refusal = secrets.move_label(&label, Some(KEY.version_id), None);
            assert_eq!(refusal, Err(LabelRefusal::NotFound));
            continue;
        }
        let (old, new) = (Some(KEY.version_id), Some(THIRD_KEY.version_id));
        assert_eq!(secrets.move_label(&label, new, None), Err(LabelRefusal::Elsewhere));
        assert_eq!(secrets.move_label(&label, None, new), Err(LabelRefusal::Elsewhere));
        for n in secrets.label_count()..MOST_LABELS {
            secrets.move_label(&format!("mine-{n}"), new, None).unwrap();
        }
        assert_eq!(secrets.move_label("mine", new, None), Err(LabelRefusal::LimitExceeded));
        secrets.move_label(&label, new, old).unwrap();
        assert_eq!(stages(&secrets, &KEY), None, "without a label it is gone");
        secrets.move_label(&label, None, new).unwrap();
        assert_eq!(secrets.label_count(), MOST_LABELS - 1);
    }
}
