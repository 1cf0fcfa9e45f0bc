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
        (
            json!({"previous": {"appToken": 1}}),
            "previous: appToken is not a string",
        ),
        (json!({"oldTokens": 1}), "oldTokens is not a list"),
        (json!({"oldTokens": [1]}), "oldTokens is not a list of maps"),
        (
            json!({"oldTokens": [{"appToken": "t"}]}),
            "oldTokens: expiresAt is missing",
        ),
        (
            json!({"takenFrom": [{"tenantId": "abc"}]}),
            "takenFrom: printerRef is missing",
        ),
        (
            json!({"clearing": "soon"}),
            "clearing is not one that this version knows",
        ),
        (json!({"foreignLease": {"id": 1}}), "foreignLease: until is missing"),
        (
            json!({"connectionId": ""}),
            "connectionId must be 1 to 128 visible ASCII characters without spaces",
        ),
        (json!({"dueAt": 1.5}), "dueAt is not a number of the right size"),
    ];
    for (wrong, reason) in table {
        let mut row = item(json!({"tenantId": "abc", "printerRef": "p1", "appToken": "t"}));
        row.extend(item(wrong));
        let error = read(&row).unwrap_err();
        assert_eq!((error.key().as_str(), error.reason.as_str()), ("abc/p1", reason));
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
            (error.key(), error.reason),
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
    insta::assert_snapshot!(removed, @"#connectionId, #previous, #previousStatus, #oldTokens, #takenFrom, #applied, #dueAt, #dueShard, #nextDueAt, #lease, #refusals, #webhookUrl, #keyVersion, #renewedAt, #setAt, #expiresAt, #lapsedAt, #announcement, #foreignLease, #clearing, #reapplyAt, #createdAt, #lastError");
    let is_of_the_key = |name: &String| name == TENANT_ID || name == PRINTER_REF;
    assert!(!update.names.values().any(is_of_the_key));
}

#[test]
fn of_what_is_not_understood_the_rest_is_salvaged() {
    let whole = json!({
        "tenantId": "abc", "printerRef": "p1", "appToken": "t", "status": "active", "revision": 7, "eventTypes": [1], "dueAt": 5,
    });
    let table = [
        (json!({"status": "frozen"}), Status::Pending, 7, true),
        (json!({"revision": "x"}), Status::Active, 0, true),
        (
            json!({"lease": 1, "refusals": 2, "attempts": "x"}),
            Status::Active,
            7,
            true,
        ),
        (
            json!({"oldTokens": [{}], "takenFrom": 1, "previous": 2}),
            Status::Active,
            7,
            true,
        ),
        (json!({"appToken": "to ken"}), Status::Replaced, 7, false),
        (json!({"appToken": null}), Status::Replaced, 7, false),
    ];
    for (wrong, status, revision, has_token) in table {
        let mut row = item(whole.clone());
        row.extend(item(wrong.clone()));
        let row = salvage(&row).unwrap();
        assert_eq!(
            (row.renewal.status, row.renewal.revision),
            (status, revision),
            "{wrong}"
        );
        assert_eq!(row.wish.connection.is_some(), has_token, "{wrong}");
        assert_eq!(row.wish.events.types(), [1], "{wrong}");
    }
    assert!(salvage(&item(json!({"tenantId": "a b", "printerRef": "p1", "appToken": "t"}))).is_err());
}

prop_compose! {
    fn any_connection()(token in "[!-~]{1,20}", id in prop::option::of("[!-~]{1,20}")) -> AppConnection {
        AppConnection {
            token: SecretString::from(token).try_into().unwrap(),
            id: id.map(|id| id.parse().unwrap()),
        }
    }
}

prop_compose! {
    fn any_old_token()(connection in any_connection(), expires_at in any_time()) -> OldToken {
        OldToken { connection, expires_at }
    }
}

prop_compose! {
    fn any_taken()(
        connection in any_connection(),
        place in prop::sample::select(vec![Place::Present, Place::Other]),
        previous in prop::option::of(any_connection()),
        old in prop::collection::vec(any_old_token(), 0..3),
    ) -> Taken {
        let from = RegistrationKey { tenant: "abc".parse().unwrap(), printer: "p2".parse().unwrap() };
        Taken { from, connection, place, previous, old }
    }
}

prop_compose! {
    fn any_wish()(connection in any_connection(), events in prop::collection::vec(1..=65535_i64, 0..4), room in "[a-zü ]{0,9}") -> Wish {
        let mut metadata = Metadata::default();
        metadata.insert("room", &room).unwrap();
        Wish {
            connection: Some(connection),
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
        status_change in prop::option::of((prop::sample::select(&News::ALL[..]), any_time(), any_time())),
        reapply in prop::option::of(any_time()),
        (set_at, lapsed_at) in (prop::option::of(any_time()), prop::option::of(any_time())),
        foreign in prop::option::of((prop::option::of((any::<u64>(), any::<u64>())), any_time())),
        clearing in prop::sample::select(vec![Clearing::Rests, Clearing::IsNext, Clearing::NeedsSet]),
    ) -> Renewal {
        Renewal {
            status, revision, version, applied, due, attempts, renewed_at, reapply, set_at, lapsed_at, clearing,
            old_tokens: 0,
            foreign: foreign.map(|(origin, until)| ForeignLease {
                origin: origin.map(|(key, id)| (KeyHash(key), id)),
                until,
            }),
            lease: lease.map(|(id, until)| Lease { id, until }),
            refusals: refusals.map(|(count, first)| Refusals { count, first }),
            previous_status: None,
            status_change: status_change.map(|(news, at, due)| StatusChange { news, at, due }),
        }
    }
}

proptest! {
    #[test]
    fn a_row_comes_back_as_it_was_written(
        wish in any_wish(),
        previous in prop::option::of((any_wish(), any_status())),
        old_tokens in prop::collection::vec(any_old_token(), 0..4),
        taken in prop::collection::vec(any_taken(), 0..3),
        renewal in any_renewal(),
        endpoint in prop::option::of(("https://[a-z.]{1,20}", "[0-9a-f-]{1,64}")),
        error in prop::option::of((any_time(), prop::option::of(any::<u16>()), ".{0,20}")),
    ) {
        let (previous, previous_status) = previous.unzip();
        let row = Registration {
            key: RegistrationKey { tenant: "abc".parse().unwrap(), printer: "p1".parse().unwrap() },
            wish,
            previous,
            renewal: Renewal { previous_status, old_tokens: old_tokens.len() as u8, ..renewal },
            old_tokens,
            taken,
            endpoint: endpoint.map(|(url, key)| Endpoint { url, key: key.as_str().into() }),
            created_at: Some("2026-11-24T10:00:00Z".parse().unwrap()),
            last_error: error.map(|(at, code, message)| LastError { at, code, message }),
        };
        let again = read(&written(&row)).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(again, row);
    }
}
