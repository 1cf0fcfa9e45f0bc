//! What is deployed of each function, as files that anybody can check: the archive that goes to Lambda, the bill of materials of the
//! program in it (CycloneDX), and the SHA-256 of both (docs/decisions/0072).

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use anyhow::{Context, Result, ensure};
use auditable_cyclonedx::auditable_serde::VersionInfo;
use auditable_cyclonedx::auditable_to_minimal_cdx;
use auditable_cyclonedx::cyclonedx_bom::models::bom::SpecVersion;
use printbell_harness::template::FunctionResource;
use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// The list of the sums, as `sha256sum --check` reads it.
pub const SUMS: &str = "SHA256SUMS";

/// The file that says what the others were made from. It is written last, and `sam build` empties the folder first.
const ORIGIN: &str = "ORIGIN";

/// The program's name in its archive (Lambda Developer Guide, "Using an OS-only runtime").
const PROGRAM: &str = "bootstrap";
/// What is put behind the package URL of a package that is from no registry.
const LOCAL: &str = "&download_url=redacted";
/// May be read and run by anybody, as Lambda wants it.
const MODE: u32 = 0o755;

/// What packing starts from: these files, and who packs. As long as it is the same, what was packed is, too.
///
/// # Errors
/// When a file can't be read.
pub fn origin(files: &[PathBuf], packer: &str) -> Result<String> {
    let mut origin = format!("{packer}\n");
    for file in files {
        origin += &format!("{}  {}\n", sum(file)?, file.display());
    }
    Ok(origin)
}

/// The list of the sums, if what lies beside the template was made from this and is as it was then.
pub fn find(template: &Path, origin: &str) -> Option<String> {
    let folder = template.parent()?;
    let text = |name| std::fs::read_to_string(folder.join(name)).ok();
    let sums = text(SUMS).filter(|_| text(ORIGIN).is_some_and(|found| found == origin))?;
    let is_whole = |line: &str| {
        let (expected, file) = line.split_once("  ")?;
        (sum(&folder.join(file)).ok()? == expected).then_some(())
    };
    sums.lines().try_for_each(is_whole)?;
    Some(sums)
}

/// Writes the files beside the template that `sam build` made of `origin`, and has it name the archives: what `sam deploy` uploads is what
/// was summed. Answers with the list of the sums.
///
/// # Errors
/// When a program doesn't say what it is made of, or a file can't be read or written.
pub fn write(template: &Path, functions: &[FunctionResource], origin: &str) -> Result<String> {
    let folder = template.parent().context("the template is in no folder")?;
    let mut text = std::fs::read_to_string(template)?;
    let mut sums = String::new();
    for FunctionResource { logical_id, .. } in functions {
        let program = folder.join(logical_id).join(PROGRAM);
        let materials = bill_of_materials(&program)?;
        let archive = format!("{logical_id}.zip");
        let bill = format!("{logical_id}.cdx.json");
        zip(&program, &folder.join(&archive))?;
        std::fs::write(folder.join(&bill), materials)?;
        for file in [&archive, &bill] {
            sums += &format!("{}  {file}\n", sum(&folder.join(file))?);
        }
        let (before, after) = [logical_id, &archive]
            .map(|name| format!("\n      CodeUri: {name}\n"))
            .into();
        ensure!(
            text.matches(&before).count() == 1,
            "{} has no code of {logical_id}",
            template.display()
        );
        text = text.replace(&before, &after);
    }
    std::fs::write(template, text)?;
    std::fs::write(folder.join(SUMS), &sums)?;
    std::fs::write(folder.join(ORIGIN), origin)?;
    Ok(sums)
}

