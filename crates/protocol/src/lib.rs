//! The words of the wire: names, positions, frames, close codes, limits, and their codecs.
//!
//! `PROTOCOL.md` is the normative text; this crate is its vocabulary in Rust. It knows bytes and
//! their meaning, and nothing of clocks, sockets, sessions or who is connected.

#![no_std]

extern crate alloc;

mod close;
pub mod codec;
mod error;
mod event;
mod frame;
mod limits;
mod name;
mod payload;
mod poll;
mod position;
mod time;

pub use close::{Advice, CloseCode, PATH_REASON, STALE_REASON};
pub use error::{DecodeError, ErrorCode};
pub use event::{EncodedEvent, Event};
pub use frame::client::{
    ChannelRequest, ClientFrame, ClientInfo, Heartbeat, HeartbeatTerms, Hello, PublishFrame,
    Scalar, Token,
};
pub use frame::server::{
    ErrorFrame, GoAway, LinkLimits, ServerFrame, Subscribed, Superseded, Welcome,
};
pub use limits::Limits;
pub use name::{
    ChannelName, Epoch, EventName, Generation, LinkId, LinkKey, NameError, ReplaceKey, UserId,
};
pub use payload::{Payload, PayloadError};
pub use poll::{PollAnswer, PollEvent, PollPage, PollRefusal};
pub use position::{Gap, GapCause, Position, Since};
pub use time::{TimeText, Timestamp};
