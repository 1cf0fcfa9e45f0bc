//! The function's process, seen from outside.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// A child process; it is killed when this is dropped.
pub(super) struct Process {
    pub pid: u32,
    output: Arc<Mutex<Vec<u8>>>,
    kill: Arc<Notify>,
    ended: watch::Receiver<Option<String>>,
    /// Holds the child, which dies with its task.
    waiting: JoinHandle<()>,
    readers: watch::Receiver<usize>,
}

impl Process {
    pub(super) fn spawn(mut command: Command) -> io::Result<Self> {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let pid = child.id().unwrap_or_default();
        let output = Arc::new(Mutex::new(Vec::new()));
        let (open, readers) = watch::channel(2);
        let open = Arc::new(open);
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(collect(stdout, Arc::clone(&output), Arc::clone(&open)));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(collect(stderr, Arc::clone(&output), open));
        }
        let kill = Arc::new(Notify::new());
        let killed = Arc::clone(&kill);
        let (end, ended) = watch::channel(None);
        let waiting = tokio::spawn(async move {
            let status = tokio::select! {
                status = child.wait() => status,
                () = killed.notified() => match child.start_kill() {
                    Ok(()) => child.wait().await,
                    Err(error) => Err(error),
                },
            };
            let description = status.map_or_else(|error| error.to_string(), |status: ExitStatus| status.to_string());
            end.send_replace(Some(description));
        });
        Ok(Self {
            pid,
            output,
            kill,
            ended,
            waiting,
            readers,
        })
    }

    /// Waits for the end, and says how it was.
    pub(super) async fn ended(&self) -> String {
        match self.ended.clone().wait_for(Option::is_some).await {
            Ok(status) => status.clone().unwrap_or_default(),
            Err(_) => "gone".to_owned(),
        }
    }

    pub(super) async fn kill(&self) {
        self.kill.notify_one();
        self.ended().await;
    }

    pub(super) fn is_running(&self) -> bool {
        self.ended.borrow().is_none()
    }

    pub(super) fn output(&self) -> String {
        String::from_utf8_lossy(&self.output.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// Waits until all that the process has written is in `output`.
    pub(super) async fn output_closed(&self) {
        // An error means that the readers are gone, which is as good.
        let _ = self.readers.clone().wait_for(|open| *open == 0).await;
    }

    /// Connections of this process to a port of this machine: the sockets among its files, looked up in the kernel's table.
    pub(super) fn connections_to(&self, port: u16) -> Result<usize> {
        /// The state of an open connection (`TCP_ESTABLISHED`).
        const ESTABLISHED: &str = "01";
        let proc = format!("/proc/{}", self.pid);
        let files = std::fs::read_dir(format!("{proc}/fd")).context("the process is gone")?;
        let sockets: Vec<_> = files
            .filter_map(|file| std::fs::read_link(file.ok()?.path()).ok())
            .filter_map(|target| Some(target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
            .collect();
        let table = std::fs::read_to_string(format!("{proc}/net/tcp"))?;
        let is_it = |line: &&str| {
            let fields: Vec<_> = line.split_whitespace().collect();
            let remote = fields.get(2).and_then(|remote| remote.split_once(':'));
            remote.is_some_and(|(_, remote)| u16::from_str_radix(remote, 16) == Ok(port))
                && fields.get(3) == Some(&ESTABLISHED)
                && fields
                    .get(9)
                    .is_some_and(|inode| sockets.iter().any(|socket| socket == inode))
        };
        Ok(table.lines().skip(1).filter(is_it).count())
    }

    /// Sends the process a signal, by its name.
    pub(super) async fn signal(&self, name: &str) -> Result<()> {
        let status = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.pid.to_string())
            .status();
        ensure!(status.await?.success(), "the process is gone");
        Ok(())
    }

    pub(super) fn peak_memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let kib = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB"));
        Ok(kib.context("no VmHWM: has the process ended?")?.trim().parse::<u64>()? * 1024)
    }

    pub(super) fn cpu_time(&self) -> Result<Duration> {
        let mut nanoseconds = 0;
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.pid))? {
            // A thread may end while we look.
            let Ok(figures) = std::fs::read_to_string(thread?.path().join("schedstat")) else {
                continue;
            };
            let on_processor = figures.split_ascii_whitespace().next().context("an empty schedstat")?;
            nanoseconds += on_processor.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanoseconds))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.waiting.abort();
    }
}

async fn collect(mut stream: impl AsyncRead + Unpin, into: Arc<Mutex<Vec<u8>>>, open: Arc<watch::Sender<usize>>) {
    let mut chunk = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut chunk).await {
        into.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(&chunk[..count]);
    }
    open.send_modify(|open| *open -= 1);
}