/// The bill of materials of a program, by the list of its dependencies that `cargo auditable` put into it. It has neither a time nor a
/// number of its own, so the same program has the same one.
fn bill_of_materials(program: &Path) -> Result<String> {
    let list = auditable_info::json_from_file(program, auditable_info::Limits::default()).with_context(|| {
        format!(
            "{} doesn't say what it is made of: was it built by `cargo auditable`?",
            program.display()
        )
    })?;
    let list =
        VersionInfo::from_str(&list).with_context(|| format!("{}: its list can't be read", program.display()))?;
    let mut bill = Vec::new();
    auditable_to_minimal_cdx(&list).output_as_json(&mut bill, SpecVersion::V1_5)?;
    // Of our own packages it would say where they aren't to be had from, and say it wrongly: no `?` is before it.
    Ok(String::from_utf8(bill)?.replace(LOCAL, ""))
}

/// An archive of one program, the same for the same program.
fn zip(program: &Path, archive: &Path) -> Result<()> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(MODE);
    let mut zip = ZipWriter::new(File::create(archive)?);
    zip.start_file(PROGRAM, options)?;
    zip.write_all(&std::fs::read(program)?)?;
    zip.finish()?;
    Ok(())
}

fn sum(file: &Path) -> Result<String> {
    let bytes = std::fs::read(file).with_context(|| format!("can't read {}", file.display()))?;
    Ok(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `sam build` might have made of one function, with this program in it.
    fn built(program: &[u8]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("Chime")).unwrap();
        std::fs::write(folder.path().join("Chime/bootstrap"), program).unwrap();
        let template = "Resources:\n  Chime:\n    Properties:\n      CodeUri: Chime\n      Handler: bootstrap\n";
        std::fs::write(folder.path().join("template.yaml"), template).unwrap();
        folder
    }

    #[test]
    fn a_program_that_doesn_t_say_what_it_is_made_of_is_refused() {
        // These tests themselves: nobody put a list into them.
        let folder = built(&std::fs::read(std::env::current_exe().unwrap()).unwrap());
        let chime = FunctionResource {
            name: "chime".to_owned(),
            logical_id: "Chime".to_owned(),
            variables: Vec::new(),
        };
        let error = write(&folder.path().join("template.yaml"), &[chime], "").unwrap_err();
        assert!(
            error.to_string().contains("doesn't say what it is made of"),
            "{error:#}"
        );
        assert!(!folder.path().join(SUMS).exists());
    }

    #[test]
    fn what_was_packed_is_found_until_something_is_different() {
        let folder = built(b"a program");
        let template = folder.path().join("template.yaml");
        let program = folder.path().join("Chime/bootstrap");
        let origin = |packer| origin(std::slice::from_ref(&program), packer).unwrap();
        let before = origin("x86_64");
        assert_eq!(find(&template, &before), None, "nothing was packed yet");

        write(&template, &[], &before).unwrap();
        let sums = format!("{}  Chime/bootstrap\n", sum(&program).unwrap());
        std::fs::write(folder.path().join(SUMS), &sums).unwrap();
        assert_eq!(find(&template, &before), Some(sums));
        assert_eq!(find(&template, &origin("arm64")), None, "another packer");

        std::fs::write(&program, b"another program").unwrap();
        assert_eq!(find(&template, &origin("x86_64")), None, "made from something else");
        assert_eq!(find(&template, &before), None, "what was summed is no longer there");
        std::fs::write(&program, b"a program").unwrap();
        assert!(find(&template, &before).is_some());
        std::fs::remove_file(folder.path().join(ORIGIN)).unwrap();
        assert_eq!(find(&template, &before), None, "the process died while it packed");
    }

    #[test]
    fn an_archive_is_the_same_for_the_same_program() {
        let archives = [1_000, 2_000].map(|seconds| {
            let folder = built(b"a program");
            let program = folder.path().join("Chime/bootstrap");
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            File::options()
                .append(true)
                .open(&program)
                .unwrap()
                .set_modified(time)
                .unwrap();
            let archive = folder.path().join("Chime.zip");
            zip(&program, &archive).unwrap();
            std::fs::read(archive).unwrap()
        });
        assert_eq!(archives[0], archives[1]);
    }
}
