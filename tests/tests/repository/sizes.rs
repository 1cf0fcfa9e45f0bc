//! What Lambda has to fetch before a cold start.

use printbell_harness::size::{MAX_ZIPPED, zipped};
use printbell_harness::template::Template;

#[test]
fn no_function_outgrows_its_limit() {
    for function in Template::read().unwrap().functions().unwrap() {
        let (name, file) = (&function.name, function.deployable());
        let zipped = zipped(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(
            zipped <= MAX_ZIPPED,
            "{name} weighs {zipped} bytes zipped, and may weigh {MAX_ZIPPED}: look for what was linked anew (`cargo tree --package {name}`)"
        );
    }
}
