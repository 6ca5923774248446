//! The Steadfast client: one link to a server, kept alive over any number of sockets and polls.
//!
//! [`Client`] is the handle; everything it tells comes as a [`Notice`], in order. The link itself
//! (when to reconnect, when to poll, where to resume) is the pure crate `steadfast-link`; this one
//! gives it a clock, sockets and HTTP.
//!
//! # Connect and follow
//!
//! ```no_run
//! # async fn follow() -> Result<(), Box<dyn std::error::Error>> {
//! use steadfast_client::{ChannelName, Client, LinkState, Notice, Reason, Since};
//!
//! let channel = ChannelName::new("build:1")?;
//! let builder = Client::builder("https://live.example.org").token("…");
//! let mut client = builder.subscribe(channel, Since::Start).connect().await?;
//! while let Some(notice) = client.next().await {
//!     match notice {
//!         Notice::Event(event) => println!("{} {:?}", event.event, event.data),
//!         Notice::Gap { channel, gap } => println!("{channel}: some events are gone: {gap:?}"),
//!         Notice::State { new: LinkState::Disconnected, reason, .. }
//!             if reason == Reason::Finished || reason == Reason::Rejected =>
//!         {
//!             break; // at rest: every channel has ended, or the server will not have this client
//!         }
//!         Notice::State { new, reason, .. } => println!("{}: {}", new.as_str(), reason.as_str()),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! `connect` gives a client at once; reaching the server, and reaching it again, goes on in the
//! background. A server that wants a token gets one from [`Builder::token`], or, as they expire,
//! from [`Builder::token_source`].
//!
//! # A stream for each channel
//!
//! Parts of an app that each want one channel take its own stream; what is told there is told
//! nowhere else.
//!
//! ```no_run
//! # async fn follow(client: steadfast_client::Client) -> Result<(), Box<dyn std::error::Error>> {
//! use steadfast_client::{ChannelName, ChannelNotice, Since};
//!
//! let mut stream = client.channel(ChannelName::new("build:1")?, Since::Start).await?;
//! while let Some(notice) = stream.next().await {
//!     if let ChannelNotice::Event(event) = notice {
//!         println!("{} {:?}", event.event, event.data);
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Nothing is dropped for a slow reader. Each stream, and that of all notices, holds 256 notices;
//! while one is full the link is held still and the network's own flow control holds the server
//! back. So an app reads every stream that it keeps, each in a task of its own. States alone hold
//! nothing up.
//!
//! # States
//!
//! Five [`LinkState`]s, each entered for a [`Reason`]. [`Client::next`] tells every change;
//! [`Client::state`] is for whoever shows the newest.
//!
//! ```no_run
//! # async fn watch(client: steadfast_client::Client) {
//! let mut state = client.state();
//! while state.changed().await.is_ok() {
//!     println!("{}", state.borrow_and_update().as_str());
//!     if let Some(error) = client.last_dial_error() {
//!         eprintln!("{error}");
//!     }
//! }
//! # }
//! ```
//!
//! # Close
//!
//! [`Client::close`] says goodbye to the server and waits for it; what was told before can still be
//! read. Dropping the client closes it too, without waiting.
//!
//! # Resume after a restart
//!
//! A link that is lost resumes by itself. For a process that may end, save [`Client::positions`]
//! behind what was done with the events, and start with [`Builder::resume`]: each event comes once,
//! but for those that were handled after the last save.
//!
//! ```no_run
//! # async fn resume() -> Result<(), Box<dyn std::error::Error>> {
//! use steadfast_client::{ChannelName, Client, SavedPositions, Since};
//!
//! let saved = SavedPositions::from_json(&std::fs::read_to_string("positions.json")?)?;
//! let builder = Client::builder("https://live.example.org").resume(saved);
//! let mut client = builder.subscribe(ChannelName::new("a")?, Since::Start).connect().await?;
//! while let Some(notice) = client.next().await {
//!     println!("{notice:?}");
//!     std::fs::write("positions.json", client.positions().to_json())?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Several endpoints
//!
//! A service that is reached at more than one address is named by all of them. Where the first is
//! slow to open a WebSocket, the next is tried beside it and the first to open is kept; a session
//! that is asked to leave by a server that goes away finds the next one elsewhere, and the app is
//! told of nothing.
//!
//! ```no_run
//! # async fn several() -> Result<(), Box<dyn std::error::Error>> {
//! # use steadfast_client::Client;
//! let builder = Client::builder("https://live-a.example.org");
//! let client = builder.endpoint("https://live-b.example.org").connect().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Networks
//!
//! An app that hears of its device's network tells the link: [`Client::set_network`] that there is
//! none or one again, [`Client::network_changed`] that it is another, [`Client::set_foreground`]
//! whether somebody looks. All of it is optional, and makes the link act at once where it would
//! have waited.
//!
//! On networks that let no WebSocket through, events come by polling. The link remembers for a day
//! on which they did, and begins with polling there. Save that with [`Client::networks`], and it is
//! known after a restart:
//!
//! ```no_run
//! # fn hash(_: &str) -> String { String::new() }
//! # async fn networks(ssid: &str) -> Result<(), Box<dyn std::error::Error>> {
//! use steadfast_client::{Client, NetworkKey, NetworkKind, SavedNetworks};
//!
//! let saved = SavedNetworks::from_json(&std::fs::read_to_string("networks.json")?)?;
//! let builder = Client::builder("https://live.example.org").networks(saved);
//! let client = builder.connect().await?;
//! // A hash with a secret of this device in it, and not the name itself.
//! let key = NetworkKey::new(&hash(ssid));
//! client.network_changed(NetworkKind::Wifi, key).await?;
//! std::fs::write("networks.json", client.networks().await?.to_json())?;
//! # Ok(())
//! # }
//! ```
//!
//! # TLS and proxies
//!
//! `https://` and `wss://` servers show a certificate that the machine trusts: those of its own
//! store, or of `SSL_CERT_FILE`, and with [`Builder::root_certificate`] those of a CA of yours. A
//! server that sends a link to another place cannot send it out of TLS.
//!
//! ```no_run
//! # async fn private() -> Result<(), Box<dyn std::error::Error>> {
//! # use steadfast_client::Client;
//! let pem = std::fs::read("ca.pem")?;
//! let client = Client::builder("https://live.internal").root_certificate(pem).connect().await?;
//! # Ok(())
//! # }
//! ```
//!
//! Sockets and polls go through the proxies that `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and
//! `NO_PROXY` name, sockets by a tunnel; a proxy is an `http://` URL, with user and password where
//! it wants them. A server on this machine is reached directly. Why the newest attempt failed, with
//! what caused it and what to do, is in [`Client::last_dial_error`]; a certificate that does not
//! prove the server counts as a path that blocks, as at a hotel's sign-in page.

