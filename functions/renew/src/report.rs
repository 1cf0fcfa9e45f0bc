//! What a run came to: its answer, and the same as metrics.

use jiff::Timestamp;
use printbell_adapters::emf::{self, Unit};
use printbell_shared::registration::protocol::Work;
use printbell_shared::registration::renewal::{Effect, EpochSeconds, Status};
use serde::Serialize;

use crate::pace::Stop;
use crate::restore::Restoration;
use crate::row::RowResult;
use crate::sweep::Swept;

/// What a run came to.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    /// Rows that the index said were due.
    pub due: u64,
    /// Registrations that OctoEverywhere holds again for 180 days.
    pub renewed: u64,
    /// Registrations that are tried again later: temporary failures, 605, and refusals that aren't believed yet.
    pub temporary: u64,
    /// Registrations that OctoEverywhere refuses for good.
    pub permanent: u64,
    /// Rows that are due and weren't reached; at least so many, if there are too many to count.
    pub left_over: u64,
    /// The least time that a registration had left when it was this run's turn to renew it; negative if it had lapsed.
    /// Those of owners who are no supporters (605) don't count: theirs lapse, and nothing can be done.
    pub seconds_to_nearest_expiry: Option<i64>,
    /// For how long the oldest row has been due that wasn't reached.
    pub seconds_behind: Option<i64>,
    /// Registrations that were deleted at OctoEverywhere and in the table.
    pub deleted: u64,
    /// Rows that needed nothing any more: done or taken by somebody else since the index was read.
    pub stale: u64,
    /// Rows that can't be read. The log names them.
    pub unreadable: u64,
    /// Rows on which the work broke off, by a failure of AWS or a bug; they are due again when their lease is over. The log
    /// says why.
    pub broken_off: u64,
    /// Registrations that the sweep set again. They count as renewed, too.
    pub swept: u64,
    /// Registrations that the sweep couldn't set. They are tried again when they are due.
    pub sweep_failed: u64,
    /// How many sweeps there are, under way or about to begin: one, or none.
    pub sweeps: u64,
    /// Registrations of another table that were taken over.
    pub restored: u64,
    /// How many restores there are, under way or about to begin: one, or none.
    pub restores: u64,
    /// Why the run ended before everything was done.
    pub stopped: Option<Stop>,
    /// One if that was OctoEverywhere, which failed too often in a row.
    pub service_failures: u64,
    /// The refusals' share of the answers of a day, in percent, while it is more than half.
    pub refusal_percent: Option<u64>,
    /// One if there are no registrations, and were some when it was last looked.
    pub empty_table: u64,
    #[serde(skip)]
    now: EpochSeconds,
}

