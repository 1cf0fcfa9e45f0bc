//! Rows that a person wrote straight into the table: just the key, the token and `dueAt = 0`.
//!
//! Without its shard a row isn't in the index, so no run finds it. The table's stream tells of such rows, and of no others
//! (`template.yaml` filters it).

use std::sync::Arc;

use printbell_adapters::dynamodb::table::Unavailable;
use printbell_adapters::registrations::item::Unreadable;
use printbell_adapters::worker::Worker;
use printbell_shared::id::{InvalidId, RegistrationKey};
use serde::Serialize;

use crate::event::{RawKey, Records};
use crate::pace::{Limits, RunPace, Share};
use crate::report::Report;
use crate::row::{RowResult, renew};
use crate::turn::begin;

/// As many rows as are renewed at once: somebody who writes a few is watching. What an import leaves waits for the schedule,
/// whose runs keep to one rate.
const AT_ONCE: usize = 10;

/// What the adoption came to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Adoption {
    /// Rows that are in the index now, and weren't.
    pub adopted: u64,
    /// Records of the stream that name no row.
    pub odd_records: u64,
    /// What became of those that were renewed at once.
    #[serde(flatten)]
    pub report: Report,
}

/// Puts the rows that `records` name into the index, and renews a handful at once.
pub(crate) async fn adopt(worker: Arc<Worker>, limits: Limits, records: Records) -> Result<Adoption, Unavailable> {
    let Records { rows, odd } = records;
    if odd > 0 {
        tracing::error!(
            records = odd,
            "what the table's stream should have sent names no row; it is left out"
        );
    }
    let mut adopted = Vec::new();
    let mut report = Report::new(worker.clock.now());
    for row in rows {
        match key(&row) {
            Ok(key) => {
                if worker.table.adopt(&key, worker.clock.now().into()).await? {
                    adopted.push(key);
                }
            }
            Err(rule) => report.count(RowResult::Unreadable {
                row: Unreadable {
                    tenant: row.tenant,
                    printer: row.printer,
                    reason: format!("its tenantId and printerRef {rule}"),
                },
                expiry: None,
            }),
        }
    }
    let count = adopted.len() as u64;
    // A run that is at it will come to them, or the next one.
    if (1..=AT_ONCE).contains(&adopted.len()) && begin(&worker).await? {
        let pace = Arc::new(RunPace::until_deadline(limits, &worker));
        pace.no_more_rows();
        let share = Arc::new(Share::all(Arc::clone(&pace)));
        for key in adopted {
            let _under_way = pace.row_begins();
            report.count(renew(Arc::clone(&worker), Arc::clone(&share), key, None).await);
        }
        worker.table.state.end_run().await?;
    }
    Ok(Adoption {
        adopted: count,
        odd_records: odd,
        report,
    })
}

fn key(row: &RawKey) -> Result<RegistrationKey, InvalidId> {
    Ok(RegistrationKey {
        tenant: row.tenant.parse()?,
        printer: row.printer.parse()?,
    })
}
