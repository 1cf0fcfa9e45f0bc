//! `docs/operations.md`, as it stands: its commands are typed into a shell, against the emulator, beside the stack of the other tests.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use futures::StreamExt as _;
use futures::stream;
use http::Method;
use jiff::SignedDuration;
use printbell_harness::stack::{Outputs, Stack};
use printbell_harness::workspace;
use printbell_simulator::{EventType, Standing};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::subscription::Subscription;
use crate::world::{MINUTE, Printer, World, on_the_stack};

/// Why a block isn't typed, in the text's source, above it.
const NOT_ON_THE_EMULATOR: &str = "<!-- only on AWS: ";

/// How many blocks each section has, and how many of them are only for AWS. All others are typed by these tests.
const BLOCKS: [(&str, usize, usize); 8] = [
    ("", 2, 0),
    ("Backup", 2, 0),
    ("Restore what a deleted stack left", 4, 0),
    ("Restore from a point in time", 3, 0),
    ("Move to another name, beside a stack that lives", 3, 0),
    ("Move to another region", 1, 1),
    ("Uninstall", 2, 0),
    ("What a deleted stack leaves", 1, 0),
];

/// What a person sets, and what the commands set for those that follow.
const VARIABLES: &str = "STACK PARAMETERS AWS_REGION TABLE KEY SECRET OLD SCHEDULE";

/// The heading of each section, its blocks, and how many of these aren't for the emulator.
fn sections() -> Vec<(String, Vec<String>, usize)> {
    let text = fs::read_to_string(workspace::root().join("docs/operations.md")).unwrap();
    let section = |(number, text): (usize, &str)| {
        let (heading, text) = match number {
            0 => ("", text),
            _ => text.split_once('\n').unwrap(),
        };
        let blocks = text.split("```sh\n").skip(1);
        let blocks = blocks.map(|block| block.split_once("```").unwrap().0.to_owned());
        (
            heading.to_owned(),
            blocks.collect(),
            text.matches(NOT_ON_THE_EMULATOR).count(),
        )
    };
    text.split("\n## ").enumerate().map(section).collect()
}

#[test]
fn every_block_is_typed_by_these_tests_or_says_why_not() {
    let sections = sections();
    let counts: Vec<_> = sections
        .iter()
        .map(|(heading, blocks, elsewhere)| (heading.as_str(), blocks.len(), *elsewhere))
        .collect();
    assert_eq!(counts, BLOCKS);
}

/// Somebody with a shell.
pub struct Operator {
    pub world: World,
    folder: TempDir,
    functions: String,
}

impl Operator {
    /// Who has a stack of this name, or will have.
    pub fn new(world: &World, stack: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let (_, blocks, _) = sections().remove(0);
        let architecture = match std::env::consts::ARCH {
            "aarch64" => "arm64",
            architecture => architecture,
        };
        let variables = format!(
            "STACK={stack}\nPARAMETERS='OctoEverywhereUrl={} Architecture={architecture} MaxCallsPerSecond=200'\n\
             export AWS_REGION={}\n",
            world.stack.simulator, world.stack.region
        );
        fs::write(folder.path().join("variables"), variables).unwrap();
        // The API has the host name that it would have on AWS, at the emulator's address.
        let emulator = world.stack.endpoint.trim_start_matches("http://");
        let curl = format!(
            "#!/bin/bash\nPATH=\"${{PATH#*:}}\" exec curl --connect-to \"::{emulator}\" \"${{@/#https:/http:}}\"\n"
        );
        let curl_path = folder.path().join("curl");
        fs::write(&curl_path, curl).unwrap();
        fs::set_permissions(&curl_path, Permissions::from_mode(0o755)).unwrap();
        Self {
            world: world.clone(),
            folder,
            functions: blocks[1].clone(),
        }
    }

    /// Types a block of a section.
    pub async fn types(&self, section: &str, block: usize) -> String {
        let sections = sections();
        let (_, blocks, _) = sections.iter().find(|(heading, ..)| heading == section).unwrap();
        self.runs(&blocks[block]).await
    }

