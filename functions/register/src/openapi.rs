//! `docs/openapi.json`: the API as machines read it, made of the types, limits and names that the functions have, with examples that
//! their own code makes. What the functions really answer is held against it in `tests`.

use printbell_adapters::api_gateway::paging::{MAX_LIMIT, Paging};
use printbell_adapters::dynamodb::cursor::Cursor;
use printbell_adapters::registrations::item::Unreadable;
use printbell_adapters::registrations::page::{StatusFilter, UNREADABLE};
use printbell_harness::document;
use printbell_shared::callback;
use printbell_shared::id::{MAX_LENGTH, RegistrationKey};
use printbell_shared::metadata::{MAX_NAME_LENGTH, MAX_PAIRS, MAX_TOTAL_LENGTH, Metadata, RESERVED_NAMES};
use printbell_shared::notification::event::EventType;
use printbell_shared::problem::{self, FieldError, Problem};
use printbell_shared::registration::renewal::{EpochSeconds, Renewal, Status};
use printbell_shared::registration::wish::{EventFilter, MAX_TOKEN_LENGTH, Wish};
use printbell_shared::registration::{LastError, Registration, TooManyOldTokens};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use crate::input::{
    APP_TOKEN, COMPLETION_URL, EVENT_TYPES, MAX_BODY, MAX_COMPLETION_URL, MAX_EVENT_TYPES, METADATA, NAMED_EVENT_TYPES,
    TOKEN_NAMES, URL_NAME,
};
use crate::list::{Query, STATUS};
use crate::problems;
use crate::route::{DELETE, GET, LIST, LIST_OF_TENANT, PUT, RENEW, ROUTES, TEST};
use crate::view::{Item, List};

/// Where the description is, in the repository.
const FILE: &str = "docs/openapi.json";

/// The one route that isn't signed with IAM credentials.
const CALLBACK_METHOD: &str = "post";

/// A `tenantId` or a `printerRef`.
pub(crate) struct Id;

/// When something happened.
pub(crate) struct Time;

/// The pairs of a registration.
pub(crate) struct Pairs;

/// What a registration is shown as.
pub(crate) struct ShownStatus;

/// What a row is shown as that can't be read.
pub(crate) struct UnreadableStatus;

