//! What to print, and how it goes.

use serde::{Deserialize, Serialize};

use super::platform::{PauseCause, Platform};
use crate::splitmix::splitmix64;

/// A print to be told of: 100 minutes and 200 layers with a filament change and a scare, unless said otherwise. Times are
/// seconds of printing: pauses don't count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Plan {
    /// Whose words it is told in; the printer's own when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// How numbers are written; the printer's own way when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numbers: Option<Numbers>,
    /// How long it takes.
    pub seconds: u32,
    /// How many layers it has.
    pub layers: u32,
    /// `FileName`. When `None`, the plugin never learnt it, and sends the text `"None"`.
    pub file_name: Option<String>,
    /// Whether the time that remains is known; -1 is sent where it isn't.
    pub remaining: Remaining,
    /// In any order, a hundred at most.
    pub pauses: Vec<Pause>,
    /// Whether the printer parks after each layer to take a picture, as Klipper's timelapse plugins do: a pause of two
    /// seconds and a resume for each.
    pub timelapse: bool,
    /// When Gadget warns, if it does.
    pub warning_at: Option<u32>,
    /// When a printer error (9) comes that ends nothing, if one comes. The clocks of progress stop with it.
    pub error_at: Option<u32>,
    /// How it ends.
    pub end: End,
    /// When it ends, if not complete; after five eighths when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_at: Option<u32>,
    /// Which of its words for a cancel, a failure or an error the platform takes; counted round.
    pub wording: usize,
}

/// A stop on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pause {
    /// After how many seconds of printing.
    pub at: u32,
    /// How long it lasts.
    pub seconds: u32,
    /// Why.
    #[serde(default)]
    pub cause: PauseCause,
}

/// How a print ends, as its notifications tell it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum End {
    /// With "print complete" (2).
    #[default]
    Complete,
    /// With a person's cancel: "print failed" (3), on every platform.
    Cancel,
    /// With a failure, which is a 3, a 9, both, or a mere pause, by platform.
    Failure,
    /// With no word: the plugin is gone, or its printer.
    Silence,
}

/// How numbers stand in a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Numbers {
    /// As JSON's whole numbers, which is what the documentation promises.
    #[default]
    Whole,
    /// As text, fractions and all (`"62.5"`), which is how the plugin hands them in.
    Text,
}

/// Whether the plugin knows how long a print will still take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Remaining {
    /// It does, from the first layer on.
    #[default]
    Estimate,
    /// It never does.
    Unknown,
}

/// Why there is no such print.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum InvalidPlan {
    #[error("a print takes from 1 second to 60 days (5184000 seconds)")]
    Seconds,
    #[error("a print has from 1 to 100000 layers")]
    Layers,
    #[error("{0} is after the end of the print; times are seconds of printing, pauses aside")]
    Late(u32),
    #[error("a pause lasts from 1 second to a week (604800 seconds), and there are a hundred at most")]
    Pauses,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            platform: None,
            numbers: None,
            seconds: 6_000,
            layers: 200,
            file_name: Some("3DBenchy.gcode".to_owned()),
            remaining: Remaining::Estimate,
            pauses: vec![Pause {
                at: 2_100,
                seconds: 240,
                cause: PauseCause::Filament,
            }],
            timelapse: false,
            warning_at: Some(3_720),
            error_at: None,
            end: End::Complete,
            end_at: None,
            wording: 0,
        }
    }
}

impl Plan {
    /// The default print, ended in this way on this platform.
    pub fn ending(platform: Platform, end: End) -> Self {
        Self {
            platform: Some(platform),
            end,
            ..Self::default()
        }
    }

    /// One of many prints of this platform: the same for the same number, and another for another. Short and long ones,
    /// every end, pauses, timelapses, odd names and numbers as text all come up.
    pub fn varied(platform: Platform, number: u64) -> Self {
        let mut dice = Dice(number.wrapping_mul(0x0001_0000));
        let seconds = match dice.below(4) {
            0 => 10 + dice.below(600),
            1 | 2 => 600 + dice.below(10_000),
            _ => 10_000 + dice.below(60_000),
        };
        let end = dice.one_of(&[End::Complete, End::Complete, End::Cancel, End::Failure, End::Silence]);
        let causes = [PauseCause::Request, PauseCause::Filament, PauseCause::Gadget];
        let pauses = (0..dice.below(4)).map(|_| Pause {
            at: dice.below(seconds),
            seconds: 1 + dice.below(7_200),
            cause: dice.one_of(&causes),
        });
        Self {
            pauses: pauses.collect(),
            platform: Some(platform),
            numbers: Some(dice.one_of(&[Numbers::Whole, Numbers::Text])),
            seconds,
            layers: 1 + dice.below(600),
            file_name: dice
                .one_of(&[Some("vase.gcode"), Some("größe 40 mm.3mf"), None])
                .map(str::to_owned),
            remaining: dice.one_of(&[Remaining::Estimate, Remaining::Estimate, Remaining::Unknown]),
            timelapse: platform == Platform::Klipper && dice.below(4) == 0,
            warning_at: (dice.below(3) == 0).then(|| dice.below(seconds)),
            error_at: (dice.below(5) == 0).then(|| dice.below(seconds)),
            end,
            end_at: Some(dice.below(seconds)),
            wording: dice.below(12) as usize,
        }
    }

    /// After how many seconds of printing it ends.
    pub(crate) fn end_at(&self) -> u32 {
        match self.end {
            End::Complete => self.seconds,
            End::Cancel | End::Failure | End::Silence => self.end_at.unwrap_or(self.seconds / 8 * 5),
        }
    }

    /// # Errors
    /// When it could go on for ever, or names a time that never comes.
    pub(crate) fn check(&self) -> Result<(), InvalidPlan> {
        if !(1..=60 * 86_400).contains(&self.seconds) {
            return Err(InvalidPlan::Seconds);
        }
        if !(1..=100_000).contains(&self.layers) {
            return Err(InvalidPlan::Layers);
        }
        let short = |pause: &Pause| (1..=7 * 86_400).contains(&pause.seconds);
        if self.pauses.len() > 100 || !self.pauses.iter().all(short) {
            return Err(InvalidPlan::Pauses);
        }
        let pauses = self.pauses.iter().map(|pause| pause.at);
        let rest = [self.warning_at, self.error_at, self.end_at].into_iter().flatten();
        match pauses.chain(rest).find(|&at| at > self.seconds) {
            Some(at) => Err(InvalidPlan::Late(at)),
            None => Ok(()),
        }
    }
}

/// Rolls the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_add(1);
        // Less than `limit`, so it fits.
        (splitmix64(self.0) % u64::from(limit)) as u32
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u32) as usize]
    }
}
