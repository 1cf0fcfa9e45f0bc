//! A callback's body, as far as a queue message can hold it.

use crate::notification::payload;

/// The longest body that is kept whole, in bytes. As base64, 700 KiB are 934: with the query, the metadata and the attributes
/// they stay well within SQS's limit of 1 MiB a message.
pub const MAX_WHOLE: usize = 700 * 1024;

/// What is kept of a longer one, in bytes: as much as would have been published.
const BEGINNING: usize = payload::MAX_LENGTH;

/// A callback's body, or as much of it as is kept.
#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    /// All of it.
    Whole(Vec<u8>),
    /// Of one that was too long. It is never taken for a body: a beginning may be JSON too.
    Cut {
        /// What it began with.
        beginning: Vec<u8>,
        /// How many bytes it had.
        length: usize,
    },
}

impl Body {
    /// The bytes that are kept.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Whole(bytes) | Self::Cut { beginning: bytes, .. } => bytes,
        }
    }

    /// How many bytes it had when it came.
    pub fn length(&self) -> usize {
        match self {
            Self::Whole(bytes) => bytes.len(),
            Self::Cut { length, .. } => *length,
        }
    }
}

impl From<Vec<u8>> for Body {
    /// Keeps what can be kept.
    fn from(mut bytes: Vec<u8>) -> Self {
        let length = bytes.len();
        if length <= MAX_WHOLE {
            return Self::Whole(bytes);
        }
        bytes.truncate(BEGINNING);
        // Or the bytes that aren't kept would stay in memory.
        bytes.shrink_to_fit();
        Self::Cut {
            beginning: bytes,
            length,
        }
    }
}
