//! Messages between the nodes that share a broker. In: the bytes of a message. Out: a
//! [`ClusterMessage`], or why the bytes are none. A message is a kind and its fields, with a space
//! between each two. Nodes of two versions may share a broker, so the bytes of a kind never change:
//! a new version adds kinds, or fields behind those of a kind, and an older one ignores both.

use std::fmt::Write;

use steadfast_protocol::{ChannelName, Generation, LinkId, LinkKey, UserId};

use super::{NodeId, RESPONSE_BYTES_MAX};

/// The longest message that is decoded, in bytes: the largest response and its other fields.
const MESSAGE_BYTES_MAX: usize = RESPONSE_BYTES_MAX + 1_024;
/// The longest fence or base of an epoch, in bytes.
const TOKEN_BYTES_MAX: usize = 64;
/// Channels in one message about reserved epochs.
const RESERVED_MAX: usize = 1_024;

const REQUEST: &str = "ask";
const RESPONSE: &str = "answer";
const ALIVE: &str = "here";
const LIST_RESERVED: &str = "which-reserved";
const RESERVED: &str = "reserved";
const KEEP_RESERVED: &str = "kept";
const CLAIM_LINK: &str = "hello";
const LINK_HELD: &str = "held";
const FENCE: &str = "fence";
const PROBE: &str = "probe";

/// Channels without events, each with the base of the epoch that its first event will have.
pub(crate) type ReservedBases = Vec<(ChannelName, String)>;

/// A message between nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClusterMessage {
    /// `ask`: a request. Each node that receives it responds to `from`.
    Request { from: NodeId, number: u64, body: String },
    /// `answer`: the response of `from` to the request of this number.
    Response { number: u64, from: NodeId, body: String },
    /// `here`: the node is alive.
    Alive { node: NodeId },
    /// `which-reserved`: the node asks every other one for the epochs that it has reserved.
    ListReserved { node: NodeId },
    /// `reserved`: the node has reserved these epochs.
    Reserved { node: NodeId, epochs: ReservedBases },
    /// `kept`: the same, and sessions follow these channels: the epochs must not be forgotten.
    KeepReserved { node: NodeId, epochs: ReservedBases },
    /// `hello`: a session of the link has begun on the node. Older sessions of it are closed. A
    /// version before users sends none, and takes the same id of two users for one link.
    ClaimLink { node: NodeId, generation: Generation, link: LinkKey },
    /// `held`: the response to `hello` where the node has a newer session, of this generation.
    LinkHeld { generation: Generation, link: LinkKey },
    /// `fence`: a Redis server has lost events; its epochs are under this fence from now on.
    Fence { fence: String },
    /// `probe`: a message that a node sends to itself to see whether messages arrive.
    Probe { number: u64 },
}

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MessageError {
    #[error("it has {len} bytes; the limit is {max}")]
    TooLong { len: usize, max: usize },
    #[error("it is not UTF-8")]
    NotUtf8,
    #[error("this version knows no message of the kind `{0}`")]
    UnknownKind(String),
    #[error("the field `{field}` of `{kind}` is missing or not valid")]
    BadField { kind: &'static str, field: &'static str },
}

impl ClusterMessage {
    /// The text of the message.
    pub(crate) fn encode(&self) -> String {
        match self {
            Self::Request { from, number, body } => format!("{REQUEST} {from} {number} {body}"),
            Self::Response { number, from, body } => format!("{RESPONSE} {number} {from} {body}"),
            Self::Alive { node } => format!("{ALIVE} {node}"),
            Self::ListReserved { node } => format!("{LIST_RESERVED} {node}"),
            Self::Reserved { node, epochs } => with_epochs(RESERVED, node, epochs),
            Self::KeepReserved { node, epochs } => with_epochs(KEEP_RESERVED, node, epochs),
            Self::ClaimLink { node, generation, link } => {
                format!("{CLAIM_LINK} {node} {generation} {}", link_fields(link))
            }
            Self::LinkHeld { generation, link } => {
                format!("{LINK_HELD} {generation} {}", link_fields(link))
            }
            Self::Fence { fence } => format!("{FENCE} {fence}"),
            Self::Probe { number } => format!("{PROBE} {number}"),
        }
    }

