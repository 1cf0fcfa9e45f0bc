//! The table and its index: every row, filed under the run that will find it.

use jiff::SignedDuration;
use printbell_shared::registration::renewal::{EpochSeconds, KeyHash, Renewal, Status};

use super::run::PERIOD;

/// A registration, and what OctoEverywhere really holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    /// Its place in the table, which is in the order of another hash than its slot.
    pub place: u32,
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
    place: u32,
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
            place: row.place,
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
            place: self.place,
            key: self.key,
            renewal,
            held_until: moment(self.held_until),
        }
    }
}

/// The rows that become due between two runs.
#[derive(Default)]
struct Bucket {
    /// Each chunk but the last is full.
    quiet: Vec<Vec<Quiet>>,
    loud: Vec<Row>,
}

impl Bucket {
    fn len(&self) -> usize {
        let last = self.quiet.last().map_or(0, Vec::len);
        self.quiet.len().saturating_sub(1) * CHUNK + last + self.loud.len()
    }
}

/// How many rows a chunk of a bucket has. Vectors that double would waste a quarter of the memory.
const CHUNK: usize = 256;

/// Where a row is filed: in which bucket, and at which place of it.
#[derive(Debug, Clone, Copy)]
enum Location {
    Quiet { bucket: u32, index: u32 },
    Loud { bucket: u32, index: u32 },
}

impl Location {
    fn bucket(self) -> usize {
        match self {
            Self::Quiet { bucket, .. } | Self::Loud { bucket, .. } => bucket as usize,
        }
    }
}

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
    /// What was last set before this is to be swept.
    mark: EpochSeconds,
    /// Where each row that is to be swept was filed, by its place in the table: only while a sweep is under way, for these
    /// accesses are all over the memory. Of a row that was called since, the bucket is no longer there.
    locations: Vec<Option<Location>>,
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
            mark: start,
            locations: Vec::new(),
        };
        let buckets = fleet.bucket(end) + 1;
        fleet.buckets.resize_with(buckets, Bucket::default);
        fleet
    }

    /// Files a row under its place in the index.
    pub fn file(&mut self, row: Row) {
        let Some(due) = row.renewal.index() else { return };
        let number = self.bucket(due).clamp(self.next, self.buckets.len() - 1);
        let bucket = &mut self.buckets[number];
        let is_stale = row.renewal.renewed_at < Some(self.mark);
        let location = match Quiet::pack(&row) {
            None => {
                bucket.loud.push(row);
                Location::Loud {
                    bucket: number as u32,
                    index: bucket.loud.len() as u32 - 1,
                }
            }
            Some(quiet) => {
                match bucket.quiet.last_mut() {
                    Some(chunk) if chunk.len() < CHUNK => chunk.push(quiet),
                    _ => {
                        let mut chunk = self.spare.pop().unwrap_or_else(|| Vec::with_capacity(CHUNK));
                        chunk.push(quiet);
                        bucket.quiet.push(chunk);
                    }
                }
                let last = bucket.quiet.last().map_or(0, Vec::len);
                Location::Quiet {
                    bucket: number as u32,
                    index: ((bucket.quiet.len() - 1) * CHUNK + last - 1) as u32,
                }
            }
        };
        if is_stale && let Some(known) = self.locations.get_mut(row.place as usize) {
            *known = Some(location);
        }
    }

    /// Finds out where every row is that was last set before `mark`, so that they can be taken in the order of the table.
    pub fn find_places(&mut self, printers: u32, mark: EpochSeconds) {
        self.mark = mark;
        self.locations.clear();
        self.locations.resize(printers as usize, None);
        let stale_before = u32::try_from(mark.0).unwrap_or(u32::MAX);
        for (number, bucket) in self.buckets.iter().enumerate() {
            let number = number as u32;
            let quiet = bucket.quiet.iter().flatten().enumerate();
            for (index, row) in quiet.filter(|(_, row)| row.renewed_at < stale_before) {
                self.locations[row.place as usize] = Some(Location::Quiet {
                    bucket: number,
                    index: index as u32,
                });
            }
            let loud = bucket.loud.iter().enumerate();
            for (index, row) in loud.filter(|(_, row)| row.renewal.renewed_at < Some(mark)) {
                self.locations[row.place as usize] = Some(Location::Loud {
                    bucket: number,
                    index: index as u32,
                });
            }
        }
        // In the opened bucket a row is looked for.
        let opened = Location::Loud {
            bucket: self.next.saturating_sub(1) as u32,
            index: 0,
        };
        let places = self.quiet.iter().map(|row| row.place);
        for place in places.chain(self.loud.iter().map(|row| row.place)) {
            self.locations[place as usize] = Some(opened);
        }
    }

    /// The opposite of [`Fleet::find_places`].
    pub fn forget_places(&mut self) {
        self.locations = Vec::new();
    }

    /// Takes the row at this place of the table, if it is still called for and was last set before the mark.
    pub fn take_stale(&mut self, place: u32) -> Option<Row> {
        let location = self.locations[place as usize].take()?;
        if location.bucket() < self.next {
            // Whatever was in earlier ones was called.
            return (location.bucket() + 1 == self.next).then(|| self.take_opened(place))?;
        }
        let bucket = &mut self.buckets[location.bucket()];
        match location {
            Location::Loud { index, .. } => {
                let index = index as usize;
                let row = bucket.loud.swap_remove(index);
                if let Some(other) = bucket.loud.get(index)
                    && other.renewal.renewed_at < Some(self.mark)
                {
                    self.locations[other.place as usize] = Some(location);
                }
                Some(row)
            }
            Location::Quiet { index, .. } => {
                let (chunk, index) = (index as usize / CHUNK, index as usize % CHUNK);
                let row = bucket.quiet[chunk][index].unpack();
                // The bucket's last row takes its place.
                let other = bucket.quiet.last_mut()?.pop()?;
                if other.place != place {
                    bucket.quiet[chunk][index] = other;
                    if other.renewed_at < u32::try_from(self.mark.0).unwrap_or(u32::MAX) {
                        self.locations[other.place as usize] = Some(location);
                    }
                }
                if bucket.quiet.last().is_some_and(Vec::is_empty) {
                    self.spare.extend(bucket.quiet.pop());
                }
                Some(row)
            }
        }
    }

    /// The same for a row of the opened bucket.
    fn take_opened(&mut self, place: u32) -> Option<Row> {
        if let Some(index) = self.quiet.iter().position(|row| row.place == place) {
            return Some(self.quiet.remove(index).unpack());
        }
        let index = self.loud.iter().position(|row| row.place == place)?;
        Some(self.loud.remove(index))
    }

    /// How many rows are due at `now`, to a run's length.
    pub fn count_due(&self, now: EpochSeconds) -> u64 {
        let due = self.next..self.bucket(now).max(self.next);
        let filed: usize = self.buckets[due].iter().map(Bucket::len).sum();
        (filed + self.quiet.len() + self.loud.len()) as u64
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
