//! Requests that change a registration. Each one writes what is wanted first and then has OctoEverywhere apply it, so that a
//! crash at any point is finished by renew.

use printbell_shared::holder::{Holder, Put};
use printbell_shared::id::RegistrationKey;
use printbell_shared::message::Message;
use printbell_shared::problem::Problem;
use printbell_shared::registration::Registration;
use printbell_shared::renewal::{Change, Status};
use printbell_shared::table::WriteError;

use crate::answer::{Answer, absent, unavailable, unread};
use crate::apply::{Applied, Written, apply};
use crate::input::Input;

/// How often a change is decided anew because somebody else wrote first.
const TRIES: u32 = 10;

/// What a request came to, before OctoEverywhere is called.
enum Decided {
    /// The wish is written.
    Written(Box<Written>),
    /// The row is removed; there was nothing to call.
    Removed,
    /// The registration is revoked, and only a PUT brings it back.
    Revoked,
    /// There is no row.
    Absent,
}

/// `PUT`: the registration shall be as `input` says.
pub async fn put(holder: &Holder, key: &RegistrationKey, input: &Input) -> Result<Answer, Problem> {
    // Without a key there can be no call: better said before anything is stored.
    let signing_key = holder.keys.signing_key(holder.clock.now()).await;
    signing_key.map_err(unavailable)?;
    let decided = decide(holder, key, |existing| {
        let wish = input.wish(existing.map(|row| &row.wish))?;
        let now = holder.clock.now();
        Ok(Some(Registration::put(key, existing, wish, now, holder.deadline)))
    });
    let Decided::Written(written) = decided.await? else {
        unreachable!("a PUT always writes the row");
    };
    let put = Put {
        version: written.row.renewal.version,
        existing: written.existing.clone(),
    };
    let status = if put.existing.is_none() { 201 } else { 200 };
    let row = written.row.clone();
    let is_applied = |row: &Registration| row.renewal.applied.is_some_and(|applied| applied >= put.version);
    match apply(holder, *written, Some(&put), is_applied).await {
        Applied::Now(now) => Ok(Answer::registration(status, &now.unwrap_or(row))),
        Applied::Later(now) => Ok(Answer::registration(202, &now.unwrap_or(row))),
        Applied::Never(reply) => {
            let detail = format!("{}. Nothing was changed.", reply.message);
            Err(Problem::new(422, "Refused by OctoEverywhere", detail))
        }
    }
}

/// `DELETE`: there shall be no webhook at OctoEverywhere, and then no registration.
pub async fn delete(holder: &Holder, key: &RegistrationKey) -> Result<Answer, Problem> {
    let decided = decide(holder, key, |existing| {
        Ok(existing.map(|row| row.delete(holder.clock.now(), holder.deadline)))
    });
    let Decided::Written(written) = decided.await? else {
        return Ok(Answer::nothing());
    };
    // Gone, or brought back by somebody who came later.
    let is_deleted = |row: &Registration| row.renewal.status != Status::Deleting;
    match apply(holder, *written, None, is_deleted).await {
        Applied::Later(Some(row)) if !is_deleted(&row) => Ok(Answer::registration(202, &row)),
        _ => Ok(Answer::nothing()),
    }
}

/// `POST …/renew`: the same wish once more, now.
pub async fn renew(holder: &Holder, key: &RegistrationKey) -> Result<Answer, Problem> {
    let signing_key = holder.keys.signing_key(holder.clock.now()).await;
    signing_key.map_err(unavailable)?;
    let decided = decide(holder, key, |existing| {
        let Some(row) = existing else { return Ok(None) };
        if row.renewal.status == Status::Deleting {
            return Err(not_while(row));
        }
        Ok(Some(row.renew_now(holder.clock.now(), holder.deadline)))
    });
    let written = match decided.await? {
        Decided::Written(written) => written,
        Decided::Absent | Decided::Removed => return Err(absent(key)),
        Decided::Revoked => return Err(revoked(key)),
    };
    let before = written.existing.as_ref().and_then(|row| row.renewal.renewed_at);
    let is_renewed = |row: &Registration| row.renewal.renewed_at != before;
    match apply(holder, *written, None, is_renewed).await {
        Applied::Now(Some(row)) => Ok(Answer::registration(200, &row)),
        Applied::Later(Some(row)) => Ok(Answer::registration(202, &row)),
        Applied::Now(None) | Applied::Later(None) | Applied::Never(_) => Err(absent(key)),
    }
}

/// What can't be asked of a registration as it is: `409`.
pub fn not_while(row: &Registration) -> Problem {
    match row.renewal.status {
        Status::Revoked => revoked(&row.key),
        _ => Problem::new(
            409,
            "Conflict",
            format!("The registration {} is being deleted.", row.key),
        ),
    }
}

fn revoked(key: &RegistrationKey) -> Problem {
    let detail = format!(
        "OctoEverywhere refused the registration {key} for good. Have its owner connect the printer again, and PUT the new \
         appToken."
    );
    Problem::new(409, "Conflict", detail)
}

/// Reads the row, and writes what `change` makes of it; again with the fresh row for as long as others write first.
async fn decide(
    holder: &Holder,
    key: &RegistrationKey,
    change: impl Fn(Option<&Registration>) -> Result<Option<Change<Registration>>, Problem>,
) -> Result<Decided, Problem> {
    let mut existing = holder.table.get(key).await.map_err(unread)?;
    for _ in 0..TRIES {
        let (row, is_ours) = match change(existing.as_ref())? {
            Some(Change::Apply(row)) => (Some(row), true),
            Some(Change::Leave(row)) => (Some(row), false),
            Some(Change::Remove) => (None, false),
            Some(Change::Revoked) => return Ok(Decided::Revoked),
            None => return Ok(Decided::Absent),
        };
        let written = match (&existing, &row) {
            (None, Some(row)) => holder.table.insert(row).await,
            (Some(existing), Some(row)) => holder.table.replace(existing, row).await,
            (Some(existing), None) => remove(holder, existing).await?,
            (None, None) => return Ok(Decided::Absent),
        };
        match (written, row) {
            (Ok(()), Some(row)) => {
                return Ok(Decided::Written(Box::new(Written { row, existing, is_ours })));
            }
            (Ok(()), None) => return Ok(Decided::Removed),
            (Err(WriteError::Conflict(fresh)), _) => existing = fresh.map(|row| *row),
            (Err(WriteError::Failed(error)), _) => return Err(unread(error)),
        }
    }
    Err(unavailable(format!(
        "{key} was written by others {TRIES} times in a row"
    )))
}

/// Removes a row that isn't called any more; what it has to announce goes out before.
async fn remove(holder: &Holder, row: &Registration) -> Result<Result<(), WriteError>, Problem> {
    if let Some(announcement) = &row.renewal.announcement {
        let message = Message::for_announcement(row, announcement);
        holder.topic.publish(&message).await.map_err(unavailable)?;
    }
    Ok(holder.table.remove(row).await)
}
