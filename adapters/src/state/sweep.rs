//! How far the sweep is: one item, written on condition of the revision that was read.

use aws_sdk_dynamodb::types::AttributeValue;
use printbell_shared::registration::renewal::EpochSeconds;
use printbell_shared::registration::sweep::{Lap, Sweep, SweepScope, SweepStatuses, Tally};

use super::{State, attempt, key};
use crate::dynamodb::cursor::Cursor;
use crate::dynamodb::fields::Fields;
use crate::dynamodb::table::{Condition, Unavailable};
use crate::dynamodb::value::{map, number, string};

/// The item that says how far the sweep is.
const SWEEP: &str = "sweep";
const REVISION: &str = "revision";

/// It is as it was read.
const IS_AS_READ: &str = "#revision = :read";
/// There is none, or none that Printbell has written.
const IS_NOBODY_S: &str = "attribute_not_exists(#revision) OR NOT attribute_type(#revision, :number)";

/// How often a change is tried that others write meanwhile.
const TRIES: u32 = 10;

/// What each word of the attribute `statuses` says.
const STATUSES: [(&str, SweepStatuses); 3] = [
    ("wanted", SweepStatuses::Wanted),
    ("revoked", SweepStatuses::Revoked),
    ("all", SweepStatuses::All),
];

/// The sweep as it was read.
#[derive(Debug, Clone, Default)]
pub struct StoredSweep {
    /// What is known of it.
    pub sweep: Sweep<Cursor>,
    /// Counted up by every write.
    revision: u64,
}

impl State {
    /// The sweep, as of now. An item that can't be understood is as if there were none: then every row is looked at.
    pub async fn sweep(&self) -> Result<StoredSweep, Unavailable> {
        let item = self.table.get(key(SWEEP)).await?.unwrap_or_default();
        let revision = Fields(&item).number(REVISION).ok().flatten().unwrap_or_default();
        let sweep = read(Fields(&item)).unwrap_or_else(|reason| {
            tracing::error!("what is known of the sweep can't be read, and it begins anew: {reason}");
            Sweep::default()
        });
        Ok(StoredSweep { sweep, revision })
    }

    /// Changes the sweep, whatever it is by now; gives it as it became. `change` tells whether there is anything to write, and is asked
    /// again when others wrote first.
    pub async fn change_sweep(
        &self,
        change: impl Fn(&mut Sweep<Cursor>) -> bool + Send + Sync,
    ) -> Result<StoredSweep, Unavailable> {
        for _ in 0..TRIES {
            let mut stored = self.sweep().await?;
            if !change(&mut stored.sweep) || self.write_sweep(&mut stored).await? {
                return Ok(stored);
            }
        }
        Err(Unavailable::contended(SWEEP))
    }

    /// Writes the sweep in place of the one that was read; tells whether that was still so.
    pub async fn write_sweep(&self, stored: &mut StoredSweep) -> Result<bool, Unavailable> {
        let mut attributes = attributes(&stored.sweep);
        attributes.push((REVISION, Some(number(stored.revision + 1))));
        let (expression, value) = match stored.revision {
            0 => (IS_NOBODY_S, (":number", string("N"))),
            read => (IS_AS_READ, (":read", number(read))),
        };
        let condition = Condition {
            expression,
            names: vec![("#revision", REVISION)],
            values: vec![value],
        };
        let is_written = attempt(self.table.write(key(SWEEP), attributes, condition).await)?;
        stored.revision += u64::from(is_written);
        Ok(is_written)
    }
}

fn attributes(sweep: &Sweep<Cursor>) -> Vec<(&'static str, Option<AttributeValue>)> {
    let time = |time: Option<EpochSeconds>| time.map(|time| number(time.0));
    vec![
        ("url", sweep.url.as_deref().map(string)),
        ("lap", sweep.lap.as_ref().map(lap)),
        ("end", time(sweep.end)),
        ("recovery", time(sweep.recovery)),
        (
            "isRecoveryDue",
            sweep.is_recovery_due.then_some(AttributeValue::Bool(true)),
        ),
    ]
}

