//! `cargo xtask local`: the whole system on this machine.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use printbell_harness::stack::Stack;
use printbell_simulator::AppConnection;
use printbell_simulator::{DeliverVia, Options, Simulator};

use crate::architecture::Architecture;
use crate::emulator::{self, Emulator};
use crate::notifications::Subscriber;
use crate::progress;
use crate::tools::Tools;
use crate::workspace::Workspace;
use crate::{artifacts, demonstration, deployment};

/// What systems of different purposes differ in.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Names the folder for its files.
    pub purpose: &'static str,
    /// When renew runs by itself.
    pub schedule: &'static str,
    /// Whether OctoEverywhere takes every token for a good one, not only those that it issued.
    pub any_token: bool,
}

const LOCAL: Setting = Setting {
    purpose: "local",
    // AWS runs a schedule once a minute at most. The emulator looks every ten seconds for what is due, and this makes the
    // schedule due each time, so that nobody has to wait a minute for the demonstration (docs/decisions/0023).
    schedule: "rate(0 minutes)",
    // The samples in `events/` bring one of their own.
    any_token: true,
};

/// What `cargo xtask local` can be told.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Ends after the demonstration, and succeeds only if all of it happened.
    #[arg(long)]
    once: bool,
}

/// Everything that runs. It ends when this is dropped.
#[derive(Debug)]
pub struct System {
    /// How to reach it.
    pub stack: Stack,
    /// The pretended OctoEverywhere.
    pub simulator: Simulator,
    _emulator: Emulator,
}

impl System {
    /// Starts AWS and OctoEverywhere and deploys what was built.
    pub async fn start(workspace: &Workspace, tools: &Tools, setting: Setting) -> Result<Self> {
        let folder = workspace.local(&format!("run/{}", setting.purpose));
        let emulator = Emulator::start(tools, &folder).await?;
        let via: DeliverVia = emulator.endpoint.parse()?;
        let options = Options {
            deliver_via: Some(via),
            any_token: setting.any_token,
            ..Options::default()
        };
        let simulator = Simulator::start(options).await?;
        let log = folder.join("deploy.log");
        let stack = deployment::deploy(workspace, tools, &emulator, &simulator.url(), setting.schedule, &log).await?;
        Ok(Self {
            stack,
            simulator,
            _emulator: emulator,
        })
    }
}

/// Runs the system and the demonstration.
pub async fn run(workspace: &Workspace, arguments: Arguments) -> Result<()> {
    let tools = Tools::find(workspace)?;
    let _alone = workspace.lock("local").await?;
    let system = {
        let _building = workspace.lock("build").await?;
        tools.install_tools().await?;
        let architecture = Architecture::here()?;
        tokio::try_join!(
            artifacts::build(workspace, &tools, architecture),
            tools.install_emulator()
        )?;
        System::start(workspace, &tools, LOCAL).await?
    };
    let mut subscriber = Subscriber::subscribe(&system.stack, "demonstration").await?;
    let printer = demonstration::run(&system.stack, &system.simulator.control(), &mut subscriber).await?;
    if arguments.once {
        return Ok(());
    }
    let _file = StackFile::write(workspace, &system.stack)?;
    offer(workspace, &system, &printer, &subscriber).await?;
    loop {
        for notification in subscriber.receive().await? {
            anstream::println!("{notification}");
        }
    }
}

/// The file that tells others about a running system. It goes when the system does.
struct StackFile(PathBuf);

impl StackFile {
    fn write(workspace: &Workspace, stack: &Stack) -> Result<Self> {
        let path = workspace.running_stack();
        stack.write(&path)?;
        Ok(Self(path))
    }
}

impl Drop for StackFile {
    fn drop(&mut self) {
        // Without the file there is nothing left to do; with it, the next start overwrites it.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Says what can be tried now.
async fn offer(workspace: &Workspace, system: &System, printer: &AppConnection, subscriber: &Subscriber) -> Result<()> {
    let stack = &system.stack;
    let registration = system.simulator.control().registration(&printer.printer_id).await?;
    let webhook = registration
        .webhook
        .context("the simulator has lost the webhook")?
        .url
        .replacen("https", "http", 1);
    let via = stack.endpoint.trim_start_matches("http://");
    let curl = format!("curl -s --connect-to ::{via}");
    let sign = format!(
        "--aws-sigv4 aws:amz:{}:execute-api --user {}:{}",
        stack.region, stack.backend.access_key_id, stack.backend.secret_access_key
    );
    let api = stack.outputs.api_url.replacen("https", "http", 1);
    let owner = &stack.owner;
    let ours = workspace.local("tools/bin/aws");
    let program = if ours.exists() { &ours } else { Path::new("aws") };
    let aws = format!(
        "AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={} AWS_DEFAULT_REGION={} {} --endpoint-url {}",
        owner.access_key_id,
        owner.secret_access_key,
        emulator::REGION,
        program.display(),
        stack.endpoint,
    );
    let tries = [
        (
            "Play another print",
            format!(
                "curl -s -X POST {}/control/printers/{}/play -H 'content-type: application/json' -d '{{\"speed\":1200}}'",
                stack.simulator, printer.printer_id
            ),
        ),
        (
            "Be OctoEverywhere for one notification",
            format!("{curl} '{webhook}' -d '{{\"PrinterId\":\"mine\",\"EventType\":7}}'"),
        ),
        (
            "See the registration",
            format!("{curl} {sign} {api}{}", demonstration::path()),
        ),
        (
            "Change it: only failures from now on",
            format!(
                "{curl} {sign} -X PUT {api}{} -d '{{\"eventTypes\":[3,7,8,9]}}'",
                demonstration::path()
            ),
        ),
        (
            "See what OctoEverywhere holds",
            format!("curl -s {}/control/registrations", stack.simulator),
        ),
        (
            "Run renew now",
            format!(
                "{aws} lambda invoke --function-name {} /dev/stderr",
                stack.function("renew")?
            ),
        ),
        (
            "Look into the fallback queue",
            format!(
                "{aws} sqs receive-message --queue-url {}",
                stack.outputs.fallback_queue_url
            ),
        ),
        (
            "Run the functions from source, for events/",
            "cargo xtask watch".to_owned(),
        ),
    ];
    progress::success("Everything runs. Things to try, in another terminal:");
    for (what, how) in tries {
        anstream::eprintln!("\n  {what}\n    {how}");
    }
    progress::note(&format!(
        "\n  Notifications appear here as they reach {}; Ctrl-C ends it all.",
        subscriber.queue()
    ));
    Ok(())
}
