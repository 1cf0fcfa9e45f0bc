//! DynamoDB's expressions: conditions, filters, key conditions, updates.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::vec::IntoIter;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};

use super::item::Item;

/// An expression and what its placeholders stand for.
pub(super) struct Expression<'a> {
    tokens: Peekable<IntoIter<&'a str>>,
    names: &'a Value,
    values: &'a Value,
}

/// What an expression compares or assigns: nothing where the item has no such attribute.
type Operand = Option<Value>;

impl<'a> Expression<'a> {
    /// An expression out of a request, with that request's names and values.
    pub(super) fn new(text: &'a str, request: &'a Value) -> Self {
        let tokens = tokens(text).into_iter().peekable();
        Self {
            tokens,
            names: &request["ExpressionAttributeNames"],
            values: &request["ExpressionAttributeValues"],
        }
    }

    /// Whether the item meets the condition.
    pub(super) fn holds(mut self, item: &Item) -> Result<bool> {
        let holds = self.any_of(item)?;
        ensure!(self.is_over(), "something is left at the end of the expression");
        Ok(holds)
    }

    /// Whether all of it has been read.
    pub(super) fn is_over(&mut self) -> bool {
        self.tokens.peek().is_none()
    }

    /// The item after the update.
    pub(super) fn apply(mut self, item: &Item) -> Result<Item> {
        let mut updated = item.clone();
        while let Some(section) = self.tokens.next() {
            loop {
                let name = self.name()?;
                match section.to_ascii_uppercase().as_str() {
                    "SET" => {
                        self.expect("=")?;
                        let value = self.sum(item)?.context("an attribute of the update doesn't exist")?;
                        updated.insert(name.to_owned(), value);
                    }
                    "REMOVE" => drop(updated.remove(name)),
                    "ADD" => {
                        let step = self.operand(item)?.context("ADD needs a value")?;
                        let sum = add(item.get(name).unwrap_or(&json!({"N": "0"})), &step, 1)?;
                        updated.insert(name.to_owned(), sum);
                    }
                    other => bail!("the stub doesn't know the clause {other:?}"),
                }
                if !self.accept(",") {
                    break;
                }
            }
        }
        Ok(updated)
    }

    fn any_of(&mut self, item: &Item) -> Result<bool> {
        let mut holds = self.all_of(item)?;
        while self.accept("OR") {
            holds |= self.all_of(item)?;
        }
        Ok(holds)
    }

    fn all_of(&mut self, item: &Item) -> Result<bool> {
        let mut holds = self.one(item)?;
        while self.accept("AND") {
            holds &= self.one(item)?;
        }
        Ok(holds)
    }

    fn one(&mut self, item: &Item) -> Result<bool> {
        if self.accept("NOT") {
            return Ok(!self.one(item)?);
        }
        if self.accept("(") {
            let holds = self.any_of(item)?;
            self.expect(")")?;
            return Ok(holds);
        }
        let function = self
            .tokens
            .peek()
            .map(|token| token.to_ascii_lowercase())
            .unwrap_or_default();
        match function.as_str() {
            "attribute_exists" | "attribute_not_exists" => {
                self.tokens.next();
                self.expect("(")?;
                let exists = self.operand(item)?.is_some();
                self.expect(")")?;
                Ok(exists == (function == "attribute_exists"))
            }
            "attribute_type" => {
                self.tokens.next();
                self.expect("(")?;
                let value = self.operand(item)?;
                self.expect(",")?;
                let kind = self.operand(item)?.context("attribute_type needs a type")?;
                self.expect(")")?;
                let kind = kind["S"].as_str().context("a type is a string")?.to_owned();
                Ok(value.is_some_and(|value| value.get(kind).is_some()))
            }
            "begins_with" => {
                self.tokens.next();
                self.expect("(")?;
                let text = self.operand(item)?;
                self.expect(",")?;
                let prefix = self.operand(item)?.context("begins_with needs a prefix")?;
                self.expect(")")?;
                let string = |value: &Value| value["S"].as_str().map(str::to_owned);
                let prefix = string(&prefix).unwrap_or_default();
                Ok(text
                    .as_ref()
                    .and_then(string)
                    .is_some_and(|text| text.starts_with(&prefix)))
            }
            _ => self.comparison(item),
        }
    }

    fn comparison(&mut self, item: &Item) -> Result<bool> {
        let left = self.operand(item)?;
        let operator = self.tokens.next().context("a comparison is cut short")?;
        if operator.eq_ignore_ascii_case("BETWEEN") {
            let low = self.operand(item)?;
            self.expect("AND")?;
            let high = self.operand(item)?;
            return Ok(
                compare(&left, &low).is_some_and(Ordering::is_ge) && compare(&left, &high).is_some_and(Ordering::is_le)
            );
        }
        if operator.eq_ignore_ascii_case("IN") {
            self.expect("(")?;
            let mut is_among = false;
            loop {
                is_among |= compare(&left, &self.operand(item)?) == Some(Ordering::Equal);
                if !self.accept(",") {
                    self.expect(")")?;
                    return Ok(is_among);
                }
            }
        }
        let order = compare(&left, &self.operand(item)?);
        Ok(match operator {
            "=" => order == Some(Ordering::Equal),
            "<>" => order != Some(Ordering::Equal),
            "<" => order == Some(Ordering::Less),
            "<=" => order.is_some_and(Ordering::is_le),
            ">" => order == Some(Ordering::Greater),
            ">=" => order.is_some_and(Ordering::is_ge),
            other => bail!("the stub doesn't know the operator {other:?}"),
        })
    }

