//! What the template's values come to in a pretended stack, in which every resource bears its own logical id.

use anyhow::{Context, Result, bail, ensure};

use super::Template;
use super::node::Node;
use crate::fixtures::{ACCOUNT, API_HOST, REGION};

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
            ("Sub", _) => self.substituted(argument.text()?),
            ("If", [condition, then, otherwise]) => {
                let condition = self.root.at(&["Conditions", condition.text()?])?;
                self.value(if self.holds(condition)? { then } else { otherwise })
            }
            _ => bail!("the harness doesn't know what !{function} of {argument:?} comes to"),
        }
    }

    fn holds(&self, condition: &Node) -> Result<bool> {
        let Node::Call(function, argument) = condition else {
            bail!("{condition:?} is no condition");
        };
        match (function.as_str(), argument.items()) {
            ("Not", [condition]) => Ok(!self.holds(condition)?),
            ("Equals", [one, other]) => Ok(self.value(one)? == self.value(other)?),
            _ => bail!("the harness doesn't know the condition !{function} of {argument:?}"),
        }
    }

    fn reference(&self, name: &str) -> Result<String> {
        match name {
            "AWS::AccountId" => return Ok(ACCOUNT.to_owned()),
            "AWS::Partition" => return Ok("aws".to_owned()),
            "AWS::Region" => return Ok(REGION.to_owned()),
            "AWS::URLSuffix" => return Ok("amazonaws.com".to_owned()),
            _ => {}
        }
        if let Ok(parameter) = self.root.at(&["Parameters", name]) {
            return match self.parameters.get(name) {
                Some(value) => Ok(value.clone()),
                None => self.value(parameter.at(&["Default"])?),
            };
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
            ("AWS::SQS::Queue", "Arn") => Ok(arn("sqs", resource)),
            (kind, _) => bail!("the harness doesn't know what !GetAtt {attribute} of an {kind} comes to"),
        }
    }

    /// A text in which `${Name}` stands for what `!Ref Name` is, and `${Name.Attribute}` for an attribute.
    fn substituted(&self, text: &str) -> Result<String> {
        let mut parts = text.split("${");
        let mut value = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, after) = part.split_once('}').context("!Sub with a ${ that nothing closes")?;
            value += &match name.split_once('.') {
                Some((resource, attribute)) => self.attribute(resource, attribute)?,
                None => self.reference(name)?,
            };
            value += after;
        }
        Ok(value)
    }

    fn kind(&self, resource: &str) -> Result<&str> {
        self.root.at(&["Resources", resource, "Type"])?.text()
    }

    /// Sets a parameter in place of its default.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<()> {
        ensure!(
            self.root.at(&["Parameters", name]).is_ok(),
            "the template has no parameter {name}"
        );
        self.parameters.insert(name.to_owned(), value.to_owned());
        Ok(())
    }
}

fn arn(service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}")
}
