//! `template.yaml`: the one list of the functions, and what each of them is configured with.
//!
//! A function or a variable that is added to the template is built, deployed, weighed and launched without another edit. A
//! variable whose value is of a new *kind* (`!GetAtt` of a state machine, say) wants a line in `template/value.rs`.

mod alarm;
mod node;
mod table;
mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::stub_aws::TableSchema;
use crate::workspace;
pub use alarm::{Alarm, Comparison, LogFilter, Metric, MissingData};
use node::Node;
use table::table_schema;

/// A folder with the functions' binaries under their Cargo names (`target/debug`, from the repository's root), for quick
/// loops without `sam build`.
pub const BINARIES_VARIABLE: &str = "PRINTBELL_BINARIES";

/// The repository's template.
#[derive(Clone, Debug)]
pub struct Template {
    root: Node,
    /// What was set in place of a default.
    parameters: BTreeMap<String, String>,
}

/// A function of the template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionResource {
    /// Of its Cargo package and binary, and of its folders in `functions/` and `events/`: `webhook`.
    pub name: String,
    /// In the template: `WebhookFunction`.
    pub logical_id: String,
    /// The names of its environment variables, and their values in a pretended stack.
    pub variables: Vec<(String, String)>,
}

impl Template {
    /// Reads it.
    ///
    /// # Errors
    /// When it isn't there, or isn't YAML.
    pub fn read() -> Result<Self> {
        let path = workspace::root().join("template.yaml");
        let text = std::fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("can't read {}", path.display()))
    }

    /// Reads a template from its text.
    ///
    /// # Errors
    /// When it isn't YAML.
    pub fn parse(text: &str) -> Result<Self> {
        Ok(Self {
            root: Node::parse(text)?,
            parameters: BTreeMap::new(),
        })
    }

    /// The same, deployed with these parameters, or in another `AWS::Region`; the others have their defaults.
    ///
    /// # Errors
    /// When it has no parameter of such a name.
    pub fn with(mut self, parameters: &[(&str, &str)]) -> Result<Self> {
        for (name, value) in parameters {
            self.set(name, value)?;
        }
        Ok(self)
    }

    /// All of its functions.
    ///
    /// # Errors
    /// When one has no folder, or a variable's value can't be told.
    pub fn functions(&self) -> Result<Vec<FunctionResource>> {
        self.resources("AWS::Serverless::Function")
            .map(|(logical_id, properties)| {
                self.function_resource(logical_id, properties)
                    .with_context(|| format!("{logical_id} in template.yaml"))
            })
            .collect()
    }

    /// One of its functions, by the name of its Cargo package.
    ///
    /// # Errors
    /// As [`Self::functions`]; and when there is none of this name.
    pub fn function(&self, name: &str) -> Result<FunctionResource> {
        let mut functions = self.functions()?.into_iter();
        let function = functions.find(|function| function.name == name);
        function.with_context(|| format!("template.yaml has no function in functions/{name}"))
    }

    /// The names of its parameters.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        let parameters = self.root.get("Parameters").map_or(&[][..], Node::pairs);
        parameters.iter().map(|(name, _)| name.as_str())
    }

    /// The least and the most that a parameter can be set to.
    ///
    /// # Errors
    /// When there is no such parameter, or nothing bounds it.
    pub fn bounds(&self, parameter: &str) -> Result<[String; 2]> {
        let parameter = self.root.at(&["Parameters", parameter])?;
        Ok([
            self.value(parameter.at(&["MinValue"])?)?,
            self.value(parameter.at(&["MaxValue"])?)?,
        ])
    }

    /// What a parameter is unless somebody says otherwise.
    ///
    /// # Errors
    /// When there is none of this name, or it has no default.
    pub fn default(&self, parameter: &str) -> Result<String> {
        self.value(self.root.at(&["Parameters", parameter, "Default"])?)
    }

    /// The values that a parameter may have; none, if any.
    ///
    /// # Errors
    /// When it has no such parameter.
    pub fn allowed_values(&self, parameter: &str) -> Result<Vec<&str>> {
        let values = self.root.at(&["Parameters", parameter])?.get("AllowedValues");
        values.map_or(&[][..], Node::items).iter().map(Node::text).collect()
    }

    /// The keys of a mapping.
    ///
    /// # Errors
    /// When it has no such mapping.
    pub fn mapping(&self, name: &str) -> Result<Vec<&str>> {
        let keys = self.root.at(&["Mappings", name])?.pairs().iter();
        Ok(keys.map(|(key, _)| key.as_str()).collect())
    }

    /// Whether a resource is made with these parameters.
    ///
    /// # Errors
    /// When the template has none of this name, or its condition can't be told.
    pub fn exists(&self, logical_id: &str) -> Result<bool> {
        let resource = self.root.at(&["Resources", logical_id])?;
        match resource.get("Condition") {
            Some(condition) => self.holds(self.root.at(&["Conditions", condition.text()?])?),
            None => Ok(true),
        }
    }

    /// The logical ids of the resources that are made with these parameters.
    ///
    /// # Errors
    /// When a condition can't be told.
    pub fn resource_ids(&self) -> Result<Vec<&str>> {
        let mut ids = Vec::new();
        for (id, _) in self.root.at(&["Resources"])?.pairs() {
            if self.exists(id)? {
                ids.push(id.as_str());
            }
        }
        Ok(ids)
    }

    /// What a property of a resource comes to.
    ///
    /// # Errors
    /// When there is none at the end of the path, or its value can't be told.
    pub fn property(&self, logical_id: &str, path: &[&str]) -> Result<String> {
        let properties = self.root.at(&["Resources", logical_id, "Properties"])?;
        self.value(properties.at(path)?)
    }

    /// The logical ids of the resources of a type that are made with these parameters.
    ///
    /// # Errors
    /// When a condition can't be told.
    pub fn resource_ids_of(&self, kind: &str) -> Result<Vec<&str>> {
        let mut ids = Vec::new();
        for (id, _) in self.resources(kind) {
            if self.exists(id)? {
                ids.push(id);
            }
        }
        Ok(ids)
    }

    /// A property of a resource, whatever it is, as CloudFormation makes it with these parameters. What is a number or a truth value is
    /// a text too.
    ///
    /// # Errors
    /// When there is none at the end of the path, or something in it can't be told.
    pub fn rendered(&self, logical_id: &str, path: &[&str]) -> Result<Value> {
        let property = self.root.at(&["Resources", logical_id, "Properties"])?.at(path)?;
        Ok(self.json(property)?.unwrap_or_default())
    }

    /// What `Globals` has for every function under this name.
    ///
    /// # Errors
    /// When it has nothing of the name, or its value can't be told.
    pub fn of_every_function(&self, name: &str) -> Result<String> {
        self.value(self.root.at(&["Globals", "Function", name])?)
    }

    /// The parameters that a property of a resource refers to, itself or by way of conditions. Of a function, `[]` is all that makes
    /// it what it is: its own properties and those of `Globals`, without what SAM makes its versions and their deployment of.
    ///
    /// # Errors
    /// When there is nothing at the end of the path, or a reference can't be told.
    pub fn parameters_of(&self, logical_id: &str, path: &[&str]) -> Result<BTreeSet<&str>> {
        let mut names = BTreeSet::new();
        let properties = self.root.at(&["Resources", logical_id, "Properties"])?;
        if path.is_empty() {
            self.parameters_in(self.root.at(&["Globals", "Function"])?, &mut names)?;
            // What is about versions, and what belongs to the function whatever its version is.
            let of_no_version = [
                "VersionDescription",
                "DeploymentPreference",
                "ReservedConcurrentExecutions",
            ];
            for (name, value) in properties.pairs() {
                if !of_no_version.contains(&name.as_str()) {
                    self.parameters_in(value, &mut names)?;
                }
            }
        } else {
            self.parameters_in(properties.at(path)?, &mut names)?;
        }
        Ok(names)
    }

    /// The version that it says it is.
    ///
    /// # Errors
    /// When it says none.
    pub fn version(&self) -> Result<&str> {
        self.root.at(&["Metadata", "Printbell", "Version"])?.text()
    }

    /// The names of its outputs.
    pub fn outputs(&self) -> impl Iterator<Item = &str> {
        let outputs = self.root.get("Outputs").map_or(&[][..], Node::pairs);
        outputs.iter().map(|(name, _)| name.as_str())
    }

    /// What an output comes to.
    ///
    /// # Errors
    /// When there is none of this name, or its value can't be told.
    pub fn output(&self, name: &str) -> Result<String> {
        self.value(self.root.at(&["Outputs", name, "Value"])?)
    }

    /// Why CloudFormation would refuse these parameters: the descriptions of the assertions of `Rules` that don't hold.
    ///
    /// # Errors
    /// When an assertion can't be told.
    pub fn refusals(&self) -> Result<Vec<&str>> {
        let mut refusals = Vec::new();
        for (_, rule) in self.root.at(&["Rules"])?.pairs() {
            if !self.holds(rule.at(&["RuleCondition"])?)? {
                continue;
            }
            for assertion in rule.at(&["Assertions"])?.items() {
                if !self.holds(assertion.at(&["Assert"])?)? {
                    refusals.push(assertion.at(&["AssertDescription"])?.text()?);
                }
            }
        }
        Ok(refusals)
    }

    /// Whether it has a resource of this logical id.
    pub fn has_resource(&self, logical_id: &str) -> bool {
        self.root.at(&["Resources", logical_id]).is_ok()
    }

    /// The routes of its API, such as `GET /registrations`.
    ///
    /// # Errors
    /// When one has no `RouteKey`.
    pub fn routes(&self) -> Result<Vec<&str>> {
        self.resources("AWS::ApiGatewayV2::Route")
            .map(|(_, properties)| properties.at(&["RouteKey"])?.text())
            .collect()
    }

    /// Its tables, each under its logical id.
    ///
    /// # Errors
    /// When a schema can't be told.
    pub fn tables(&self) -> Result<Vec<TableSchema>> {
        self.resources("AWS::DynamoDB::Table")
            .map(|(logical_id, properties)| {
                table_schema(logical_id, properties).with_context(|| format!("{logical_id} in template.yaml"))
            })
            .collect()
    }

    fn function_resource(&self, logical_id: &str, properties: &Node) -> Result<FunctionResource> {
        let folder = Path::new(properties.at(&["CodeUri"])?.text()?);
        let name = folder.file_name().context("CodeUri names no folder")?;
        let variables = properties.at(&["Environment", "Variables"])?.pairs().iter();
        let resolved = variables.map(|(name, value)| Ok((name.clone(), self.value(value)?)));
        Ok(FunctionResource {
            name: name.to_string_lossy().into_owned(),
            logical_id: logical_id.to_owned(),
            variables: resolved.collect::<Result<_>>()?,
        })
    }

    /// The resources of a type: their logical ids and properties.
    fn resources(&self, kind: &str) -> impl Iterator<Item = (&str, &Node)> {
        let resources = self.root.get("Resources").map_or(&[][..], Node::pairs);
        resources.iter().filter_map(move |(logical_id, resource)| {
            let is_one = resource.get("Type")?.text().ok()? == kind;
            Some((logical_id.as_str(), resource.get("Properties")?)).filter(|_| is_one)
        })
    }
}

