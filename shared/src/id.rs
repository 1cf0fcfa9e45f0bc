//! Who a notification is for: the app's tenant, and that tenant's name for the printer.
//!
//! Both come from the app and travel in the callback URL, so their alphabet is that of unreserved URL characters
//! (RFC 3986): they need no escaping anywhere. `.` and `..` are none, though: as a segment of a path they name another path,
//! which every proxy and client on the way may go to instead (RFC 3986, section 5.2.4).

use std::fmt;

use serde::Serialize;
use thiserror::Error;

/// The longest id, in characters (all of them ASCII, so bytes too).
pub const MAX_LENGTH: usize = 64;

/// Why a text can't be a [`TenantId`] or a [`PrinterRef`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("must be 1 to 64 characters of A-Z a-z 0-9 . _ ~ -, and neither `.` nor `..`")]
pub struct InvalidId;

fn check(text: &str) -> Result<(), InvalidId> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'~' | b'-');
    if (1..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(allowed) && !matches!(text, "." | "..") {
        Ok(())
    } else {
        Err(InvalidId)
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                check(&text).map(|()| Self(text))
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                check(text).map(|()| Self(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// An app's name for one of its customers; the hash key of the registrations table.
    TenantId
}

id! {
    /// An app's name for one printer of a tenant; the range key of the registrations table.
    PrinterRef
}

/// The key of one registration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegistrationKey {
    /// The tenant that owns the printer.
    pub tenant: TenantId,
    /// The tenant's name for the printer.
    pub printer: PrinterRef,
}

impl RegistrationKey {
    /// `tenantId ‖ 0x00 ‖ printerRef`: the form that is hashed and signed. Neither id can hold the separator, so no
    /// two keys share these bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.tenant.as_str().as_bytes(), b"\0", self.printer.as_str().as_bytes()].concat()
    }
}

impl fmt::Display for RegistrationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.printer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_1_to_64_unreserved_characters() {
        for good in ["a", "A-Z.a_z~0-9", "...", ".a", "a..", "~", &"x".repeat(64)] {
            assert!(good.parse::<TenantId>().is_ok(), "{good}");
        }
        for bad in [
            "",
            " ",
            ".",
            "..",
            "a b",
            "a/b",
            "ä",
            "a\0",
            "a+b",
            "a%41",
            &"x".repeat(65),
        ] {
            assert_eq!(bad.parse::<PrinterRef>(), Err(InvalidId), "{bad}");
        }
    }
}
