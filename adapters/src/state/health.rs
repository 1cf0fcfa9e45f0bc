//! What runs remember for each other: one item, which only who has the turn to run reads and writes.

use aws_sdk_dynamodb::types::AttributeValue;
use printbell_shared::registration::health::{Answers, Census, Health};
use printbell_shared::registration::renewal::EpochSeconds;

use super::{State, attempt, key};
use crate::dynamodb::fields::Fields;
use crate::dynamodb::table::{Condition, Unavailable};
use crate::dynamodb::value::number;

/// The item.
const HEALTH: &str = "health";

/// Whatever there is: one writes at a time, and what is lost by a crash is found again a day later.
const ANY: &str = "attribute_exists(id) OR attribute_not_exists(id)";

impl State {
    /// What earlier runs found; what can't be understood is as if there were none.
    pub async fn health(&self) -> Result<Health, Unavailable> {
        let item = self.table.get(key(HEALTH)).await?.unwrap_or_default();
        Ok(read(Fields(&item)))
    }

    /// Writes it down.
    pub async fn write_health(&self, health: &Health) -> Result<(), Unavailable> {
        let condition = Condition {
            expression: ANY,
            ..Condition::default()
        };
        attempt(self.table.write(key(HEALTH), attributes(health), condition).await).map(drop)
    }
}

fn attributes(health: &Health) -> Vec<(&'static str, Option<AttributeValue>)> {
    let is_empty = health.census.is_some_and(|census| census.is_empty);
    vec![
        ("censusAt", health.census.map(|census| number(census.at.0))),
        ("isEmpty", is_empty.then_some(AttributeValue::Bool(true))),
        ("answers", Some(number(health.answers.all))),
        ("refusals", Some(number(health.answers.refusals))),
        ("answersSince", Some(number(health.answers_since.0))),
    ]
}

fn read(item: Fields<'_>) -> Health {
    let count = |name| item.number::<u64>(name).ok().flatten().unwrap_or_default();
    let time = |name| item.number::<i64>(name).ok().flatten().map(EpochSeconds);
    Health {
        census: time("censusAt").map(|at| Census {
            at,
            is_empty: item.get("isEmpty").is_some(),
        }),
        answers: Answers {
            all: count("answers"),
            refusals: count("refusals"),
        },
        answers_since: time("answersSince").unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dynamodb::value::{Item, string};

    #[test]
    fn what_is_written_is_read() {
        let census = |is_empty| {
            Some(Census {
                at: EpochSeconds(7),
                is_empty,
            })
        };
        for census in [None, census(true), census(false)] {
            let health = Health {
                census,
                answers: Answers { all: 3, refusals: 2 },
                answers_since: EpochSeconds(5),
            };
            let mut item: Item = attributes(&health)
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?)))
                .collect();
            assert_eq!(read(Fields(&item)), health);
            item.insert("answers".to_owned(), string("odd"));
            assert_eq!(read(Fields(&item)).answers.all, 0);
        }
    }
}
