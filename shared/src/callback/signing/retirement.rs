//! Retiring a key, because it leaked or is to go.

use std::collections::BTreeSet;

use thiserror::Error;

use super::{SigningRecord, Standing};
use crate::callback::key::VersionId;
use crate::callback::keys::Listing;
use crate::registration::renewal::EpochSeconds;

/// Whether a key is retired though webhooks may bear it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Force {
    /// It is retired once none does.
    No,
    /// It is retired at once, and their callbacks are refused until they are renewed.
    Yes,
}

/// Why a key isn't retired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RetireObjection {
    /// The secret's current version counts whatever label it bears.
    #[error("it is the secret's current version")]
    Current,
    /// No version of this key id was ever signed with.
    #[error("no key of this id was taken up for signing")]
    Unknown,
    /// It is signed with, and no other can be taken up.
    #[error("it is signed with, and the current version can't be taken up in its place now")]
    NoSuccessor,
}

/// Why a retirement can't be finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FinishObjection {
    /// The secret's current version counts whatever label it bears.
    #[error("it has become the secret's current version again")]
    Current,
    /// Nobody asked for it.
    #[error("it isn't being retired")]
    Good,
    /// Rows may still be written that bear it.
    #[error("it was signed with less than twenty minutes ago")]
    InUse,
}

impl SigningRecord {
    /// The record after the version with this key id was asked to go; the version; and how far that is.
    pub fn retire(
        &self,
        listing: &Listing,
        key_id: &str,
        force: Force,
        now: EpochSeconds,
    ) -> Result<(Self, VersionId, Standing), RetireObjection> {
        // One at the most: a version whose key id is another's is never taken up.
        let version = self.versions.keys().find(|version| version.key_id() == key_id);
        let version = match version {
            Some(version) if version != listing.current() => version,
            None if listing.current().key_id() != key_id => return Err(RetireObjection::Unknown),
            _ => return Err(RetireObjection::Current),
        };
        let mut record = self.clone();
        record.revision += 1;
        record.next.take_if(|next| next == version);
        let was_in_use = record.in_use.as_ref() == Some(version);
        let Some(memory) = record.versions.get_mut(version) else {
            return Err(RetireObjection::Unknown);
        };
        memory.standing = match (memory.standing, force) {
            (Standing::Retired, _) | (_, Force::Yes) => Standing::Retired,
            (_, Force::No) => Standing::Retiring,
        };
        let standing = memory.standing;
        if was_in_use && standing == Standing::Retired {
            memory.last_use = Some(now);
            record.in_use = None;
        } else if was_in_use && record.next.is_none() && !record.take_up(listing, &BTreeSet::new(), now, true) {
            return Err(RetireObjection::NoSuccessor);
        }
        Ok((record, version.clone(), standing))
    }

    /// The record after no row was found that bears a version which is being retired.
    pub fn finish_retirement(
        &self,
        listing: &Listing,
        version: &VersionId,
        now: EpochSeconds,
    ) -> Result<Self, FinishObjection> {
        let mut record = self.clone();
        let Some(memory) = record.versions.get_mut(version) else {
            return Ok(record);
        };
        match memory.standing {
            Standing::Good => return Err(FinishObjection::Good),
            Standing::Retiring if version == listing.current() => return Err(FinishObjection::Current),
            Standing::Retiring if self.may_be_signed_with(version, now) => return Err(FinishObjection::InUse),
            Standing::Retiring => {
                memory.standing = Standing::Retired;
                record.revision += 1;
            }
            Standing::Retired => {}
        }
        Ok(record)
    }
}