macro_rules! inline_schema {
    ($name:ident, $schema:expr) => {
        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

inline_schema!(Id, id());
inline_schema!(Time, json_schema!({"type": "string", "format": "date-time"}));
inline_schema!(Pairs, pairs(&[]));
inline_schema!(ShownStatus, {
    let words: Vec<_> = StatusFilter::words().filter(|word| *word != UNREADABLE).collect();
    json_schema!({"type": "string", "enum": words})
});
inline_schema!(UnreadableStatus, json_schema!({"type": "string", "const": UNREADABLE}));

fn id() -> Schema {
    json_schema!({
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_LENGTH,
        "pattern": "^[A-Za-z0-9._~-]+$",
        "not": {"enum": [".", ".."]},
    })
}

/// Metadata, in which these names can't be, beside those that no metadata has.
fn pairs(barred: &[&str]) -> Schema {
    let barred: Vec<_> = RESERVED_NAMES.iter().chain(barred).collect();
    json_schema!({
        "type": "object",
        "description": format!("The app's own pairs, which come back with each notification: names and values have at most {MAX_TOTAL_LENGTH} bytes together, in UTF-8."),
        "maxProperties": MAX_PAIRS,
        "propertyNames": {"pattern": format!("^[a-z0-9]{{1,{MAX_NAME_LENGTH}}}$"), "not": {"enum": barred}},
        // No control characters.
        "additionalProperties": {"type": "string", "maxLength": MAX_TOTAL_LENGTH - 1, "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$"},
    })
}

/// The body of a PUT.
fn wish() -> Value {
    let names = NAMED_EVENT_TYPES.map(|number| format!("{number} {}", EventType(number).name()));
    let names = names.collect::<Vec<_>>().join(", ");
    let barred: Vec<_> = TOKEN_NAMES.into_iter().chain([URL_NAME]).collect();
    json!({
        "type": "object",
        "description": format!("What is left out is reset, but for the token, which is kept. Unknown fields are refused. At most {MAX_BODY} bytes."),
        "properties": {
            APP_TOKEN: {
                "type": "string",
                "description": "What OctoEverywhere's App Connection Portal returned, alone. Never shown again.",
                "writeOnly": true,
                "minLength": 1,
                "maxLength": MAX_TOKEN_LENGTH,
                "pattern": "^[!-~]+$",
            },
            COMPLETION_URL: {
                "type": "string",
                "description": format!("In appToken's place: the portal's whole final URL, with its appApiToken. At most {MAX_COMPLETION_URL} bytes in UTF-8."),
                "writeOnly": true,
                "maxLength": MAX_COMPLETION_URL,
                "pattern": "[?&][Aa][Pp][Pp][Aa][Pp][Ii][Tt][Oo][Kk][Ee][Nn]=[!-~]",
            },
            EVENT_TYPES: {
                "type": "array",
                "description": format!("Which events are to be delivered; none named: all of them. {names}. OctoEverywhere may add others."),
                "items": {"type": "integer", "minimum": 1, "maximum": u16::MAX},
                "maxItems": MAX_EVENT_TYPES,
            },
            METADATA: pairs(&barred),
        },
        "additionalProperties": false,
        "not": {"required": [APP_TOKEN, COMPLETION_URL]},
    })
}

/// What an error is told as.
fn problem_schema() -> Value {
    json!({
        "type": "object",
        "description": "Problem details (RFC 9457).",
        "properties": {
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "title": {"type": "string", "description": "The kind of error, the same for every occurrence."},
            "detail": {"type": "string", "description": "What was wrong this time, and what to do about it."},
            "errors": {
                "type": "array",
                "description": "One for each field that breaks a rule.",
                "minItems": 1,
                "maxItems": problems::MAX_ERRORS + 1,
                "items": {
                    "type": "object",
                    "properties": {
                        "field": {"type": "string", "description": "A JSON pointer into the body, or a parameter's name."},
                        "rule": {"type": "string"},
                    },
                    "required": ["field", "rule"],
                },
            },
        },
        "required": ["status", "title"],
    })
}

/// The answers of one operation.
#[derive(Default)]
struct Answers(Map<String, Value>);

impl Answers {
    /// What API Gateway answers by itself, to anybody.
    fn of_the_door() -> Self {
        let mut answers = Self::default();
        for (status, description, message) in [
            (
                429,
                "More requests than the throttle lets through; come again.",
                "Too Many Requests",
            ),
            (
                500,
                "API Gateway couldn't make the function answer.",
                "Internal Server Error",
            ),
            (503, "Come again.", "Service Unavailable"),
        ] {
            answers.door(status, description, message);
        }
        answers
    }

    /// The same of the routes that IAM guards.
    fn of_the_signed_door() -> Self {
        let mut answers = Self::of_the_door();
        answers.door(403, "Not signed, or not allowed to by IAM.", "Forbidden");
        answers
    }

    fn door(&mut self, status: u16, description: &str, message: &str) {
        let answer = self.answer(status, description);
        answer["application/json"] = json!({
            "schema": {"$ref": "#/components/schemas/Message"},
            "example": {"message": message},
        });
    }

    /// The content of an answer, which is described if it isn't yet.
    fn answer(&mut self, status: u16, description: &str) -> &mut Value {
        let answer = self.0.entry(status.to_string());
        let answer = answer.or_insert_with(|| json!({"description": description, "content": {}}));
        &mut answer["content"]
    }

    /// An answer in JSON.
    fn json(mut self, status: u16, description: &str, schema: &str, example: Value) -> Self {
        self.answer(status, description)["application/json"] =
            json!({"schema": {"$ref": format!("#/components/schemas/{schema}")}, "example": example});
        self
    }

    /// An answer without a body.
    fn empty(mut self, status: u16, description: &str) -> Self {
        self.0.insert(status.to_string(), json!({"description": description}));
        self
    }

    /// An error that the function tells; `name` is the example's.
    fn problem(mut self, name: &str, problem: &Problem) -> Self {
        let content = self.answer(problem.status, problem.title);
        if content[problem::CONTENT_TYPE].is_null() {
            content[problem::CONTENT_TYPE] =
                json!({"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}});
        }
        let value: Value = serde_json::from_str(&problem.to_json()).unwrap();
        content[problem::CONTENT_TYPE]["examples"][name] = json!({"value": value});
        self
    }

    /// After a success, what else can be done with the registration.
    fn linked(mut self, statuses: &[u16]) -> Self {
        let link = |route: &str, description: &str| {
            json!({
                "operationId": operation_id(route),
                "description": description,
                "parameters": {"tenantId": "$request.path.tenantId", "printerRef": "$request.path.printerRef"},
            })
        };
        for status in statuses {
            self.0[&status.to_string()]["links"] = json!({
                "show": link(GET, "How it is"),
                "test": link(TEST, "Have OctoEverywhere send a test notification"),
                "renew": link(RENEW, "Renew it now"),
                "delete": link(DELETE, "Delete it"),
            });
        }
        self
    }
}

fn operation_id(route: &str) -> &'static str {
    match route {
        LIST => "listRegistrations",
        LIST_OF_TENANT => "listRegistrationsOfTenant",
        GET => "getRegistration",
        PUT => "putRegistration",
        DELETE => "deleteRegistration",
        TEST => "testRegistration",
        RENEW => "renewRegistration",
        other => panic!("nobody describes {other}"),
    }
}

/// The registration of the examples.
fn key() -> RegistrationKey {
    RegistrationKey {
        tenant: "abc123".parse().unwrap(),
        printer: "p42".parse().unwrap(),
    }
}

const NOW: EpochSeconds = EpochSeconds(1_795_608_000);
const RENEWED: EpochSeconds = EpochSeconds(1_795_514_400);

/// It as it is shown, active or suspended.
fn shown(status: Status) -> Value {
    let mut metadata = Metadata::default();
    metadata.insert("room", "lab").unwrap();
    let suspension = LastError {
        at: NOW,
        code: Some(605),
        message: "OctoEverywhere answered 605".to_owned(),
    };
    let row = Registration {
        wish: Wish {
            connection: None,
            events: EventFilter::new([1, 2, 3, 7, 8, 9]).unwrap(),
            metadata,
        },
        renewal: Renewal {
            status,
            renewed_at: Some(RENEWED),
            due: Some(RENEWED + jiff::SignedDuration::from_hours(30 * 24)),
            attempts: u32::from(status == Status::Suspended),
            ..Renewal::default()
        },
        created_at: Some(RENEWED.to_timestamp()),
        last_error: (status == Status::Suspended).then_some(suspension),
        ..Registration::empty(&key())
    };
    serde_json::to_value(Item::of(&Ok(row), NOW.to_timestamp())).unwrap()
}

/// A row that can't be read, as it is shown.
fn unreadable() -> Value {
    serde_json::to_value(Item::of(&Err(row_by_hand()), NOW.to_timestamp())).unwrap()
}

fn row_by_hand() -> Unreadable {
    Unreadable {
        tenant: "abc123".to_owned(),
        printer: "p43".to_owned(),
        reason: "eventTypes: must be from 1 to 65535, not 0".to_owned(),
    }
}

fn bad(field: &str, rule: &str) -> Problem {
    problems::invalid(vec![FieldError {
        field: field.to_owned(),
        rule: rule.to_owned(),
    }])
}

/// What each operation answers, with every status that the function has for it.
fn answers(route: &str) -> Answers {
    let signed = Answers::of_the_signed_door().problem("unavailable", &problems::unavailable("an example"));
    let row = "Registration";
    let (active, suspended) = (shown(Status::Active), shown(Status::Suspended));
    let bad_id = bad("printerRef", &printbell_shared::id::InvalidId.to_string());
    match route {
        LIST | LIST_OF_TENANT => {
            let next = Cursor {
                hash: "abc123".to_owned(),
                range: "p43".to_owned(),
            };
            let page = json!({"items": [active, unreadable()], "next": next.to_string()});
            let invalid = Query::read(None, b"stauts=active").unwrap_err();
            signed
                .json(
                    200,
                    "A page. It may be empty, and still not be the last one.",
                    "List",
                    page,
                )
                .problem("invalid", &invalid)
        }
        GET => signed
            .json(200, "As it is.", "Item", suspended)
            .problem("invalid", &bad_id)
            .problem("absent", &problems::absent(&key())),
        PUT => signed
            .json(200, "Changed: OctoEverywhere has it.", row, active.clone())
            .json(201, "Registered: OctoEverywhere has it.", row, active)
            .json(
                202,
                "Stored. OctoEverywhere is failing for now, and Printbell carries on.",
                row,
                suspended,
            )
            .linked(&[200, 201, 202])
            .problem("invalid", &bad("/eventTypes/0", "must be from 1 to 65535, not 0"))
            .problem("gone", &problems::absent(&key()))
            .problem("held", &problems::of_another_tenant())
            .problem("crowded", &problems::crowded(&key(), TooManyOldTokens))
            .problem(
                "refused",
                &refused(422, "OctoEverywhere answered 604. Nothing was changed."),
            )
            .problem("unreadable", &problems::unread(row_by_hand().into())),
        DELETE => signed
            .json(
                202,
                "Noted. OctoEverywhere is failing for now, and Printbell carries on.",
                row,
                suspended,
            )
            .empty(204, "The webhook and the registration are gone, or never were.")
            .problem("invalid", &bad_id)
            .problem("unreadable", &problems::unread(row_by_hand().into())),
        TEST => {
            let mut answers = signed
                .json(
                    200,
                    "OctoEverywhere's own answer, secrets masked.",
                    "Anything",
                    json!({}),
                )
                .problem("invalid", &bad_id)
                .problem("absent", &problems::absent(&key()))
                .problem("replaced", &problems::replaced(&key()))
                .problem("unreadable", &problems::unread(row_by_hand().into()))
                .problem("refused", &refused(502, "OctoEverywhere answered 605"));
            answers.answer(200, "")["text/plain"] = json!({"schema": {"type": "string"}});
            answers
        }
        RENEW => signed
            .json(200, "Renewed.", row, active)
            .json(
                202,
                "OctoEverywhere is failing for now, and Printbell carries on.",
                row,
                suspended,
            )
            .problem("invalid", &bad_id)
            .problem("absent", &problems::absent(&key()))
            .problem("replaced", &problems::replaced(&key()))
            .problem("revoked", &problems::revoked(&key()))
            .problem("deleting", &problems::deleting(&key()))
            .problem("unreadable", &problems::unread(row_by_hand().into())),
        other => panic!("nobody describes {other}"),
    }
}

fn refused(status: u16, detail: &'static str) -> Problem {
    Problem::new(status, "Refused by OctoEverywhere", detail)
}

/// One operation of the registrations API.
fn operation(route: &str) -> Value {
    let (summary, description) = match route {
        LIST => ("All registrations", ""),
        LIST_OF_TENANT => ("A tenant's registrations", ""),
        GET => ("One registration, with its status, its expiry and its last error", ""),
        PUT => (
            "Register a printer, or change its registration",
            "Applied at OctoEverywhere before it is answered. One registration holds a token: a PUT with the token of another one of \
             the tenant takes it over.",
        ),
        DELETE => ("Delete the webhook and the registration", ""),
        TEST => ("Have OctoEverywhere send a test notification", ""),
        RENEW => ("Renew it now", ""),
        other => panic!("nobody describes {other}"),
    };
    let parameter = |name: &str, description: &str| json!({"name": name, "in": "path", "required": true, "description": description, "schema": id()});
    let known = [
        ("{tenantId}", parameter("tenantId", "Your tenant.")),
        ("{printerRef}", parameter("printerRef", "Your name for the printer.")),
    ];
    let mut parameters: Vec<_> = known
        .into_iter()
        .filter(|(name, _)| route.contains(name))
        .map(|(_, it)| it)
        .collect();
    if matches!(route, LIST | LIST_OF_TENANT) {
        let [limit, next] = Paging::NAMES;
        let words: Vec<_> = StatusFilter::words().collect();
        parameters.extend([
            json!({"name": limit, "in": "query", "description": "The most items of the page.",
                "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": MAX_LIMIT}}),
            json!({"name": next, "in": "query", "description": "The `next` of an earlier page of the same list; opaque.",
                "schema": {"type": "string"}}),
            json!({"name": STATUS, "in": "query", "description": "Those with this status only.",
                "schema": {"type": "string", "enum": words}}),
        ]);
    }
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": summary,
        "tags": ["registrations"],
        "security": [{"sigv4": []}],
        "parameters": parameters,
        "responses": answers(route).0,
    });
    if !description.is_empty() {
        operation["description"] = description.into();
    }
    if route == PUT {
        operation["requestBody"] = json!({
            "required": true,
            "content": {"application/json": {
                "schema": {"$ref": "#/components/schemas/Wish"},
                "examples": {
                    "token": {"value": {"appToken": "made-up-token", "eventTypes": [1, 2, 3, 7, 8, 9], "metadata": {"room": "lab"}}},
                    "portal": {"value": {"completionUrl": "https://app.example/back?success=true&id=7&appApiToken=made-up-token"}},
                    "change": {"summary": "Keeps the token", "value": {"eventTypes": [2, 3]}},
                },
            }},
        });
    }
    operation
}

