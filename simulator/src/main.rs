//! `simulator`: a pretend OctoEverywhere. Its URL goes to standard output once it takes calls.

#![allow(clippy::disallowed_methods, reason = "it is part of the world")]

use std::net::SocketAddr;

use clap::Parser;
use printbell_simulator::{DeliverVia, Options, Simulator};

const CONTROL: &str = "\
It is driven over HTTP, too; URL is what it prints, ID the printerId that the first line answers with:
  curl URL/control/printers -d '{\"name\":\"Ender 3\"}'
  curl URL/control/printers/ID/play -d '{\"speed\":600}'
  curl URL/control/printers/ID/play -d '{\"print\":{\"platform\":\"bambu\",\"end\":\"failure\"}}'
  curl URL/control/printers/ID/play -d '{\"print\":{\"platform\":\"bambu\",\"end\":\"cancel\"}}'
  curl URL/control/faults -d '{\"route\":\"set\",\"times\":1,\"ending\":{\"kind\":\"answer\",\"status\":604}}'
  curl URL/control/portal -d '{\"returnUrl\":\"https://app.example/?state=1\"}'
  curl URL/control/quotes -X PUT -d '{\"webhookUrl\":true,\"appToken\":true}'
  curl URL/control/clock/advance -d '{\"seconds\":15552000}'
  curl URL/control/registrations";

/// A strict stand-in for OctoEverywhere: takes webhooks, calls them, and does what /control asks for.
#[derive(Parser)]
#[command(name = "simulator", version, after_help = CONTROL)]
struct Arguments {
    /// Where to listen; port 0 takes a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8600")]
    listen: SocketAddr,

    /// Take http:// webhook URLs, too; the service takes https:// only
    #[arg(long)]
    allow_http: bool,

    /// Take every token for an App Connection; otherwise only those that POST /control/printers issued, and 603 for
    /// the rest
    #[arg(long)]
    any_token: bool,

    /// Send every delivery to this address in plain HTTP, whatever its URL; Host, path and query stay the URL's own
    #[arg(long, value_name = "http://HOST:PORT")]
    deliver_via: Option<DeliverVia>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Arguments {
        listen,
        allow_http,
        any_token,
        deliver_via,
    } = Arguments::parse();
    let options = Options {
        listen,
        allow_http,
        any_token,
        deliver_via,
        ..Options::default()
    };
    let simulator = Simulator::start(options).await?;
    println!("{}", simulator.url());
    tokio::signal::ctrl_c().await?;
    Ok(())
}
