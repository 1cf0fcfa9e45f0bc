use super::*;
use crate::dynamodb::update::Update;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::json;

/// An item from DynamoDB's JSON, as far as the tests need it.
fn item(json: serde_json::Value) -> Item {
    let object = json.as_object().unwrap();
    object
        .iter()
        .map(|(name, value)| (name.clone(), attribute(value)))
        .collect()
}

fn attribute(value: &serde_json::Value) -> AttributeValue {
    match value {
        serde_json::Value::String(text) => string(text),
        serde_json::Value::Number(digits) => number(digits),
        serde_json::Value::Array(list) => AttributeValue::L(list.iter().map(attribute).collect()),
        serde_json::Value::Object(_) => AttributeValue::M(item(value.clone())),
        serde_json::Value::Bool(flag) => AttributeValue::Bool(*flag),
        serde_json::Value::Null => AttributeValue::Null(true),
    }
}

fn written(row: &Registration) -> Item {
    let mut item = key(&row.key);
    item.extend(
        attributes(row)
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?))),
    );
    item
}

#[test]
fn a_row_written_by_hand_needs_its_key_and_its_token_only() {
    let row = read(&item(
        json!({"tenantId": "abc", "printerRef": "p1", "appToken": "t", "dueAt": 0}),
    ))
    .unwrap();
    assert_eq!(row.renewal, Renewal::default());
    assert!(row.wish.events.types().is_empty() && row.wish.metadata.is_empty() && row.previous.is_none());
}

#[test]
fn a_time_set_by_hand_counts() {
    let by_hand =
        json!({"tenantId": "abc", "printerRef": "p1", "appToken": "t", "status": "active", "revision": 7, "dueAt": 0});
    assert_eq!(read(&item(by_hand)).unwrap().renewal.due, Some(EpochSeconds(0)));
}

#[test]
fn what_is_not_understood_is_named_without_its_value() {
    let table = [
        (json!({"appToken": null}), "appToken is missing"),
        (
            json!({"appToken": "to ken"}),
            "appToken must be 1 to 8192 visible ASCII characters without spaces",
        ),
        (json!({"appToken": 5}), "appToken is not a string"),
        (json!({"status": "frozen"}), "status is not one that this version knows"),
        (json!({"eventTypes": [0]}), "eventTypes must be from 1 to 65535, not 0"),
        (json!({"eventTypes": "1"}), "eventTypes is not a list or set of numbers"),
        (
            json!({"metadata": {"tenantid": "x"}}),
            "metadata/tenantid: the name is taken: CloudEvents or Printbell uses it in the message",
        ),
        (json!({"attempts": -1}), "attempts is not a number of the right size"),
        (json!({"lease": {"id": 1}}), "lease: until is missing"),
        (json!({"lease": 1}), "lease is not a map"),
        (json!({"previous": {"appToken": "t"}}), "previous: status is missing"),
        (json!({"dueAt": 1.5}), "dueAt is not a number of the right size"),
    ];
    for (wrong, reason) in table {
        let mut row = item(json!({"tenantId": "abc", "printerRef": "p1", "appToken": "t"}));
        row.extend(item(wrong));
        let error = read(&row).unwrap_err();
        assert_eq!((error.key.as_str(), error.reason.as_str()), ("abc/p1", reason));
    }
    let rule = "must be 1 to 64 characters of A-Z a-z 0-9 . _ ~ -, and neither `.` nor `..`";
    for (tenant, printer, wrong) in [
        ("a/b", "p1", "tenantId"),
        ("..", "p1", "tenantId"),
        ("abc", ".", "printerRef"),
    ] {
        let row = json!({"tenantId": tenant, "printerRef": printer, "appToken": "t"});
        let error = read(&item(row)).unwrap_err();
        assert_eq!(
            (error.key, error.reason),
            (format!("{tenant}/{printer}"), format!("{wrong} {rule}"))
        );
    }
}

#[test]
fn an_update_removes_what_the_row_no_longer_has() {
    let row = read(&item(
        json!({"tenantId": "abc", "printerRef": "p1", "appToken": "t", "status": "revoked"}),
    ))
    .unwrap();
    let update = Update::of(attributes(&row));
    let (_, removed) = update.expression.split_once(" REMOVE ").unwrap();
    insta::assert_snapshot!(removed, @"#previous, #applied, #dueAt, #dueShard, #nextDueAt, #lease, #refusals, #renewedAt, #expiresAt, #announcement, #reapplyAt, #createdAt, #lastError");
    let is_of_the_key = |name: &String| name == TENANT_ID || name == PRINTER_REF;
    assert!(!update.names.values().any(is_of_the_key));
}

prop_compose! {
    fn any_wish()(token in "[!-~]{1,20}", events in prop::collection::vec(1..=65535_i64, 0..4), room in "[a-zü ]{0,9}") -> Wish {
        let mut metadata = Metadata::default();
        metadata.insert("room", &room).unwrap();
        Wish {
            token: SecretString::from(token).try_into().unwrap(),
            events: EventFilter::new(events).unwrap(),
            metadata,
        }
    }
}

fn any_status() -> impl Strategy<Value = Status> {
    prop::sample::select(&Status::ALL[..])
}

fn any_time() -> impl Strategy<Value = EpochSeconds> {
    (0..4_000_000_000_i64).prop_map(EpochSeconds)
}

prop_compose! {
    fn any_renewal()(
        (status, revision, version) in (any_status(), any::<u64>(), any::<u64>()),
        applied in prop::option::of(any::<u64>()),
        due in prop::option::of(any_time()),
        lease in prop::option::of((any::<u64>(), any_time())),
        attempts in any::<u32>(),
        refusals in prop::option::of((any::<u32>(), any_time())),
        renewed_at in prop::option::of(any_time()),
        status_change in prop::option::of((any_status(), any_time())),
        reapply in prop::option::of(any_time()),
    ) -> Renewal {
        Renewal {
            status, revision, version, applied, due, attempts, renewed_at, reapply,
            lease: lease.map(|(id, until)| Lease { id, until }),
            refusals: refusals.map(|(count, first)| Refusals { count, first }),
            previous_status: None,
            status_change: status_change.map(|(status, at)| StatusChange { status, at }),
        }
    }
}

proptest! {
    #[test]
    fn a_row_comes_back_as_it_was_written(
        wish in any_wish(),
        previous in prop::option::of((any_wish(), any_status())),
        renewal in any_renewal(),
        error in prop::option::of((any_time(), prop::option::of(any::<u16>()), ".{0,20}")),
    ) {
        let (previous, previous_status) = previous.unzip();
        let row = Registration {
            key: RegistrationKey { tenant: "abc".parse().unwrap(), printer: "p1".parse().unwrap() },
            wish,
            previous,
            renewal: Renewal { previous_status, ..renewal },
            created_at: Some("2026-11-24T10:00:00Z".parse().unwrap()),
            last_error: error.map(|(at, code, message)| LastError { at, code, message }),
        };
        let again = read(&written(&row)).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(again, row);
    }
}
