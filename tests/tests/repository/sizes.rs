//! What Lambda has to fetch before a cold start.

use printbell_harness::binaries::{self, Binary, MAX_ZIPPED};

#[test]
fn no_function_outgrows_its_limit() {
    for binary in Binary::ALL {
        let file = binaries::deployable(binary);
        let zipped = binaries::zipped(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(
            zipped <= MAX_ZIPPED,
            "{binary:?} weighs {zipped} bytes zipped, and may weigh {MAX_ZIPPED}: look for what was linked anew (`cargo tree --package {}`)",
            binary.name()
        );
    }
}
