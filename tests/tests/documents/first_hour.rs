//! The first hour of somebody who has cloned the repository: `cargo xtask local`, behind a proxy and with the mistakes that people
//! make; then every command that it prints, and the README's, in a shell that knows of AWS what `cargo xtask env` says.

use std::fs::File;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use printbell_harness::aws::http_client;
use printbell_simulator::{Control, PrinterId};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::person::{Person, xtask};
use crate::readme::{FAILURE, README};
use crate::text::Block;

/// How long `cargo xtask local` may take, with everything built and installed: a minute on a machine that does nothing else.
const PATIENCE: Duration = Duration::from_secs(280);

/// Where nobody answers: a proxy that would be asked for the emulator would be heard of.
const PROXY: &str = "http://127.0.0.1:9";

/// Puts the programs that write down what is run before those of the environment again.
const WITNESSED: &str = "eval \"$(cargo xtask env)\"\nPATH=\"$(dirname \"$HOME\")/bin:$PATH\"";

/// A running `cargo xtask local`, and what it has said.
struct Local {
    folder: TempDir,
    _process: Child,
}

impl Local {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let screen = File::create(folder.path().join("screen")).unwrap();
        let mut local = Command::new(xtask());
        local.arg("local").kill_on_drop(true);
        local.stdout(screen.try_clone().unwrap()).stderr(screen);
        for name in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"] {
            local.env(name, PROXY);
        }
        for name in ["no_proxy", "NO_PROXY"] {
            local.env_remove(name);
        }
        let process = local.spawn().unwrap();
        Self {
            folder,
            _process: process,
        }
    }

    fn screen(&self) -> String {
        let path: PathBuf = self.folder.path().join("screen");
        String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned()
    }

    /// Waits until the screen shows it, and tells all of it.
    async fn shows(&self, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            if screen.contains(text) {
                return screen;
            }
            assert!(Instant::now() < end, "no {text:?} within {PATIENCE:?}:\n{screen}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// A command that fails: what it says then. Nothing of that is for `eval`.
async fn refused(arguments: &[&str]) -> String {
    let output = Command::new(xtask()).args(arguments).output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(
        (output.status.code(), text(&output.stdout).as_str()),
        (Some(1), ""),
        "{arguments:?}"
    );
    text(&output.stderr)
}

/// The commands on the screen, less the one that stays and the one that is typed first.
fn offered(screen: &str) -> Vec<String> {
    let (_, offer) = screen.split_once("Everything runs.").unwrap();
    let commands = offer.lines().filter_map(|line| line.strip_prefix("    "));
    let others = ["cargo xtask watch", "eval \"$(cargo xtask env)\""];
    let commands = commands.filter(|command| !command.starts_with(' ') && !others.contains(command));
    commands.map(str::to_owned).collect()
}

#[tokio::test]
async fn what_is_printed_and_what_the_readme_says_works_when_it_is_pasted() {
    let local = Local::start();
    local.shows("…").await;
    let second = refused(&["local"]).await;
    assert!(
        second.contains("runs here already") && second.contains("eval \"$(cargo xtask env)\""),
        "{second}"
    );
    let early = refused(&["env"]).await;
    assert!(
        early.contains("run `cargo xtask local` in another terminal first"),
        "{early}"
    );

    let screen = local.shows("Ctrl-C ends it all").await;
    for shown in ["print.complete", "print.failed", "Renewed on "] {
        assert!(screen.contains(shown), "{screen}");
    }
    let taken = TcpListener::bind("[::1]:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let watch = refused(&["watch", "--port", &port]).await;
    assert!(watch.contains(&format!("port {port} can't be had")), "{watch}");

    let mut person = Person::without_environment().await;
    let commands = offered(&screen);
    assert!(commands.len() >= 9, "{commands:?}");
    person.types(&Block::of_a_test(WITNESSED)).await;
    for command in &commands {
        person.types(&Block::of_a_test(command)).await;
    }
    let screen = local.shows("waits in the dead-letter queue").await;
    println!("{} commands that `cargo xtask local` prints, typed", commands.len() + 1);

    person.types_all(README, async |_, _| {}).await;

    // And what was subscribed hears of a failure.
    let (control, printer) = registered(&screen).await;
    let delivery = control.fire_payload(&printer, FAILURE).await.unwrap();
    assert_eq!(delivery.status(), Some(200), "{delivery:?}");
    let receive = "aws sqs receive-message --wait-time-seconds 20 --query 'Messages[0].Body' --output text --queue-url \
                   \"$(aws sqs get-queue-url --queue-name prints --query QueueUrl --output text)\"";
    let message = person.types(&Block::of_a_test(receive)).await;
    assert!(message.contains("com.octoeverywhere.print.failed"), "{message}");
}

/// Who was registered by the README's lines.
async fn registered(screen: &str) -> (Control, PrinterId) {
    let (before, _) = screen.split_once("/control/registrations").unwrap();
    let simulator = &before[before.rfind("http://").unwrap()..];
    let control = Control::new(simulator);
    let listing = http_client().get(format!("{simulator}/control/registrations")).send();
    let listing = listing.await.unwrap();
    let listing: Value = serde_json::from_str(&listing.text().await.unwrap()).unwrap();
    let items = listing["items"].as_array().unwrap();
    let ours = items
        .iter()
        .find(|item| item["webhook"]["url"].to_string().contains("tenantId=abc123"));
    let printer = ours.unwrap_or_else(|| panic!("{listing}"))["printerId"].clone();
    (control, serde_json::from_value(printer).unwrap())
}
