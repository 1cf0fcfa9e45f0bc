//! Requests that change a registration. What is wanted is written first and then applied at OctoEverywhere, so that a crash at
//! any point is finished by renew; how, the [protocol](printbell_shared::registration::protocol) says.

use printbell_adapters::api_gateway::response::HttpResponse;
use printbell_adapters::dynamodb::table::Unavailable;
use printbell_adapters::registrations::ReadError;
use printbell_adapters::worker::{AtOnce, WorkError, Worker};
use printbell_shared::id::RegistrationKey;
use printbell_shared::problem::{FieldError, Problem};
use printbell_shared::registration::protocol::{Conclusion, Errand, Objection, WishUpdate, Work};

use crate::problems::{
    absent, crowded, deleting, invalid, of_another_tenant, replaced, revoked, unavailable, unread, unwritten,
};
use crate::view::show;

/// `PUT`: the registration shall be as `update` says.
pub(crate) async fn put(worker: &Worker, key: &RegistrationKey, update: WishUpdate) -> Result<HttpResponse, Problem> {
    signable(worker).await?;
    let work = work(worker, key, Errand::Put(update)).await?.unwrap_or_default();
    let status = match (work.is_applied, work.found) {
        (false, _) => 202,
        (true, None) => 201,
        (true, Some(_)) => 200,
    };
    let row = work.row.or(work.changed);
    row.map(|row| show(status, &row, worker.clock.now()))
        .ok_or_else(|| absent(key))
}

/// `DELETE`: there shall be no webhook at OctoEverywhere, and then no registration.
pub(crate) async fn delete(worker: &Worker, key: &RegistrationKey) -> Result<HttpResponse, Problem> {
    let work = loop {
        match work(worker, key, Errand::Delete).await? {
            Some(work) => break work,
            // One that a restore is about to bring is deleted too; one that it has brought meanwhile, as any other.
            None if worker.table.bury(key).await.map_err(unnoted)? => return Ok(HttpResponse::no_content()),
            None => {}
        }
    };
    Ok(match work.row {
        Some(row) => show(202, &row, worker.clock.now()),
        None => HttpResponse::no_content(),
    })
}

/// `POST …/renew`: the same wish once more, now.
pub(crate) async fn renew(worker: &Worker, key: &RegistrationKey) -> Result<HttpResponse, Problem> {
    signable(worker).await?;
    let work = work(worker, key, Errand::RenewNow).await?;
    let (row, is_applied) = work.map_or((None, false), |work| (work.row, work.is_applied));
    row.map(|row| show(if is_applied { 200 } else { 202 }, &row, worker.clock.now()))
        .ok_or_else(|| absent(key))
}

/// Without a key there can be no call: better said before anything is stored.
async fn signable(worker: &Worker) -> Result<(), Problem> {
    let signing_key = worker.keys.signing_key(worker.clock.now()).await;
    signing_key.map(drop).map_err(unavailable)
}

/// Carries the errand out. `None`: there is no row. Once the change is written, nothing that fails is an error: whatever is
/// missing is left to renew.
async fn work(worker: &Worker, key: &RegistrationKey, errand: Errand) -> Result<Option<Work>, Problem> {
    // A row that can't be read is written anew, or removed.
    let row = worker.table.salvage(key).await.map_err(unread)?;
    match worker.run(key, errand, row, &AtOnce).await {
        Ok(Conclusion::Idle) => Ok(None),
        Ok(Conclusion::Worked(work)) => Ok(Some(work)),
        Ok(Conclusion::Withdrawn(response)) => {
            let detail = format!("{}. Nothing was changed.", response.message);
            Err(Problem::new(422, "Refused by OctoEverywhere", detail))
        }
        Ok(Conclusion::Objected(objection)) => Err(objected(key, objection)),
        Err(interruption) if interruption.is_asked => {
            tracing::error!(row = %key, "{interruption}");
            let row = worker.table.get(key).await.map_err(unwritten_yet)?;
            Ok(Some(Work { row, ..Work::default() }))
        }
        Err(interruption) => Err(unwritten(interruption.error)),
    }
}

/// What to tell when it can't be noted that a row is deleted.
fn unnoted(error: Unavailable) -> Problem {
    unwritten(WorkError::Write(error.into()))
}

/// What to tell when a row can't be had after the change to it is written.
fn unwritten_yet(error: ReadError) -> Problem {
    unwritten(WorkError::Write(error))
}

fn objected(key: &RegistrationKey, objection: Objection) -> Problem {
    match objection {
        Objection::NoToken => invalid(vec![FieldError {
            field: "/appToken".to_owned(),
            rule: "is required: the registration has none yet, or it went to another one".to_owned(),
        }]),
        Objection::Revoked => revoked(key),
        Objection::Replaced => replaced(key),
        Objection::Deleting => deleting(key),
        Objection::OtherTenant => of_another_tenant(),
        Objection::TooManyOldTokens(reason) => crowded(key, reason),
        Objection::Contended => unavailable(format!("{key}: {objection}")),
    }
}
