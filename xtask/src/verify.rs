//! `cargo xtask verify-aws`: the first hour on a real account, as one command. What it makes there bears a name of its own and is
//! removed at the end, however that comes about; what an earlier run left behind is removed first.
//!
//! - [`account`]: the account, by way of its owner's `aws` and `curl`; [`deployed`]: the stack in it.
//! - [`belongings`]: what is made for the time of a run.
//! - [`doors`], [`registrations`], [`operation`], [`keys`], [`alarms`]: what is checked. [`report`]: how it is told.

mod account;
mod alarms;
mod belongings;
mod deployed;
mod doors;
mod keys;
mod operation;
mod registrations;
mod report;

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use printbell_shared::callback::key::CallbackKey;
use printbell_shared::id::RegistrationKey;
use tokio::sync::OnceCell;

use crate::progress;
use account::Account;
use belongings::Belongings;
use deployed::Deployed;
use report::Report;

/// The environment variable that may hold an AppToken.
const TOKEN_VARIABLE: &str = "PRINTBELL_APP_TOKEN";

/// What `cargo xtask verify-aws` can be told.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The stack's name.
    #[arg(long)]
    stack: String,
    /// A file that holds the AppToken of a printer of yours, which no registration has; also as `PRINTBELL_APP_TOKEN` in the
    /// environment. With it a registration is made, tested and deleted at OctoEverywhere, too.
    #[arg(long)]
    app_token_file: Option<PathBuf>,
    /// Also rotates the callback secret once, and sees that what the last key signed is still taken.
    #[arg(long)]
    rotate: bool,
    /// Also has alarms ring by their causes, which takes a quarter of an hour. Callbacks are refused for a minute meanwhile, so the
    /// stack must have no registrations.
    #[arg(long)]
    alarms: bool,
}

/// Everything that the checks work with.
struct Verification<'a> {
    account: &'a Account,
    stack: &'a Deployed,
    belongings: Belongings<'a>,
    app_token: Option<String>,
    key: OnceCell<CallbackKey>,
}

/// Checks everything, cleans up, and then says what was found.
pub async fn run(arguments: Arguments) -> Result<()> {
    let app_token = app_token(&arguments)?;
    let account = Account::find().await?;
    let stack = Deployed::find(&account, &arguments.stack).await?;
    let verification = Verification {
        account: &account,
        stack: &stack,
        belongings: Belongings::new(&account, &stack)?,
        app_token,
        key: OnceCell::new(),
    };
    let mut report = Report::default();
    verification
        .clean_up(&mut report, "What an earlier run left behind")
        .await;
    let interrupted = tokio::select! {
        () = verification.check(&arguments, &mut report) => false,
        signal = crate::interrupted() => { signal?; true },
    };
    if interrupted {
        progress::note("Interrupted; cleaning up");
    }
    verification.clean_up(&mut report, "Cleaning up").await;
    anstream::println!("{}, for {} in this account", report.summary(), account.cost());
    ensure!(!interrupted, "it was interrupted, so not everything was checked");
    ensure!(report.failures() == 0, "not everything is as it should be");
    Ok(())
}

impl Verification<'_> {
    async fn check(&self, arguments: &Arguments, report: &mut Report) {
        self.check_deployment(report).await;
        self.check_doors(report).await;
        self.check_registrations(report).await;
        self.check_operation(report).await;
        self.check_keys(report, arguments.rotate).await;
        if arguments.alarms {
            self.check_alarms(report).await;
        }
    }

    async fn clean_up(&self, report: &mut Report, title: &str) {
        let remedy = "Run this again: it removes what is left; what it makes is named after the stack, with `-verify`";
        let removed = async { Ok(format!("{} things removed", self.belongings.remove_all().await?)) };
        report.check(title, remedy, removed).await;
    }
}

/// The token that a person gave us, if any.
fn app_token(arguments: &Arguments) -> Result<Option<String>> {
    let token = match &arguments.app_token_file {
        Some(path) => std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?,
        None => match std::env::var(TOKEN_VARIABLE) {
            Ok(token) => token,
            Err(std::env::VarError::NotPresent) => return Ok(None),
            Err(error) => bail!("{TOKEN_VARIABLE}: {error}"),
        },
    };
    let token = token.trim();
    ensure!(!token.is_empty(), "the AppToken is empty");
    Ok(Some(token.to_owned()))
}

/// A registration of this command's own tenant.
fn registration_key(printer: &str) -> Result<RegistrationKey> {
    Ok(RegistrationKey {
        tenant: belongings::TENANT.parse()?,
        printer: printer.parse()?,
    })
}
