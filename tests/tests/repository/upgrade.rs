//! What the template says of versions: the receiver's, and Printbell's own. SAM's own transform makes of it what CloudFormation gets,
//! as the emulator has nothing of CodeDeploy.

use std::collections::BTreeSet;
use std::process::Command;

use printbell_harness::stack::ALIAS;
use printbell_harness::template::Template;
use printbell_harness::workspace;
use serde_json::{Value, json};

/// SAM's transform as CloudFormation runs it, once for each pair of parameters and properties.
const TRANSFORM: &str = r#"
import json, sys
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse
class Policies:
    def load(self): return {}
templates = []
for parameters, properties in json.loads(sys.argv[2]):
    template = yaml_parse(open(sys.argv[1]).read())
    template["Resources"]["WebhookFunction"]["Properties"].update(properties)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/" + resource["Properties"]["CodeUri"]
    templates.append(transform(template, parameters, Policies()))
json.dump(templates, sys.stdout)
"#;

fn tool(name: &str) -> Command {
    let mut tool = Command::new(workspace::root().join(".local/tools/bin").join(name));
    tool.env("AWS_DEFAULT_REGION", "eu-central-1");
    tool
}

/// The template with parameters, and with properties of the receiver in place of its own, for each such pair.
fn transformed(pairs: &[(Value, Value)]) -> Vec<Value> {
    let output = tool("python")
        .args(["-c", TRANSFORM])
        .arg(workspace::root().join("template.yaml"))
        .arg(json!(pairs).to_string())
        .output()
        .unwrap_or_else(|error| panic!("{error}; `cargo xtask test` installs SAM"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The template with these parameters.
fn with(parameters: Value) -> Value {
    transformed(&[(parameters, json!({}))]).remove(0)
}

/// The one resource of this type, and its logical id.
fn only<'a>(template: &'a Value, kind: &str) -> (&'a String, &'a Value) {
    let resources = template["Resources"].as_object().unwrap();
    let mut found = resources.iter().filter(|(_, resource)| resource["Type"] == kind);
    let one = found.next().unwrap_or_else(|| panic!("no {kind}"));
    assert!(found.next().is_none(), "more than one {kind}");
    one
}

fn has_code_deploy(template: &Value) -> bool {
    template["Resources"].to_string().contains("CodeDeploy")
}

#[test]
fn both_doors_lead_to_the_alias() {
    let template = with(json!({}));
    let (id, alias) = only(&template, "AWS::Lambda::Alias");
    let (version, _) = only(&template, "AWS::Lambda::Version");
    assert_eq!(
        alias["Properties"],
        json!({
            "Name": ALIAS, "FunctionName": {"Ref": "WebhookFunction"},
            "FunctionVersion": {"Fn::GetAtt": [version, "Version"]},
        })
    );
    let to_the_alias = json!({"Ref": id});
    for (resource, property) in [
        ("WebhookIntegration", "IntegrationUri"),
        ("WebhookInvokePermission", "FunctionName"),
        ("WebhookUrl", "TargetFunctionArn"),
        ("WebhookUrlPermission", "FunctionName"),
        ("WebhookUrlInvokePermission", "FunctionName"),
    ] {
        let properties = &template["Resources"][resource]["Properties"];
        assert_eq!(properties[property], to_the_alias, "{resource}");
    }
    assert_eq!(
        only(&template, "AWS::Lambda::Version").1["DeletionPolicy"],
        "Retain",
        "there is something to go back to"
    );
}

#[test]
fn whatever_changes_of_the_receiver_makes_a_new_version() {
    let variables = json!({"Variables": {"TOPIC_ARN": "another"}});
    let changes = [
        json!({}),
        json!({"CodeUri": "another"}),
        json!({"Environment": variables}),
        json!({"Timeout": 9}),
        json!({"LoggingConfig": {"LogFormat": "JSON"}}),
        json!({}),
    ];
    let templates = transformed(&changes.map(|properties| (json!({}), properties)));
    let versions: Vec<_> = templates
        .iter()
        .map(|template| only(template, "AWS::Lambda::Version").0)
        .collect();
    let different: BTreeSet<_> = versions.iter().collect();
    assert_eq!(different.len(), versions.len() - 1, "{versions:?}");
    assert_eq!(versions.first(), versions.last(), "and nothing else does");

    // SAM doesn't look at what a parameter is: the description has to.
    let template = Template::read().unwrap();
    let described = template
        .parameters_of("WebhookFunction", &["VersionDescription"])
        .unwrap();
    assert_eq!(
        described,
        template.parameters_of("WebhookFunction", &[]).unwrap(),
        "WebhookFunction: VersionDescription has to name the parameters that the function's properties refer to, and no others"
    );
}

#[test]
fn code_deploy_is_there_where_a_gradual_deployment_is_asked_for() {
    let template = Template::read().unwrap();
    let kinds = template.mapping("Deployments").unwrap();
    let allowed = template.allowed_values("Deployment").unwrap();
    assert_eq!(kinds, allowed);
    assert_eq!(kinds.first(), Some(&"AllAtOnce"));
    let pairs: Vec<_> = kinds
        .iter()
        .map(|kind| (json!({"Deployment": kind}), json!({})))
        .collect();
    for (kind, template) in kinds.iter().zip(transformed(&pairs)) {
        assert_eq!(has_code_deploy(&template), *kind != "AllAtOnce", "{kind}");
    }
    assert!(!has_code_deploy(&with(json!({}))));
}

#[test]
fn a_gradual_deployment_goes_back_by_the_alarms_of_the_callbacks() {
    let template = with(json!({"Deployment": "Canary10Percent5Minutes"}));
    let (_, alias) = only(&template, "AWS::Lambda::Alias");
    let (group, deployment) = only(&template, "AWS::CodeDeploy::DeploymentGroup");
    let update = &alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"];
    assert_eq!(update["DeploymentGroupName"], json!({"Ref": group}));
    let properties = &deployment["Properties"];
    assert_eq!(
        properties["DeploymentConfigName"]["Fn::Sub"],
        json!(["CodeDeployDefault.Lambda${ConfigName}", {"ConfigName": "Canary10Percent5Minutes"}])
    );
    let names = [
        ("CallbacksFailingAlarm", "callbacks-failing"),
        ("UrlCallbacksFailingAlarm", "url-callbacks-failing"),
        ("CallbacksThrottledAlarm", "callbacks-throttled"),
        ("TokensRefusedAlarm", "tokens-refused"),
    ];
    let alarms = names.map(|(id, name)| {
        let name = json!({"Fn::Sub": format!("${{AWS::StackName}}-{name}")});
        assert_eq!(template["Resources"][id]["Properties"]["AlarmName"], name);
        json!({"Name": name})
    });
    assert_eq!(
        properties["AlarmConfiguration"],
        json!({"Enabled": true, "Alarms": alarms})
    );
    let events = properties["AutoRollbackConfiguration"]["Events"].as_array().unwrap();
    assert!(events.contains(&json!("DEPLOYMENT_STOP_ON_ALARM")), "{events:?}");

    let file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    std::fs::write(file.path(), template.to_string()).unwrap();
    // What the transform has looked up is referred to no more.
    let lint = tool("cfn-lint")
        .arg(file.path())
        .args(["--ignore-checks", "W2001", "W7001"])
        .output()
        .unwrap();
    assert!(lint.status.success(), "{}", String::from_utf8_lossy(&lint.stdout));
}

/// An alarm by version or alias would lose sight of what moves. CloudWatch has Lambda's own metrics of all versions and aliases under
/// `FunctionName` alone, and our own say it by that name too.
#[test]
fn alarms_look_at_all_versions_of_a_function() {
    let template = Template::read().unwrap();
    let mut of_the_receiver = 0;
    for alarm in template.alarms().unwrap() {
        let dimensions = &alarm.metric.dimensions;
        if dimensions.contains(&("FunctionName".to_owned(), "WebhookFunction".to_owned())) {
            assert_eq!(dimensions.len(), 1, "{}", alarm.logical_id);
            of_the_receiver += 1;
        }
    }
    assert_eq!(of_the_receiver, 3);
}

#[test]
fn one_version_stands_everywhere() {
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(Template::read().unwrap().version().unwrap(), version);
    let changes = std::fs::read_to_string(workspace::root().join("CHANGELOG.md")).unwrap();
    let newest = changes.lines().find_map(|line| line.strip_prefix("## ")).unwrap();
    let (name, date) = newest.split_once(" - ").unwrap();
    assert_eq!(name, format!("[{version}]"));
    assert!(
        date == "Unreleased" || date.parse::<jiff::civil::Date>().is_ok(),
        "{date}"
    );
}
