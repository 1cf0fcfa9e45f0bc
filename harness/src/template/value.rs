//! What the template's values come to in a pretended stack, in which every resource bears its own logical id.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::Template;
use super::node::Node;
use crate::fixtures::{ACCOUNT, API_HOST, FUNCTION_URL_HOST, REGION};

impl Template {
    /// A value, with everything in it resolved.
    pub(super) fn value(&self, node: &Node) -> Result<String> {
        let Node::Call(function, argument) = node else {
            return Ok(node.text()?.to_owned());
        };
        match (function.as_str(), argument.items()) {
            ("Ref", _) => self.reference(argument.text()?),
            ("GetAtt", _) => {
                let (resource, attribute) = argument
                    .text()?
                    .split_once('.')
                    .context("!GetAtt without an attribute")?;
                self.attribute(resource, attribute)
            }
            ("Sub", [text, values]) => self.substituted(text.text()?, values),
            ("Sub", _) => self.substituted(argument.text()?, &Node::Map(Vec::new())),
            ("Select", [index, list]) => {
                let items = self.list(list)?;
                let index: usize = index.text()?.parse()?;
                items
                    .get(index)
                    .cloned()
                    .with_context(|| format!("{items:?} has no item {index}"))
            }
            ("If", [condition, then, otherwise]) => {
                let condition = self.root.at(&["Conditions", condition.text()?])?;
                self.value(if self.holds(condition)? { then } else { otherwise })
            }
            _ => bail!("the harness doesn't know what !{function} of {argument:?} comes to"),
        }
    }

    /// A part as CloudFormation makes it with these parameters, what comes to `AWS::NoValue` left out; `None` if that is all of it.
    pub(super) fn json(&self, node: &Node) -> Result<Option<Value>> {
        let rendered = match node {
            Node::Call(function, argument) => match (function.as_str(), &**argument, argument.items()) {
                ("Ref", Node::Text(name), _) if name == "AWS::NoValue" => return Ok(None),
                ("If", _, [condition, then, otherwise]) => {
                    let condition = self.root.at(&["Conditions", condition.text()?])?;
                    return self.json(if self.holds(condition)? { then } else { otherwise });
                }
                _ => Value::from(self.value(node)?),
            },
            Node::Text(text) => Value::from(text.as_str()),
            Node::List(items) => {
                let items = items.iter().filter_map(|item| self.json(item).transpose());
                Value::Array(items.collect::<Result<_>>()?)
            }
            Node::Map(pairs) => {
                let pairs = pairs.iter().filter_map(|(name, value)| match self.json(value) {
                    Ok(value) => value.map(|value| Ok((name.clone(), value))),
                    Err(error) => Some(Err(error)),
                });
                Value::Object(pairs.collect::<Result<_>>()?)
            }
        };
        Ok(Some(rendered))
    }

    fn list(&self, node: &Node) -> Result<Vec<String>> {
        match node {
            Node::List(items) => items.iter().map(|item| self.value(item)).collect(),
            Node::Call(function, argument) => match (function.as_str(), argument.items()) {
                ("Split", [separator, text]) => {
                    let text = self.value(text)?;
                    Ok(text.split(separator.text()?).map(str::to_owned).collect())
                }
                _ => bail!("the harness doesn't know the list !{function} of {argument:?}"),
            },
            _ => bail!("{node:?} is no list"),
        }
    }

    /// Whether a condition is true, of `Conditions` or of `Rules`.
    pub(super) fn holds(&self, condition: &Node) -> Result<bool> {
        // One of `Conditions` by its name, as it stands in a list.
        if let Some(name) = condition.get("Condition") {
            return self.holds(self.root.at(&["Conditions", name.text()?])?);
        }
        let Node::Call(function, argument) = condition else {
            bail!("{condition:?} is no condition");
        };
        match (function.as_str(), argument.items()) {
            ("Not", [condition]) => Ok(!self.holds(condition)?),
            ("And", [one, other]) => Ok(self.holds(one)? && self.holds(other)?),
            ("Equals", [one, other]) => Ok(self.value(one)? == self.value(other)?),
            ("Contains", [list, item]) => Ok(self.list(list)?.contains(&self.value(item)?)),
            _ => bail!("the harness doesn't know the condition !{function} of {argument:?}"),
        }
    }

