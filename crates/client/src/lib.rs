//! The Steadfast client: one link to a server, kept alive over any number of sockets and polls.
//!
//! [`Client`] is the handle; everything it tells comes as a [`Notice`], in order. The link itself
//! (when to reconnect, when to poll, where to resume) is the pure crate `steadfast-link`; this one
//! gives it a clock, sockets and HTTP.
//!
//! Only `http://` and `ws://` are spoken for now; a URL that asks for TLS is refused with words
//! that say so. Polls and probes go through the proxy that `HTTP_PROXY` names, but for a server
//! on this machine; WebSockets go directly.
//!
//! ```no_run
//! # async fn follow() -> Result<(), Box<dyn std::error::Error>> {
//! use steadfast_client::{ChannelName, Client, Notice, Since};
//!
//! let channel = ChannelName::new("build:1")?;
//! let builder = Client::builder("http://127.0.0.1:8080").subscribe(channel, Since::Start);
//! let mut client = builder.connect().await?;
//! while let Some(notice) = client.next().await {
//!     if let Notice::Event(event) = notice {
//!         println!("{} {:?}", event.event, event.data);
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod answer;
mod builder;
mod client;
mod clock;
mod driver;
mod endpoint;
mod error;
#[cfg(test)]
mod fake;
mod notices;
mod poll;
mod socket;
mod token;
mod transport;
mod wires;

pub use builder::Builder;
pub use client::{Client, Network};
pub use error::{ClosedError, ConnectError, UrlError};
pub use steadfast_link::{
    Config, Detection, Grade, LinkState, NetworkKind, Notice, Part, Parts, QualityReport, Reason,
    Statistics,
};
pub use steadfast_machine::Span;
pub use steadfast_protocol::{
    ChannelName, ClientInfo, Epoch, Event, EventName, Gap, GapCause, NameError, Payload, Position,
    Since,
};
