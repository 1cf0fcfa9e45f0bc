//! What the stub takes and refuses, as DynamoDB's documentation has it.

use serde_json::{Value, json};

use super::*;

/// A table like the registrations', with a sparse index, and one whose key is a hash alone.
fn database() -> Database {
    let attribute = |name: &str, kind: &str| KeyAttribute {
        name: name.to_owned(),
        kind: kind.to_owned(),
    };
    let mut database = Database::default();
    database.create(TableSchema {
        name: "rows".to_owned(),
        key: KeySchema {
            hash: attribute("tenantId", "S"),
            range: Some(attribute("printerRef", "S")),
        },
        indexes: vec![IndexSchema {
            name: "due".to_owned(),
            key: KeySchema {
                hash: attribute("dueShard", "N"),
                range: Some(attribute("dueAt", "N")),
            },
            projection: Projection::Include(vec!["expiresAt".to_owned()]),
        }],
    });
    database.create(TableSchema {
        name: "state".to_owned(),
        key: KeySchema {
            hash: attribute("name", "S"),
            range: None,
        },
        indexes: vec![],
    });
    database
}

/// What a request is answered: status and document.
fn ask(database: &mut Database, action: &str, request: &Value) -> (u16, Value) {
    let response = work(database, action, request.to_string().as_bytes());
    (response.status, serde_json::from_slice(&response.body).unwrap())
}

/// The name of an error, and what it says.
fn error((status, document): (u16, Value)) -> (String, String) {
    assert_eq!(status, 400, "{document}");
    let text = |name: &str| document[name].as_str().unwrap_or_default();
    let (_, kind) = text("__type").rsplit_once('#').unwrap();
    (kind.to_owned(), [text("message"), text("Message")].concat())
}

fn put(database: &mut Database, table: &str, row: &Value) {
    database.table(table).unwrap().put(item(row));
}

/// Ten rows that are due at 0, 1, … 9.
fn ten_rows() -> Database {
    let mut database = database();
    for number in 0..10 {
        let row =
            json!({"tenantId": "t", "printerRef": format!("p{number}"), "dueShard": 7, "dueAt": number, "more": 1});
        put(&mut database, "rows", &row);
    }
    database
}

#[test]
fn writes_are_conditional() {
    let mut database = database();
    let key = json!({"tenantId": {"S": "t"}, "printerRef": {"S": "p"}});
    let write = json!({
        "TableName": "rows", "Key": key,
        "ConditionExpression": "attribute_not_exists(#r) OR (#r = :old AND NOT status IN (:gone))",
        "UpdateExpression": "SET #r = if_not_exists(#r, :zero) + :one, dueShard = :old, dueAt = :one REMOVE lastError",
        "ExpressionAttributeNames": {"#r": "revision"},
        "ExpressionAttributeValues": {
            ":old": {"N": "1"}, ":zero": {"N": "0"}, ":one": {"N": "1"}, ":gone": {"S": "revoked"},
        },
        "ReturnValues": "ALL_NEW",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    });
    // There is no status yet, so it is not among the ones that are gone.
    for revision in ["1", "2"] {
        let (status, answer) = ask(&mut database, "UpdateItem", &write);
        assert_eq!(
            (status, &answer["Attributes"]["revision"]["N"]),
            (200, &json!(revision))
        );
    }
    let refused = ask(&mut database, "UpdateItem", &write);
    assert_eq!(refused.1["Item"]["revision"]["N"], "2");
    assert_eq!(error(refused).0, "ConditionalCheckFailedException");
    let read = json!({"TableName": "rows", "Key": key});
    assert_eq!(ask(&mut database, "GetItem", &read).1["Item"]["dueAt"]["N"], "1");
    ask(&mut database, "DeleteItem", &read);
    let rows = database.table("rows").unwrap();
    assert_eq!((rows.items().count(), rows.indexed("due")), (0, 0));
}

