//! Items, as DynamoDB's JSON writes them, and as plain JSON.

use serde_json::{Map, Value, json};

/// An item, as DynamoDB's JSON writes it.
pub type Item = Map<String, Value>;

/// A plain JSON object as an item; of anything else none of it is left.
pub fn item(plain: &Value) -> Item {
    let pairs = plain.as_object().into_iter().flatten();
    pairs.map(|(name, value)| (name.clone(), attribute(value))).collect()
}

fn attribute(value: &Value) -> Value {
    match value {
        Value::String(text) => json!({"S": text}),
        Value::Number(number) => json!({"N": number.to_string()}),
        Value::Array(list) => json!({"L": list.iter().map(attribute).collect::<Vec<_>>()}),
        Value::Object(_) => json!({"M": item(value)}),
        Value::Bool(flag) => json!({"BOOL": flag}),
        Value::Null => json!({"NULL": true}),
    }
}

/// The other way round.
pub fn plain(item: &Item) -> Value {
    let pairs = item.iter().map(|(name, value)| (name.clone(), plain_value(value)));
    Value::Object(pairs.collect())
}

fn plain_value(attribute: &Value) -> Value {
    let typed = attribute.as_object().and_then(|typed| typed.iter().next());
    match typed.map(|(kind, value)| (kind.as_str(), value)) {
        Some(("N", Value::String(number))) => serde_json::from_str(number).unwrap_or(Value::Null),
        Some(("L", Value::Array(list))) => list.iter().map(plain_value).collect(),
        Some(("M", Value::Object(map))) => plain(map),
        Some(("NULL", _)) | None => Value::Null,
        Some((_, value)) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_the_same_both_ways() {
        let object = json!({"s": "t", "n": -1, "l": [1, "x", {"m": true}], "m": {"none": null}});
        assert_eq!(item(&object)["l"]["L"][2], json!({"M": {"m": {"BOOL": true}}}));
        assert_eq!(plain(&item(&object)), object);
    }
}
