//! Turns an upgraded socket into a session: reads the first frame, checks the token and opens the
//! session in the hub.

use std::net::IpAddr;
use std::sync::Arc;

use steadfast_history::PageLimit;
use steadfast_hub::{Encoding, Identity, OpenError, Opening, SessionKey, Transport};
use steadfast_protocol::codec::json;
use steadfast_protocol::{
    Advice, ChannelName, ChannelRequest, ClientFrame, CloseCode, DecodeError, ErrorFrame, Hello,
    PATH_REASON, ServerFrame, Since, Token,
};
use steadfast_websocket::InboundError;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::close_cause::CloseCause;
use super::reader::ReadEvent;
use super::{Purpose, SessionOrigin, SocketIo};
use crate::auth::admission::Admission;
use crate::auth::revocations::REVOKED_REASON;
use crate::auth::token::TokenError;
use crate::client_api::delivered_finals::{Follower, Following};
use crate::client_api::tickets;
use crate::node::Node;
use crate::session::shard::{SessionWaker, Shard, ShardSocket};
use crate::session::user_budgets::UserPermit;

/// The WebSocket pings and pongs that may come before `hello`.
const CONTROL_FRAMES_MAX: u32 = 20;

/// A session that has begun.
pub(super) struct OpenedSession {
    pub(super) shard: Arc<Shard>,
    pub(super) key: SessionKey,
    pub(super) encoding: Encoding,
    /// Its user's, if its token names one.
    pub(super) user: Option<UserPermit>,
    /// The client of the older protocol, if it matters whether it has had the channel's end.
    pub(super) follower: Option<Box<Following>>,
}

/// The waker of the session's task, and the socket if the shard may write to it.
type SessionLocation<'a> = (&'a Arc<SessionWaker>, Option<ShardSocket>);

/// Opens the session that the socket is for. Returns it with what arrived behind the first frame in
/// the same read.
pub(super) async fn open<S>(
    node: &Arc<Node>,
    wire: &mut SocketIo<S>,
    place: SessionLocation<'_>,
    purpose: Purpose,
    SessionOrigin { address, deadline }: SessionOrigin,
) -> Result<(OpenedSession, Vec<ReadEvent>), CloseCause>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match purpose {
        Purpose::Nowhere => Err(ours(CloseCode::POLICY, PATH_REASON)),
        Purpose::Legacy { channel, since, follower, token, ticket } => {
            let link = node.random_link("legacy").ok_or_else(no_randomness)?;
            let admission = admit(node, token.as_deref(), ticket.as_deref()).await?;
            if !admission.grants.may_subscribe(&channel) {
                return Err(ours(CloseCode::FORBIDDEN, "the token does not permit this channel"));
            }
            let has_had_end = match &follower {
                Some(follower) => has_had_end(node, &channel, follower).await,
                None => false,
            };
            let since = if has_had_end { Since::Now } else { since };
            let channels = vec![ChannelRequest { id: None, channel, since }];
            let opening = Opening {
                encoding: Encoding::Legacy,
                channels,
                ..plain(node, link, address, admission)
            };
            let open = begin(node, place, opening)?;
            let follower =
                follower.map(|who| Following { who: *who, comes_back: has_had_end }.into());
            Ok((OpenedSession { follower, ..open }, Vec::new()))
        }
        Purpose::Link { token, ticket } => {
            let (text, heard) = first_frame(node, wire, deadline).await?;
            // Whoever has no token gets nothing else read.
            let own = read_first(wire, json::hello_token(&text))?;
            let admission = admit(
                node,
                own.as_ref().map(Token::expose).or(token.as_deref()),
                ticket.as_deref(),
            )
            .await?;
            let mut hello = hello(node, wire, &text)?;
            let bad = std::mem::take(&mut hello.bad_channels);
            let opening = Opening {
                generation: hello.generation,
                client: hello.client,
                heartbeat: hello.heartbeat,
                channels: hello.channels,
                ..plain(node, hello.link, address, admission)
            };
            let (link, generation) = (opening.link_key(), opening.generation);
            let open = begin(node, place, opening)?;
            let date = node.clock.date();
            for error in bad {
                open.shard.with(|hub, now| hub.frame(now, date, open.key, 0, Err(error)));
            }
            // Other nodes are told in the background: the broker may be slow.
            let node = Arc::clone(node);
            tokio::spawn(async move { node.broker.claim_link(&link, generation).await });
            Ok((open, heard))
        }
    }
}

