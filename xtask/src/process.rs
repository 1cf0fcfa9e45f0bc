//! Programs that this one runs, none of which outlives it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdin, Command};

/// Ends a command and all that it started when our end of its standard input closes, however that comes about.
const LIFELINE: &str = include_str!("lifeline.py");

/// How long a program may take to end before we stop waiting for it. The lifeline kills after three seconds.
const ENDING: Duration = Duration::from_secs(5);

/// How much of a log a failure shows.
const TAIL: u64 = 16_000;

/// A program about to be run.
#[derive(Debug)]
pub struct Program {
    name: String,
    command: Command,
}

/// A program that runs. Dropping it ends it, and everything that it started.
#[derive(Debug)]
pub struct Process {
    name: String,
    /// Held apart from the child: waiting for a child closes its standard input first.
    lifeline: Option<ChildStdin>,
    child: Child,
}

impl Program {
    /// A program, run by way of this Python.
    pub fn new(python: &Path, program: impl AsRef<OsStr>) -> Self {
        let program = program.as_ref();
        let mut command = Command::new(python);
        command
            .arg("-c")
            .arg(LIFELINE)
            .arg(program)
            .process_group(0)
            .stdin(Stdio::piped());
        // What `cargo run` told us about ourselves would make build scripts run again under another cargo.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        for name in ["NO_PROXY", "no_proxy"] {
            command.env(name, not_by_proxy(std::env::var(name).ok()));
        }
        Self {
            name: Path::new(program)
                .file_name()
                .unwrap_or(program)
                .to_string_lossy()
                .into_owned(),
            command,
        }
    }

    /// Adds an argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Takes away what the environment says about AWS: whatever this does, it does it to the emulator.
    pub fn without_aws(mut self) -> Self {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("AWS_") {
                self.command.env_remove(&name);
            }
        }
        self.env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    }

    /// Takes away the environment inherited so far.
    pub fn without_environment(mut self) -> Self {
        self.command.env_clear();
        self
    }

    /// Puts a folder before all others on `PATH`.
    pub fn path_first(self, folder: &Path) -> Self {
        let mut path = OsString::from(folder);
        if let Some(rest) = std::env::var_os("PATH") {
            path.push(":");
            path.push(rest);
        }
        self.env("PATH", path)
    }

    /// The folder to run in.
    pub fn current_dir(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Runs it to its end, with its output going where ours goes; tells whether it succeeded.
    pub async fn run(mut self) -> Result<bool> {
        self.command.stdout(Stdio::inherit()).stderr(Stdio::inherit());
        Ok(self.start()?.child.wait().await?.success())
    }

    /// Runs it to its end, with its output going into a file, and fails with the end of that if it fails.
    pub async fn run_into(mut self, log: &Path) -> Result<()> {
        self.output_into(log)?;
        let mut process = self.start()?;
        let status = process.child.wait().await?;
        ensure!(
            status.success(),
            "`{}` failed\n\n{}\n(all of it: {})",
            process.name,
            tail(log),
            log.display()
        );
        Ok(())
    }

    /// Runs it to its end and hands over what it wrote to standard output, which is kept nowhere: it may be a secret.
    ///
    /// # Errors
    /// When it fails; the text is what it wrote to standard error.
    pub async fn output(mut self) -> Result<Vec<u8>> {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = self.start()?;
        let (mut output, mut errors) = (process.child.stdout.take(), process.child.stderr.take());
        let (mut bytes, mut text) = (Vec::new(), String::new());
        let (output, errors) = (
            output.as_mut().context("no standard output")?,
            errors.as_mut().context("no standard error")?,
        );
        tokio::try_join!(output.read_to_end(&mut bytes), errors.read_to_string(&mut text))?;
        let status = process.child.wait().await?;
        ensure!(status.success(), "{}", text.trim());
        Ok(bytes)
    }

    /// Runs it to its end and hands on what it writes to standard error as it comes; standard output goes to the log,
    /// as does the rest. `on_output` gets pieces that end in a line feed or a carriage return.
    pub async fn run_watching(mut self, log: &Path, mut on_output: impl FnMut(&str)) -> Result<()> {
        use std::io::Write;
        let mut file = create(log)?;
        self.command.stdout(file.try_clone()?).stderr(Stdio::piped());
        let mut process = self.start()?;
        let mut errors = process.child.stderr.take().context("no standard error")?;
        let (mut buffer, mut line) = ([0; 4096], Vec::new());
        loop {
            let read = errors.read(&mut buffer).await?;
            if read == 0 {
                break;
            }
            for &byte in &buffer[..read] {
                line.push(byte);
                if byte == b'\n' || byte == b'\r' {
                    if byte == b'\n' {
                        file.write_all(&line)?;
                    }
                    on_output(&String::from_utf8_lossy(&line));
                    line.clear();
                }
            }
        }
        let status = process.child.wait().await?;
        ensure!(
            status.success(),
            "`{}` failed\n\n{}\n(all of it: {})",
            process.name,
            tail(log),
            log.display()
        );
        Ok(())
    }

    /// Starts it, with its output going into a file.
    pub fn start_into(mut self, log: &Path) -> Result<Process> {
        self.output_into(log)?;
        self.start()
    }

    fn output_into(&mut self, log: &Path) -> Result<()> {
        let file = create(log)?;
        self.command.stdout(file.try_clone()?).stderr(file);
        Ok(())
    }

    fn start(mut self) -> Result<Process> {
        let mut child = self
            .command
            .spawn()
            .with_context(|| format!("can't start `{}`", self.name))?;
        Ok(Process {
            name: self.name,
            lifeline: child.stdin.take(),
            child,
        })
    }
}

