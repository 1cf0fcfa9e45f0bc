//! `docs/operations.md`, as it stands: its commands are typed into a shell, against the emulator, beside the stack of the other tests.

use futures::StreamExt as _;
use futures::stream;
use http::Method;
use jiff::SignedDuration;
use printbell_harness::surroundings::Surroundings;
use printbell_harness::workspace;
use printbell_simulator::{EventType, Standing};
use printbell_tests::person::Person;
use printbell_tests::text::{Block, Mark, Section, sections};
use serde_json::{Value, json};

use crate::subscription::Subscription;
use crate::world::{MINUTE, Printer, World, on_the_stack};

const OPERATIONS: &str = "docs/operations.md";

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

#[test]
fn every_block_is_typed_by_these_tests_or_says_why_not() {
    let sections = sections(OPERATIONS);
    let counts: Vec<_> = { sections.iter() }
        .map(|Section { heading, blocks }| {
            let elsewhere = blocks.iter().filter(|block| block.mark != Mark::Run).count();
            (heading.as_str(), blocks.len(), elsewhere)
        })
        .collect();
    assert_eq!(counts, BLOCKS);
}

/// Somebody who runs stacks, and does it by the document.
pub struct Operator {
    pub world: World,
    person: Person,
    surroundings: Surroundings,
}

impl Operator {
    /// Who has a stack of this name, or will have.
    pub async fn new(world: &World, stack: &str) -> Self {
        let surroundings = Surroundings::of(&world.stack).await.unwrap();
        let environment = surroundings.environment(&world.stack.owner);
        let person = Person::new(environment).await;
        let mut operator = Self {
            world: world.clone(),
            person,
            surroundings,
        };
        let architecture = match std::env::consts::ARCH {
            "aarch64" => "arm64",
            architecture => architecture,
        };
        // What the first block keeps: it says whose stack it is, unless the shell knows.
        let simulator = &world.stack.simulator;
        operator
            .runs(&format!(
                "cd '{}'\nSTACK={stack}\n\
                 PARAMETERS='OctoEverywhereUrl={simulator} Architecture={architecture} MaxCallsPerSecond=200'",
                workspace::root().display()
            ))
            .await;
        for block in 0..2 {
            operator.types("", block).await;
        }
        assert_eq!(operator.variable("STACK").await, stack);
        operator
    }

    /// Types a block of a section.
    pub async fn types(&mut self, section: &str, block: usize) -> String {
        let sections = sections(OPERATIONS);
        let section = sections.iter().find(|it| it.heading == section).unwrap();
        self.person.types(&section.blocks[block]).await
    }

    /// Types these commands.
    pub async fn runs(&mut self, commands: &str) -> String {
        self.person.types(&Block::of_a_test(commands)).await
    }

    pub async fn variable(&mut self, name: &str) -> String {
        self.runs(&format!("echo \"${name}\"")).await.trim().to_owned()
    }

    /// A run of renew by its command, and what it answers.
    async fn renews(&mut self) -> Value {
        let output = self.types("Restore what a deleted stack left", 2).await;
        let mut values = serde_json::Deserializer::from_str(&output).into_iter();
        values.next().unwrap_or_else(|| panic!("{output}")).unwrap()
    }

    /// The stack that `STACK` names, in the hands of this test.
    pub async fn world(&mut self) -> World {
        let name = self.variable("STACK").await;
        let world = self.world.with_stack(&name).await;
        self.surroundings.lead_to(&world.stack).await.unwrap();
        // A deployment puts its clocks right.
        world.advance(SignedDuration::ZERO).await;
        world
    }

    /// Has the restore come to its end, and the sweep after it, with the clocks moved on to the second look.
    async fn restores(&mut self, world: &World) {
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
        let mut operator = Operator::new(&world, "printbell-back").await;
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
        let mut operator = Operator::new(&world, "printbell-point").await;
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
        let mut operator = Operator::new(&world, "printbell-moves").await;
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