    /// Types these commands, and goes on with the variables that they set.
    pub async fn runs(&self, commands: &str) -> String {
        let variables = self.folder.path().join("variables");
        let variables = variables.display();
        let script = format!(
            "set -euo pipefail\nsource '{variables}'\n{}\n{commands}\n\
             set +e\n{{ declare -p {VARIABLES} 2>/dev/null; }} >'{variables}.new'\nmv '{variables}.new' '{variables}'\n",
            self.functions
        );
        let stack = &self.world.stack;
        let path = format!(
            "{}:{}:{}",
            self.folder.path().display(),
            stack.tools.display(),
            std::env::var("PATH").unwrap()
        );
        let typed = Command::new("bash")
            .args(["-c", &script])
            .current_dir(workspace::root())
            .env_clear()
            .envs([
                ("PATH", path.as_str()),
                ("HOME", self.folder.path().to_str().unwrap()),
                ("LANG", "C.UTF-8"),
            ])
            .envs([
                ("AWS_ENDPOINT_URL", stack.endpoint.as_str()),
                ("AWS_DEFAULT_REGION", &stack.region),
            ])
            .envs([
                ("AWS_ACCESS_KEY_ID", stack.owner.access_key_id.as_str()),
                ("AWS_SECRET_ACCESS_KEY", &stack.owner.secret_access_key),
                ("SAM_CLI_TELEMETRY", "0"),
            ])
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap();
        let output = String::from_utf8_lossy(&typed.stdout).into_owned();
        let errors = String::from_utf8_lossy(&typed.stderr);
        assert!(typed.status.success(), "{commands}\n{output}\n{errors}");
        output
    }

    pub async fn variable(&self, name: &str) -> String {
        self.runs(&format!("printf '%s' \"${name}\"")).await
    }

    /// A run of renew by its command, and what it answers.
    async fn renews(&self) -> Value {
        let output = self.types("Restore what a deleted stack left", 2).await;
        let mut values = serde_json::Deserializer::from_str(&output).into_iter();
        values.next().unwrap_or_else(|| panic!("{output}")).unwrap()
    }

    /// The stack that `STACK` names, in the hands of this test.
    pub async fn world(&self) -> World {
        let outputs = self
            .runs(
                "aws cloudformation describe-stacks --stack-name \"$STACK\" --query 'Stacks[0].Outputs' --output json",
            )
            .await;
        let outputs: Value = serde_json::from_str(&outputs).unwrap();
        let named = |output: &Value| {
            (
                output["OutputKey"].as_str().unwrap().to_owned(),
                output["OutputValue"].clone(),
            )
        };
        let outputs: Value = outputs
            .as_array()
            .unwrap()
            .iter()
            .map(named)
            .collect::<serde_json::Map<_, _>>()
            .into();
        let outputs: Outputs = serde_json::from_value(outputs).unwrap();
        let functions = [
            ("webhook", &outputs.webhook_function_name),
            ("renew", &outputs.renew_function_name),
            ("register", &outputs.register_function_name),
            ("redrive", &outputs.redrive_function_name),
        ];
        let functions = functions
            .map(|(name, function)| (name.to_owned(), function.clone()))
            .into();
        let earlier = &self.world.stack;
        let stack = Stack {
            outputs,
            functions,
            backend: earlier.owner.clone(),
            ..earlier.clone()
        };
        let world = World {
            api: stack.api(),
            stack,
            ..self.world.clone()
        };
        // A deployment puts its clocks right.
        world.advance(SignedDuration::ZERO).await;
        world
    }

    /// Has the restore come to its end, and the sweep after it, with the clocks moved on to the second look.
    async fn restores(&self, world: &World) {
        world.advance(MINUTE * 21).await;
        for _ in 0..10 {
            let report = self.renews().await;
            if (&report["restores"], &report["sweeps"]) == (&json!(0), &json!(0)) {
                return;
            }
        }
        panic!("the restore doesn't end");
    }
}

impl World {
    async fn register(&self, count: usize) -> Vec<Printer> {
        let printers = (0..count).map(|number| async move { self.registered(&format!("p{number:03}")).await });
        stream::iter(printers).buffered(8).collect().await
    }

