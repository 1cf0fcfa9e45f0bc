//! `docs/openapi.json` as a judge: whether an answer is one that it describes.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use jsonschema::Validator;
use printbell_harness::runtime_api::HttpResponse;
use serde_json::{Value, json};

/// The description's file.
pub const FILE: &str = "docs/openapi.json";

/// One answer of one operation: its route, status and media type.
type Place = (String, u16, String);

/// The description. Clients are to bear with fields that are added; here none may be that isn't described.
pub struct OpenApi {
    document: Value,
    validators: Mutex<HashMap<Place, Arc<Validator>>>,
}

static DESCRIPTION: LazyLock<OpenApi> = LazyLock::new(OpenApi::read);

/// Whether the description has this operation (`PUT /registrations/{tenantId}/{printerRef}`).
pub fn describes(route: &str) -> bool {
    !DESCRIPTION.operation(route).is_null()
}

/// Fails when the description has another idea of what this route answers.
pub fn assert_described(route: &str, answer: &HttpResponse) {
    DESCRIPTION
        .judge(route, answer)
        .unwrap_or_else(|objection| panic!("{FILE}, {route}, {}: {objection}\n{}", answer.status, answer.raw));
}

impl OpenApi {
    /// The description as it is in the repository.
    pub fn read() -> Self {
        Self::new(crate::json(FILE))
    }

    fn new(mut document: Value) -> Self {
        let schemas = document["components"]["schemas"].as_object_mut().into_iter().flatten();
        for (_, schema) in schemas {
            close(schema);
        }
        Self {
            document,
            validators: Mutex::default(),
        }
    }

    /// Every operation, as the template writes routes.
    pub fn routes(&self) -> Vec<String> {
        let paths = self.document["paths"].as_object().into_iter().flatten();
        let operations = paths.flat_map(|(path, operations)| {
            let methods = operations.as_object().into_iter().flatten();
            methods.map(move |(method, _)| format!("{} {path}", method.to_ascii_uppercase()))
        });
        operations.collect()
    }

    /// The statuses of an operation that the function itself answers with, in order.
    pub fn statuses(&self, route: &str) -> Vec<u16> {
        let responses = self.operation(route)["responses"].as_object().into_iter().flatten();
        let own = responses.filter(|(_, response)| {
            let content = response["content"].as_object();
            content.is_none_or(|content| content.values().any(|media| media["schema"]["$ref"] != GATEWAY_MESSAGE))
        });
        own.map(|(status, _)| status.parse().unwrap_or_default()).collect()
    }

    /// A schema of the components, which may refer to others.
    pub fn component(&self, name: &str) -> Value {
        self.schema(json!({"$ref": format!("#/components/schemas/{name}")}))
    }

    /// The schema of a parameter.
    pub fn parameter(&self, route: &str, name: &str) -> Value {
        let parameters = self.operation(route)["parameters"].as_array().into_iter().flatten();
        let mut named = parameters.filter(|parameter| parameter["name"] == name);
        self.schema(
            named
                .next()
                .map_or(Value::Null, |parameter| parameter["schema"].clone()),
        )
    }

    fn schema(&self, schema: Value) -> Value {
        json!({"allOf": [schema], "components": self.document["components"]})
    }

    fn operation(&self, route: &str) -> &Value {
        let (method, path) = route.split_once(' ').unwrap_or_default();
        &self.document["paths"][path][method.to_ascii_lowercase()]
    }

    /// What is wrong with an answer.
    pub fn judge(&self, route: &str, answer: &HttpResponse) -> Result<(), String> {
        let response = &self.operation(route)["responses"][answer.status.to_string()];
        if response.is_null() {
            return Err("the status isn't described".to_owned());
        }
        let content_type = answer.raw["headers"]["content-type"].as_str().unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default();
        let Some(content) = response["content"].as_object() else {
            let is_empty = answer.body.is_empty() && media_type.is_empty();
            return is_empty.then_some(()).ok_or_else(|| "no body is described".to_owned());
        };
        let Some(media) = content.get(media_type) else {
            return Err(format!("{content_type:?} isn't described"));
        };
        let body = match media_type.ends_with("json") {
            true => serde_json::from_str(&answer.body).map_err(|error| format!("no JSON: {error}"))?,
            false => Value::from(answer.body.as_str()),
        };
        let place = (route.to_owned(), answer.status, media_type.to_owned());
        let validator = {
            let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
            let validator = validators.entry(place);
            let build = || Arc::new(crate::validator(&self.schema(media["schema"].clone())));
            Arc::clone(validator.or_insert_with(build))
        };
        let objections = crate::objections(&validator, &body);
        let is_told = media_type != "application/problem+json" || body["status"] == answer.status;
        match objections.as_str() {
            "" if is_told => Ok(()),
            "" => Err("the problem tells another status".to_owned()),
            _ => Err(objections),
        }
    }
}

/// What API Gateway's own answers are described by.
const GATEWAY_MESSAGE: &str = "#/components/schemas/Message";

/// Lets no object have members that aren't described, wherever some are.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.contains_key("properties") && !members.contains_key("additionalProperties") {
                members.insert("additionalProperties".to_owned(), false.into());
            }
            members.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
