//! What runs go around for now, because the machines do not hold there yet. A strict run goes
//! around nothing. Each exclusion goes away once strict runs are free of what it hides.

/// What a run goes around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exclusions {
    /// A session that ends while its owner waits to write is not announced again by the hub: owners
    /// look for themselves after each tick.
    pub(crate) owners_look_for_themselves: bool,
    /// A fresh token that expires before the link's next attempt ends the link, and a short one
    /// keeps it from being connected for long: only the first token of a link is short.
    pub(crate) only_first_tokens_are_short: bool,
    /// An answer on a new session that is older than what polls brought since leads a link back
    /// into a deleted epoch: no history is deleted while a link polls.
    pub(crate) nothing_is_deleted_while_polling: bool,
    /// A gap within one epoch is said to come from a change of epoch, where polls had brought the
    /// new epoch before: that is let pass.
    pub(crate) causes_may_be_old: bool,
    /// For 10 s after a change of network more than one attempt comes at once: that is let pass.
    pub(crate) changes_count_twice: bool,
}

impl Exclusions {
    /// All of them.
    pub(crate) const ALL: Self = Self {
        owners_look_for_themselves: true,
        only_first_tokens_are_short: true,
        nothing_is_deleted_while_polling: true,
        causes_may_be_old: true,
        changes_count_twice: true,
    };

    /// None of them.
    const NONE: Self = Self {
        owners_look_for_themselves: false,
        only_first_tokens_are_short: false,
        nothing_is_deleted_while_polling: false,
        causes_may_be_old: false,
        changes_count_twice: false,
    };

    /// Those that a run of this strictness goes around.
    pub(crate) const fn of(strict: Strict) -> Self {
        let mut all = Self::ALL;
        match strict {
            Strict::Off => {}
            Strict::All => return Self::NONE,
            Strict::Owners => all.owners_look_for_themselves = false,
            Strict::Tokens => all.only_first_tokens_are_short = false,
            Strict::Deletions => all.nothing_is_deleted_while_polling = false,
            Strict::Causes => all.causes_may_be_old = false,
            Strict::Changes => all.changes_count_twice = false,
        }
        all
    }
}

/// What a run does not go around although it is known not to hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Strict {
    /// It goes around all of it.
    #[default]
    Off,
    /// It goes around nothing.
    All,
    /// Ends of sessions whose owner waits to write.
    Owners,
    /// Short tokens.
    Tokens,
    /// History deleted while a link polls.
    Deletions,
    /// Causes of gaps.
    Causes,
    /// Attempts after a change of network.
    Changes,
}
