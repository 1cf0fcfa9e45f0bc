//! Attribute values.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

/// An item: its attributes by name.
pub type Item = HashMap<String, AttributeValue>;

/// A number.
pub fn number(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// A text.
pub fn string(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

/// A map of attributes.
pub fn map(pairs: impl IntoIterator<Item = (&'static str, AttributeValue)>) -> AttributeValue {
    let owned = |(name, value): (&'static str, AttributeValue)| (name.to_owned(), value);
    AttributeValue::M(pairs.into_iter().map(owned).collect())
}