/// The callback, which OctoEverywhere calls at the URL that Printbell gave it.
fn callback_operation() -> Value {
    let ids =
        ["tenantId", "printerRef"].map(|name| json!({"name": name, "in": "query", "required": true, "schema": id()}));
    let unauthorized = Problem::new(
        401,
        "Unauthorized",
        "The URL's callbackToken doesn't speak for this tenantId and printerRef.",
    );
    let unavailable = Problem::new(
        503,
        "Service Unavailable",
        "The notification could not be saved; send it again.",
    );
    let mut parameters = ids.to_vec();
    parameters.push(json!({
        "name": "metadata", "in": "query", "style": "form", "explode": true,
        "description": "The registration's metadata, each pair a parameter of its own.",
        "schema": pairs(&[]),
    }));
    let answers = Answers::of_the_door()
        .json(
            200,
            "Durable, or set aside for a person.",
            "Receipt",
            json!({"id": "2d4223a1b0c6f0e7d1a5c3f9e8b7a6d5"}),
        )
        .problem("unauthorized", &unauthorized)
        .problem("unavailable", &unavailable);
    json!({
        "operationId": "receiveCallback",
        "summary": "A notification, as OctoEverywhere sends it",
        "description": "Whoever has a callback URL may call it, and nobody else: it holds the token. With a function URL as its door, other paths and methods are answered 404 and 405.",
        "tags": ["callback"],
        "security": [{"callbackToken": []}],
        "parameters": parameters,
        "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Anything"}}}},
        "responses": answers.0,
    })
}

