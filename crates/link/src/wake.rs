//! Why a link wants to be woken.

/// What will be due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// The socket or its welcome has taken too long.
    ConnectTimeout,
    /// The next attempt.
    Backoff,
    /// Another endpoint is tried beside the first.
    Race,
    /// The attempt under way has taken long: plain HTTP is tried beside it.
    Probe,
    /// The app is asked for a token: again, since it could not say, or before the one in use ends.
    Token,
    /// The next heartbeat.
    Heartbeat,
    /// An answer is overdue.
    Doubt,
    /// No sign of life came in time.
    HeartbeatTimeout,
    /// A look at how long nothing has come.
    Health,
    /// The server asked to leave by now.
    Leave,
    /// A channel is asked for again: the server could not serve it, or did not answer.
    Subscribe,
    /// A publish may be sent, or has waited too long for its answer.
    Publish,
    /// Long enough without data to poll, since plain HTTP gets through.
    Fallback,
    /// The next poll.
    Poll,
    /// A poll has taken too long.
    PollTimeout,
    /// The next attempt to come back from polling, or the end of it.
    Return,
    /// What people are told changes.
    Message,
}
