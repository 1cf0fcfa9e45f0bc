//! The sweep's part of a run: passes the table's rows, and renews those there and then that differ from what the stack says or were
//! last set before its mark.
//!
//! What a sweep is for, and when there is one, is decided in [`printbell_shared::registration::sweep`]. Here pages are read and
//! rows begun as far as half of the run's calls go, and the place is written down behind the last page of which every row is
//! done: what a crash leaves undone is passed once more.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use printbell_adapters::dynamodb::cursor::Cursor;
use printbell_adapters::dynamodb::table::Unavailable;
use printbell_adapters::key_ring::KeysUnavailable;
use printbell_adapters::registrations::ReadError;
use printbell_adapters::registrations::page::{PageError, Scope, StatusFilter};
use printbell_adapters::signing_keys::FinishError;
use printbell_adapters::state::sweep::StoredSweep;
use printbell_adapters::worker::{Interruption, WorkError, Worker};
use printbell_shared::callback::key::VersionId;
use printbell_shared::id::RegistrationKey;
use printbell_shared::registration::Registration;
use printbell_shared::registration::endpoint::Standard;
use printbell_shared::registration::protocol::{Conclusion, Errand};
use printbell_shared::registration::renewal::{Effect, EpochSeconds, Status};
use printbell_shared::registration::sweep::{Lap, Reason, Renovation, SweepScope, SweepStatuses, Tally};
use thiserror::Error;
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep};

use crate::pace::{ANSWERS_TO_JUDGE, Limits, RunPace, Share};
use crate::report::Report;
use crate::restore::Rest;
use crate::row::{RowResult, RowsUnderWay};
use crate::run::{AHEAD, EndOfRows};

/// Rows that are read at once.
const PAGE: u32 = 100;

/// Pages that may be begun and not done: while one row takes its ten seconds, others are passed that need nothing. Only their
/// places are kept.
const PAGES: usize = 5_000;

/// How long the place isn't written for: what was passed since is passed once more after a crash.
const SAVING_INTERVAL: SignedDuration = SignedDuration::from_secs(5);

/// How often a row is looked at that the regular work is at.
const LOOK: Duration = Duration::from_millis(100);

/// What is left of the invocation when no page is begun any more.
const MARGIN: SignedDuration = SignedDuration::from_secs(30);