    async fn webhook_url(&self, printer: &Printer) -> Option<String> {
        let state = self.control.registration(&printer.id).await.unwrap();
        state.webhook.map(|webhook| {
            assert_eq!(webhook.standing, Standing::Active);
            webhook.url
        })
    }

    /// Every webhook is this stack's, and what is sent to it arrives.
    async fn has_all(&self, printers: &[Printer]) {
        for printer in printers {
            let url = self.webhook_url(printer).await.unwrap();
            assert!(url.starts_with(&self.stack.outputs.callback_url), "{url}");
        }
        self.hears(&printers[0]).await;
        self.hears(printers.last().unwrap()).await;
    }

    async fn hears(&self, printer: &Printer) {
        let delivery = self.control.fire(&printer.id, EventType::PRINT_STARTED).await.unwrap();
        assert!(format!("{delivery:?}").contains("200"), "{delivery:?}");
    }

    pub async fn labels_of(&self, secret: &str) -> Vec<String> {
        let listing = self
            .aws
            .secrets("DescribeSecret", &json!({"SecretId": secret}))
            .await
            .unwrap();
        let labels = listing["VersionIdsToStages"].as_object().unwrap().values();
        let labels = labels.flat_map(|labels| labels.as_array().unwrap());
        let labels = labels.map(|label| label.as_str().unwrap().to_owned());
        labels.filter(|label| label.starts_with("printbell-")).collect()
    }

    async fn is_there(&self, table: &str) -> bool {
        self.aws
            .dynamodb("DescribeTable", &json!({"TableName": table}))
            .await
            .is_ok()
    }
}

