//! The callback secret of a stack whose registrations are taken over: its labelled keys count until every webhook is set anew.
//!
//! It is read, never signed with. In the end renew takes its labels away, and with that it counts no more, wherever it is read.

use aws_types::SdkConfig;
use printbell_shared::callback::key::{CallbackKey, VersionId};
use printbell_shared::callback::keys::Listing;

use crate::callback_secret::{CallbackSecret, Description};
use crate::key_ring::{KeySource, KeysUnavailable, Version};
use crate::signing_keys::{LabelError, Labels as _};

/// The secret.
pub struct OldSecret {
    secret: CallbackSecret,
}

/// What its versions are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OldKeys {
    /// It is deleted, or is going to be: nobody can read a key of it.
    Gone,
    /// Which of them bear their label, and count.
    Listed(Listing),
}

impl OldSecret {
    /// The secret `arn`, if there is one and it isn't `own`, which is to be signed with for ever.
    pub fn new(aws: &SdkConfig, arn: &str, own: &str) -> Option<Self> {
        let is_another = !arn.is_empty() && arn != own;
        is_another.then(|| Self {
            secret: CallbackSecret::new(aws, arn.to_owned()),
        })
    }

    /// Its ARN.
    pub fn arn(&self) -> &str {
        self.secret.arn()
    }

    /// Its versions, as of now.
    pub async fn keys(&self) -> Result<OldKeys, KeysUnavailable> {
        Ok(match self.secret.describe().await? {
            Description::Absent => OldKeys::Gone,
            Description::Present { is_deleted: true, .. } => OldKeys::Gone,
            Description::Present { listing, .. } => {
                OldKeys::Listed(listing.map_or_else(Listing::empty, Listing::of_labels))
            }
        })
    }

    /// Takes its labels away, as far as they are ours: nothing that was signed with it is accepted within ten minutes.
    pub async fn end(&self) -> Result<(), LabelError> {
        let keys = self.keys().await;
        let OldKeys::Listed(listing) = keys.map_err(|error| LabelError::Failed(error.to_string()))? else {
            return Ok(());
        };
        for version in listing.bearers() {
            self.secret.unlabel(version).await?;
        }
        Ok(())
    }
}

impl KeySource for OldSecret {
    async fn list(&self) -> Result<Listing, KeysUnavailable> {
        Ok(match self.keys().await? {
            OldKeys::Listed(listing) => listing,
            // Renew says so at each run.
            OldKeys::Gone => Listing::empty(),
        })
    }

    async fn key(&self, version: Version<'_>) -> Result<Option<CallbackKey>, KeysUnavailable> {
        self.secret.key(version).await
    }
}

impl OldKeys {
    /// The versions that a webhook may bear.
    pub fn versions(&self) -> impl Iterator<Item = &VersionId> {
        let listing = match self {
            Self::Gone => None,
            Self::Listed(listing) => Some(listing),
        };
        listing.into_iter().flat_map(Listing::bearers)
    }
}
