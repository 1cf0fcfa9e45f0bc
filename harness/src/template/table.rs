//! A table's key and indexes, as the template says them.

use anyhow::{Context, Result, bail};

use super::node::Node;
use crate::stub_aws::{IndexSchema, KeyAttribute, KeySchema, Projection, TableSchema};

/// What an `AWS::DynamoDB::Table` of these properties is.
pub(super) fn table_schema(name: &str, properties: &Node) -> Result<TableSchema> {
    let indexes = properties.get("GlobalSecondaryIndexes").map_or(&[][..], Node::items);
    Ok(TableSchema {
        name: name.to_owned(),
        key: key_schema(properties, properties)?,
        indexes: indexes
            .iter()
            .map(|index| index_schema(index, properties))
            .collect::<Result<_>>()?,
    })
}

fn index_schema(index: &Node, table: &Node) -> Result<IndexSchema> {
    Ok(IndexSchema {
        name: index.at(&["IndexName"])?.text()?.to_owned(),
        key: key_schema(index, table)?,
        projection: match index.at(&["Projection", "ProjectionType"])?.text()? {
            "KEYS_ONLY" => Projection::KeysOnly,
            "INCLUDE" => {
                let attributes = index.at(&["Projection", "NonKeyAttributes"])?.items().iter();
                Projection::Include(
                    attributes
                        .map(|name| Ok(name.text()?.to_owned()))
                        .collect::<Result<_>>()?,
                )
            }
            "ALL" => Projection::All,
            other => bail!("the stub knows no index that projects {other}"),
        },
    })
}

/// The key of the table, or of one of its indexes; the types are among the table's own properties.
fn key_schema(keyed: &Node, table: &Node) -> Result<KeySchema> {
    let definitions = table.at(&["AttributeDefinitions"])?.items();
    let attribute = |kind: &str| -> Result<Option<KeyAttribute>> {
        let Some(name) = named(keyed.at(&["KeySchema"])?.items(), "KeyType", kind) else {
            return Ok(None);
        };
        let name = name.at(&["AttributeName"])?.text()?;
        let definition = named(definitions, "AttributeName", name).with_context(|| format!("{name} has no type"))?;
        Ok(Some(KeyAttribute {
            name: name.to_owned(),
            kind: definition.at(&["AttributeType"])?.text()?.to_owned(),
        }))
    };
    Ok(KeySchema {
        hash: attribute("HASH")?.context("a key without a HASH")?,
        range: attribute("RANGE")?,
    })
}

/// The item of a list whose member `name` is this.
fn named<'a>(items: &'a [Node], name: &str, value: &str) -> Option<&'a Node> {
    let is_one = |item: &&Node| {
        item.get(name)
            .is_some_and(|node| node.text().is_ok_and(|text| text == value))
    };
    items.iter().find(is_one)
}