/// The whole description.
fn description() -> Value {
    let settings = SchemaSettings::draft2020_12()
        .for_serialize()
        .with(|settings| settings.definitions_path = "/components/schemas".into());
    let mut generator = settings.into_generator();
    generator.subschema_for::<List<'_>>();
    let mut schemas = generator.take_definitions(true);
    schemas.insert("Wish".to_owned(), wish());
    schemas.insert("Problem".to_owned(), problem_schema());
    schemas.insert(
        "Message".to_owned(),
        json!({
            "type": "object",
            "description": "What API Gateway says by itself.",
            "properties": {"message": {"type": ["string", "null"]}},
            "required": ["message"],
        }),
    );
    schemas.insert("Receipt".to_owned(), json!({
        "type": "object",
        "properties": {"id": {"type": "string", "pattern": "^[0-9a-f]{32}$", "description": "The id of the CloudEvents event."}},
        "required": ["id"],
    }));
    schemas.insert(
        "Anything".to_owned(),
        json!({"description": "Any JSON value; OctoEverywhere says which."}),
    );
    let mut paths = Map::new();
    for route in ROUTES {
        let (method, path) = route.split_once(' ').unwrap();
        let operations = paths.entry(path).or_insert_with(|| json!({}));
        operations[method.to_ascii_lowercase()] = operation(route);
    }
    paths.insert(
        callback::PATH.to_owned(),
        json!({CALLBACK_METHOD: callback_operation()}),
    );
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Printbell",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Keeps OctoEverywhere's notifications coming, one registration for each printer.",
            "description": "A path or a method that isn't here is answered 404 by API Gateway, with {\"message\":\"Not Found\"}. Fields may be added to answers.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{
            "url": "https://{apiId}.execute-api.{region}.amazonaws.com",
            "description": "The stack's output ApiUrl.",
            "variables": {"apiId": {"default": "a1b2c3d4e5"}, "region": {"default": "eu-central-1"}},
        }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "sigv4": {
                    "type": "apiKey", "name": "Authorization", "in": "header",
                    "x-amazon-apigateway-authtype": "awsSigv4",
                    "description": "AWS Signature Version 4, for the service execute-api, with credentials that IAM lets call it.",
                },
                "callbackToken": {
                    "type": "apiKey", "name": "callbackToken", "in": "query",
                    "description": "In the callback URL, which Printbell makes.",
                },
            },
        },
    })
}

#[test]
fn the_description_is_made_of_the_code() {
    let text = serde_json::to_string_pretty(&description()).unwrap();
    document::check(FILE, &(text + "\n"));
}
