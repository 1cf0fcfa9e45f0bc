//! The restore's part of a run: reads the table that `RestoreFromTable` names, and takes its registrations over. Once they are all
//! here, a sweep sets their webhooks anew; once that has passed every row, the old secret counts no more.
//!
//! When it reads, and what speaks against it, is decided in [`printbell_shared::registration::restore`]. Here pages are read, as far
//! as half of the run's time goes, and the place is written down behind each: what a crash leaves undone is read once more. It comes
//! first in a run, so that what it took over is swept in the same one.
//!
//! Whatever fails of it costs the regular work nothing, and fails the run when that is done: the alarm for failed runs rings, and
//! the error says what to do.

use std::collections::BTreeSet;

use futures::StreamExt as _;
use futures::stream;
use jiff::Timestamp;
use printbell_adapters::dynamodb::table::Unavailable;
use printbell_adapters::key_ring::KeysUnavailable;
use printbell_adapters::old_secret::{OldKeys, OldSecret};
use printbell_adapters::registrations::restore::{Source, SourceError, SourcePage, SourceRow};
use printbell_adapters::signing_keys::LabelError;
use printbell_adapters::state::restore::{RestoreStateError, StoredRestore};
use printbell_adapters::worker::Worker;
use printbell_shared::callback::key::VersionId;
use printbell_shared::registration::renewal::EpochSeconds;
use printbell_shared::registration::restore::{Fingerprint, Phase, Restore, SourceChange, Tally};
use printbell_shared::registration::sweep::Reason;
use thiserror::Error;

/// Rows that are read at once to look at them, and to take them over.
const LOOK_PAGE: i32 = 1000;
const PAGE: i32 = 100;

/// Rows that are taken over at the same time.
const AT_ONCE: usize = 32;

/// Why the restore doesn't go on, or the old secret doesn't count. The next run tries again.
#[derive(Debug, Error)]
pub(crate) enum RestoreError {
    /// A table can't be taken over into itself.
    #[error(
        "RestoreFromTable names the stack's own table {0}: restore a backup to a new table, and name that (docs/operations.md)"
    )]
    Own(String),
    /// The source can't be read, or isn't one.
    #[error("RestoreFromTable: {0}")]
    Source(#[from] SourceError),
    /// Somebody is at work on the source.
    #[error(
        "RestoreFromTable: the rows of {name} change while they are read: {change}. A stack still works on them, and the two would \
         fight over each webhook: switch its schedule off, or delete it (docs/operations.md); the restore then begins again by itself"
    )]
    Change {
        /// The source.
        name: String,
        /// What has changed.
        change: SourceChange,
    },
    /// How far it is can't be known.
    #[error(transparent)]
    State(#[from] RestoreStateError),
    /// A row can't be written here, or how far it is.
    #[error(transparent)]
    Table(#[from] Unavailable),
    /// The old secret is deleted.
    #[error(
        "RestoreSecretArn: there is no secret {0}, or it is going to be deleted: callbacks under its keys are refused until their \
         webhooks are set anew; restore it (`aws secretsmanager restore-secret`), or leave RestoreSecretArn empty"
    )]
    NoSecret(String),
    /// The old secret can't be read.
    #[error(
        "RestoreSecretArn: {0}. Until it can be read, callbacks under its keys wait in the fallback queue; is its key given as \
         RestoreKeyArn?"
    )]
    Secret(#[from] KeysUnavailable),
    /// The old secret's labels can't be taken away.
    #[error("RestoreSecretArn: a label of {arn} can't be taken away: {error}")]
    Label {
        /// The secret.
        arn: String,
        /// Why.
        error: LabelError,
    },
}

/// Where registrations come from.
pub(crate) struct Origin {
    /// The table.
    pub source: Source,
    /// The secret that their webhooks' tokens were signed with.
    pub secret: Option<OldSecret>,
}

/// A restore, as far as a run has come with it.
#[derive(Default)]
pub(crate) struct Restoration {
    /// Rows that were taken over in this run.
    pub restored: u64,
    /// Whether there is more to read, now or later.
    pub is_under_way: bool,
    /// Everything was taken over: what the sweep has to show.
    pub rest: Option<Rest>,
    /// What went wrong.
    pub failure: Option<RestoreError>,
}

/// What is left once everything is here: that no webhook bears a key of the old secret any more.
pub(crate) struct Rest {
    stored: StoredRestore,
    /// The versions that a webhook may bear; none: there is nothing to end.
    pub keys: BTreeSet<VersionId>,
    /// When everything was here.
    pub since: EpochSeconds,
}

/// Goes on with the restore, for half of what is left of the invocation.
pub(crate) async fn go_on(worker: &Worker, origin: &Origin) -> Restoration {
    let mut restoration = Restoration {
        is_under_way: true,
        ..Restoration::default()
    };
    let over = match restoration.read(worker, &origin.source).await {
        Ok(over) => over,
        Err(error) => {
            restoration.fail(error);
            None
        }
    };
    restoration.is_under_way = over.is_none();
    restoration.look_at_secret(origin.secret.as_ref(), over).await;
    restoration
}