    /// The message of these bytes.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(MessageError::TooLong { len: bytes.len(), max: MESSAGE_BYTES_MAX });
        }
        let text = std::str::from_utf8(bytes).map_err(|_| MessageError::NotUtf8)?;
        let (kind, rest) = match text.split_once(' ') {
            Some((kind, rest)) => (kind, Some(rest)),
            None => (text, None),
        };
        let fields = |kind| Fields { kind, rest };
        match kind {
            REQUEST => fields(REQUEST).request(),
            RESPONSE => fields(RESPONSE).response(),
            ALIVE => Ok(Self::Alive { node: fields(ALIVE).node()? }),
            LIST_RESERVED => Ok(Self::ListReserved { node: fields(LIST_RESERVED).node()? }),
            RESERVED => {
                let mut fields = fields(RESERVED);
                Ok(Self::Reserved { node: fields.node()?, epochs: fields.epochs()? })
            }
            KEEP_RESERVED => {
                let mut fields = fields(KEEP_RESERVED);
                Ok(Self::KeepReserved { node: fields.node()?, epochs: fields.epochs()? })
            }
            CLAIM_LINK => {
                let mut fields = fields(CLAIM_LINK);
                let (node, generation) = (fields.node()?, fields.number("generation")?);
                Ok(Self::ClaimLink { node, generation, link: fields.link()? })
            }
            LINK_HELD => {
                let mut fields = fields(LINK_HELD);
                let generation = fields.number("generation")?;
                Ok(Self::LinkHeld { generation, link: fields.link()? })
            }
            FENCE => Ok(Self::Fence { fence: fields(FENCE).token("fence")? }),
            PROBE => Ok(Self::Probe { number: fields(PROBE).number("number")? }),
            unknown => Err(MessageError::UnknownKind(unknown.chars().take(32).collect())),
        }
    }
}

/// The id, and the user if there is one.
fn link_fields(LinkKey { user, link }: &LinkKey) -> String {
    match user {
        // A space would end the field. No user has a control character.
        Some(user) => format!("{link} {}", user.as_str().replace('%', "%25").replace(' ', "%20")),
        None => link.to_string(),
    }
}

fn with_epochs(kind: &str, node: &NodeId, epochs: &ReservedBases) -> String {
    let mut text = format!("{kind} {node}");
    for (channel, base) in epochs {
        // Writing to a string does not fail.
        let _ = write!(text, " {channel} {base}");
    }
    text
}

/// The fields behind a kind, from the first to the last.
struct Fields<'a> {
    kind: &'static str,
    /// What has not been read; `None` behind the last field.
    rest: Option<&'a str>,
}

impl<'a> Fields<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest.take()?;
        let (field, behind) = match rest.split_once(' ') {
            Some((field, behind)) => (field, Some(behind)),
            None => (rest, None),
        };
        self.rest = behind;
        Some(field)
    }

    fn read<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, MessageError> {
        let kind = self.kind;
        self.next().and_then(read).ok_or(MessageError::BadField { kind, field })
    }

    fn node(&mut self) -> Result<NodeId, MessageError> {
        self.read("node", NodeId::parse)
    }

    fn number(&mut self, field: &'static str) -> Result<u64, MessageError> {
        self.read(field, |text| text.parse().ok())
    }

    fn link(&mut self) -> Result<LinkKey, MessageError> {
        let link = self.read("link", |text| LinkId::new(text).ok())?;
        let user = match self.rest {
            Some(_) => Some(self.read("user", user)?),
            None => None,
        };
        Ok(LinkKey { user, link })
    }

    fn token(&mut self, field: &'static str) -> Result<String, MessageError> {
        self.read(field, token)
    }

    /// Everything that has not been read, spaces included.
    fn body(mut self) -> Result<String, MessageError> {
        let body = self.rest.take().map(str::to_owned);
        body.ok_or(MessageError::BadField { kind: self.kind, field: "body" })
    }

    fn request(mut self) -> Result<ClusterMessage, MessageError> {
        let (from, number) = (self.node()?, self.number("number")?);
        Ok(ClusterMessage::Request { from, number, body: self.body()? })
    }

    fn response(mut self) -> Result<ClusterMessage, MessageError> {
        let (number, from) = (self.number("number")?, self.node()?);
        Ok(ClusterMessage::Response { number, from, body: self.body()? })
    }

    /// Pairs of a channel and the base of its epoch. A pair that is not valid in this version is
    /// left out.
    fn epochs(&mut self) -> Result<ReservedBases, MessageError> {
        let mut epochs = Vec::new();
        while let Some(channel) = self.next() {
            if epochs.len() == RESERVED_MAX {
                return Err(MessageError::BadField { kind: self.kind, field: "epochs" });
            }
            let base = self.next().and_then(token);
            if let (Ok(channel), Some(base)) = (ChannelName::new(channel), base) {
                epochs.push((channel, base));
            }
        }
        Ok(epochs)
    }
}

fn user(text: &str) -> Option<UserId> {
    UserId::new(&text.replace("%20", " ").replace("%25", "%")).ok()
}

fn token(text: &str) -> Option<String> {
    (1..=TOKEN_BYTES_MAX).contains(&text.len()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
