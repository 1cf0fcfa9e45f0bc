//! Which processor the functions are for: chosen when they are built, read off what was built, and sealed into the template that is
//! deployed. So a deployment for another processor is refused before anything of it is changed (docs/decisions/0064).

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use printbell_harness::template::Template;

/// Lambda's processors, by the names that the parameter `Architecture` has for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Architecture {
    /// Intel's and AMD's.
    #[value(name = "x86_64")]
    X86_64,
    /// Graviton.
    #[value(name = "arm64")]
    Arm64,
}

impl Architecture {
    /// This machine's: the emulator runs the functions as processes of it.
    ///
    /// # Errors
    /// When the functions can't be run here.
    pub fn here() -> Result<Self> {
        if !cfg!(target_os = "linux") {
            bail!(
                "the emulator runs the functions as they go to AWS, as Linux programs, and this is {}; use a Linux \
                 virtual machine, for example Lima or OrbStack",
                std::env::consts::OS
            );
        }
        match std::env::consts::ARCH {
            "x86_64" => Ok(Self::X86_64),
            "aarch64" => Ok(Self::Arm64),
            other => bail!("Lambda has no {other} processors, so the functions can't be run on this one"),
        }
    }

    /// What cargo-lambda is told.
    pub fn option(self) -> &'static str {
        match self {
            Self::X86_64 => "--x86-64",
            Self::Arm64 => "--arm64",
        }
    }

    /// The processor that a program of Linux was built for, by its ELF header.
    ///
    /// # Errors
    /// When it can't be read, is no such program, or is for a processor that Lambda doesn't have.
    pub fn of_program(path: &Path) -> Result<Self> {
        let mut header = [0; 20];
        let mut file = File::open(path).with_context(|| format!("can't read {}", path.display()))?;
        file.read_exact(&mut header)
            .with_context(|| format!("{} is no program", path.display()))?;
        Self::of_header(&header).with_context(|| format!("{} can't run on Lambda", path.display()))
    }

    /// ELF's header (its specification, "ELF Header"): a magic number, 64 bits, little-endian, and at 18 the machine.
    fn of_header(header: &[u8; 20]) -> Result<Self> {
        ensure!(header.starts_with(b"\x7fELF"), "it is no Linux program");
        ensure!(header[4..6] == [2, 1], "it isn't of 64 bits, little-endian");
        match u16::from_le_bytes([header[18], header[19]]) {
            0x3e => Ok(Self::X86_64),
            0xb7 => Ok(Self::Arm64),
            other => bail!("it is for ELF's machine {other:#x}"),
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        })
    }
}

/// Makes sure that each program is for this processor, and lets the template that `sam build` made be deployed for it alone.
///
/// # Errors
/// When a program is for another one, or the template has no such parameter.
pub fn seal<'a>(
    template: &Path,
    programs: impl IntoIterator<Item = &'a Path>,
    architecture: Architecture,
) -> Result<()> {
    for program in programs {
        let found = Architecture::of_program(program)?;
        ensure!(
            found == architecture,
            "{} is for {found}, and {architecture} was asked for; is there a `target` or a `CARGO_LAMBDA_` variable that says \
             otherwise?",
            program.display()
        );
    }
    let text = std::fs::read_to_string(template).with_context(|| format!("can't read {}", template.display()))?;
    let sealed =
        sealed(&text, architecture).with_context(|| format!("{} has no parameter Architecture", template.display()))?;
    let name = architecture.to_string();
    let allowed = Template::parse(&sealed)?;
    ensure!(
        allowed.allowed_values("Architecture")? == [&name],
        "{} can't be sealed",
        template.display()
    );
    std::fs::write(template, sealed).with_context(|| format!("can't write {}", template.display()))
}

