//! The binary, as a person or a script starts it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use printbell_simulator::Control;

fn simulator() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_simulator"));
    command.env_remove("RUST_BACKTRACE");
    command
}

/// Ends with the test, however that ends.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(arguments: &[&str]) -> (Process, String) {
    let mut child = simulator().args(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    (Process(child), line.trim_end().to_owned())
}

fn failure(arguments: &[&str]) -> String {
    let output = simulator().args(arguments).output().unwrap();
    assert!(!output.status.success() && output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn it_prints_its_url_once_it_takes_calls() {
    let (_process, url) = start(&["--listen", "127.0.0.1:0", "--allow-http", "--any-token"]);
    assert!(Control::new(&url).now().await.is_ok(), "{url}");
}

#[test]
fn it_says_what_to_do_about_a_taken_port() {
    let (_process, url) = start(&["--listen", "127.0.0.1:0"]);
    let address = url.strip_prefix("http://").unwrap();
    let expected =
        format!("Error: {address} is in use: end what listens there, or listen elsewhere (port 0 takes a free port)\n");
    assert_eq!(failure(&["--listen", address]), expected);
}

#[test]
fn it_refuses_what_it_cannot_understand() {
    assert!(failure(&["--deliver-via", "https://example.com"]).contains("is no http://HOST:PORT"));
    assert!(failure(&["--listen", "nowhere"]).contains("--listen"));
}

#[test]
fn its_help_tells_what_each_option_gives_up() {
    let help = String::from_utf8(simulator().arg("--help").output().unwrap().stdout).unwrap();
    for part in [
        "the service takes https:// only",
        "Take every token for an App Connection",
        "603",
        "in plain HTTP",
    ] {
        assert!(help.contains(part), "{part:?} in\n{help}");
    }
}