impl Report {
    /// The report of a run that begins now.
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            due: 0,
            renewed: 0,
            temporary: 0,
            permanent: 0,
            left_over: 0,
            seconds_to_nearest_expiry: None,
            seconds_behind: None,
            deleted: 0,
            stale: 0,
            unreadable: 0,
            broken_off: 0,
            swept: 0,
            sweep_failed: 0,
            sweeps: 0,
            restored: 0,
            restores: 0,
            stopped: None,
            service_failures: 0,
            refusal_percent: None,
            empty_table: 0,
            now: now.into(),
        }
    }

    /// Counts one row that was due.
    pub(crate) fn count(&mut self, result: RowResult) {
        self.due += 1;
        self.add(result);
    }

    /// Adds what the sweep came to.
    pub(crate) fn add_sweep(&mut self, swept: Swept) {
        let Swept {
            report,
            tally,
            is_under_way,
            ..
        } = swept;
        self.due += report.left_over;
        self.left_over += report.left_over;
        self.renewed += report.renewed;
        self.temporary += report.temporary;
        self.permanent += report.permanent;
        self.stale += report.stale;
        self.unreadable += report.unreadable;
        self.broken_off += report.broken_off;
        self.swept = tally.applied;
        self.sweep_failed = tally.failed;
        self.sweeps = u64::from(is_under_way);
    }

    /// Adds how far the restore is.
    pub(crate) fn add_restoration(&mut self, restoration: &Restoration) {
        self.restored = restoration.restored;
        self.restores = u64::from(restoration.is_under_way);
    }

    /// Counts one row that was worked on; says in the log what needs a person.
    pub(crate) fn add(&mut self, result: RowResult) {
        match result {
            RowResult::Worked { work, expiry } => {
                self.saw_expiry(expiry);
                self.count_work(&work);
            }
            RowResult::Stale => self.stale += 1,
            RowResult::Unreadable { row, expiry } => {
                self.saw_expiry(expiry);
                self.unreadable += 1;
                tracing::error!(row = row.key(), "{row}");
            }
            RowResult::BrokenOff { key, reason, expiry } => {
                self.saw_expiry(expiry);
                self.broken_off += 1;
                let row = key.map(|key| key.to_string()).unwrap_or_default();
                tracing::error!(row, "{reason}");
            }
        }
    }

    /// That a row expires then.
    pub(crate) fn saw_expiry(&mut self, expiry: Option<EpochSeconds>) {
        let remaining = expiry.map(|expiry| (expiry - self.now).as_secs());
        self.seconds_to_nearest_expiry = self.seconds_to_nearest_expiry.into_iter().chain(remaining).min();
    }

    /// That a row has been due since then, and wasn't reached.
    pub(crate) fn saw_behind(&mut self, due_at: EpochSeconds) {
        let behind = (self.now - due_at).as_secs();
        self.seconds_behind = self.seconds_behind.max(Some(behind));
    }

    /// Why the run ended before everything was done.
    pub(crate) fn stop(&mut self, stop: Option<Stop>) {
        self.stopped = stop;
        self.service_failures = u64::from(stop == Some(Stop::Failing));
    }

    /// Counts rows that were due and weren't reached.
    pub(crate) fn left_over(&mut self, rows: u64) {
        self.due += rows;
        self.left_over += rows;
    }

    fn count_work(&mut self, work: &Work) {
        match work.effect {
            _ if work.is_unfinished => self.left_over += 1,
            Some(Effect::Renewed) => self.renewed += 1,
            // What comes after that isn't known yet.
            Some(Effect::Temporary | Effect::Suspended | Effect::Refused | Effect::Cleared) => self.temporary += 1,
            Some(Effect::Revoked | Effect::Restored | Effect::Withdrawn) => self.permanent += 1,
            Some(Effect::Deleted) => self.deleted += 1,
            None => self.stale += 1,
        }
        if let Some(row) = &work.row
            && row.renewal.status == Status::Revoked
            && let Some(error) = &row.last_error
        {
            tracing::warn!(row = %row.key, "OctoEverywhere refuses this registration for good: {}", error.message);
        }
    }

    /// The metrics, as a line in CloudWatch's embedded metric format.
    pub(crate) fn to_emf(&self, function: &str, now: Timestamp) -> String {
        let count = |name| (name, Unit::Count);
        let mut metrics = vec![
            count("due"),
            count("renewed"),
            count("temporary"),
            count("permanent"),
            count("leftOver"),
        ];
        // What is mostly nothing is a metric only when it is something, for each is paid.
        let rare = [
            ("unreadable", self.unreadable),
            ("brokenOff", self.broken_off),
            ("sweeps", self.sweeps),
            ("sweepFailed", self.sweep_failed),
            ("restores", self.restores),
            ("serviceFailures", self.service_failures),
            ("emptyTable", self.empty_table),
        ];
        metrics.extend(
            rare.into_iter()
                .filter(|(_, figure)| *figure > 0)
                .map(|(name, _)| count(name)),
        );
        // A metric without a value is no metric.
        let optional = [
            (
                "secondsToNearestExpiry",
                Unit::Seconds,
                self.seconds_to_nearest_expiry.is_some(),
            ),
            ("secondsBehind", Unit::Seconds, self.seconds_behind.is_some()),
            ("refusalPercent", Unit::Percent, self.refusal_percent.is_some()),
        ];
        let present = optional.into_iter().filter(|(.., is_present)| *is_present);
        metrics.extend(present.map(|(name, unit, _)| (name, unit)));
        let figures = serde_json::to_value(self).unwrap_or_default();
        let figures = figures.as_object().into_iter().flatten();
        let figures = figures.filter(|(_, figure)| !figure.is_null());
        let figures = figures.map(|(name, figure)| (name.as_str(), figure.clone()));
        emf::line(function, now, &metrics, figures)
    }
}
