//! Rows that a person wrote straight into the table: just the key, the token and `dueAt = 0`.
//!
//! Without its shard a row isn't in the index, so no run finds it. The table's stream tells of such rows, and of no others
//! (`template.yaml` filters it).

use std::sync::Arc;

use printbell_shared::holder::Holder;
use printbell_shared::id::{InvalidId, RegistrationKey};
use printbell_shared::table::{Unavailable, Unreadable};
use serde::Serialize;

use crate::event::Written;
use crate::pace::{Limits, RunPace};
use crate::report::Report;
use crate::row::{Seen, renew};

/// As many rows as are renewed at once: somebody who writes a few is watching. What an import leaves waits for the schedule,
/// whose runs keep to one rate.
const AT_ONCE: usize = 10;

/// What the adoption came to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Adopted {
    /// Rows that are in the index now, and weren't.
    pub adopted: u64,
    /// What became of those that were renewed at once.
    #[serde(flatten)]
    pub report: Report,
}

/// Puts `written` into the index, and renews a handful at once.
pub async fn adopt(holder: Arc<Holder>, limits: Limits, written: Vec<Written>) -> Result<Adopted, Unavailable> {
    let mut adopted = Vec::new();
    let mut report = Report::new(holder.clock.now());
    for row in written {
        match key(&row) {
            Ok(key) => {
                if holder.table.adopt(&key, holder.clock.now().into()).await? {
                    adopted.push(key);
                }
            }
            Err(rule) => report.count(Seen::Unreadable(Unreadable {
                key: format!("{}/{}", row.tenant, row.printer),
                reason: format!("its tenantId and printerRef {rule}"),
            })),
        }
    }
    let count = adopted.len() as u64;
    if adopted.len() <= AT_ONCE {
        let pace = Arc::new(RunPace::until_deadline(limits, &holder));
        for key in adopted {
            report.count(renew(Arc::clone(&holder), Arc::clone(&pace), key).await);
        }
    }
    Ok(Adopted { adopted: count, report })
}

fn key(row: &Written) -> Result<RegistrationKey, InvalidId> {
    Ok(RegistrationKey {
        tenant: row.tenant.parse()?,
        printer: row.printer.parse()?,
    })
}
