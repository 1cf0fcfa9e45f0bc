//! What runs a printer, and what its notifications can know.

use serde::{Deserialize, Serialize};

use super::words::{self, Burst};
use crate::wire::event_type::EventType;

/// The software that a printer runs, and so the plugin's half that speaks to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Platform {
    /// OctoPrint: layers unknown, a cancel and a failure told apart by one word.
    #[default]
    OctoPrint,
    /// Klipper, by Moonraker: a 3 is always a cancel, a failure is a 9.
    Klipper,
    /// Bambu Lab: a 3 is a cancel or a failure; only text and code tell which.
    Bambu,
    /// Elegoo's resin and Centauri printers: numbers only, and a fault is a pause.
    Elegoo,
    /// Elegoo Centauri Carbon 2.
    ElegooCc2,
    /// Prusa, by PrusaLink: layers unknown.
    PrusaLink,
}

/// What a notification says of trouble; `Error` and `PlatformErrorCode`, each left out where it is `None`. A code alone
/// means no trouble: ordinary pauses have one, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Trouble {
    /// `Error`
    pub error: Option<&'static str>,
    /// `PlatformErrorCode`
    pub code: Option<&'static str>,
}

/// Why a print pauses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PauseCause {
    /// Somebody, or the file, asked for it.
    #[default]
    Request,
    /// The filament ran out or has to be changed.
    Filament,
    /// Gadget believes that the print has failed.
    Gadget,
}

impl Platform {
    /// Every platform.
    pub const ALL: [Self; 6] = [
        Self::OctoPrint,
        Self::Klipper,
        Self::Bambu,
        Self::Elegoo,
        Self::ElegooCc2,
        Self::PrusaLink,
    ];

    /// What its "print failed" (3) says after a person's cancel.
    pub const fn cancels(self) -> &'static [Trouble] {
        words::of(self).cancels
    }

    /// What it sends when a print really fails: each a way to fail, with its notifications in order.
    pub const fn failures(self) -> &'static [&'static [(EventType, Trouble)]] {
        words::of(self).failures
    }

    /// What its "printer error" (9) says during a print that may well go on.
    pub const fn errors(self) -> &'static [Trouble] {
        words::of(self).errors
    }

    /// What it sends when a print pauses.
    pub(crate) fn pause(self, cause: PauseCause) -> Burst {
        match cause {
            PauseCause::Request => words::of(self).pause,
            PauseCause::Filament => words::of(self).filament,
            // The plugin leaves out a pause that follows within 20 s of Gadget's own.
            PauseCause::Gadget => &[(
                EventType::GADGET_PAUSED,
                Trouble {
                    error: None,
                    code: None,
                },
            )],
        }
    }

    /// Whether it tells which layer it is at.
    pub(crate) const fn tells_layers(self) -> bool {
        !matches!(self, Self::OctoPrint | Self::PrusaLink)
    }

    /// Hundredths of a millimetre, in the two notifications about layers. Some platforms make it up.
    pub(crate) const fn z_offset(self, layer: u32) -> Option<u32> {
        match self {
            Self::Klipper => None,
            // OctoPrint's whole millimetres.
            Self::OctoPrint => Some(layer * 100),
            // Nobody measured it: twenty times the layer.
            Self::Bambu | Self::Elegoo | Self::ElegooCc2 => Some(layer * 20 * 100),
            Self::PrusaLink => Some(layer * 20),
        }
    }
}
