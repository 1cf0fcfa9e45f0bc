//! What `CallbackDoor`, the two rates and the two concurrencies make of the stack.

use std::collections::BTreeSet;

use printbell_harness::fixtures::{API_HOST, FUNCTION_URL_HOST, PUBLIC_URL};
use printbell_harness::template::Template;

/// What a function URL takes.
const FUNCTION_URL: [&str; 3] = ["WebhookUrl", "WebhookUrlPermission", "WebhookUrlInvokePermission"];

const DOORS: [&str; 3] = ["HttpApi", "FunctionUrl", "HttpApiAndFunctionUrl"];

fn template(parameters: &[(&str, &str)]) -> Template {
    Template::read().unwrap().with(parameters).unwrap()
}

fn resources(template: &Template) -> BTreeSet<&str> {
    template.resource_ids().unwrap().into_iter().collect()
}

#[test]
fn a_function_url_is_there_where_the_door_says_so_and_nothing_else_differs() {
    let by_default = template(&[]);
    let is_there = |id: &&str| FUNCTION_URL.contains(id);
    assert_eq!(resources(&by_default).into_iter().find(is_there), None);
    for door in DOORS {
        let template = template(&[("CallbackDoor", door)]);
        let mut expected = resources(&by_default);
        if door != "HttpApi" {
            expected.extend(FUNCTION_URL);
        }
        assert_eq!(resources(&template), expected, "{door}");
    }
}

#[test]
fn callback_urls_name_the_door_in_use() {
    let (api, function) = (format!("https://{API_HOST}"), format!("https://{FUNCTION_URL_HOST}"));
    let table = [
        ("HttpApi", "", Ok(&*api)),
        ("HttpApi", PUBLIC_URL, Ok(PUBLIC_URL)),
        ("FunctionUrl", "", Ok(&*function)),
        ("FunctionUrl", PUBLIC_URL, Err("leave PublicUrl empty")),
        ("HttpApiAndFunctionUrl", "", Ok(&*api)),
        ("HttpApiAndFunctionUrl", PUBLIC_URL, Ok(PUBLIC_URL)),
    ];
    for (door, public_url, expected) in table {
        let template = template(&[("CallbackDoor", door), ("PublicUrl", public_url)]);
        let refusals = template.refusals().unwrap();
        let url = match expected {
            Ok(url) => url,
            Err(reason) => {
                assert!(matches!(*refusals, [text] if text.contains(reason)), "{refusals:?}");
                continue;
            }
        };
        assert_eq!(refusals, [""; 0], "{door} {public_url}");
        assert_eq!(template.output("CallbackUrl").unwrap(), url, "{door} {public_url}");
        for name in ["register", "renew"] {
            let function = template.function(name).unwrap();
            let (_, variable) = function
                .variables
                .iter()
                .find(|(name, _)| name == "PUBLIC_URL")
                .unwrap();
            assert_eq!(variable, url, "{name} {door} {public_url}");
        }
    }
}

/// Eleven regions lack function URLs (Lambda Developer Guide, "Creating and managing Lambda function URLs").
#[test]
fn a_region_without_function_urls_takes_the_http_api_alone() {
    let regions = "ap-south-2 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7 ap-east-2 ca-west-1 eu-south-2 \
                   eu-central-2 il-central-1 me-central-1";
    for region in regions.split(' ').chain(["eu-central-1", "us-east-1"]) {
        for door in DOORS {
            let template = template(&[("CallbackDoor", door), ("AWS::Region", region)]);
            let refusals = template.refusals().unwrap();
            let is_refused = door != "HttpApi" && regions.contains(region);
            assert_eq!(
                refusals
                    .first()
                    .is_some_and(|text| text.contains("no Lambda function URLs")),
                is_refused,
                "{door} in {region}"
            );
        }
    }
}

