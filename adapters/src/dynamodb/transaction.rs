//! Writes of which all are done, or none.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{CancellationReason, TransactWriteItem};
use thiserror::Error;
use tokio::time::sleep;

use super::table::{TRIES, Unavailable, WAIT};

/// The reasons for which DynamoDB cancels a transaction that may be carried out a moment later: another one is at one of its
/// items, or there is more to do than it takes for now.
const PASSING: [&str; 3] = [
    "TransactionConflict",
    "ThrottlingError",
    "ProvisionedThroughputExceeded",
];

/// A condition of one of its writes doesn't hold.
const CONDITION: &str = "ConditionalCheckFailed";

/// What DynamoDB calls a transaction that it is still carrying out.
const IN_PROGRESS: &str = "TransactionInProgressException";

/// Why a transaction wasn't carried out.
#[derive(Debug, Error)]
pub enum TransactionError {
    /// The conditions of these writes don't hold.
    #[error("the conditions of writes {0:?} don't hold")]
    Conflict(Vec<usize>),
    /// It wasn't, or it can't be known whether it was.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Carries all of them out, or none. A transaction whose answer is lost is repeated by the SDK under the same token, so that it is
/// carried out once.
pub async fn transact(client: &Client, writes: Vec<TransactWriteItem>) -> Result<(), TransactionError> {
    let mut wait = WAIT;
    for _ in 1..TRIES {
        match try_once(client, &writes).await {
            Err(Failure::Passing(_)) => {}
            Err(Failure::Final(error)) => return Err(error),
            Ok(()) => return Ok(()),
        }
        sleep(wait).await;
        wait *= 2;
    }
    try_once(client, &writes).await.map_err(|failure| match failure {
        Failure::Passing(error) => error.into(),
        Failure::Final(error) => error,
    })
}

enum Failure {
    Passing(Unavailable),
    Final(TransactionError),
}

async fn try_once(client: &Client, writes: &[TransactWriteItem]) -> Result<(), Failure> {
    let request = client.transact_write_items().set_transact_items(Some(writes.to_vec()));
    let Err(error) = request.send().await else {
        return Ok(());
    };
    let conflicts = match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            let has = |codes: &[&str]| {
                cancelled
                    .cancellation_reasons()
                    .iter()
                    .any(|reason| is_one_of(reason, codes))
            };
            if !has(&[CONDITION]) && has(&PASSING) {
                return Err(Failure::Passing(error.into()));
            }
            let reasons = cancelled.cancellation_reasons().iter().enumerate();
            let reasons = reasons.filter(|(_, reason)| is_one_of(reason, &[CONDITION]));
            reasons.map(|(place, _)| place).collect()
        }
        Some(other) if other.code() == Some(IN_PROGRESS) => return Err(Failure::Passing(error.into())),
        _ => Vec::new(),
    };
    Err(Failure::Final(match conflicts.is_empty() {
        true => Unavailable::from(error).into(),
        false => TransactionError::Conflict(conflicts),
    }))
}

fn is_one_of(reason: &CancellationReason, codes: &[&str]) -> bool {
    reason.code().is_some_and(|code| codes.contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_told_from_what_does_not() {
        let reason = |code: &str| CancellationReason::builder().code(code).build();
        for code in PASSING {
            assert!(is_one_of(&reason(code), &PASSING) && !is_one_of(&reason(code), &[CONDITION]));
        }
        for code in ["None", "ValidationError", "ItemCollectionSizeLimitExceeded", CONDITION] {
            assert!(!is_one_of(&reason(code), &PASSING), "{code}");
        }
    }
}