#[tokio::test]
async fn a_stack_that_was_deleted_comes_back_with_every_webhook() {
    on_the_stack(async |world: World| {
        let operator = Operator::new(&world, "printbell-back");
        operator.runs("deploy").await;
        // Two stacks in one account and region.
        let beside = world.registered("beside").await;
        let first = operator.world().await;
        let printers = first.register(200).await;
        world.hears(&beside).await;
        first.has_all(&printers).await;

        operator.types("Backup", 0).await;
        operator.types("Backup", 1).await;
        let old_url = first.webhook_url(&printers[3]).await.unwrap();
        operator.types("Uninstall", 1).await;
        let (table, secret) = (operator.variable("TABLE").await, operator.variable("SECRET").await);
        let remains = operator.types("Restore what a deleted stack left", 0).await;
        assert!(remains.contains(&table) && remains.contains(&secret), "{remains}");
        assert_eq!(first.labels_of(&secret).await.len(), 1);

        // Under another name, for the emulator makes a resource's name of the stack's and the logical id alone: a stack of the same
        // name would get the very table that is left. AWS adds twelve letters that never come again.
        operator.runs("STACK=printbell-again").await;
        let looked = operator.types("Restore what a deleted stack left", 1).await;
        assert!(looked.contains(r#""restores": 1"#), "{looked}");
        let new = operator.world().await;
        assert_ne!(new.stack.outputs.api_url, first.stack.outputs.api_url);
        // As if both had one domain: what comes under the old keys is taken before anything is swept.
        let subscription = Subscription::new(&new).await;
        let (_, query) = old_url.split_once('?').unwrap();
        let path = format!("/octoeverywhere/webhook?{query}");
        let body = json!({"PrinterId": "x", "PrintId": "y", "EventType": 2}).to_string();
        let answer = new.api.call_unsigned(Method::POST, &path, body.clone()).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(
            subscription.receive(1).await,
            ["p003 com.octoeverywhere.print.complete"]
        );

        operator.restores(&new).await;
        new.has_all(&printers).await;
        assert_eq!(new.labels_of(&secret).await, Vec::<String>::new());
        // A DELETE after a restore stays.
        let (status, _) = new.call(Method::DELETE, &printers[5], "", Value::Null).await;
        assert_eq!(status, 204);
        let report = operator.renews().await;
        assert_eq!(
            (&report["restored"], &report["restores"]),
            (&json!(0), &json!(0)),
            "{report}"
        );
        assert_eq!(new.row(&printers[5]).await, Value::Null);
        assert_eq!(new.webhook_url(&printers[5]).await, None);

        operator.types("Restore what a deleted stack left", 3).await;
        assert_eq!(operator.renews().await["restores"], 0);
        operator.types("What a deleted stack leaves", 0).await;
        assert!(!new.is_there(&table).await);

        let remaining = operator.types("Uninstall", 0).await;
        assert_eq!(
            remaining.trim().lines().last().unwrap_or_default().trim(),
            "0",
            "{remaining}"
        );
        for printer in &printers {
            assert_eq!(new.webhook_url(printer).await, None);
        }
        operator.types("Uninstall", 1).await;
        operator.types("What a deleted stack leaves", 0).await;
        world.hears(&beside).await;
    })
    .await;
}

#[tokio::test]
async fn registrations_come_back_from_a_point_in_time_and_a_delete_stays() {
    on_the_stack(async |world: World| {
        let operator = Operator::new(&world, "printbell-point");
        operator.runs("deploy").await;
        let stack = operator.world().await;
        let printers = stack.register(20).await;
        // The emulator restores the present, so that what is lost is lost after that.
        operator.types("Restore from a point in time", 0).await;
        for printer in &printers[..5] {
            let request = json!({"TableName": stack.stack.outputs.table_name, "Key": stack.key(printer)});
            stack.aws.dynamodb("DeleteItem", &request).await.unwrap();
        }
        let (status, _) = stack.call(Method::DELETE, &printers[6], "", Value::Null).await;
        assert_eq!((status, stack.webhook_url(&printers[6]).await), (204, None));
        operator.types("Restore from a point in time", 1).await;
        let stack = operator.world().await;
        let (status, _) = stack.call(Method::DELETE, &printers[2], "", Value::Null).await;
        assert_eq!(status, 204);
        operator.restores(&stack).await;
        // Deleted since the restore began.
        assert_eq!(stack.row(&printers[2]).await, Value::Null);
        let there: Vec<_> = printers
            .iter()
            .filter(|printer| printer.reference != "p002")
            .cloned()
            .collect();
        stack.has_all(&there).await;
        let (status, _) = stack.call(Method::DELETE, &printers[3], "", Value::Null).await;
        assert_eq!(status, 204);
        operator.renews().await;
        assert_eq!(stack.row(&printers[3]).await, Value::Null);
        operator.types("Restore from a point in time", 2).await;
        assert_eq!(operator.renews().await["restores"], 0);
        operator.types("Uninstall", 1).await;
    })
    .await;
}

#[tokio::test]
async fn a_stack_moves_to_another_name_once_the_old_one_rests() {
    on_the_stack(async |world: World| {
        let operator = Operator::new(&world, "printbell-moves");
        operator.runs("deploy").await;
        let old = operator.world().await;
        let printers = old.register(20).await;
        operator
            .types("Move to another name, beside a stack that lives", 0)
            .await;
        let state = operator
            .runs("aws scheduler get-schedule --name \"$SCHEDULE\" --query '[State, Target.Input]' --output text")
            .await;
        assert_eq!(state.trim(), "DISABLED\t{\"run\":{}}");
        let looked = operator
            .types("Move to another name, beside a stack that lives", 1)
            .await;
        assert!(looked.contains(r#""restores": 1"#), "{looked}");
        let new = operator.world().await;
        // Somebody still uses the old one.
        let (status, _) = old.call(Method::POST, &printers[4], "/renew", Value::Null).await;
        assert_eq!(status, 200);
        new.advance(MINUTE * 21).await;
        let refusal = operator.renews().await.to_string();
        assert!(
            refusal.contains("change while they are read") && refusal.contains("switch its schedule off"),
            "{refusal}"
        );
        assert_eq!(new.row(&printers[4]).await, Value::Null);
        assert_eq!(operator.renews().await["restores"], 1);
        operator.restores(&new).await;
        new.has_all(&printers).await;
        operator
            .types("Move to another name, beside a stack that lives", 2)
            .await;
        assert_eq!(operator.renews().await["restores"], 0);
        operator.world().await.has_all(&printers).await;
        operator.types("Uninstall", 1).await;
    })
    .await;
}