/// Lambda Developer Guide, "Control access to Lambda function URLs": since October 2025 it takes both, and the second must not
/// let anybody past the URL.
#[test]
fn the_function_url_is_open_and_the_function_is_not() {
    let template = template(&[("CallbackDoor", "FunctionUrl")]);
    let property = |id: &str, name: &str| template.property(id, &[name]).unwrap();
    assert_eq!(property("WebhookUrl", "AuthType"), "NONE");
    for id in &FUNCTION_URL[1..] {
        assert_eq!(property(id, "Principal"), "*");
        assert!(property(id, "FunctionName").ends_with(":function:WebhookFunction:live"));
    }
    let actions = ["lambda:InvokeFunctionUrl", "lambda:InvokeFunction"];
    assert_eq!(
        FUNCTION_URL[1..]
            .iter()
            .map(|id| property(id, "Action"))
            .collect::<Vec<_>>(),
        actions
    );
    assert_eq!(property("WebhookUrlPermission", "FunctionUrlAuthType"), "NONE");
    assert_eq!(property("WebhookUrlInvokePermission", "InvokedViaFunctionUrl"), "true");
}

/// What of the API calls OctoEverywhere.
fn calls_octoeverywhere(route: &str) -> bool {
    let (method, path) = route.split_once(' ').unwrap();
    path.starts_with("/registrations/{tenantId}/{printerRef}") && method != "GET"
}

#[test]
fn each_route_is_throttled_by_its_parameter() {
    let template = template(&[("CallbackRateLimit", "77"), ("MaxCallsPerSecond", "9")]);
    for route in template.routes().unwrap() {
        let expected = match route {
            "POST /octoeverywhere/webhook" => Some("77"),
            route if calls_octoeverywhere(route) => Some("9"),
            _ => None,
        };
        for name in ["ThrottlingRateLimit", "ThrottlingBurstLimit"] {
            let limit = template.property("ApiStage", &["RouteSettings", route, name]).ok();
            assert_eq!(limit.as_deref(), expected, "{route} {name}");
        }
    }
    let defaults = Template::read().unwrap();
    let limit = defaults.property(
        "ApiStage",
        &["RouteSettings", "POST /octoeverywhere/webhook", "ThrottlingRateLimit"],
    );
    assert_eq!(limit.unwrap(), "5000");
}

#[test]
fn the_receiver_alone_has_executions_of_its_own_where_the_operator_says_so() {
    for (concurrency, expected) in [(None, None), (Some("0"), None), (Some("400"), Some("400"))] {
        let parameters = concurrency.map(|concurrency| ("CallbackConcurrency", concurrency));
        let template = template(parameters.as_slice());
        for function in template.functions().unwrap() {
            let id = function.logical_id;
            let reserved = template.property(&id, &["ReservedConcurrentExecutions"]).ok();
            let expected = expected.filter(|_| id == "WebhookFunction");
            assert_eq!(reserved.as_deref(), expected, "{id}, {concurrency:?}");
        }
    }
}

#[test]
fn redrive_takes_as_many_batches_at_once_as_its_parameter_says() {
    let at_once = |parameters| {
        let path = [
            "Events",
            "FallbackQueue",
            "Properties",
            "ScalingConfig",
            "MaximumConcurrency",
        ];
        template(parameters).property("RedriveFunction", &path).unwrap()
    };
    assert_eq!(at_once(&[]), "5");
    assert_eq!(at_once(&[("RedriveConcurrency", "40")]), "40");
}

#[test]
fn the_outputs_are_the_contract_s_and_the_alarms_topic() {
    let template = template(&[]);
    let expected = BTreeSet::from([
        // Beyond the contract: what an operator subscribes to who wants the alarms elsewhere than in their mail.
        "AlarmTopicArn",
        "ApiUrl",
        "CallbackSecretArn",
        "CallbackUrl",
        "DeadLetterQueueArn",
        "DeadLetterQueueUrl",
        "FallbackQueueArn",
        "FallbackQueueUrl",
        "KeyArn",
        "RedriveFunctionName",
        "RegisterFunctionName",
        "RenewFunctionName",
        "StateTableName",
        "TableName",
        "TopicArn",
        "WebhookFunctionName",
    ]);
    assert_eq!(template.outputs().collect::<BTreeSet<_>>(), expected);
    for name in expected {
        assert_ne!(template.output(name).unwrap(), "", "{name}");
    }
}