/// Whether a client of the older protocol comes back to a finished channel whose end it has had.
/// P-94
async fn has_had_end(node: &Node, channel: &ChannelName, follower: &Follower) -> bool {
    if !node.delivered_finals.has(node.clock.now(), follower) {
        return false;
    }
    // The channel may have been deleted and created again since then.
    let limit = PageLimit { events_max: 1, bytes_max: 1, is_thinned: false };
    let page = node.broker.read(channel, &Since::Now, limit).await;
    page.is_ok_and(|page| page.reaches_the_end())
}

/// Waits for the first frame. Returns it with what arrived behind it in the same read.
async fn first_frame<S>(
    node: &Node,
    wire: &mut SocketIo<S>,
    deadline: Instant,
) -> Result<(String, Vec<ReadEvent>), CloseCause>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut control_frames = 0;
    loop {
        let Ok(heard) = tokio::time::timeout_at(deadline, wire.heard()).await else {
            return Err(ours(CloseCode::HELLO_TIMEOUT, "no `hello` came in time"));
        };
        let mut heard = heard.into_iter();
        while let Some(item) = heard.next() {
            match item {
                ReadEvent::Text(text) => return Ok((text, heard.collect())),
                ReadEvent::Ping(_) | ReadEvent::Pong if control_frames == CONTROL_FRAMES_MAX => {
                    return Err(ours(CloseCode::VIOLATION, "`hello` comes before so many pings"));
                }
                ReadEvent::Ping(payload) => {
                    control_frames += 1;
                    wire.pong(&payload);
                }
                ReadEvent::Pong => control_frames += 1,
                ReadEvent::Close { code, reason } => {
                    return Err(CloseCause::Theirs { code, reason });
                }
                ReadEvent::Broken(error) => {
                    node.compression.count_refused(error);
                    return Err(broken_first(error));
                }
                ReadEvent::Lost(reason) => return Err(CloseCause::Lost { reason }),
            }
        }
    }
}

/// Why a session ends whose first frame cannot be read.
fn broken_first(error: InboundError) -> CloseCause {
    if let InboundError::MessageTooLong { max, .. } | InboundError::InflatedTooLong { max } = error
    {
        return ours(CloseCode::VIOLATION, format!("the first frame has at most {max} bytes"));
    }
    ours(CloseCode(error.close_code()), error.to_string())
}

/// Decodes the first frame, which must be `hello`.
fn hello<S>(node: &Node, wire: &mut SocketIo<S>, text: &str) -> Result<Hello, CloseCause>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match read_first(wire, json::client_frame(text, &node.message_limits()))? {
        ClientFrame::Hello(hello) => Ok(*hello),
        ClientFrame::Subscribe(_)
        | ClientFrame::Unsubscribe { .. }
        | ClientFrame::Refresh { .. }
        | ClientFrame::Publish(_)
        | ClientFrame::Heartbeat(_)
        | ClientFrame::Ping { .. }
        | ClientFrame::Pong { .. } => Err(no_hello()),
    }
}

/// What was read of the first frame. Otherwise queues an `error` frame that says what is wrong, and
/// returns the reason to close.
fn read_first<S, T>(wire: &mut SocketIo<S>, read: Result<T, DecodeError>) -> Result<T, CloseCause>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    read.map_err(|error| {
        let error = ServerFrame::Error(ErrorFrame {
            id: error.id,
            channel: None,
            code: error.code.as_str().into(),
            message: error.message.into(),
            retry: false,
            retry_after_ms: None,
        });
        // An empty batch accepts any frame.
        drop(wire.batch.push_text(json::encode_server(&error).into()));
        no_hello()
    })
}

fn no_hello() -> CloseCause {
    ours(CloseCode::VIOLATION, "the first frame must be a valid `hello`")
}

