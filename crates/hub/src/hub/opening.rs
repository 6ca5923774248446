//! What a session begins with, and why it may not.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::IpAddr;

use steadfast_machine::Millis;
use steadfast_protocol::{
    ChannelRequest, ClientInfo, Generation, HeartbeatTerms, LinkId, LinkKey, Timestamp,
};

use crate::{Encoding, Grants, Identity, Transport};

/// A session that begins.
#[derive(Clone, Debug)]
pub struct Opening {
    /// Its link.
    pub link: LinkId,
    /// Whose it is, if that is known.
    pub identity: Option<Arc<Identity>>,
    /// Where its client is, if that is known.
    pub address: Option<IpAddr>,
    /// Which session of the link.
    pub generation: Generation,
    /// How it travels.
    pub transport: Transport,
    /// What it is told.
    pub encoding: Encoding,
    /// Who is speaking.
    pub client: Option<ClientInfo>,
    /// What it may do.
    pub grants: Grants,
    /// When its token expires.
    pub expires: Option<Millis>,
    /// The terms it proposed.
    pub heartbeat: Option<HeartbeatTerms>,
    /// What it follows from the start.
    pub channels: Vec<ChannelRequest>,
    /// The date.
    pub time: Timestamp,
}

/// Why a session may not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// A session of the link with the same or a higher generation is live.
    Replaced,
    /// It names so many channels that the answers would not fit into its queue. P-29
    TooManyChannels {
        /// How many it names.
        named: usize,
        /// The most that a link follows.
        max: usize,
    },
}

impl Opening {
    /// Its link, as this server knows it.
    pub fn link_key(&self) -> LinkKey {
        let user = self.identity.as_ref().and_then(|identity| identity.user.clone());
        LinkKey { user, link: self.link.clone() }
    }
}
