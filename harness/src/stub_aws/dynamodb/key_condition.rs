//! What a query asks for: one partition, and there a stretch of ranges.

use std::ops::Bound;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::expression::Expression;
use super::item::Item;
use super::table::{Key, KeyAttribute, KeySchema, KeyValue};

/// The bounds of what a query's `KeyConditionExpression` lets through.
pub(super) fn bounds(text: &str, request: &Value, schema: &KeySchema) -> Result<(Bound<Key>, Bound<Key>)> {
    let mut expression = Expression::new(text, request);
    let (mut hash, mut ranges) = (None, (Bound::Unbounded, Bound::Unbounded));
    loop {
        let (name, condition) = term(&mut expression)?;
        match (&schema.range, condition) {
            (_, Condition::Compared("=", value)) if name == schema.hash.name => hash = Some(schema.hash.value(&value)?),
            (Some(range), condition) if name == range.name => ranges = stretch(range, condition)?,
            _ => bail!("Query key condition not supported: {text}"),
        }
        if !expression.accept("AND") {
            break;
        }
    }
    ensure!(expression.is_over(), "something is left at the end of the expression");
    let hash = hash.with_context(|| format!("Query condition missed key schema element: {}", schema.hash.name))?;
    Ok(keys(&hash, ranges))
}

enum Condition {
    Compared(&'static str, Value),
    Between(Value, Value),
    BeginsWith(Value),
}

fn term<'a>(expression: &mut Expression<'a>) -> Result<(&'a str, Condition)> {
    if expression.accept("begins_with") {
        expression.expect("(")?;
        let name = expression.name()?;
        expression.expect(",")?;
        let prefix = value(expression)?;
        expression.expect(")")?;
        return Ok((name, Condition::BeginsWith(prefix)));
    }
    let name = expression.name()?;
    if expression.accept("BETWEEN") {
        let low = value(expression)?;
        expression.expect("AND")?;
        return Ok((name, Condition::Between(low, value(expression)?)));
    }
    let operator = ["=", "<", "<=", ">", ">="]
        .into_iter()
        .find(|operator| expression.accept(operator))
        .context("Query key condition not supported")?;
    Ok((name, Condition::Compared(operator, value(expression)?)))
}

fn value(expression: &mut Expression<'_>) -> Result<Value> {
    expression
        .operand(&Item::new())?
        .context("a key is compared with a value")
}

/// Ranges that follow each other.
type Stretch = (Bound<KeyValue>, Bound<KeyValue>);

fn stretch(range: &KeyAttribute, condition: Condition) -> Result<Stretch> {
    use Bound::{Excluded, Included, Unbounded};
    Ok(match condition {
        Condition::Compared(operator, value) => {
            let value = range.value(&value)?;
            match operator {
                "<" => (Unbounded, Excluded(value)),
                "<=" => (Unbounded, Included(value)),
                ">" => (Excluded(value), Unbounded),
                ">=" => (Included(value), Unbounded),
                _ => (Included(value.clone()), Included(value)),
            }
        }
        Condition::Between(low, high) => (Included(range.value(&low)?), Included(range.value(&high)?)),
        Condition::BeginsWith(prefix) => match range.value(&prefix)? {
            KeyValue::Text(prefix) => {
                let last = format!("{prefix}{}", char::MAX);
                (Included(KeyValue::Text(prefix)), Included(KeyValue::Text(last)))
            }
            _ => bail!("begins_with is for strings"),
        },
    })
}

/// The bounds as keys: what has a range comes right after that range alone, and before it with one above all.
fn keys(hash: &KeyValue, (low, high): Stretch) -> (Bound<Key>, Bound<Key>) {
    let before = |range| vec![hash.clone(), range];
    let after = |range| vec![hash.clone(), range, KeyValue::Above];
    let low = match low {
        Bound::Excluded(range) => after(range),
        Bound::Included(range) => before(range),
        Bound::Unbounded => vec![hash.clone()],
    };
    let high = match high {
        Bound::Excluded(range) => before(range),
        Bound::Included(range) => after(range),
        Bound::Unbounded => before(KeyValue::Above),
    };
    (Bound::Included(low), Bound::Excluded(high))
}