/// The template with one value for the parameter. It is text that SAM wrote: a key a line, two spaces a level.
fn sealed(template: &str, architecture: Architecture) -> Option<String> {
    let (before, parameters) = template.split_once("\nParameters:\n")?;
    let (others, rest) = match parameters.strip_prefix("  Architecture:\n") {
        Some(rest) => ("", rest),
        None => parameters.split_once("\n  Architecture:\n")?,
    };
    let separator = if others.is_empty() { "" } else { "\n" };
    let is_of_it = |line: &&str| line.starts_with("   ");
    let length: usize = rest.split_inclusive('\n').take_while(is_of_it).map(str::len).sum();
    Some(format!(
        "{before}\nParameters:\n{others}{separator}  Architecture:\n    Type: String\n    Default: {architecture}\n    AllowedValues:\n    \
         - {architecture}\n    ConstraintDescription: must be {architecture}, which the functions were built for\n    \
         Description: Processor that the functions were built for\n{}",
        &rest[length..]
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first bytes of a program as `readelf -h` tells them, for a processor of this machine number.
    fn elf(machine: u16) -> Vec<u8> {
        let mut header = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0".to_vec();
        header.extend(machine.to_le_bytes());
        header.extend([1, 0, 0, 0]);
        header
    }

    const BUILT: &str = "AWSTemplateFormatVersion: '2010-09-09'\nParameters:\n  PublicUrl:\n    Type: String\n    Default: ''\n  \
                         Architecture:\n    Type: String\n    Default: x86_64\n    AllowedValues:\n    - x86_64\n    - arm64\n    \
                         Description: Processor of the functions. It has to be the one that they were built\n      for.\n  \
                         Deployment:\n    Type: String\n    Default: AllAtOnce\nResources: {}\n";

    struct Built {
        folder: tempfile::TempDir,
        programs: Vec<std::path::PathBuf>,
    }

    impl Built {
        fn of(programs: &[&[u8]]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("template.yaml"), BUILT).unwrap();
            let programs = programs.iter().enumerate().map(|(number, bytes)| {
                let path = folder.path().join(number.to_string());
                std::fs::write(&path, bytes).unwrap();
                path
            });
            Self {
                programs: programs.collect(),
                folder,
            }
        }

        fn seal(&self, architecture: Architecture) -> Result<String> {
            let template = self.folder.path().join("template.yaml");
            seal(
                &template,
                self.programs.iter().map(std::path::PathBuf::as_path),
                architecture,
            )?;
            Ok(std::fs::read_to_string(template)?)
        }
    }

    #[test]
    fn what_was_built_for_a_processor_is_deployed_for_it_alone() {
        for (architecture, machine) in [(Architecture::X86_64, 0x3e), (Architecture::Arm64, 0xb7)] {
            let program = elf(machine);
            let text = Built::of(&[&program, &program]).seal(architecture).unwrap();
            let template = Template::parse(&text).unwrap();
            let name = architecture.to_string();
            assert_eq!(template.allowed_values("Architecture").unwrap(), [&name]);
            assert!(text.contains(&format!("    Default: {name}\n")), "{text}");
            let kept: Vec<_> = template.parameters().collect();
            assert_eq!(kept, ["PublicUrl", "Architecture", "Deployment"]);
            assert!(text.ends_with("    Default: AllAtOnce\nResources: {}\n"), "{text}");
        }
    }

    #[test]
    fn what_was_built_for_another_processor_is_refused() {
        let check = |programs: &[&[u8]], architecture: Architecture, expected: &str| {
            let built = Built::of(programs);
            let error = format!("{:#}", built.seal(architecture).unwrap_err());
            assert!(error.contains(expected), "{error}");
            let template = std::fs::read_to_string(built.folder.path().join("template.yaml")).unwrap();
            assert_eq!(template, BUILT);
        };
        let (intel, graviton) = (elf(0x3e), elf(0xb7));
        check(
            &[&graviton],
            Architecture::X86_64,
            "is for arm64, and x86_64 was asked for",
        );
        check(&[&intel], Architecture::Arm64, "is for x86_64, and arm64 was asked for");
        check(&[&graviton, &intel], Architecture::Arm64, "1 is for x86_64");
        check(&[&elf(0xf3)], Architecture::Arm64, "it is for ELF's machine 0xf3");
        check(
            &[b"\xcf\xfa\xed\xfe a program of macOS"],
            Architecture::X86_64,
            "it is no Linux program",
        );
        check(&[b"\x7fELF"], Architecture::X86_64, "is no program");
        let mut of_32_bits = intel;
        of_32_bits[4] = 1;
        check(&[&of_32_bits], Architecture::X86_64, "it isn't of 64 bits");
    }

    /// A real one: this test's own.
    #[test]
    fn a_program_of_this_machine_is_for_this_machine() {
        let found = Architecture::of_program(&std::env::current_exe().unwrap()).unwrap();
        assert_eq!(found, Architecture::here().unwrap());
    }
}
