//! `cargo xtask local`: the whole system on this machine.

use anyhow::{Context, Result};
use printbell_harness::stack::Stack;
use printbell_harness::surroundings::Surroundings;
use printbell_simulator::{AppConnection, DeliverVia, Options, Simulator};

use crate::architecture::Architecture;
use crate::emulator::Emulator;
use crate::env::quoted;
use crate::notifications::{DeadLetters, Subscriber};
use crate::progress;
use crate::running::Running;
use crate::tools::Tools;
use crate::workspace::Workspace;
use crate::{artifacts, demonstration, deployment};

/// Gives a shell what it needs to reach a running local stack.
const EVAL: &str = "eval \"$(cargo xtask env)\"";

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
    let _alone = workspace.try_lock("local")?.with_context(|| {
        format!(
            "`cargo xtask local` runs here already, in another terminal. Use that one, by\n\n    {EVAL}\n\n\
             or end it there by Ctrl-C"
        )
    })?;
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
    let surroundings = Surroundings::of(&system.stack).await?;
    let _notice = running(workspace, &tools, &system.stack, &surroundings)?.tell(workspace)?;
    offer(&system, &printer).await?;
    let mut dead_letters = DeadLetters::of(&system.stack);
    loop {
        for notification in subscriber.receive().await? {
            anstream::println!("{notification}");
        }
        for dead_letter in dead_letters.look().await? {
            anstream::println!("{dead_letter}");
        }
    }
}

/// What others are told of it.
fn running(workspace: &Workspace, tools: &Tools, stack: &Stack, surroundings: &Surroundings) -> Result<Running> {
    let programs = workspace.local("run/local/bin");
    std::fs::create_dir_all(&programs).with_context(|| format!("can't make the folder {}", programs.display()))?;
    for name in ["aws", "sam", "cargo-lambda"] {
        let link = programs.join(name);
        std::os::unix::fs::symlink(tools.bin().join(name), &link)
            .with_context(|| format!("can't make the link {}", link.display()))?;
    }
    let environment = surroundings.environment(&stack.owner).into_iter();
    Ok(Running {
        stack: stack.clone(),
        environment: environment.map(|(name, value)| (name.to_owned(), value)).collect(),
        programs,
    })
}

/// Says what can be tried now.
async fn offer(system: &System, printer: &AppConnection) -> Result<()> {
    let stack = &system.stack;
    let registration = system.simulator.control().registration(&printer.printer_id).await?;
    let webhook = registration.webhook.context("the simulator has lost the webhook")?.url;
    let api = r#"curl -sS --fail-with-body -w '\n' --aws-sigv4 "aws:amz:$AWS_REGION:execute-api" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY""#;
    let path = demonstration::path();
    let play = |print: &str| {
        format!(
            "curl -sS --fail -o /dev/null {}/control/printers/{}/play -d '{{\"speed\":1200{print}}}'",
            stack.simulator, printer.printer_id
        )
    };
    let tries = [
        ("Play another print", play("")),
        (
            "Play one that fails",
            play(",\"print\":{\"platform\":\"bambu\",\"end\":\"failure\"}"),
        ),
        (
            "Be OctoEverywhere for one notification",
            format!(
                "curl -sS --fail-with-body -w '\\n' {} -d '{{\"PrinterId\":\"mine\",\"EventType\":7}}'",
                quoted(&webhook)
            ),
        ),
        (
            "Send what can't be published",
            format!("curl -sS --fail-with-body -w '\\n' {} -d 'no JSON'", quoted(&webhook)),
        ),
        ("See the registration", format!("{api} \"$API_URL{path}\"")),
        (
            "Change it: only failures from now on",
            format!(
                "{api} -X PUT \"$API_URL{path}\" -d '{{\"eventTypes\":[3,7,8,9],\"metadata\":{{\"room\":\"lab\"}}}}'"
            ),
        ),
        (
            "See what OctoEverywhere holds",
            format!(
                "curl -sS --fail-with-body -w '\\n' {}/control/registrations",
                stack.simulator
            ),
        ),
        (
            "Run renew now",
            format!(
                "aws lambda invoke --function-name {} /dev/stdout | cat",
                stack.function("renew")?
            ),
        ),
        (
            "Look into the fallback queue",
            format!(
                "aws sqs receive-message --queue-url {} --query 'Messages || `\"nothing waits\"`'",
                stack.outputs.fallback_queue_url
            ),
        ),
        (
            "See why what can't be published waits in the dead-letter queue",
            format!(
                "aws sqs receive-message --queue-url {} --visibility-timeout 0 --message-attribute-names reason \
                 --query 'Messages[].MessageAttributes.reason.StringValue || `\"nothing waits\"`'",
                stack.outputs.dead_letter_queue_url
            ),
        ),
        (
            "Run the functions from source, for events/",
            "cargo xtask watch".to_owned(),
        ),
    ];
    progress::success("Everything runs. In another terminal, in this folder, type first");
    anstream::eprintln!("\n    {EVAL}\n");
    progress::note("and then what the README says, as it stands, or:");
    for (what, how) in tries {
        anstream::eprintln!("\n  {what}\n    {how}");
    }
    progress::note(
        "\n  Notifications appear here as they come out of SNS; Ctrl-C ends it all. Once it was\n  \
         started again, type the `eval` again.",
    );
    Ok(())
}