    fn reference(&self, name: &str) -> Result<String> {
        match name {
            "AWS::AccountId" => return Ok(ACCOUNT.to_owned()),
            "AWS::NoValue" => bail!("with these parameters there is no value"),
            "AWS::Partition" => return Ok("aws".to_owned()),
            "AWS::Region" => return Ok(self.parameters.get(name).map_or(REGION, String::as_str).to_owned()),
            "AWS::StackName" => return Ok("printbell".to_owned()),
            "AWS::URLSuffix" => return Ok("amazonaws.com".to_owned()),
            _ => {}
        }
        if let Ok(parameter) = self.root.at(&["Parameters", name]) {
            return match self.parameters.get(name) {
                Some(value) => Ok(value.clone()),
                None => self.value(parameter.at(&["Default"])?),
            };
        }
        if let Some(function) = name.strip_suffix(".Alias") {
            let alias = self
                .root
                .at(&["Resources", function, "Properties", "AutoPublishAlias"])?;
            return Ok(arn("lambda", &format!("function:{function}:{}", alias.text()?)));
        }
        match self.kind(name)? {
            "AWS::ApiGatewayV2::Api" => Ok(API_HOST.split('.').next().unwrap_or_default().to_owned()),
            "AWS::DynamoDB::Table" | "AWS::Serverless::Function" => Ok(name.to_owned()),
            "AWS::SNS::Topic" => Ok(arn("sns", name)),
            "AWS::SQS::Queue" => Ok(format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}")),
            kind => bail!("the harness doesn't know what !Ref of an {kind} comes to"),
        }
    }

    fn attribute(&self, resource: &str, attribute: &str) -> Result<String> {
        match (self.kind(resource)?, attribute) {
            ("AWS::SecretsManager::Secret", "Id") => Ok(arn("secretsmanager", &format!("secret:{resource}"))),
            ("AWS::DynamoDB::Table", "Arn") => Ok(arn("dynamodb", &format!("table/{resource}"))),
            ("AWS::DynamoDB::Table", "StreamArn") => Ok(arn("dynamodb", &format!("table/{resource}/stream/1"))),
            ("AWS::IAM::Role", "Arn") => Ok(format!("arn:aws:iam::{ACCOUNT}:role/{resource}")),
            // With all of its streams: CloudFormation's reference says so.
            ("AWS::Logs::LogGroup", "Arn") => Ok(arn("logs", &format!("log-group:{resource}:*"))),
            ("AWS::SQS::Queue", "Arn") => Ok(arn("sqs", resource)),
            ("AWS::KMS::Key", "Arn") => Ok(arn("kms", &format!("key/{resource}"))),
            ("AWS::Lambda::Url", "FunctionUrl") => {
                ensure!(self.exists(resource)?, "there is no {resource} with these parameters");
                Ok(format!("https://{FUNCTION_URL_HOST}/"))
            }
            ("AWS::SQS::Queue", "QueueName") | ("AWS::SNS::Topic", "TopicName") => Ok(resource.to_owned()),
            ("AWS::Serverless::Function", "Arn") => Ok(arn("lambda", &format!("function:{resource}"))),
            (kind, _) => bail!("the harness doesn't know what !GetAtt {attribute} of an {kind} comes to"),
        }
    }

    /// A text in which `${Name}` stands for the value of that name, or for what `!Ref Name` is, and `${Name.Attribute}` for an
    /// attribute.
    fn substituted(&self, text: &str, values: &Node) -> Result<String> {
        let mut parts = text.split("${");
        let mut value = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, after) = part.split_once('}').context("!Sub with a ${ that nothing closes")?;
            value += &match (values.get(name), name.split_once('.')) {
                (Some(value), _) => self.value(value)?,
                (None, Some((resource, attribute))) => self.attribute(resource, attribute)?,
                (None, None) => self.reference(name)?,
            };
            value += after;
        }
        Ok(value)
    }

    /// The parameters that a part of the template refers to, by way of conditions too.
    pub(super) fn parameters_in<'a>(&'a self, node: &'a Node, names: &mut BTreeSet<&'a str>) -> Result<()> {
        let Node::Call(function, argument) = node else {
            let parts = node.items().iter().chain(node.pairs().iter().map(|(_, value)| value));
            return parts.into_iter().try_for_each(|part| self.parameters_in(part, names));
        };
        let is_parameter = |name: &&str| self.root.at(&["Parameters", name]).is_ok();
        match (function.as_str(), argument.items()) {
            ("Ref", _) => names.extend(Some(argument.text()?).filter(is_parameter)),
            ("If", [condition, ..]) => {
                self.parameters_in(self.root.at(&["Conditions", condition.text()?])?, names)?;
            }
            ("Sub", []) => names.extend(named_in(argument.text()?).filter(is_parameter)),
            ("Sub", [text, ..]) => names.extend(named_in(text.text()?).filter(is_parameter)),
            _ => {}
        }
        self.parameters_in(argument, names)
    }

    fn kind(&self, resource: &str) -> Result<&str> {
        self.root.at(&["Resources", resource, "Type"])?.text()
    }

    /// Sets a parameter in place of its default, or the region.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<()> {
        ensure!(
            name == "AWS::Region" || self.root.at(&["Parameters", name]).is_ok(),
            "the template has no parameter {name}"
        );
        self.parameters.insert(name.to_owned(), value.to_owned());
        Ok(())
    }
}

/// What stands between `${` and `}`.
fn named_in(text: &str) -> impl Iterator<Item = &str> {
    text.split("${")
        .skip(1)
        .filter_map(|part| Some(part.split_once('}')?.0))
}

fn arn(service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}")
}