impl Process {
    /// Fails if it has ended, with the end of its log.
    pub fn check(&mut self, log: &Path) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!(
                "`{}` ended ({status})\n\n{}\n(all of it: {})",
                self.name,
                tail(log),
                log.display()
            );
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        let started = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && started.elapsed() < ENDING {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Whom to reach without a proxy: whoever was said already, and this machine.
fn not_by_proxy(said: Option<String>) -> String {
    let said = said.filter(|said| !said.is_empty());
    let parts = said.into_iter().chain(["127.0.0.1,localhost,::1".to_owned()]);
    parts.collect::<Vec<_>>().join(",")
}

fn create(log: &Path) -> Result<File> {
    if let Some(folder) = log.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("can't make the folder {}", folder.display()))?;
    }
    File::create(log).with_context(|| format!("can't write {}", log.display()))
}

/// The end of a log, in whole lines.
fn tail(log: &Path) -> String {
    let read = || -> std::io::Result<String> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(if length > TAIL {
            text.split_once('\n').map_or(String::new(), |(_, rest)| rest.to_owned())
        } else {
            text
        })
    };
    read().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    fn shell(script: &str) -> Program {
        Program::new(&crate::python::find().unwrap(), "sh").args(["-c", script])
    }

    #[tokio::test]
    async fn what_a_program_has_started_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        // A grandchild, in the background, that holds a connection for as long as it lives.
        let hold = format!("import socket, time; s = socket.create_connection(('127.0.0.1', {port})); time.sleep(600)");
        let process = shell(&format!("python3 -c \"{hold}\" & wait"))
            .start_into(&folder.path().join("log"))
            .unwrap();
        let (mut connection, _) = listener.accept().await.unwrap();
        drop(process);
        assert_eq!(connection.read(&mut [0]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_failure_shows_what_the_program_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("not-there-yet/log");
        let error = shell("echo to the screen; echo and to the errors >&2; exit 3")
            .run_into(&log)
            .await
            .unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("`sh` failed\n\nto the screen\nand to the errors\n"),
            "{text}"
        );
        shell("true").run_into(&log).await.unwrap();
    }

    #[tokio::test]
    async fn no_proxy_is_asked_for_this_machine() {
        let output = shell("echo $NO_PROXY; echo $no_proxy").output().await.unwrap();
        let text = String::from_utf8(output).unwrap();
        assert_eq!(text.lines().count(), 2);
        for line in text.lines() {
            assert!(line.ends_with("127.0.0.1,localhost,::1"), "{text}");
        }
        assert_eq!(
            not_by_proxy(Some("intra.example".to_owned())),
            "intra.example,127.0.0.1,localhost,::1"
        );
    }

    #[tokio::test]
    async fn output_is_handed_on_as_it_comes() {
        let folder = tempfile::tempdir().unwrap();
        let mut pieces = Vec::new();
        let program = shell("printf '1/2\\r2/2\\rdone\\n' >&2");
        program
            .run_watching(&folder.path().join("log"), |piece| pieces.push(piece.to_owned()))
            .await
            .unwrap();
        assert_eq!(pieces, ["1/2\r", "2/2\r", "done\n"]);
    }
}