#[test]
fn an_index_gives_keys_and_what_it_includes_in_pages() {
    let mut database = ten_rows();
    let row = json!({"tenantId": "t", "printerRef": "p0", "dueShard": 7, "dueAt": 0, "expiresAt": 9, "more": 1});
    put(&mut database, "rows", &row);
    let mut query = json!({
        "TableName": "rows", "IndexName": "due", "Limit": 3,
        "KeyConditionExpression": "dueShard = :shard AND dueAt <= :now",
        "ExpressionAttributeValues": {":shard": {"N": "7"}, ":now": {"N": "6"}},
    });
    let (mut pages, mut items) = (Vec::new(), Vec::new());
    loop {
        let (_, page) = ask(&mut database, "Query", &query);
        pages.push(page["Count"].as_u64().unwrap());
        items.extend_from_slice(page["Items"].as_array().unwrap());
        match page.get("LastEvaluatedKey") {
            Some(last) => query["ExclusiveStartKey"] = last.clone(),
            None => break,
        }
    }
    assert_eq!(pages, [3, 3, 1]);
    let with_expiry = json!({"tenantId": "t", "printerRef": "p0", "dueShard": 7, "dueAt": 0, "expiresAt": 9});
    let without = json!({"tenantId": "t", "printerRef": "p1", "dueShard": 7, "dueAt": 1});
    assert_eq!(items[..2], [item(&with_expiry), item(&without)].map(Value::from));
}

#[test]
fn a_query_finds_one_partition_s_stretch() {
    let mut database = ten_rows();
    put(&mut database, "rows", &json!({"tenantId": "t2", "printerRef": "p5"}));
    put(&mut database, "rows", &json!({"tenantId": "s", "printerRef": "p5"}));
    let mut check = |condition: &str, expected: &[&str]| {
        let values = json!({":t": {"S": "t"}, ":a": {"S": "p3"}, ":b": {"S": "p5"}, ":p": {"S": "p"}});
        let used = values
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, _)| condition.contains(*name));
        let query = json!({
            "TableName": "rows", "KeyConditionExpression": condition,
            "ExpressionAttributeValues": used.map(|(name, value)| (name.clone(), value.clone())).collect::<Item>(),
        });
        let (status, page) = ask(&mut database, "Query", &query);
        assert_eq!(status, 200, "{condition}: {page}");
        let items = page["Items"].as_array().unwrap().iter();
        let printers: Vec<_> = items.map(|item| item["printerRef"]["S"].as_str().unwrap()).collect();
        assert_eq!(printers, expected, "{condition}");
    };
    let all = ["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9"];
    check("tenantId = :t", &all);
    check("printerRef < :a AND tenantId = :t", &all[..3]);
    check("tenantId = :t AND printerRef <= :a", &all[..4]);
    check("tenantId = :t AND printerRef = :a", &all[3..4]);
    check("tenantId = :t AND printerRef >= :a", &all[3..]);
    check("tenantId = :t AND printerRef > :a", &all[4..]);
    check("tenantId = :t AND printerRef BETWEEN :a AND :b", &all[3..6]);
    check("tenantId = :t AND printerRef BETWEEN :b AND :a", &[]);
    check("tenantId = :t AND begins_with(printerRef, :p)", &all);
    check("tenantId = :t AND begins_with(printerRef, :a)", &["p3"]);
}

#[test]
fn what_the_real_one_refuses_is_refused() {
    let key = json!({"tenantId": {"S": "t"}, "printerRef": {"S": "p0"}});
    let check = |action: &str, mut request: Value, expected: &str| {
        if request["TableName"].is_null() {
            request["TableName"] = "rows".into();
        }
        let (_, message) = error(ask(&mut ten_rows(), action, &request));
        assert!(message.contains(expected), "{request}: {message}");
    };
    check(
        "GetItem",
        json!({"TableName": "others", "Key": key}),
        "Table: others not found",
    );
    check(
        "GetItem",
        json!({"Key": {"tenantId": {"S": "t"}}}),
        "does not match the schema",
    );
    check(
        "GetItem",
        json!({"TableName": "state", "Key": key}),
        "does not match the schema",
    );
    check(
        "PutItem",
        json!({"Item": {"tenantId": {"S": "t"}}}),
        "Missing the key printerRef",
    );
    check(
        "PutItem",
        json!({"Item": {"tenantId": {"S": "t"}, "printerRef": {"S": "p"}, "dueShard": {"S": "x"}, "dueAt": {"N": "1"}}}),
        "Type mismatch for key dueShard",
    );
    check(
        "UpdateItem",
        json!({"Key": key, "UpdateExpression": "SET tenantId = :t", "ExpressionAttributeValues": {":t": {"S": "u"}}}),
        "part of the key",
    );
    check(
        "GetItem",
        json!({"Key": key, "ExpressionAttributeNames": {"#unused": "x"}}),
        "unused in expressions: #unused",
    );
    let query =
        |condition: &str| json!({"KeyConditionExpression": condition, "ExpressionAttributeValues": {":a": {"S": "t"}}});
    check("Query", query("printerRef = :a"), "missed key schema element: tenantId");
    check("Query", query("tenantId = :a AND more = :a"), "not supported");
    check("Query", query("tenantId < :a"), "not supported");
    check("Query", json!({}), "KeyConditionExpression");
    check("Scan", json!({"IndexName": "done"}), "specified index: done");
    check(
        "Scan",
        json!({"IndexName": "due", "ConsistentRead": true}),
        "Consistent reads",
    );
}

