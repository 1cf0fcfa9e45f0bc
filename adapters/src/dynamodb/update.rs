//! An UpdateItem that makes an item what it shall be, and leaves what it doesn't know.

use std::collections::HashMap;
use std::fmt::Write as _;

use aws_sdk_dynamodb::types::AttributeValue;

use super::table::Condition;
use super::value::Item;

/// The arguments of an UpdateItem.
#[derive(Debug)]
pub struct Update {
    /// `SET … REMOVE …`
    pub expression: String,
    /// On what condition.
    pub condition: &'static str,
    /// What its `#names` stand for.
    pub names: HashMap<String, String>,
    /// What its `:values` stand for.
    pub values: Item,
}

impl Update {
    /// Sets each attribute that has a value and removes each that has none; all others stay as they are.
    pub fn of(attributes: impl IntoIterator<Item = (&'static str, Option<AttributeValue>)>) -> Self {
        let (mut set, mut remove) = (String::new(), String::new());
        let (mut names, mut values) = (HashMap::new(), HashMap::new());
        for (name, value) in attributes {
            let list = if value.is_some() { &mut set } else { &mut remove };
            let comma = if list.is_empty() { "" } else { ", " };
            // A String takes every write.
            let _ = match value {
                Some(_) => write!(list, "{comma}#{name} = :{name}"),
                None => write!(list, "{comma}#{name}"),
            };
            names.insert(format!("#{name}"), name.to_owned());
            values.extend(value.map(|value| (format!(":{name}"), value)));
        }
        let expression = match remove.is_empty() {
            true => format!("SET {set}"),
            false => format!("SET {set} REMOVE {remove}"),
        };
        Self {
            expression,
            condition: "",
            names,
            values,
        }
    }

    /// The same, on a condition.
    pub fn on(
        condition: Condition,
        attributes: impl IntoIterator<Item = (&'static str, Option<AttributeValue>)>,
    ) -> Self {
        let mut update = Self::of(attributes);
        update.condition = condition.expression;
        let names = condition.names.into_iter();
        update
            .names
            .extend(names.map(|(name, attribute)| (name.to_owned(), attribute.to_owned())));
        let values = condition.values.into_iter();
        update
            .values
            .extend(values.map(|(name, value)| (name.to_owned(), value)));
        update
    }
}
