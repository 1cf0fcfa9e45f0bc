//! What a process says of itself when it has started: one line. Lambda's own lines, which tell it for each call, are switched off where
//! calls are many (docs/performance.md).

use std::time::Instant;

/// Printbell's version, which the whole workspace has.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The first moment of the process that is its own: after Lambda has fetched it and Linux has loaded it.
#[derive(Debug, Clone, Copy)]
pub struct Start(Instant);

impl Start {
    /// It is now; the first thing in a `main`.
    pub fn now() -> Self {
        Self(Instant::now())
    }

    /// Logs that the process is ready for its first call, how long that took (ms), and how much memory it has needed so far (KiB).
    pub fn ready(self) {
        let milliseconds = self.0.elapsed().as_micros() as f64 / 1000.0;
        match peak_memory() {
            Some(kibibytes) => tracing::info!(version = VERSION, milliseconds, kibibytes, "ready"),
            None => tracing::info!(version = VERSION, milliseconds, "ready"),
        }
    }
}

/// The most memory that the process has had so far, in KiB, where the system tells it.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_peak_of_memory_is_read() {
        let before = peak_memory().unwrap();
        let some = vec![1_u8; 32 << 20];
        assert!(peak_memory().unwrap() >= before.max(32 << 10), "{}", some.len());
    }
}