impl FunctionResource {
    /// The binary that `sam build` made for AWS, or the one in the folder that [`BINARIES_VARIABLE`] names.
    pub fn binary(&self) -> PathBuf {
        match std::env::var_os(BINARIES_VARIABLE) {
            Some(folder) => workspace::root().join(folder).join(&self.name),
            None => self.deployable(),
        }
    }

    /// The binary that `sam build` made for AWS.
    pub fn deployable(&self) -> PathBuf {
        workspace::built().join(&self.logical_id).join("bootstrap")
    }

    /// The archive of it, as it is deployed.
    pub fn archive(&self) -> PathBuf {
        workspace::built().join(format!("{}.zip", self.logical_id))
    }

    /// What it is made of, by CycloneDX.
    pub fn bill_of_materials(&self) -> PathBuf {
        workspace::built().join(format!("{}.cdx.json", self.logical_id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{DEAD_LETTER_QUEUE, FALLBACK_QUEUE, PUBLIC_URL, REGISTRATIONS, SECRET, STATE, TOPIC};
    use crate::stub_aws::Projection;

    const STACK: &str = r#"
Parameters:
  Url: {Type: String, Default: ""}
Conditions:
  HasUrl: !Not [!Equals [!Ref Url, ""]]
Resources:
  Api: {Type: AWS::ApiGatewayV2::Api, Properties: {}}
  ChimeFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/chime/
      Environment:
        Variables:
          PLAIN: "32"
          URL: !If [HasUrl, !Ref Url, !Sub "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}"]
"#;

    #[test]
    fn a_function_has_the_variables_that_the_template_gives_it() {
        let check = |parameters: &[(&str, &str)], url: &str| {
            let template = Template::parse(STACK).unwrap().with(parameters).unwrap();
            let expected = FunctionResource {
                name: "chime".to_owned(),
                logical_id: "ChimeFunction".to_owned(),
                variables: [("PLAIN", "32"), ("URL", url)]
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .into(),
            };
            assert_eq!(template.functions().unwrap(), [expected]);
        };
        check(&[], "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com");
        check(&[("Url", "https://bell.example.com")], "https://bell.example.com");
    }

    #[test]
    fn what_can_not_be_told_is_an_error_that_says_where() {
        let check = |template: Result<Template>, expected: &str| {
            let error = template.and_then(|template| template.functions()).unwrap_err();
            assert!(format!("{error:#}").contains(expected), "{error:#}");
        };
        let changed = |from, to| Template::parse(&STACK.replace(from, to));
        check(
            Template::parse(STACK).unwrap().with(&[("Door", "x")]),
            "no parameter Door",
        );
        check(
            changed("\"32\"", "!Ref Nothing"),
            "ChimeFunction in template.yaml: no Nothing",
        );
        check(changed("\"32\"", "!GetAtt Api.Arn"), "!GetAtt Arn of an AWS::Api");
        check(changed("\"32\"", "!Cidr [a, b]"), "!Cidr");
        check(changed("\"32\"", "!Select [3, !Split [/, a/b]]"), "has no item 3");
    }

    #[test]
    fn what_is_made_and_what_is_refused_goes_by_the_parameters() {
        let stack = format!(
            "{STACK}  Bell: {{Type: AWS::SNS::Topic, Condition: HasUrl, Properties: {{Name: !Select [1, !Split [/, a/b]]}}}}\n\
             Rules:\n  Here:\n    RuleCondition: !Not [!Equals [!Ref Url, \"\"]]\n    Assertions:\n    \
             - {{Assert: !Contains [[eu-central-1, eu-west-1], !Ref AWS::Region], AssertDescription: Not here.}}\n\
             Outputs:\n  Whole: {{Value: !Sub [\"${{A}}-${{Url}}\", {{A: !Ref AWS::Region}}]}}\n"
        );
        let check = |parameters: &[(&str, &str)], exists: bool, refusals: &[&str], output: &str| {
            let template = Template::parse(&stack).unwrap().with(parameters).unwrap();
            assert_eq!(template.exists("Bell").unwrap(), exists);
            assert_eq!(template.resource_ids().unwrap().contains(&"Bell"), exists);
            assert_eq!(template.refusals().unwrap(), refusals);
            assert_eq!(template.output("Whole").unwrap(), output);
            assert_eq!(template.property("Bell", &["Name"]).unwrap(), "b");
        };
        check(&[], false, &[], "eu-central-1-");
        check(&[("Url", "x")], true, &[], "eu-central-1-x");
        check(
            &[("Url", "x"), ("AWS::Region", "us-east-1")],
            true,
            &["Not here."],
            "us-east-1-x",
        );
    }

    #[test]
    fn what_the_fixtures_say_of_the_stack_is_what_its_functions_are_told() {
        let template = Template::read().unwrap().with(&[("PublicUrl", PUBLIC_URL)]).unwrap();
        let functions = template.functions().unwrap().into_iter();
        let variables: BTreeMap<_, _> = functions.flat_map(|function| function.variables).collect();
        let expected = [
            ("CALLBACK_SECRET_ARN", SECRET),
            ("DEAD_LETTER_QUEUE_URL", DEAD_LETTER_QUEUE),
            ("FALLBACK_QUEUE_URL", FALLBACK_QUEUE),
            ("PUBLIC_URL", PUBLIC_URL),
            ("STATE_TABLE_NAME", STATE),
            ("TABLE_NAME", REGISTRATIONS),
            ("TOPIC_ARN", TOPIC),
        ];
        for (name, value) in expected {
            assert_eq!(variables[name], value, "{name}");
        }
    }

    #[test]
    fn what_the_fixtures_call_the_tables_is_what_the_template_makes() {
        let tables = Template::read().unwrap().tables().unwrap();
        let names: Vec<_> = tables.iter().map(|table| table.name.as_str()).collect();
        assert_eq!(names, [REGISTRATIONS, STATE]);
        let projection = &tables[0].indexes[0].projection;
        assert_eq!(*projection, Projection::Include(vec!["expiresAt".to_owned()]));
    }
}
