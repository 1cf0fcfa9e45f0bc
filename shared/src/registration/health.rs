//! What no single run can see: that the table has lost its registrations, and that nearly everybody is refused. A run remembers a
//! little of it for the next ones.

use jiff::SignedDuration;

use super::renewal::EpochSeconds;

/// How often it is looked whether there is any registration, while there is one; and for how long answers are counted together.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// From how many answers on their share is worth telling: one registration that is refused is tried eight times on its first day.
pub const ANSWERS_TO_TELL: u64 = 20;

/// What runs remember of what they found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Health {
    /// When it was last looked whether there is any registration, and whether there was. `None`: never.
    pub census: Option<Census>,
    /// What OctoEverywhere answered since it was last counted anew.
    pub answers: Answers,
    /// When that was.
    pub answers_since: EpochSeconds,
}

/// What was found when it was looked whether there is any registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Census {
    /// When.
    pub at: EpochSeconds,
    /// Whether there was none.
    pub is_empty: bool,
}

/// How often OctoEverywhere answered, and with what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Answers {
    /// All of them; silence is none.
    pub all: u64,
    /// Those that refuse a registration for good.
    pub refusals: u64,
}

impl Health {
    /// Whether it is time to look: once a day, and always while there was nothing, which costs nothing.
    pub fn is_census_due(&self, now: EpochSeconds) -> bool {
        self.census
            .is_none_or(|census| census.is_empty || now - census.at >= DAY)
    }

    /// Notes what was found; tells whether the table has lost all that was in it. That is told once.
    pub fn note_census(&mut self, now: EpochSeconds, is_empty: bool) -> bool {
        let was_empty = self.census.is_none_or(|census| census.is_empty);
        if is_empty != was_empty || !is_empty || self.census.is_none() {
            self.census = Some(Census { at: now, is_empty });
        }
        is_empty && !was_empty
    }

    /// Adds a run's answers; tells the refusals' share in percent while they are more than half of enough answers within a day.
    pub fn note_answers(&mut self, now: EpochSeconds, answers: Answers) -> Option<u64> {
        if answers.all == 0 {
            return None;
        }
        if now - self.answers_since >= DAY {
            (self.answers, self.answers_since) = (Answers::default(), now);
        }
        self.answers.all = self.answers.all.saturating_add(answers.all);
        self.answers.refusals = self.answers.refusals.saturating_add(answers.refusals);
        let Answers { all, refusals } = self.answers;
        (all >= ANSWERS_TO_TELL && refusals.saturating_mul(2) > all).then(|| refusals.saturating_mul(100) / all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;

    #[test]
    fn a_table_that_has_lost_everything_is_told_once() {
        let mut health = Health::default();
        // Hours, whether it was empty then, and whether that is told; `None`: it isn't looked.
        for (hours, look) in [
            (0, Some((true, false))),
            (1, Some((true, false))),
            (2, Some((false, false))),
            (3, None),
            (25, None),
            (26, Some((false, false))),
            (49, None),
            (50, Some((true, true))),
            (51, Some((true, false))),
            (99, Some((true, false))),
            (100, Some((false, false))),
            (124, Some((true, true))),
        ] {
            let now = EpochSeconds(hours * HOUR);
            assert_eq!(health.is_census_due(now), look.is_some(), "{hours}");
            if let Some((is_empty, is_loss)) = look {
                assert_eq!(health.note_census(now, is_empty), is_loss, "{hours}");
            }
        }
    }

    #[test]
    fn nothing_is_written_while_an_empty_table_stays_empty() {
        let mut health = Health::default();
        health.note_census(EpochSeconds(0), true);
        let before = health;
        health.note_census(EpochSeconds(HOUR), true);
        assert_eq!(health.note_answers(EpochSeconds(HOUR), Answers::default()), None);
        assert_eq!(health, before);
    }

    #[test]
    fn refusals_are_told_while_they_are_most_of_a_day_s_answers() {
        let mut health = Health::default();
        let start = 500_000;
        for (hours, all, refusals, share) in [
            // One registration that is refused.
            (0, 8, 8, None),
            (1, 11, 11, None),
            (2, 1, 1, Some(100)),
            (3, 20, 0, None),
            (4, 1, 1, Some(51)),
            (5, 0, 0, None),
            (23, 1, 0, None),
            // The next day.
            (24, 19, 19, None),
            (25, 1, 0, Some(95)),
        ] {
            let now = EpochSeconds(start + hours * HOUR);
            assert_eq!(health.note_answers(now, Answers { all, refusals }), share, "{hours}");
        }
    }
}