fn begin(
    node: &Arc<Node>,
    place: SessionLocation<'_>,
    opening: Opening,
) -> Result<OpenedSession, CloseCause> {
    if node.is_draining() {
        return Err(ours(CloseCode::DRAINING, "this node is leaving; come back in a moment"));
    }
    let shard = Arc::clone(node.shard_of(&opening.link));
    let encoding = opening.encoding;
    let (waker, socket) = place;
    let identity = opening.identity.clone();
    let user = node
        .count_user(identity.as_deref(), &opening.link)
        .map_err(|refusal| ours(CloseCode::TRY_LATER, refusal.problem().detail))?;
    match shard.open_shared(opening, waker, socket) {
        Ok(key) => {
            end_if_revoked(node, &shard, key, identity.as_deref());
            Ok(OpenedSession { shard, key, encoding, user, follower: None })
        }
        Err(OpenError::Replaced) => Err(ours(
            CloseCode::REPLACED,
            "a session of this link with a generation as high is live",
        )),
        Err(OpenError::TooManyChannels { named, max }) => {
            let reason = format!("`hello` names {named} channels; a link follows {max} at most");
            Err(ours(CloseCode::VIOLATION, reason))
        }
    }
}

/// Ends a session that was opened while its token was being revoked.
pub(crate) fn end_if_revoked(
    node: &Node,
    shard: &Shard,
    key: SessionKey,
    identity: Option<&Identity>,
) {
    if node.is_revoked(identity) {
        shard.with(|hub, now| hub.close(now, key, CloseCode::TOKEN_REJECTED, REVOKED_REASON));
    }
}

/// A ticket is used only where there is no token.
async fn admit(
    node: &Node,
    token: Option<&str>,
    ticket: Option<&str>,
) -> Result<Admission, CloseCause> {
    let admitted = match (token, ticket) {
        (None, Some(ticket)) => tickets::redeem(node, ticket).await,
        (Some(_), _) | (None, None) => node.admit(token).await,
    };
    admitted.map_err(|error| {
        let code = match error {
            TokenError::Missing => CloseCode::TOKEN_MISSING,
            TokenError::Busy | TokenError::TicketsFull | TokenError::KeysUnavailable { .. } => {
                CloseCode::TRY_LATER
            }
            TokenError::Expired { .. } => CloseCode::TOKEN_EXPIRED,
            TokenError::NotYetValid { .. } => CloseCode::TOKEN_NOT_YET_VALID,
            TokenError::Malformed
            | TokenError::BadSignature
            | TokenError::WrongAlgorithm { .. }
            | TokenError::UnknownKey
            | TokenError::Revoked
            | TokenError::TicketUnknown
            | TokenError::BadClaims(_) => CloseCode::TOKEN_REJECTED,
        };
        ours(code, error.to_string())
    })
}

/// The reason itself; or, if it is one of too many refused tokens of `address`, that.
pub(super) fn checked(node: &Node, address: IpAddr, ending: CloseCause) -> CloseCause {
    if !matches!(&ending, CloseCause::Ours { code, .. } if code.advice() == Advice::RefreshToken) {
        return ending;
    }
    match node.access.failed_token(node.clock.now(), address) {
        Ok(()) => ending,
        Err(refusal) => {
            node.access.count(refusal);
            ours(CloseCode::RATE_LIMITED, refusal.problem().detail)
        }
    }
}

fn plain(
    node: &Node,
    link: steadfast_protocol::LinkId,
    address: IpAddr,
    Admission { identity, grants, expires }: Admission,
) -> Opening {
    Opening {
        link,
        address: Some(address),
        identity,
        generation: 1,
        transport: Transport::WebSocket,
        encoding: Encoding::Frames,
        client: None,
        grants,
        expires,
        heartbeat: None,
        channels: Vec::new(),
        time: node.clock.date(),
    }
}

fn no_randomness() -> CloseCause {
    ours(CloseCode::INTERNAL, "no random numbers")
}

fn ours(code: CloseCode, reason: impl Into<std::borrow::Cow<'static, str>>) -> CloseCause {
    CloseCause::Ours { code, reason: reason.into() }
}
