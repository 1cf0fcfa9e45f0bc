//! Going through the App Connection Portal.

use serde::{Deserialize, Serialize};

use super::connection::AppConnection;
use super::ids::PrinterId;

/// A user's way through the portal, up to where it sends them back to the app.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PortalVisit {
    /// The app's `returnUrl`, which the results are appended to.
    pub return_url: String,
    /// The printer that is authorised, of which this gives one more token; a new one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub printer_id: Option<PrinterId>,
    /// Whether the user agrees.
    #[serde(default)]
    pub choice: PortalChoice,
    /// How the results' keys are written.
    #[serde(default)]
    pub keys: KeyCase,
    /// How the results are joined to a `returnUrl` that has a query.
    #[serde(default)]
    pub joint: Joint,
}

impl PortalVisit {
    /// Authorises a new printer, and comes back to this URL.
    pub fn to(return_url: impl Into<String>) -> Self {
        Self {
            return_url: return_url.into(),
            printer_id: None,
            choice: PortalChoice::default(),
            keys: KeyCase::default(),
            joint: Joint::default(),
        }
    }
}

/// What the user decides in the portal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PortalChoice {
    /// `success=true`, and everything that goes with it.
    #[default]
    Authorise,
    /// `success=false`, and nothing else.
    Refuse,
}

/// How the keys of the results are written; the portal's builds differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum KeyCase {
    /// As they are documented.
    #[default]
    Documented,
    /// All lower-case, as old builds wrote some.
    Lower,
    /// All upper-case, which nobody is known to write, and nobody promised not to.
    Upper,
}

/// How the results are joined to a URL that has a query already; it isn't documented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Joint {
    /// With a second `?`, as careless code does.
    #[default]
    QuestionMark,
    /// With a `&`.
    Ampersand,
}

/// Where the portal sends the user in the end.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PortalReturn {
    /// The portal's final URL.
    pub url: String,
    /// What it carries, for comparing; `None` when the user refused.
    pub connection: Option<AppConnection>,
}