fn lap(lap: &Lap<Cursor>) -> AttributeValue {
    let statuses = STATUSES.iter().find(|(_, statuses)| *statuses == lap.scope.statuses);
    let optional = [
        (
            "tenant",
            lap.scope.tenant.as_ref().map(|tenant| string(tenant.as_str())),
        ),
        ("statuses", statuses.map(|(word, _)| string(word))),
        ("mark", lap.mark.map(|mark| number(mark.0))),
        ("place", lap.place.as_ref().map(|place| string(&place.to_string()))),
        ("again", lap.again.then_some(AttributeValue::Bool(true))),
    ];
    let rest = [
        ("begins", number(lap.begins.0)),
        ("applied", number(lap.tally.applied)),
        ("failed", number(lap.tally.failed)),
        ("missing", number(lap.tally.missing)),
        ("missingBefore", number(lap.missing_before)),
        ("bearing", number(lap.tally.bearing)),
    ];
    let present = optional.into_iter().filter_map(|(name, value)| Some((name, value?)));
    map(present.chain(rest))
}

fn read(item: Fields<'_>) -> Result<Sweep<Cursor>, String> {
    Ok(Sweep {
        url: item.text("url")?.map(str::to_owned),
        lap: item.map("lap", read_lap)?,
        end: item.number("end")?.map(EpochSeconds),
        recovery: item.number("recovery")?.map(EpochSeconds),
        is_recovery_due: item.get("isRecoveryDue").is_some(),
    })
}

fn read_lap(lap: Fields<'_>) -> Result<Lap<Cursor>, String> {
    let word = lap.text("statuses")?.ok_or("statuses is missing")?;
    let statuses = STATUSES.iter().find(|(other, _)| *other == word);
    let tenant = lap.get("tenant").map(|_| lap.parsed("tenant")).transpose()?;
    Ok(Lap {
        scope: SweepScope {
            tenant,
            statuses: statuses.ok_or("statuses is not one that this version knows")?.1,
        },
        mark: lap.number("mark")?.map(EpochSeconds),
        begins: EpochSeconds(lap.required("begins")?),
        place: lap.get("place").map(|_| lap.parsed("place")).transpose()?,
        again: lap.get("again").is_some(),
        missing_before: lap.required("missingBefore")?,
        tally: Tally {
            applied: lap.required("applied")?,
            failed: lap.required("failed")?,
            missing: lap.required("missing")?,
            bearing: lap.required("bearing")?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dynamodb::value::Item;

    #[test]
    fn a_sweep_comes_back_from_its_item() {
        let mut sweep = Sweep::<Cursor>::default();
        let is_same = |sweep: &Sweep<Cursor>| {
            let item: Item = attributes(sweep)
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?)))
                .collect();
            read(Fields(&item)).as_ref() == Ok(sweep)
        };
        assert!(is_same(&sweep));
        sweep.look("https://bell.example.com", true, EpochSeconds(7));
        assert!(is_same(&sweep));
        for statuses in STATUSES.map(|(_, statuses)| statuses) {
            sweep.lap = Some(Lap {
                scope: SweepScope {
                    tenant: "abc".parse().ok(),
                    statuses,
                },
                mark: Some(EpochSeconds(1)),
                begins: EpochSeconds(2),
                place: "WyJhYmMiLCJwMSJd".parse().ok(),
                again: true,
                missing_before: 5,
                tally: Tally {
                    applied: 1,
                    failed: 2,
                    missing: 4,
                    bearing: 3,
                },
            });
            sweep.end = Some(EpochSeconds(5));
            sweep.recovery = Some(EpochSeconds(6));
            sweep.is_recovery_due = true;
            assert!(is_same(&sweep));
        }
    }
}
