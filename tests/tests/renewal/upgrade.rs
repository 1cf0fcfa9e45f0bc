//! Versions of the receiver follow each other under traffic, in a stack of its own.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use http::Method;
use printbell_harness::deployment;
use printbell_harness::stack::{ALIAS, Stack};
use printbell_harness::template::Template;
use printbell_harness::workspace;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::task::spawn_local;

use crate::subscription::Subscription;
use crate::world::{World, on_the_stack};

const NAME: &str = "printbell-upgrade";

/// The pause between two callbacks: the emulator is busy deploying.
const PAUSE: Duration = Duration::from_millis(250);

/// Something that `cargo xtask build` might have built.
struct Build {
    folder: TempDir,
}

impl Build {
    /// What it has built.
    fn as_it_is() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let built = workspace::built();
        copy(&built, folder.path(), "template.yaml");
        for function in Template::read().unwrap().functions().unwrap() {
            let archive = function.archive();
            copy(&built, folder.path(), archive.file_name().unwrap().to_str().unwrap());
        }
        Self { folder }
    }

    fn template(&self) -> PathBuf {
        self.folder.path().join("template.yaml")
    }

    /// The same with another archive of the receiver, in which the same is: whoever unpacks one looks for its end.
    fn with_other_code() -> Self {
        let build = Self::as_it_is();
        let archive = build.folder.path().join("WebhookFunction.zip");
        let mut code = fs::read(&archive).unwrap();
        code.extend(b"another");
        fs::write(&archive, code).unwrap();
        build
    }

    /// The same with one more variable of the receiver.
    fn with_other_variable() -> Self {
        let build = Self::as_it_is();
        let text = fs::read_to_string(build.template()).unwrap();
        let (before, of_it) = text.split_once("\n  WebhookFunction:\n").unwrap();
        let of_it = of_it.replacen(
            "        Variables:\n",
            "        Variables:\n          UPGRADED: '1'\n",
            1,
        );
        fs::write(build.template(), format!("{before}\n  WebhookFunction:\n{of_it}")).unwrap();
        build
    }

    /// Deploys it; the error is what sam said.
    async fn deploy(&self, stack: &Stack, parameters: &[&str]) -> Result<(), String> {
        let simulator = format!("OctoEverywhereUrl={}", stack.simulator);
        let mut deploy = Command::new(workspace::root().join(".local/tools/bin/sam"));
        deploy
            .args(["deploy", "--config-env", "local", "--template-file"])
            .arg(self.template())
            .args(deployment::arguments(NAME, &stack.region))
            .args([&simulator, "CallbackDoor=HttpApiAndFunctionUrl"])
            .args(parameters)
            .env("SAM_CLI_TELEMETRY", "0")
            .envs(deployment::environment(&stack.endpoint, &stack.owner))
            .current_dir(self.folder.path());
        let output = deploy.output().await.unwrap();
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            Ok(())
        } else {
            Err(text.into_owned())
        }
    }
}

fn copy(from: &Path, to: &Path, file: &str) {
    fs::copy(from.join(file), to.join(file)).unwrap();
}

impl World {
    /// The version that the alias leads to, and its variables.
    async fn live(&self) -> (u64, Value) {
        let function = self.stack.function("webhook").unwrap();
        let path = format!("/2015-03-31/functions/{function}");
        let get = async |path: String| {
            self.aws
                .lambda(Method::GET, &path, &Value::Null)
                .await
                .unwrap()
                .json()
                .unwrap()
        };
        let alias = get(format!("{path}/aliases/{ALIAS}")).await;
        let configuration = get(format!("{path}/configuration?Qualifier={ALIAS}")).await;
        let version = alias["FunctionVersion"].as_str().unwrap().parse().unwrap();
        (version, configuration["Environment"]["Variables"].clone())
    }
}

#[tokio::test]
async fn what_was_built_for_another_processor_is_not_deployed() {
    on_the_stack(async |world: World| {
        let here = if cfg!(target_arch = "x86_64") {
            "x86_64"
        } else {
            "arm64"
        };
        let other = if here == "arm64" { "x86_64" } else { "arm64" };
        let refusal = Build::as_it_is()
            .deploy(&world.stack, &[&format!("Architecture={other}")])
            .await
            .unwrap_err();
        assert!(
            refusal.contains("Architecture") && refusal.contains("AllowedValues"),
            "{refusal}"
        );
    })
    .await;
}

/// Callbacks come in by both doors all the while.
#[tokio::test]
async fn no_callback_is_lost_while_versions_change() {
    on_the_stack(async |world: World| {
        let first = Build::as_it_is();
        first.deploy(&world.stack, &[]).await.unwrap();
        let world = world.with_stack(NAME).await;
        let subscription = Subscription::new(&world).await;
        let (key, url) = (world.signing_key().await, world.stack.function_url().await.unwrap());
        let doors = [world.stack.api(), world.stack.at(&url)];

        let (is_over, answers) = (Rc::new(Cell::new(false)), Rc::new(RefCell::new(Vec::new())));
        let traffic = {
            let (is_over, answers, tenant) = (Rc::clone(&is_over), Rc::clone(&answers), world.tenant.clone());
            spawn_local(async move {
                for number in 0.. {
                    if is_over.get() {
                        break;
                    }
                    let printer = format!("c{number:04}");
                    let target = format!("/octoeverywhere/webhook?{}", key.query_for(&tenant, &printer));
                    let door = &doors[number % doors.len()];
                    let answer = door.call_unsigned(Method::POST, &target, r#"{"EventType":1}"#).await;
                    let outcome = answer.map_or_else(|error| format!("{error:#}"), |answer| answer.status.to_string());
                    answers.borrow_mut().push((printer, outcome));
                    tokio::time::sleep(PAUSE).await;
                }
            })
        };
        let mut versions = vec![world.live().await.0];
        for (build, parameters) in [
            (&Build::with_other_code(), [].as_slice()),
            (&Build::with_other_variable(), &[]),
            (&first, &["CallbackRateLimit=4000", "RenewalCycleDays=60"]),
        ] {
            build.deploy(&world.stack, parameters).await.unwrap();
            let (version, variables) = world.live().await;
            versions.push(version);
            assert_eq!(variables.get("UPGRADED").is_some(), versions.len() == 3, "{variables}");
        }
        // Back at once, without a deployment.
        let path = format!(
            "/2015-03-31/functions/{}/aliases/{ALIAS}",
            world.stack.function("webhook").unwrap()
        );
        let before = json!({"FunctionVersion": "2"});
        world.aws.lambda(Method::PUT, &path, &before).await.unwrap();
        tokio::time::sleep(PAUSE * 4).await;
        is_over.set(true);
        traffic.await.unwrap();

        assert_eq!(versions, [1, 2, 3, 4], "each change of the receiver is a version");
        let answers = answers.take();
        let bad: Vec<_> = answers.iter().filter(|(_, outcome)| outcome != "200").collect();
        assert!(bad.is_empty(), "of {}: {bad:?}", answers.len());
        assert!(answers.len() > 20, "{}", answers.len());
        let sent: BTreeSet<_> = answers
            .iter()
            .map(|(printer, _)| format!("{printer} com.octoeverywhere.print.started"))
            .collect();
        let heard: BTreeSet<_> = subscription.receive(sent.len()).await.into_iter().collect();
        assert_eq!(heard, sent);
        println!("{} callbacks through {} versions", answers.len(), versions.len());
        deployment::delete(&world.aws, NAME).await.unwrap();
    })
    .await;
}
