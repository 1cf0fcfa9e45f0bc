//! Secrets Manager in memory, with what goes wrong with it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};

use printbell_shared::callback::key::{CallbackKey, VersionId};
use printbell_shared::callback::keys::Listing;
use secrecy::SecretString;

use crate::key_ring::{KeySource, KeysUnavailable, Version, no_current};
use crate::signing_keys::{LabelError, Labels};

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Error,
    Hang,
    /// The version is gone.
    Gone,
    /// The version holds no key.
    NoKey,
}

/// The call that lists the versions, among those that read one.
pub(crate) const LIST: &str = "";
/// The call that sets a label or takes it away.
pub(crate) const LABEL: &str = "label";

const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

/// One secret.
#[derive(Default)]
pub(crate) struct Secret {
    /// The versions and their labels. One without any is gone.
    pub(crate) versions: RefCell<BTreeMap<String, BTreeSet<String>>>,
    /// Whether a rotation takes all labels from the version that was current.
    pub(crate) loses_labels: Cell<bool>,
    /// What goes wrong with reading which version, with the [`LIST`], or with a [`LABEL`].
    faults: RefCell<HashMap<String, Fault>>,
    pub(crate) lists: Cell<usize>,
    pub(crate) reads: Cell<usize>,
}

impl Secret {
    /// A secret with these versions, which all bear their label; the last one is current.
    pub(crate) fn new(versions: &[&str]) -> Self {
        let secret = Self::default();
        for version in versions {
            secret.rotate(version);
            secret.set_label(version);
        }
        secret
    }

    pub(crate) fn rotate(&self, id: &str) {
        let mut versions = self.versions.borrow_mut();
        for labels in versions.values_mut() {
            labels.remove(PREVIOUS);
            if labels.remove(CURRENT) {
                if self.loses_labels.get() {
                    labels.clear();
                }
                labels.insert(PREVIOUS.to_owned());
            }
        }
        versions.insert(id.to_owned(), BTreeSet::from([CURRENT.to_owned()]));
        versions.retain(|_, labels| !labels.is_empty());
        assert!(versions.values().map(BTreeSet::len).sum::<usize>() <= 20);
    }

    /// Rotates, and labels the new version as if it had been there for long.
    pub(crate) fn rotate_and_label(&self, id: &str) {
        self.rotate(id);
        self.set_label(id);
    }

    pub(crate) fn set_label(&self, id: &str) {
        let label = VersionId::from(id).label();
        let mut versions = self.versions.borrow_mut();
        assert!(
            versions.values().map(BTreeSet::len).sum::<usize>() < 20,
            "the 21st label is refused"
        );
        let bearer = versions.iter().find(|(_, labels)| labels.contains(&label));
        assert!(bearer.is_none_or(|(bearer, _)| bearer == id), "it is another version's");
        versions.get_mut(id).unwrap().insert(label);
    }

    pub(crate) fn remove_label(&self, id: &str) {
        let mut versions = self.versions.borrow_mut();
        versions.get_mut(id).unwrap().remove(&VersionId::from(id).label());
        versions.retain(|_, labels| !labels.is_empty());
    }

    /// The version that is current.
    pub(crate) fn current(&self) -> Option<String> {
        let versions = self.versions.borrow();
        let current = versions.iter().find(|(_, labels)| labels.contains(CURRENT));
        current.map(|(id, _)| id.clone())
    }

    /// Whether the version counts.
    pub(crate) fn counts(&self, id: &str) -> bool {
        let labels = self.versions.borrow().get(id).cloned().unwrap_or_default();
        labels.contains(CURRENT) || labels.contains(&VersionId::from(id).label())
    }

    /// The versions that bear their label.
    pub(crate) fn labelled(&self) -> Vec<String> {
        let versions = self.versions.borrow();
        let labelled = versions
            .iter()
            .filter(|(id, labels)| labels.contains(&VersionId::from(id.as_str()).label()));
        labelled.map(|(id, _)| id.clone()).collect()
    }

    pub(crate) fn fault(&self, what: &str, fault: impl Into<Option<Fault>>) {
        match fault.into() {
            Some(fault) => self.faults.borrow_mut().insert(what.to_owned(), fault),
            None => self.faults.borrow_mut().remove(what),
        };
    }

    async fn meet(&self, what: &str) -> Result<Option<()>, KeysUnavailable> {
        let fault = self.faults.borrow().get(what).copied();
        match fault {
            None => Ok(Some(())),
            Some(Fault::Gone) => Ok(None),
            Some(Fault::Error) => Err(KeysUnavailable::Unreachable("down".to_owned())),
            Some(Fault::NoKey) => Err(KeysUnavailable::Unusable(what.to_owned())),
            Some(Fault::Hang) => std::future::pending().await,
        }
    }

    /// Which listings and reads there were.
    pub(crate) fn calls(&self) -> (usize, usize) {
        (self.lists.get(), self.reads.get())
    }
}

impl KeySource for &Secret {
    async fn list(&self) -> Result<Listing, KeysUnavailable> {
        self.lists.set(self.lists.get() + 1);
        self.meet(LIST).await?;
        let versions = self.versions.borrow().clone();
        let versions = versions.into_iter().map(|(id, labels)| (id, Vec::from_iter(labels)));
        let versions: Vec<_> = versions.collect();
        Listing::new(versions.iter().map(|(id, labels)| (id.as_str(), labels.as_slice()))).ok_or_else(no_current)
    }

    async fn key(&self, version: Version<'_>) -> Result<Option<CallbackKey>, KeysUnavailable> {
        self.reads.set(self.reads.get() + 1);
        let id = match version {
            Version::Current => self.current().ok_or_else(no_current)?,
            Version::Id(id) => id.as_str().to_owned(),
        };
        let is_there = self.versions.borrow().contains_key(&id);
        Ok(self.meet(&id).await?.filter(|()| is_there).map(|()| key(&id)))
    }
}

impl Labels for &Secret {
    fn arn(&self) -> &str {
        "arn:aws:secretsmanager:eu-central-1:000000000000:secret:CallbackSecret"
    }

    async fn label(&self, version: &VersionId) -> Result<(), LabelError> {
        self.meet(LABEL)
            .await
            .map_err(|error| LabelError::Failed(error.to_string()))?;
        if !self.versions.borrow().contains_key(version.as_str()) {
            return Err(LabelError::Gone);
        }
        self.set_label(version.as_str());
        Ok(())
    }

    async fn unlabel(&self, version: &VersionId) -> Result<(), LabelError> {
        self.meet(LABEL)
            .await
            .map_err(|error| LabelError::Failed(error.to_string()))?;
        if !self.labelled().iter().any(|other| other == version.as_str()) {
            return Err(LabelError::Failed("it doesn't bear it".to_owned()));
        }
        self.remove_label(version.as_str());
        Ok(())
    }
}

/// What a version holds.
pub(crate) fn key(id: &str) -> CallbackKey {
    CallbackKey::new(id, &SecretString::from(format!("the secret of version {id}")))
}
