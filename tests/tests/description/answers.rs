//! `docs/openapi.json` against the repository and against the binary: it has the template's routes, other programs can read it, and
//! every answer that it describes is one that is given.

use std::collections::BTreeSet;

use printbell_harness::template::Template;
use printbell_tests::judges::verdict;
use printbell_tests::openapi::{FILE, OpenApi};

#[test]
fn the_description_has_the_template_s_routes() {
    let template = Template::read().unwrap();
    let routes: BTreeSet<_> = template.routes().unwrap().into_iter().map(str::to_owned).collect();
    assert_eq!(OpenApi::read().routes().into_iter().collect::<BTreeSet<_>>(), routes);
}

#[test]
fn another_program_can_read_the_description() {
    print!("{}", verdict("openapi-spec-validator", [FILE]));
}
