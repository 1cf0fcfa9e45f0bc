//! What everybody keeps to, and what never may happen.

/// A rule that the actors keep. The check must find out when one is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Nobody works on a row that somebody holds.
    Lease,
    /// A sweep begins when no invocation of the old stack can be alive.
    Settling,
    /// A row remembers what its webhook calls.
    Memory,
    /// After an unknown outcome nobody claims to know it.
    Doubt,
    /// A run leaves alone what was set after it began.
    Since,
    /// Whoever sweeps a row that somebody else is at has it called once more.
    Reapplication,
    /// A key that is left to be retired after a sweep has another one begin.
    Remainder,
    /// A key is retired only if no row bears it.
    Bearing,
    /// A key is retired only by a sweep of every row.
    Scope,
    /// A key is retired only by a sweep that began when nobody signed with it any more.
    Rest,
    /// A row that somebody holds may bear any key.
    LeaseBears,
    /// A sweep goes round once more after a reason that came in between.
    Again,
    /// A place is written down once every row before it is done.
    Place,
    /// The sweep is written on condition that it is as it was read.
    Revision,
    /// The sweep waits for the regular work on a row, and looks at it again.
    Patience,
    /// A row of which the work broke off is passed once more.
    Completion,
}

/// Something that never may happen, and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sin {
    TwoCallers,
    RetiredTooEarly,
    RenewedTwice,
}