/// The examples of `docs/rust.md`, compiled by the tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/rust.md")]
mod manual {}

mod answer;
mod builder;
mod channel;
mod client;
mod clock;
mod connector;
mod dial_error;
mod driver;
mod endpoint;
mod error;
#[cfg(test)]
mod fake;
mod messages;
mod network_io;
mod networks;
mod notice_router;
mod notices;
mod path_probe;
mod poll;
mod positions;
mod proxy;
mod publish;
mod socket;
mod tls;
mod token;
mod transport;
mod upgrade;
mod websocket;

pub use builder::Builder;
pub use channel::{ChannelNotice, ChannelStream};
pub use client::{Client, Network};
pub use dial_error::DialError;
pub use error::{ClosedError, ConnectError, PublishError, UrlError};
pub use messages::{Action, Catalogue, Language, Text};
pub use networks::{NetworksError, SavedNetworks};
pub use path_probe::{PathAnswer, PathError, PathProbe, PathRequest};
pub use positions::{PositionsError, SavedPositions};
pub use publish::{Publish, Publisher};
pub use steadfast_link::{
    Config, Detection, DialFailure, Grade, LinkState, Message, MessageCode, NetworkKey,
    NetworkKind, NetworkRecord, Notice, Part, Parts, QualityReport, Reason, Severity, Statistics,
};
pub use steadfast_machine::{Millis, Span};
pub use steadfast_protocol::{
    ChannelName, ClientInfo, Epoch, Event, EventName, Gap, GapCause, LinkId, NameError, Payload,
    PayloadError, Position, ReplaceKey, Since, Token,
};
pub use tls::TlsError;
pub use token::TokenAnswer;
