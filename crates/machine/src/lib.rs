//! The contract of every state machine in this house.
//!
//! A machine is told what happened and when, and says what to do and when it next wants to be
//! told the time. It owns no clock, no socket, no task and no source of randomness: the shell
//! around it has those. So everything it does can be replayed in virtual time from a seed.
//!
//! 1. Call [`Machine::handle`], then [`Machine::poll`] until it gives `None`.
//! 2. `now` never goes back.
//! 3. Call `handle` with the machine's own tick input no later than [`Machine::wake`] says.
//! 4. A bad peer is an output (a close with a code), never an error value and never a panic.

#![no_std]

mod rate;
mod rng;
mod time;
mod wake;

pub use rate::Rate;
pub use rng::Rng;
pub use time::{Millis, Span};
pub use wake::Wake;

/// A pure state machine, driven by a shell that owns time and sockets.
pub trait Machine {
    /// What can happen to the machine.
    type Input;
    /// What the machine asks its shell to do, in order.
    type Output;
    /// Why the machine wants to be woken.
    type Why;

    /// Takes one input at `now`. Everything that follows from it waits in [`Machine::poll`].
    fn handle(&mut self, now: Millis, input: Self::Input);

    /// The next thing to do, in order; `None` when there is nothing left.
    fn poll(&mut self) -> Option<Self::Output>;

    /// When to hand in a tick at the latest, and why; `None` when only an input can change things.
    fn wake(&self) -> Option<Wake<Self::Why>>;
}