impl Restoration {
    /// Reads on; gives back the restore once it is over.
    async fn read(&mut self, worker: &Worker, source: &Source) -> Result<Option<StoredRestore>, RestoreError> {
        let state = &worker.table.state;
        let now = worker.clock.now();
        let half = worker.deadline.duration_since(now) / 2;
        let until = now.saturating_add(half).unwrap_or(now);
        if worker.table.is_called(&source.name) {
            return Err(RestoreError::Own(source.name.clone()));
        }
        let stored = state.restore(&source.name).await?;
        if let Some(stored) = stored.as_ref().filter(|stored| stored.restore.phase == Phase::Over) {
            return Ok(Some(stored.clone()));
        }
        let arn = source.arn().await?;
        let mut stored = stored.unwrap_or_else(|| StoredRestore::new(&arn, now.into()));
        loop {
            let now = worker.clock.now();
            if !stored.restore.is_due(now.into()) || now >= until {
                return Ok(None);
            }
            let phase = stored.restore.phase;
            let limit = if phase == Phase::TakeOver { PAGE } else { LOOK_PAGE };
            let SourcePage { rows, next } = source.page(stored.restore.place.as_ref(), limit).await?;
            let page = self.pass(worker, &stored.restore, &rows, now).await?;
            let change = match page {
                Ok((fingerprint, tally)) => stored.restore.passed(next, fingerprint, tally, now.into()).err(),
                Err(change) => Some(change),
            };
            if change.is_some() {
                stored.restore = Restore::new(now.into());
            }
            let is_over = stored.restore.phase == Phase::Over;
            // Before it is written down that it is over: so that there is a sweep, whatever happens in between.
            if is_over {
                let ask = state.change_sweep(|sweep| {
                    sweep.ask(Reason::Restore, now.into());
                    true
                });
                ask.await?;
            }
            if !state.write_restore(&source.name, &mut stored).await? {
                tracing::error!("somebody else has written how far the restore is; the next run goes on");
                return Ok(None);
            }
            if let Some(change) = change {
                return Err(RestoreError::Change {
                    name: source.name.clone(),
                    change,
                });
            }
            if is_over {
                let Tally {
                    taken_over,
                    unreadable,
                    here,
                    deleted,
                } = stored.restore.tally;
                tracing::info!(
                    taken_over,
                    unreadable,
                    here,
                    deleted,
                    "the restore from {} is over, and a sweep sets every webhook anew",
                    source.name
                );
                return Ok(Some(stored));
            }
        }
    }

    /// Looks at the rows of a page, and takes them over once it is time for that.
    async fn pass(
        &mut self,
        worker: &Worker,
        restore: &Restore<impl Sized>,
        rows: &[SourceRow],
        now: Timestamp,
    ) -> Result<Result<(Fingerprint, Tally), SourceChange>, Unavailable> {
        let mut fingerprint = Fingerprint::default();
        for row in rows {
            fingerprint += row.fingerprint();
            if let Ok(row) = &row.row
                && let Err(change) = restore.check(row, now.into())
            {
                return Ok(Err(change));
            }
        }
        let mut tally = Tally::default();
        if restore.phase == Phase::TakeOver {
            let takings = rows.iter().map(|row| worker.table.take_over(row, worker.cycle, now));
            let mut takings = stream::iter(takings).buffer_unordered(AT_ONCE);
            while let Some(row) = takings.next().await {
                tally += row?;
            }
            for row in rows {
                if let Err(unreadable) = &row.row {
                    tracing::error!(row = unreadable.key(), "taken over as it is: {unreadable}");
                }
            }
        }
        self.restored += tally.taken_over;
        Ok(Ok((fingerprint, tally)))
    }

    /// Looks which keys of the old secret count yet, and what is left to do about them once the restore is `over`.
    async fn look_at_secret(&mut self, secret: Option<&OldSecret>, over: Option<StoredRestore>) {
        let ended = over.as_ref().and_then(|stored| stored.ended_secret.as_deref());
        let Some(secret) = secret.filter(|secret| ended != Some(secret.arn())) else {
            return;
        };
        match secret.keys().await {
            Ok(OldKeys::Gone) => self.fail(RestoreError::NoSecret(secret.arn().to_owned())),
            Ok(keys) => {
                self.rest = over.map(|stored| Rest {
                    since: stored.restore.since,
                    stored,
                    keys: keys.versions().cloned().collect(),
                });
            }
            Err(error) => self.fail(error.into()),
        }
    }

    /// Says it at once, and keeps the first for the end of the run.
    pub(crate) fn fail(&mut self, error: RestoreError) {
        tracing::error!("{error}");
        self.failure.get_or_insert(error);
    }
}

impl Rest {
    /// No webhook bears a key of the old secret any more: it counts no more.
    pub(crate) async fn end(mut self, worker: &Worker, origin: &Origin) -> Result<(), RestoreError> {
        let Some(secret) = &origin.secret else { return Ok(()) };
        let arn = secret.arn().to_owned();
        secret.end().await.map_err(|error| RestoreError::Label {
            arn: arn.clone(),
            error,
        })?;
        tracing::info!("every webhook is set anew, and the keys of {arn} count no more");
        self.stored.ended_secret = Some(arn);
        worker
            .table
            .state
            .write_restore(&origin.source.name, &mut self.stored)
            .await?;
        Ok(())
    }
}
