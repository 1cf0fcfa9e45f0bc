//! Who and what there is: one registration, the stack before and after its change, and two keys.

use std::sync::{Arc, LazyLock};

use printbell_shared::callback::key::VersionId;
use printbell_shared::id::RegistrationKey;
use printbell_shared::registration::Registration;
use printbell_shared::registration::app_connection::AppConnection;
use printbell_shared::registration::endpoint::Endpoint;
use printbell_shared::registration::protocol::{Errand, WishUpdate};
use printbell_shared::registration::renewal::{EpochSeconds, Renewal, Status};
use printbell_shared::registration::wish::{EventFilter, Wish};
use secrecy::SecretString;

/// A configuration of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stack {
    Old,
    New,
}

impl Stack {
    /// What its webhooks' URLs begin with.
    pub fn url(self) -> &'static str {
        match self {
            Self::Old => "https://old",
            Self::New => "https://new",
        }
    }
}

/// One of the two keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signer {
    First,
    Second,
}

impl Signer {
    pub const ALL: [Self; 2] = [Self::First, Self::Second];

    pub fn version(self) -> VersionId {
        match self {
            Self::First => "first".into(),
            Self::Second => "second".into(),
        }
    }
}

/// A Set, as OctoEverywhere sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Attempt {
    pub stack: Stack,
    pub signer: Signer,
    /// When it was made.
    pub at: i64,
}

impl Attempt {
    pub fn endpoint(self) -> Endpoint {
        Endpoint {
            url: self.stack.url().to_owned(),
            key: self.signer.version(),
        }
    }
}

/// What an app asks for, again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Request {
    Put(u8),
    RenewNow,
}

impl Request {
    pub fn errand(self) -> Errand {
        match self {
            Self::Put(number) => Errand::Put(WishUpdate {
                connection: None,
                events: events(number),
                metadata: Default::default(),
            }),
            Self::RenewNow => Errand::RenewNow,
        }
    }
}

pub fn key() -> &'static RegistrationKey {
    static KEY: LazyLock<RegistrationKey> = LazyLock::new(|| RegistrationKey {
        tenant: "t".parse().unwrap(),
        printer: "p".parse().unwrap(),
    });
    &KEY
}

fn events(number: u8) -> EventFilter {
    EventFilter::new([i64::from(number)]).unwrap()
}

/// The registration at the beginning: set by `stack` under the first key a long time ago.
pub fn registration(stack: Stack, began: i64, due: i64) -> Arc<Registration> {
    let first = Attempt {
        stack,
        signer: Signer::First,
        at: began,
    };
    Arc::new(Registration {
        wish: Wish {
            connection: Some(AppConnection {
                token: SecretString::from("A").try_into().unwrap(),
                id: None,
            }),
            events: events(8),
            metadata: Default::default(),
        },
        endpoint: Some(first.endpoint()),
        renewal: Renewal {
            status: Status::Active,
            version: 1,
            applied: Some(1),
            revision: 1,
            due: Some(EpochSeconds(due)),
            renewed_at: Some(EpochSeconds(began - 100 * 86_400)),
            ..Renewal::default()
        },
        ..Registration::empty(key())
    })
}
