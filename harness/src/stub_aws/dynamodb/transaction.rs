//! `TransactWriteItems`: all of its writes, or none.

use std::collections::{BTreeSet, HashMap};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::expression::all_used;
use super::write::{Operation, Verdict, decide, key};
use super::{Database, Refusal, StubResponse, name_of_table};

/// The most writes in a transaction.
const LIMIT: usize = 100;

/// What was carried out under each `ClientRequestToken`. The real one forgets after ten minutes; no test lasts that long.
pub(super) type Transactions = HashMap<String, Value>;

pub(super) fn write(database: &mut Database, request: &Value) -> Result<StubResponse> {
    let writes = &request["TransactItems"];
    let token = request["ClientRequestToken"].as_str();
    if let Some(earlier) = token.and_then(|token| database.transactions.get(token)) {
        return if earlier == writes {
            Ok(StubResponse::json(&json!({})))
        } else {
            Err(Refusal::other_parameters().into())
        };
    }
    let mut verdicts = Vec::new();
    let mut keys = BTreeSet::new();
    let list = writes.as_array().context("the request has no TransactItems")?;
    ensure!((1..=LIMIT).contains(&list.len()), "a transaction has 1 to 100 writes");
    for item in list {
        let (operation, write) = operation(item)?;
        all_used(write)?;
        let name = name_of_table(write)?;
        let table = database.table(name)?;
        ensure!(
            keys.insert((name, key(table, operation, write)?)),
            "Transaction request cannot include multiple operations on one item"
        );
        verdicts.push((name, decide(table, operation, write)?));
    }
    let reasons: Vec<_> = verdicts.iter().map(|(_, verdict)| reason(verdict)).collect();
    if reasons.iter().any(|reason| reason["Code"] != "None") {
        return Ok(cancelled(&reasons));
    }
    for (name, verdict) in verdicts {
        if let Verdict::Allowed(change) = verdict {
            change.carry_out(database.table(name)?)?;
        }
    }
    if let Some(token) = token {
        database.transactions.insert(token.to_owned(), writes.clone());
    }
    Ok(StubResponse::json(&json!({})))
}

/// A member of `TransactItems` is an object of one member.
fn operation(item: &Value) -> Result<(Operation, &Value)> {
    let members = item.as_object().context("a write is an object")?;
    let mut members = members.iter();
    let (Some((name, write)), None) = (members.next(), members.next()) else {
        bail!("TransactItems can only contain one of Check, Put, Update or Delete");
    };
    let operation = match name.as_str() {
        "Put" => Operation::Put,
        "Update" => Operation::Update,
        "Delete" => Operation::Delete,
        "ConditionCheck" => Operation::ConditionCheck,
        other => bail!("a transaction has no {other}"),
    };
    ensure!(
        operation != Operation::ConditionCheck || write["ConditionExpression"].is_string(),
        "a ConditionCheck has a condition"
    );
    Ok((operation, write))
}

fn reason(verdict: &Verdict) -> Value {
    match verdict {
        Verdict::Allowed(_) => json!({"Code": "None"}),
        Verdict::ConditionFailed(old) => {
            let mut reason = json!({"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"});
            if let Some(old) = old {
                reason["Item"] = old.clone().into();
            }
            reason
        }
    }
}

/// The answer to a transaction that is cancelled for this reason, which is about its first write.
pub(super) fn cancelled_for(request: &Value, reason: &str) -> StubResponse {
    let count = request["TransactItems"].as_array().map_or(1, Vec::len);
    let mut reasons = vec![json!({"Code": "None"}); count];
    reasons[0] = json!({"Code": reason, "Message": "as asked for"});
    cancelled(&reasons)
}

fn cancelled(reasons: &[Value]) -> StubResponse {
    let codes: Vec<_> = reasons.iter().filter_map(|reason| reason["Code"].as_str()).collect();
    let error = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": format!(
            "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
            codes.join(", ")
        ),
        "CancellationReasons": reasons,
    });
    StubResponse {
        status: 400,
        ..StubResponse::json(&error)
    }
}
