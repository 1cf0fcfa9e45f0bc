//! The table and its index: every row, filed under the run that will find it.

use jiff::SignedDuration;
use printbell_shared::registration::renewal::{EpochSeconds, KeyHash, Renewal, Status};

use super::run::PERIOD;

/// A registration, and what OctoEverywhere really holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub key: KeyHash,
    pub renewal: Renewal,
    /// Until when OctoEverywhere keeps the webhook; `None`: it never had it.
    pub held_until: Option<EpochSeconds>,
}

/// A [`Row`] that only waits for its slot, in 32 bytes: a hundred million of them fit into 3.2 GB.
#[derive(Debug, Clone, Copy)]
struct Quiet {
    key: KeyHash,
    revision: u64,
    renewed_at: u32,
    due: u32,
    held_until: u32,
}

impl Quiet {
    /// The row packed, unless that would lose something.
    fn pack(row: &Row) -> Option<Self> {
        let seconds = |moment: Option<EpochSeconds>| u32::try_from(moment?.0).ok();
        let quiet = Self {
            key: row.key,
            revision: row.renewal.revision,
            renewed_at: seconds(row.renewal.renewed_at)?,
            due: seconds(row.renewal.due)?,
            held_until: seconds(row.held_until)?,
        };
        (quiet.unpack() == *row).then_some(quiet)
    }

    fn unpack(self) -> Row {
        let moment = |seconds: u32| Some(EpochSeconds(seconds.into()));
        let renewal = Renewal {
            status: Status::Active,
            revision: self.revision,
            version: 1,
            applied: Some(1),
            due: moment(self.due),
            renewed_at: moment(self.renewed_at),
            ..Renewal::default()
        };
        Row {
            key: self.key,
            renewal,
            held_until: moment(self.held_until),
        }
    }
}

/// The rows that become due between two runs.
#[derive(Default)]
struct Bucket {
    quiet: Vec<Vec<Quiet>>,
    loud: Vec<Row>,
}

/// How many rows a chunk of a bucket has. Vectors that double would waste a quarter of the memory.
const CHUNK: usize = 256;

/// Every row, filed under the run that will find it, so that a run reads only what it needs and all memory accesses are in
/// sequence.
pub(super) struct Fleet {
    start: EpochSeconds,
    buckets: Vec<Bucket>,
    /// The first bucket that wasn't opened yet.
    next: usize,
    /// What is left of the opened buckets, latest first.
    quiet: Vec<Quiet>,
    loud: Vec<Row>,
    /// Chunks to be used again.
    spare: Vec<Vec<Quiet>>,
}

impl Fleet {
    pub fn new(start: EpochSeconds, end: EpochSeconds) -> Self {
        let mut fleet = Self {
            start,
            buckets: Vec::new(),
            next: 0,
            quiet: Vec::new(),
            loud: Vec::new(),
            spare: Vec::new(),
        };
        let buckets = fleet.bucket(end) + 1;
        fleet.buckets.resize_with(buckets, Bucket::default);
        fleet
    }

    /// Files a row under its place in the index.
    pub fn file(&mut self, row: Row) {
        let Some(due) = row.renewal.index() else { return };
        let place = self.bucket(due).clamp(self.next, self.buckets.len() - 1);
        let bucket = &mut self.buckets[place];
        let Some(quiet) = Quiet::pack(&row) else {
            bucket.loud.push(row);
            return;
        };
        match bucket.quiet.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(quiet),
            _ => {
                let mut chunk = self.spare.pop().unwrap_or_else(|| Vec::with_capacity(CHUNK));
                chunk.push(quiet);
                bucket.quiet.push(chunk);
            }
        }
    }

    /// Takes the row that is due longest at `now`.
    pub fn take_due(&mut self, now: EpochSeconds) -> Option<Row> {
        while self.quiet.is_empty() && self.loud.is_empty() {
            let over = self.start + PERIOD * i32::try_from(self.next + 1).unwrap_or(i32::MAX);
            if over > now || self.next == self.buckets.len() {
                return None;
            }
            self.open();
        }
        match (self.quiet.last(), self.loud.last()) {
            (Some(quiet), Some(loud)) if loud.renewal.index() < Some(EpochSeconds(quiet.due.into())) => self.loud.pop(),
            (None, _) => self.loud.pop(),
            _ => self.quiet.pop().map(Quiet::unpack),
        }
    }

    fn open(&mut self) {
        let bucket = std::mem::take(&mut self.buckets[self.next]);
        self.next += 1;
        for mut chunk in bucket.quiet {
            self.quiet.append(&mut chunk);
            self.spare.push(chunk);
        }
        self.loud = bucket.loud;
        self.quiet.sort_unstable_by_key(|quiet| std::cmp::Reverse(quiet.due));
        self.loud
            .sort_unstable_by_key(|row| std::cmp::Reverse(row.renewal.index()));
    }

    /// Every row.
    pub fn into_rows(self) -> impl Iterator<Item = Row> {
        let filed = self
            .buckets
            .into_iter()
            .flat_map(|bucket| bucket.quiet.into_iter().flatten().map(Quiet::unpack).chain(bucket.loud));
        filed.chain(self.quiet.into_iter().map(Quiet::unpack)).chain(self.loud)
    }

    fn bucket(&self, moment: EpochSeconds) -> usize {
        let since: SignedDuration = moment - self.start;
        usize::try_from(since.as_secs() / PERIOD.as_secs()).unwrap_or(0)
    }
}
