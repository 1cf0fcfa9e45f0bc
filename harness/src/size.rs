//! What a function weighs: Lambda fetches it before a cold start.

use std::io::{self, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::write::DeflateEncoder;

/// The most that a function's binary may weigh when it is zipped, in bytes. Renew is the heaviest: it sweeps, and it retires keys.
pub const MAX_ZIPPED: u64 = 3_750_000;

/// What a zip archive makes of a file, in bytes; its own frame is some hundred more.
///
/// # Errors
/// When the file can't be read.
pub fn zipped(file: &Path) -> io::Result<u64> {
    let mut zip = DeflateEncoder::new(Vec::new(), Compression::default());
    zip.write_all(&std::fs::read(file)?)?;
    Ok(zip.finish()?.len() as u64)
}
