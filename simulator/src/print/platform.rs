//! What runs a printer, and the words in which it tells of trouble (octoeverywhere.md, "What the plugin really sends, by
//! platform", and the plugin's source).

use serde::{Deserialize, Serialize};

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

const fn says(error: &'static str, code: &'static str) -> Trouble {
    Trouble {
        error: Some(error),
        code: Some(code),
    }
}

const fn code(code: &'static str) -> Trouble {
    Trouble {
        error: None,
        code: Some(code),
    }
}

const CONNECTION_LOST: Trouble = says("Connection to printer lost during a print.", "connection_lost");

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
        match self {
            Self::OctoPrint => &const { [says("cancelled", "PrintFailed")] },
            Self::Klipper => &const { [code("cancelled")] },
            Self::Bambu => {
                &const {
                    [
                        says("Printing was cancelled.", "0500400E"),
                        says("The task was canceled.", "0300400C"),
                    ]
                }
            }
            Self::Elegoo => {
                &const {
                    [
                        code("CurrentStatus=0;PrintInfoStatus=8"),
                        code("CurrentStatus=1;PrintInfoStatus=14"),
                    ]
                }
            }
            Self::ElegooCc2 => {
                &const {
                    [
                        says("Stopping", "machine_status=2;sub_status=2503"),
                        says("Stopped", "machine_status=2;sub_status=2504"),
                    ]
                }
            }
            Self::PrusaLink => {
                &const {
                    [
                        code("printer_state=STOPPED;job_state=STOPPED"),
                        code("printer_state=BUSY;job_state=STOPPED"),
                        code("printer_state=STOPPED"),
                    ]
                }
            }
        }
    }

    /// What it sends when a print really fails: each a way to fail, with its notifications in order.
    pub const fn failures(self) -> &'static [&'static [(EventType, Trouble)]] {
        const FAILED: EventType = EventType::PRINT_FAILED;
        const ERROR: EventType = EventType::PRINTER_ERROR;
        const PAUSED: EventType = EventType::PRINT_PAUSED;
        match self {
            Self::OctoPrint => {
                &const {
                    [
                        &[
                            (ERROR, says("Thermal runaway, printer halted", "Error")),
                            (FAILED, says("error", "PrintFailed")),
                        ] as &[_],
                        &[(FAILED, says("error", "PrintFailed"))],
                    ]
                }
            }
            Self::Klipper => {
                &const {
                    [
                        &[(ERROR, says("Move out of range", "error"))] as &[_],
                        &[(ERROR, says("Lost communication with MCU 'mcu'", "klippy_shutdown"))],
                        &[(ERROR, code("error"))],
                    ]
                }
            }
            Self::Bambu => {
                &const {
                    [
                        &[(
                            FAILED,
                            says("Z axis homing failed; the task has been stopped.", "03004000"),
                        )] as &[_],
                        &[(FAILED, says("The nozzle is clogged.", "03004006"))],
                        &[(FAILED, says("Error", "0300400F"))],
                        &[(FAILED, code("FAILED"))],
                    ]
                }
            }
            Self::Elegoo => {
                &const {
                    [
                        &[(PAUSED, says("Pausing", "CurrentStatus=1;PrintInfoStatus=5"))] as &[_],
                        &[(PAUSED, code("CurrentStatus=1;PrintInfoStatus=6"))],
                    ]
                }
            }
            Self::ElegooCc2 => {
                &const {
                    [
                        &[(ERROR, code("machine_status=2;sub_status=2075;exception_status=[1201]"))] as &[_],
                        &[(ERROR, says("Emergency Stop", "machine_status=14;sub_status=0"))],
                    ]
                }
            }
            Self::PrusaLink => {
                &const {
                    [
                        &[(
                            ERROR,
                            says("Heatbed thermal runaway", "printer_state=ERROR;job_state=ERROR"),
                        )] as &[_],
                        &[(ERROR, code("printer_state=ATTENTION"))],
                    ]
                }
            }
        }
    }

    /// What its "printer error" (9) says during a print that may well go on.
    pub const fn errors(self) -> &'static [Trouble] {
        match self {
            Self::OctoPrint => &const { [says("Too many consecutive timeouts, printer still connected?", "Error")] },
            Self::Klipper => &const { [says("Klipper Disconnected", "klippy_disconnected")] },
            // A pause for a reason that the plugin has no event for.
            Self::Bambu => &const { [says("Error", "0300800F")] },
            Self::Elegoo | Self::ElegooCc2 | Self::PrusaLink => &[CONNECTION_LOST],
        }
    }

    /// What it sends when a print pauses.
    pub(crate) const fn pause(self, cause: PauseCause) -> &'static [(EventType, Trouble)] {
        const PAUSED: EventType = EventType::PRINT_PAUSED;
        const FILAMENT: EventType = EventType::FILAMENT_CHANGE_REQUIRED;
        match (self, cause) {
            // The pause that follows within 20 s of Gadget's own is left out.
            (_, PauseCause::Gadget) => {
                &const {
                    [(
                        EventType::GADGET_PAUSED,
                        Trouble {
                            error: None,
                            code: None,
                        },
                    )]
                }
            }
            (Self::OctoPrint, PauseCause::Filament) => {
                &const { [(FILAMENT, says("M600", "M600")), (PAUSED, code("PrintPaused"))] }
            }
            (Self::Bambu, PauseCause::Filament) => &const { [(FILAMENT, says("Filament has run out.", "07008011"))] },
            (Self::OctoPrint, PauseCause::Request) => &const { [(PAUSED, code("PrintPaused"))] },
            (Self::Klipper, _) => &const { [(PAUSED, code("paused"))] },
            (Self::Bambu, PauseCause::Request) => &const { [(PAUSED, code("PAUSE"))] },
            (Self::Elegoo, _) => &const { [(PAUSED, says("Pausing", "CurrentStatus=1;PrintInfoStatus=5"))] },
            (Self::ElegooCc2, _) => &const { [(PAUSED, says("Pausing", "machine_status=2;sub_status=2501"))] },
            (Self::PrusaLink, _) => &const { [(PAUSED, code("printer_state=PAUSED;job_state=PAUSED"))] },
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