/// Why the sweep can't go on.
#[derive(Debug, Error)]
pub(crate) enum SweepError {
    /// How far it is can't be read or written.
    #[error(transparent)]
    State(#[from] Unavailable),
    /// The registrations can't be read.
    #[error(transparent)]
    Page(#[from] PageError),
    /// It can't be known which keys a webhook may bear.
    #[error(transparent)]
    Keys(#[from] KeysUnavailable),
    /// A key that no webhook bears any more can't be retired.
    #[error(transparent)]
    Retirement(#[from] FinishError),
}

/// What the sweep came to in a run.
pub(crate) struct Swept {
    /// What its rows came to.
    pub report: Report,
    /// What of that the sweep did.
    pub tally: Tally,
    /// Whether there is more of it to do, now or soon.
    pub is_under_way: bool,
    /// That no webhook bears a key of the old secret any more.
    pub proven: Option<Rest>,
}

/// The sweep, as a run goes on with it.
pub(crate) struct Sweeping {
    worker: Arc<Worker>,
    stored: StoredSweep,
    began: Timestamp,
    /// What rows are held against.
    standard: Standard,
    /// Versions of the secret, and of the old one, that no webhook is to bear in the end.
    ending: Arc<BTreeSet<VersionId>>,
    /// Since when nobody signs with them any more.
    rests: BTreeMap<VersionId, EpochSeconds>,
    /// Whether there are others that are to be retired, and may still be signed with.
    is_early: bool,
    /// What is to be shown of the old secret, and whether it was.
    rest: Option<Rest>,
    is_proven: bool,
    pages: Pages,
    report: Report,
    tally: Tally,
    saved_at: Timestamp,
}

impl Sweeping {
    /// Looks what there is to do for a run that began at `began`: whether the stack has changed, and how far the sweep is; and what it
    /// has to show after a restore.
    pub(crate) async fn begin(worker: &Arc<Worker>, began: Timestamp, rest: Option<Rest>) -> Result<Self, SweepError> {
        let keys = worker.keys.maintain(began).await?;
        let url = worker.public_url.clone();
        let old = rest.iter().flat_map(|rest| &rest.keys);
        let ending: BTreeSet<_> = keys.retiring.keys().chain(old).cloned().collect();
        let state = &worker.table.state;
        let stored = state.change_sweep(|sweep| sweep.look(&url, !ending.is_empty(), began.into()));
        Ok(Self {
            stored: stored.await?,
            worker: Arc::clone(worker),
            began,
            standard: Standard { url, keys: keys.good },
            ending: Arc::new(ending),
            rests: keys.retiring,
            is_early: !keys.last_uses.is_empty(),
            is_proven: rest.as_ref().is_some_and(|rest| rest.keys.is_empty()),
            rest,
            pages: Pages::default(),
            report: Report::new(began),
            tally: Tally::default(),
            saved_at: began,
        })
    }

    /// Goes on with it, until every row is passed or there is no time for more. `end` is given up when no more rows are begun.
    pub(crate) async fn go_on(
        mut self,
        limits: Limits,
        run: &Arc<RunPace>,
        under_way: RowsUnderWay,
        end: Arc<EndOfRows>,
    ) -> Result<Swept, SweepError> {
        let mut rows = JoinSet::new();
        let result = self.read_on(limits, run, under_way, &mut rows).await;
        drop(end);
        while let Some(row) = rows.join_next().await {
            self.count(row.unwrap_or_else(|error| RowPass::failed(None, RowResult::panicked(error))));
        }
        result?;
        self.save(self.worker.clock.now()).await?;
        Ok(Swept {
            is_under_way: self.stored.sweep.lap.is_some(),
            proven: self.rest.filter(|_| self.is_proven),
            report: self.report,
            tally: self.tally,
        })
    }

    /// Reads page after page, and begins the rows that are to be set.
    async fn read_on(
        &mut self,
        limits: Limits,
        run: &Arc<RunPace>,
        under_way: RowsUnderWay,
        rows: &mut JoinSet<RowPass>,
    ) -> Result<(), SweepError> {
        let pace = Arc::new(Share::half(Arc::clone(run), limits));
        let at_once = (limits.in_flight().div_ceil(2) + AHEAD / 2).max(ANSWERS_TO_JUDGE as usize);
        let Some(renovation) = self.renovation() else {
            return Ok(());
        };
        let scope = scope(&renovation.scope);
        let renovation = Arc::new(renovation);
        let mut after = self.stored.sweep.lap.as_ref().and_then(|lap| lap.place.clone());
        loop {
            let now = self.worker.clock.now();
            let is_late = self.worker.deadline.duration_since(now) < MARGIN;
            if is_late || run.stop().is_some() || self.pages.are_too_many() {
                return Ok(());
            }
            let table = &self.worker.table;
            let page = table.page(&scope, after.as_ref(), PAGE, now.into()).await?;
            after.clone_from(&page.next);
            let number = self.pages.begin(page.next);
            for row in page.rows {
                let row = match row {
                    Ok(row) if renovation.is_for(&row) => row,
                    Ok(row) => {
                        let bearing = u64::from(row.may_bear(&self.ending));
                        self.pages.add(
                            number,
                            Tally {
                                bearing,
                                ..Tally::default()
                            },
                        );
                        continue;
                    }
                    Err(row) => {
                        self.pages.open(number);
                        self.count(RowPass::failed(
                            Some(number),
                            RowResult::Unreadable { row, expiry: None },
                        ));
                        continue;
                    }
                };
                while rows.len() >= at_once {
                    if let Some(row) = rows.join_next().await {
                        self.count(row.unwrap_or_else(|error| RowPass::failed(None, RowResult::panicked(error))));
                    }
                }
                self.pages.open(number);
                let pass = Pass {
                    page: number,
                    worker: Arc::clone(&self.worker),
                    run: Arc::clone(run),
                    pace: Arc::clone(&pace),
                    renovation: Arc::clone(&renovation),
                    ending: Arc::clone(&self.ending),
                };
                rows.spawn(pass.renew(row.key, under_way.clone()));
            }
            while let Some(row) = rows.try_join_next() {
                self.count(row.unwrap_or_else(|error| RowPass::failed(None, RowResult::panicked(error))));
            }
            let now = self.worker.clock.now();
            if now.duration_since(self.saved_at) >= SAVING_INTERVAL && !self.save(now).await? {
                return Ok(()); // a new reason: the next run's
            }
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// What is done to rows, if there is something to do in this run.
    fn renovation(&self) -> Option<Renovation> {
        let lap = self.stored.sweep.at_work(self.began.into())?;
        Some(Renovation {
            scope: lap.scope.clone(),
            standard: self.standard.clone(),
            mark: lap.mark,
            began: self.began.into(),
        })
    }

    fn count(&mut self, row: RowPass) {
        self.tally += row.tally;
        self.report.add(row.result);
        if let Some(page) = row.page {
            self.pages.close(page, row.tally);
        }
    }

    /// Writes down how far it is; `false`: somebody has given it a new reason meanwhile, and what is written stays.
    async fn save(&mut self, now: Timestamp) -> Result<bool, SweepError> {
        self.saved_at = now;
        let mut is_changed = false;
        let mut over = None;
        while let Some((next, tally)) = self.pages.pop_done() {
            over = self.stored.sweep.passed(next, tally, now.into());
            is_changed = true;
        }
        if !is_changed {
            return Ok(true);
        }
        // What was passed while somebody could sign with a key may have been set under it since.
        if let Some(lap) = &over
            && (self.is_early || self.rests.values().any(|rest| *rest > lap.begins))
        {
            self.stored.sweep.ask(Reason::Retirement, now.into());
        }
        let state = &self.worker.table.state;
        if !state.write_sweep(&mut self.stored).await? {
            self.stored = state.sweep().await?;
            self.pages = Pages::default();
            return Ok(false);
        }
        if let Some(lap) = over {
            self.finish(&lap, now).await?;
        }
        Ok(true)
    }

    /// Every row was passed: no webhook bears a key any more that is to end, or so many do.
    async fn finish(&mut self, lap: &Lap<Cursor>, now: Timestamp) -> Result<(), SweepError> {
        let Tally {
            applied,
            failed,
            missing,
            bearing,
        } = lap.tally;
        tracing::info!(applied, failed, missing, bearing, "the sweep is over");
        let is_about_all = lap.scope.tenant.is_none() && lap.scope.statuses != SweepStatuses::Revoked;
        let is_proof = |rest: &EpochSeconds| is_about_all && *rest <= lap.begins;
        for (version, _) in self.rests.iter().filter(|(_, rest)| is_proof(rest)) {
            let key = version.key_id();
            if bearing > 0 {
                tracing::warn!(
                    key,
                    bearing,
                    "webhooks may still bear the key that is to be retired; they are tried again tomorrow"
                );
            } else {
                self.worker.keys.finish_retirement(version, now).await?;
                tracing::info!(key, "the key is retired");
            }
        }
        if self.rest.as_ref().is_some_and(|rest| is_proof(&rest.since)) {
            self.is_proven |= bearing == 0;
            if bearing > 0 {
                tracing::warn!(
                    bearing,
                    "webhooks may still bear keys of the old secret; they are tried again tomorrow"
                );
            }
        }
        Ok(())
    }
}

/// The pages that were begun and aren't written down, the oldest first.
#[derive(Default)]
struct Pages {
    pages: VecDeque<PageUnderWay>,
    /// The number of the first of them.
    first: u64,
}

struct PageUnderWay {
    /// Where the next one is.
    next: Option<Cursor>,
    /// Rows that aren't done.
    open: usize,
    tally: Tally,
}

impl Pages {
    fn begin(&mut self, next: Option<Cursor>) -> u64 {
        self.pages.push_back(PageUnderWay {
            next,
            open: 0,
            tally: Tally::default(),
        });
        self.first + self.pages.len() as u64 - 1
    }

    fn are_too_many(&self) -> bool {
        self.pages.len() >= PAGES
    }

    fn open(&mut self, number: u64) {
        if let Some(page) = self.page(number) {
            page.open += 1;
        }
    }

    fn close(&mut self, number: u64, tally: Tally) {
        if let Some(page) = self.page(number) {
            page.open -= 1;
            page.tally += tally;
        }
    }

    fn add(&mut self, number: u64, tally: Tally) {
        if let Some(page) = self.page(number) {
            page.tally += tally;
        }
    }

    /// Nothing for one that is out of date.
    fn page(&mut self, number: u64) -> Option<&mut PageUnderWay> {
        let place = number.checked_sub(self.first)?;
        self.pages.get_mut(usize::try_from(place).ok()?)
    }

    /// The first page, if it is done: where the next one is, and what it came to.
    fn pop_done(&mut self) -> Option<(Option<Cursor>, Tally)> {
        let page = self.pages.pop_front_if(|page| page.open == 0)?;
        self.first += 1;
        Some((page.next, page.tally))
    }
}

/// What became of one row.
struct RowPass {
    /// The page that it is done for; `None`: it has to be passed once more.
    page: Option<u64>,
    result: RowResult,
    tally: Tally,
}

impl RowPass {
    /// A row that can't be set now, and of which nothing is known.
    fn failed(page: Option<u64>, result: RowResult) -> Self {
        let is_missing = matches!(result, RowResult::BrokenOff { .. });
        Self {
            page,
            result,
            tally: Tally {
                applied: 0,
                failed: 1,
                missing: u64::from(is_missing),
                bearing: 1,
            },
        }
    }
}

/// What it takes to renew one row.
struct Pass {
    page: u64,
    worker: Arc<Worker>,
    run: Arc<RunPace>,
    pace: Arc<Share>,
    renovation: Arc<Renovation>,
    ending: Arc<BTreeSet<VersionId>>,
}

impl Pass {
    /// Renews the row, if that is still to be done.
    async fn renew(self, key: RegistrationKey, rows: RowsUnderWay) -> RowPass {
        // The regular work may be at it, and what comes of that isn't known yet.
        let under_way = loop {
            match rows.begin(&key) {
                Some(under_way) => break under_way,
                None => sleep(LOOK).await,
            }
        };
        let answers = self.run.row_begins();
        let pass = self.pass(&key).await.unwrap_or_else(|error| {
            let result = match error {
                WorkError::Read(ReadError::Unreadable(row)) | WorkError::Write(ReadError::Unreadable(row)) => {
                    RowResult::Unreadable { row, expiry: None }
                }
                error => RowResult::BrokenOff {
                    key: Some(key),
                    reason: error.to_string(),
                    expiry: None,
                },
            };
            RowPass::failed(Some(self.page), result)
        });
        drop((answers, under_way));
        pass
    }

    async fn pass(&self, key: &RegistrationKey) -> Result<RowPass, WorkError> {
        let row = self.worker.table.get(key).await?;
        let errand = Errand::Sweep(Arc::clone(&self.renovation));
        let conclusion = self.worker.run(key, errand, row.clone(), &*self.pace).await;
        let work = match conclusion.map_err(|Interruption { error, .. }| error)? {
            Conclusion::Worked(work) => work,
            // Somebody has set it since the page was read.
            Conclusion::Idle | Conclusion::Objected(_) | Conclusion::Withdrawn(_) => {
                return Ok(RowPass {
                    page: Some(self.page),
                    result: RowResult::Stale,
                    tally: self.tally(row.as_deref(), None),
                });
            }
        };
        // What was only written down, because somebody else is at it or because the time is up, is due.
        let is_undone = work.is_unfinished && self.run.stop().is_some();
        Ok(RowPass {
            page: (!is_undone).then_some(self.page),
            tally: self.tally(work.row.as_deref(), work.effect),
            result: RowResult::Worked { work, expiry: None },
        })
    }

    fn tally(&self, row: Option<&Registration>, effect: Option<Effect>) -> Tally {
        let is_applied = effect == Some(Effect::Renewed);
        // An owner who is no supporter is nobody's fault here.
        let fails = !matches!(effect, None | Some(Effect::Renewed | Effect::Suspended));
        Tally {
            applied: u64::from(is_applied),
            failed: u64::from(fails),
            missing: 0,
            bearing: u64::from(row.is_some_and(|row| row.may_bear(&self.ending))),
        }
    }
}

/// What is read of the table.
pub(crate) fn scope(scope: &SweepScope) -> Scope {
    let is_revoked = scope.statuses == SweepStatuses::Revoked;
    Scope {
        tenant: scope.tenant.clone(),
        status: is_revoked.then_some(StatusFilter::Status(Status::Revoked)),
    }
}