/// A transaction that moves a claim from one row to another.
fn transaction(token: &str, holder: &str) -> Value {
    let key = |printer: &str| json!({"tenantId": {"S": "t"}, "printerRef": {"S": printer}});
    json!({"ClientRequestToken": token, "TransactItems": [
        {"Put": {
            "TableName": "state", "Item": {"name": {"S": "claim"}, "holder": {"S": holder}},
            "ConditionExpression": "attribute_not_exists(holder) OR holder <> :new",
            "ExpressionAttributeValues": {":new": {"S": holder}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }},
        {"Update": {
            "TableName": "rows", "Key": key("p1"), "UpdateExpression": "ADD #n :one",
            "ExpressionAttributeNames": {"#n": "claims"}, "ExpressionAttributeValues": {":one": {"N": "1"}},
        }},
        {"Delete": {"TableName": "rows", "Key": key("p2")}},
        {"ConditionCheck": {"TableName": "rows", "Key": key("p3"), "ConditionExpression": "attribute_exists(dueAt)"}},
    ]})
}

#[test]
fn a_transaction_happens_whole_or_not_at_all_and_under_one_token_once() {
    let mut database = ten_rows();
    let mut write = |request: &Value| ask(&mut database, "TransactWriteItems", request);
    // The second time, its answer had been lost.
    assert_eq!(write(&transaction("a", "p1")), (200, json!({})));
    assert_eq!(write(&transaction("a", "p1")), (200, json!({})));
    let (kind, _) = error(write(&transaction("a", "p2")));
    assert_eq!(kind, "IdempotentParameterMismatchException");
    // Under another token it is another one, whose first condition doesn't hold any more.
    let (status, document) = write(&transaction("b", "p1"));
    let none = json!({"Code": "None"});
    let failed = json!({
        "Code": "ConditionalCheckFailed", "Message": "The conditional request failed",
        "Item": {"name": {"S": "claim"}, "holder": {"S": "p1"}},
    });
    assert_eq!(document["CancellationReasons"], json!([failed, none, none, none]));
    let (kind, message) = error((status, document));
    assert_eq!(kind, "TransactionCanceledException");
    assert!(
        message.ends_with("[ConditionalCheckFailed, None, None, None]"),
        "{message}"
    );
    // One that was cancelled is tried anew.
    put(&mut database, "state", &json!({"name": "claim"}));
    assert_eq!(
        ask(&mut database, "TransactWriteItems", &transaction("b", "p1")),
        (200, json!({}))
    );
    let rows = database.table("rows").unwrap();
    assert_eq!(rows.get(["t", "p1"]).unwrap()["claims"], json!({"N": "2"}));
    assert_eq!((rows.items().count(), rows.indexed("due")), (9, 9));
    let claim = database.table("state").unwrap().get(["claim"]).unwrap();
    assert_eq!(plain(claim), json!({"name": "claim", "holder": "p1"}));
}

#[test]
fn a_transaction_that_can_not_be_is_refused() {
    let good = transaction("a", "p1");
    let check = |change: &dyn Fn(&mut Value), expected: &str| {
        let mut request = good.clone();
        change(&mut request);
        let mut database = ten_rows();
        let (kind, message) = error(ask(&mut database, "TransactWriteItems", &request));
        assert!(message.contains(expected), "{kind}: {message}");
        assert_eq!(database.table("state").unwrap().items().count(), 0);
    };
    let last = "/TransactItems/3/ConditionCheck";
    check(
        &|request| *request.pointer_mut(&format!("{last}/Key/printerRef/S")).unwrap() = "p2".into(),
        "multiple operations on one item",
    );
    check(
        &|request| *request.pointer_mut(&format!("{last}/ConditionExpression")).unwrap() = Value::Null,
        "a ConditionCheck has a condition",
    );
    check(
        &|request| *request.pointer_mut(&format!("{last}/TableName")).unwrap() = "others".into(),
        "Table: others not found",
    );
    check(&|request| request["TransactItems"] = json!([]), "1 to 100 writes");
    check(
        &|request| request["TransactItems"] = vec![request["TransactItems"][2].clone(); 101].into(),
        "1 to 100 writes",
    );
    check(
        &|request| request["TransactItems"][2]["Put"] = json!({}),
        "only contain one of",
    );
}