    fn sum(&mut self, item: &Item) -> Result<Operand> {
        let left = self.operand(item)?;
        let sign = if self.accept("+") {
            1
        } else if self.accept("-") {
            -1
        } else {
            return Ok(left);
        };
        let right = self.operand(item)?;
        let both = left.zip(right).context("an attribute of the sum doesn't exist")?;
        add(&both.0, &both.1, sign).map(Some)
    }

    pub(super) fn operand(&mut self, item: &Item) -> Result<Operand> {
        let token = self.tokens.peek().context("the expression is cut short")?;
        if token.starts_with(':') {
            let value = self
                .values
                .get(token)
                .with_context(|| format!("{token} is not among the values"))?;
            self.tokens.next();
            return Ok(Some(value.clone()));
        }
        if token.eq_ignore_ascii_case("if_not_exists") {
            self.tokens.next();
            self.expect("(")?;
            let present = self.operand(item)?;
            self.expect(",")?;
            let otherwise = self.operand(item)?;
            self.expect(")")?;
            return Ok(present.or(otherwise));
        }
        if token.eq_ignore_ascii_case("size") {
            self.tokens.next();
            self.expect("(")?;
            let measured = self.operand(item)?;
            self.expect(")")?;
            return Ok(measured.and_then(|value| Some(json!({"N": value["S"].as_str()?.len().to_string()}))));
        }
        let name = self.name()?;
        Ok(item.get(name).cloned())
    }

    pub(super) fn name(&mut self) -> Result<&'a str> {
        let token = self.tokens.next().context("the expression is cut short")?;
        if !token.starts_with('#') {
            ensure!(
                token.starts_with(|first: char| first.is_ascii_alphabetic()),
                "{token:?} is no attribute's name"
            );
            return Ok(token);
        }
        self.names[token]
            .as_str()
            .with_context(|| format!("{token} is not among the names"))
    }

    pub(super) fn accept(&mut self, wanted: &str) -> bool {
        self.tokens
            .next_if(|token| token.eq_ignore_ascii_case(wanted))
            .is_some()
    }

    pub(super) fn expect(&mut self, wanted: &str) -> Result<()> {
        let token = self.tokens.next();
        ensure!(
            token.as_ref().is_some_and(|token| token.eq_ignore_ascii_case(wanted)),
            "{wanted:?} is missing before {token:?}"
        );
        Ok(())
    }
}

/// The names that a projection asks for.
pub(super) fn project(item: &Item, projection: &str, request: &Value) -> Result<Item> {
    let mut expression = Expression::new(projection, request);
    let mut projected = Map::new();
    loop {
        let name = expression.name()?;
        if let Some(value) = item.get(name) {
            projected.insert(name.to_owned(), value.clone());
        }
        if !expression.accept(",") {
            return Ok(projected);
        }
    }
}

/// DynamoDB refuses a request with placeholders that no expression uses.
pub(super) fn all_used(request: &Value) -> Result<()> {
    const EXPRESSIONS: [&str; 5] = [
        "ConditionExpression",
        "FilterExpression",
        "KeyConditionExpression",
        "ProjectionExpression",
        "UpdateExpression",
    ];
    let used: Vec<&str> = EXPRESSIONS
        .iter()
        .filter_map(|name| request[*name].as_str())
        .flat_map(tokens)
        .collect();
    for placeholders in ["ExpressionAttributeNames", "ExpressionAttributeValues"] {
        for placeholder in request[placeholders].as_object().into_iter().flat_map(Map::keys) {
            ensure!(
                used.contains(&placeholder.as_str()),
                "Value unused in expressions: {placeholder}"
            );
        }
    }
    Ok(())
}

fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '#' | ':');
        let length = if word(first) {
            rest.find(|c| !word(c)).unwrap_or(rest.len())
        } else if ["<>", "<=", ">="].iter().any(|operator| rest.starts_with(operator)) {
            2
        } else {
            first.len_utf8()
        };
        let (token, after) = rest.split_at(length);
        tokens.push(token);
        rest = after.trim_start();
    }
    tokens
}

/// Values of different types have no order, and an attribute that isn't there has none with anything.
fn compare(left: &Operand, right: &Operand) -> Option<Ordering> {
    let (left, right) = (left.as_ref()?.as_object()?, right.as_ref()?.as_object()?);
    let ((kind, left), (other, right)) = (left.iter().next()?, right.iter().next()?);
    match (kind == other, kind.as_str()) {
        (false, _) => None,
        (true, "N") => Some(number(left)?.cmp(&number(right)?)),
        (true, "S") => Some(left.as_str()?.cmp(right.as_str()?)),
        (true, _) => (left == right).then_some(Ordering::Equal),
    }
}

/// Printbell's numbers are whole.
fn number(value: &Value) -> Option<i128> {
    value.as_str()?.parse().ok()
}

fn add(left: &Value, right: &Value, sign: i128) -> Result<Value> {
    let both = number(&left["N"])
        .zip(number(&right["N"]))
        .context("a sum needs two whole numbers")?;
    Ok(json!({"N": (both.0 + sign * both.1).to_string()}))
}
