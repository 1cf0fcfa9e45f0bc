//! The words in which each platform tells of trouble (octoeverywhere.md, "What the plugin really sends, by platform", and
//! the plugin's source).

use super::platform::{Platform, Trouble};
use crate::wire::event_type::EventType;

const FAILED: EventType = EventType::PRINT_FAILED;
const PAUSED: EventType = EventType::PRINT_PAUSED;
const FILAMENT: EventType = EventType::FILAMENT_CHANGE_REQUIRED;
const ERROR: EventType = EventType::PRINTER_ERROR;

/// Notifications that come together, in order.
pub(super) type Burst = &'static [(EventType, Trouble)];

/// What one platform sends.
pub(super) struct Words {
    /// In "print failed", after a person's cancel.
    pub(super) cancels: &'static [Trouble],
    /// When a print really fails: each a way to fail.
    pub(super) failures: &'static [Burst],
    /// In "printer error", during a print that may well go on.
    pub(super) errors: &'static [Trouble],
    /// When somebody, or the file, asked for a pause.
    pub(super) pause: Burst,
    /// When the filament ran out or has to be changed.
    pub(super) filament: Burst,
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

const OCTOPRINT: Words = Words {
    cancels: &[says("cancelled", "PrintFailed")],
    failures: &[
        &[
            (ERROR, says("Thermal runaway, printer halted", "Error")),
            (FAILED, says("error", "PrintFailed")),
        ],
        &[(FAILED, says("error", "PrintFailed"))],
    ],
    errors: &[says("Too many consecutive timeouts", "Error")],
    pause: &[(PAUSED, code("PrintPaused"))],
    filament: &[(FILAMENT, says("M600", "M600")), (PAUSED, code("PrintPaused"))],
};

const KLIPPER: Words = Words {
    cancels: &[code("cancelled")],
    failures: &[
        &[(ERROR, says("Move out of range", "error"))],
        &[(ERROR, says("Lost communication with MCU 'mcu'", "klippy_shutdown"))],
        &[(ERROR, code("error"))],
    ],
    errors: &[says("Klipper Disconnected", "klippy_disconnected")],
    pause: &[(PAUSED, code("paused"))],
    filament: &[(PAUSED, code("paused"))],
};

const BAMBU: Words = Words {
    cancels: &[
        says("Printing was cancelled.", "0500400E"),
        says("The task was canceled.", "0300400C"),
    ],
    failures: &[
        &[(
            FAILED,
            says("Z axis homing failed; the task has been stopped.", "03004000"),
        )],
        &[(FAILED, says("The nozzle is clogged.", "03004006"))],
        // A code that the plugin has no text for, and a failure without a code.
        &[(FAILED, says("Error", "0300400F"))],
        &[(FAILED, code("FAILED"))],
    ],
    // A pause for a reason that the plugin knows neither an event nor a text for.
    errors: &[says("Error", "0300FFFF")],
    pause: &[(PAUSED, code("PAUSE"))],
    filament: &[(FILAMENT, says("Filament has run out.", "07008011"))],
};

const ELEGOO: Words = Words {
    cancels: &[
        code("CurrentStatus=0;PrintInfoStatus=8"),
        code("CurrentStatus=1;PrintInfoStatus=14"),
    ],
    // Any fault is a pause.
    failures: &[
        &[(PAUSED, says("Pausing", "CurrentStatus=1;PrintInfoStatus=5"))],
        &[(PAUSED, code("CurrentStatus=1;PrintInfoStatus=6"))],
    ],
    errors: &[CONNECTION_LOST],
    pause: &[(PAUSED, says("Pausing", "CurrentStatus=1;PrintInfoStatus=5"))],
    filament: &[(PAUSED, says("Pausing", "CurrentStatus=1;PrintInfoStatus=5"))],
};

const ELEGOO_CC2: Words = Words {
    cancels: &[
        says("Stopping", "machine_status=2;sub_status=2503"),
        says("Stopped", "machine_status=2;sub_status=2504"),
    ],
    failures: &[
        &[(ERROR, code("machine_status=2;sub_status=2075;exception_status=[1201]"))],
        &[(ERROR, says("Emergency Stop", "machine_status=14;sub_status=0"))],
    ],
    errors: &[CONNECTION_LOST],
    pause: &[(PAUSED, says("Pausing", "machine_status=2;sub_status=2501"))],
    filament: &[(PAUSED, says("Pausing", "machine_status=2;sub_status=2501"))],
};

const PRUSALINK: Words = Words {
    cancels: &[
        code("printer_state=STOPPED;job_state=STOPPED"),
        code("printer_state=BUSY;job_state=STOPPED"),
        code("printer_state=STOPPED"),
    ],
    failures: &[
        &[(
            ERROR,
            says("Heatbed thermal runaway", "printer_state=ERROR;job_state=ERROR"),
        )],
        &[(ERROR, code("printer_state=ATTENTION"))],
    ],
    errors: &[CONNECTION_LOST],
    pause: &[(PAUSED, code("printer_state=PAUSED;job_state=PAUSED"))],
    filament: &[(PAUSED, code("printer_state=PAUSED;job_state=PAUSED"))],
};

pub(super) const fn of(platform: Platform) -> &'static Words {
    match platform {
        Platform::OctoPrint => &OCTOPRINT,
        Platform::Klipper => &KLIPPER,
        Platform::Bambu => &BAMBU,
        Platform::Elegoo => &ELEGOO,
        Platform::ElegooCc2 => &ELEGOO_CC2,
        Platform::PrusaLink => &PRUSALINK,
    }
}
