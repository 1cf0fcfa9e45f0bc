//! What the stub keeps, as a client sees it.

use super::{Behaviour, Service, StubAws};
use crate::aws::http_client;

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
