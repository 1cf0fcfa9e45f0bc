//! What several of the tests judge by: the descriptions in `docs`, held by a validator that isn't ours, and whoever else judges.
//!
//! - [`openapi`]: `docs/openapi.json`, for every answer of the functions behind the API.
//! - [`messages`]: `docs/schemas`, for every message on the topic.
//! - [`judges`]: the programs from PyPI that read both.
//!
//! And what they do with the documents: [`text`], the blocks that stand there; [`person`], who types them.

#![allow(clippy::disallowed_methods, reason = "it stands around the functions, in the world")]
#![allow(clippy::missing_panics_doc, reason = "that is how a test tells")]
#![allow(clippy::unwrap_used, reason = "in a test that is how a failure is told")]

pub mod judges;
pub mod messages;
pub mod openapi;
pub mod person;
pub mod text;

use printbell_harness::workspace;
use serde_json::Value;

/// A JSON file of the repository.
pub fn json(path: &str) -> Value {
    let text = std::fs::read_to_string(workspace::root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A validator by JSON Schema 2020-12, formats included.
fn validator(schema: &Value) -> jsonschema::Validator {
    let options = jsonschema::options().with_draft(jsonschema::Draft::Draft202012);
    let built = options.should_validate_formats(true).build(schema);
    built.unwrap_or_else(|error| panic!("a schema is none: {error}"))
}

/// What a validator has against a value; empty if nothing.
fn objections(validator: &jsonschema::Validator, value: &Value) -> String {
    let objections = validator.iter_errors(value);
    let objections = objections.map(|error| format!("{}: {error}", error.instance_path()));
    objections.collect::<Vec<_>>().join("\n")
}
