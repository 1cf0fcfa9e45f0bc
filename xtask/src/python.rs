//! Finds Python and a C compiler, or says how to get them here.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};
use printbell_harness::workspace::on_path;

/// The pinned packages need no more, and some need that much.
const OLDEST: (u32, u32) = (3, 11);

/// What it may be called, the system's own first.
const NAMES: [&str; 6] = [
    "python3",
    "python3.14",
    "python3.13",
    "python3.12",
    "python3.11",
    "python",
];

/// Tells the version as `major minor` and where Python really is (pyenv's `python3` is a script that changes `PATH`);
/// fails where no virtual environment can be made.
const PROBE: &str = "import sys; print(*sys.version_info[:2], sys.executable); import venv, ensurepip";

/// What this machine calls itself, as far as it matters for installing something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Platform {
    Debian,
    Fedora,
    Arch,
    Alpine,
    MacOs,
    Other,
}

/// A Python that can make virtual environments, and beside it a C compiler.
///
/// # Errors
/// When there is none; the text says what to install.
pub fn find() -> Result<PathBuf> {
    let platform = Platform::here();
    let pythons: Vec<PathBuf> = NAMES.iter().filter_map(|name| on_path(name)).collect();
    let Some(first) = pythons.first() else {
        bail!("Python 3 isn't on PATH. Install it with\n\n    {}\n", platform.python());
    };
    let Some(python) = pythons.iter().find_map(|python| probe(python, platform).ok()) else {
        return probe(first, platform);
    };
    if ["cc", "gcc", "clang"].iter().all(|name| on_path(name).is_none()) {
        bail!(
            "no C compiler (`cc`) on PATH; Rust links with it. Install it with\n\n    {}\n",
            platform.compiler()
        );
    }
    Ok(python)
}

/// Where this Python really is, if it will do.
fn probe(python: &Path, platform: Platform) -> Result<PathBuf> {
    let probe = Command::new(python).args(["-c", PROBE]).output()?;
    let text = String::from_utf8_lossy(&probe.stdout);
    let mut words = text.trim().splitn(3, ' ');
    let mut number = || words.next().and_then(|word| word.parse::<u32>().ok()).unwrap_or(0);
    let version = (number(), number());
    if version < OLDEST {
        bail!(
            "{} is Python {}.{}, but the tools need {}.{} or newer. Install it with\n\n    {}\n",
            python.display(),
            version.0,
            version.1,
            OLDEST.0,
            OLDEST.1,
            platform.newer_python()
        );
    }
    if !probe.status.success() {
        bail!(
            "{} can't make virtual environments (its `venv` or `ensurepip` module is missing). Install it with\n\n    {}\n",
            python.display(),
            platform.venv()
        );
    }
    Ok(words.next().map_or_else(|| python.to_owned(), PathBuf::from))
}

impl Platform {
    fn here() -> Self {
        if cfg!(target_os = "macos") {
            return Self::MacOs;
        }
        Self::from_os_release(&std::fs::read_to_string(Path::new("/etc/os-release")).unwrap_or_default())
    }

    fn from_os_release(text: &str) -> Self {
        let of = |key: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            value.unwrap_or_default().trim_matches('"').to_owned()
        };
        let names = format!("{} {}", of("ID"), of("ID_LIKE"));
        let is = |name: &str| names.split_whitespace().any(|one| one == name);
        match () {
            () if is("debian") || is("ubuntu") => Self::Debian,
            () if is("fedora") || is("rhel") || is("centos") => Self::Fedora,
            () if is("arch") => Self::Arch,
            () if is("alpine") => Self::Alpine,
            () => Self::Other,
        }
    }

    fn python(self) -> &'static str {
        match self {
            Self::Debian => "sudo apt-get install python3 python3-venv",
            Self::Fedora => "sudo dnf install python3",
            Self::Arch => "sudo pacman -S python",
            Self::Alpine => "sudo apk add python3 py3-pip",
            Self::MacOs => "brew install python",
            Self::Other => "your system's package manager, or from https://www.python.org/downloads/",
        }
    }

    fn newer_python(self) -> &'static str {
        match self {
            Self::Debian => "sudo apt-get install python3.11 python3.11-venv",
            Self::Fedora => "sudo dnf install python3.11",
            other => other.python(),
        }
    }

    fn venv(self) -> &'static str {
        match self {
            Self::Debian => "sudo apt-get install python3-venv",
            other => other.python(),
        }
    }

    fn compiler(self) -> &'static str {
        match self {
            Self::Debian => "sudo apt-get install build-essential",
            Self::Fedora => "sudo dnf install gcc",
            Self::Arch => "sudo pacman -S base-devel",
            Self::Alpine => "sudo apk add build-base",
            Self::MacOs => "xcode-select --install",
            Self::Other => "your system's package manager (the package is often called gcc or clang)",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_platform_is_told_by_os_release() {
        let check = |text: &str, platform| assert_eq!(Platform::from_os_release(text), platform, "{text}");
        check("ID=debian\nVERSION_ID=\"12\"\n", Platform::Debian);
        check(
            "NAME=\"Linux Mint\"\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n",
            Platform::Debian,
        );
        check("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", Platform::Fedora);
        check("ID=fedora\n", Platform::Fedora);
        check("ID=manjaro\nID_LIKE=arch\n", Platform::Arch);
        check("ID=alpine\n", Platform::Alpine);
        check("ID=nixos\n", Platform::Other);
        check("", Platform::Other);
    }
}
