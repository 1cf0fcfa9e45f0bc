//! Whether OctoEverywhere, the table and `State` agree: what may differ on the way must be the same in the end.

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::percent_decode_str;
use printbell_shared::registration::app_connection::AppConnection;
use printbell_shared::registration::claim::Claim;
use printbell_simulator::{Standing, WebhookState};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::world::World;

/// What a webhook is set with, the callback token apart.
#[derive(Debug, PartialEq, Eq)]
struct Parameters {
    query: BTreeMap<String, String>,
    filter: BTreeSet<i64>,
}

impl World {
    /// That there is a webhook for each token of a registration of this test that is alive, with that registration's
    /// parameters, and no other; and that `State` says of each token whose it is.
    pub async fn the_simulator_holds_what_the_table_says(&self) {
        let rows = self.rows().await;
        let mut wanted = BTreeMap::new();
        let mut claims = BTreeMap::new();
        for row in &rows {
            let old = row["oldTokens"]["L"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|old| &old["M"]);
            for token in [row]
                .into_iter()
                .chain(old)
                .filter_map(|holder| holder["appToken"]["S"].as_str())
            {
                let earlier = claims.insert(claim(token), name(row));
                assert_eq!(earlier, None, "two rows have one token: {rows:#?}");
            }
            let is_alive =
                !["replaced", "revoked", "deleting"].contains(&row["status"]["S"].as_str().unwrap_or_default());
            if let Some(token) = row["appToken"]["S"].as_str().filter(|_| is_alive) {
                let connection = self.issued.borrow()[token].clone();
                wanted.insert(connection, Parameters::of_row(row));
            }
        }
        let connections: BTreeSet<_> = self.issued.borrow().values().cloned().collect();
        let mut held = BTreeMap::new();
        for connection in connections {
            let webhook = self.control.registration(&connection).await.unwrap().webhook;
            if let Some(webhook) = webhook.filter(|webhook| webhook.standing != Standing::Expired) {
                assert_eq!(webhook.standing, Standing::Active);
                held.insert(connection, Parameters::of_webhook(&webhook));
            }
        }
        assert_eq!(held, wanted);
        assert_eq!(self.holders().await, claims);
    }

    /// The rows of this test's tenants, in DynamoDB's JSON.
    async fn rows(&self) -> Vec<Value> {
        let mut rows = Vec::new();
        for tenant in [&self.tenant, &self.another_tenant().tenant] {
            let query = json!({
                "TableName": self.stack.outputs.table_name, "ConsistentRead": true,
                "KeyConditionExpression": "tenantId = :tenant", "ExpressionAttributeValues": {":tenant": {"S": tenant}},
            });
            let page = self.aws.dynamodb("Query", &query).await.unwrap();
            rows.extend(page["Items"].as_array().unwrap().iter().cloned());
        }
        rows
    }

    /// Who holds what, of this test's tenants.
    async fn holders(&self) -> BTreeMap<String, String> {
        let tenants = [&self.tenant, &self.another_tenant().tenant].map(|tenant| json!({"S": tenant}));
        let items = self
            .state()
            .await
            .into_iter()
            .filter(|item| tenants.contains(&item["tenantId"]));
        items
            .map(|item| (item["id"]["S"].as_str().unwrap().to_owned(), name(&item)))
            .collect()
    }

    /// Everything that the table `State` holds.
    pub async fn state(&self) -> Vec<Value> {
        let mut items = Vec::new();
        let mut scan = json!({"TableName": self.stack.outputs.state_table_name, "ConsistentRead": true});
        loop {
            let mut page = self.aws.dynamodb("Scan", &scan).await.unwrap();
            items.extend(page["Items"].as_array().unwrap().iter().cloned());
            scan["ExclusiveStartKey"] = page["LastEvaluatedKey"].take();
            if scan["ExclusiveStartKey"].is_null() {
                return items;
            }
        }
    }
}

impl Parameters {
    fn of_row(row: &Value) -> Self {
        let metadata = row["metadata"]["M"].as_object().into_iter().flatten();
        let ids = ["tenantId", "printerRef"].map(|name| (name.to_owned(), text(&row[name])));
        let events = row["eventTypes"]["L"].as_array().into_iter().flatten();
        Self {
            query: metadata
                .map(|(name, value)| (name.clone(), text(value)))
                .chain(ids)
                .collect(),
            filter: events
                .map(|event| event["N"].as_str().unwrap().parse().unwrap())
                .collect(),
        }
    }

    fn of_webhook(webhook: &WebhookState) -> Self {
        let (_, query) = webhook.url.split_once('?').unwrap();
        let decode = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
        let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap());
        Self {
            query: pairs
                .filter(|(name, _)| *name != "callbackToken")
                .map(|(name, value)| (decode(name), decode(value)))
                .collect(),
            filter: webhook.filter.iter().map(|event| event.0.into()).collect(),
        }
    }
}

/// The registration that an item is, or names.
fn name(item: &Value) -> String {
    format!("{}/{}", text(&item["tenantId"]), text(&item["printerRef"]))
}

fn text(value: &Value) -> String {
    value["S"].as_str().unwrap().to_owned()
}

/// A token's key in `State`.
fn claim(token: &str) -> String {
    let token = SecretString::from(token).try_into().unwrap();
    Claim::of(&AppConnection { token, id: None })
        .next()
        .unwrap()
        .to_string()
}
