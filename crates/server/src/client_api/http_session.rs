//! A session without a socket of its own, for a request that waits: a poll or an event stream.

use std::net::IpAddr;
use std::sync::Arc;

use steadfast_hub::{Encoding, Opening, Outgoing, Transport, Work};
use steadfast_protocol::{ChannelRequest, CloseCode};

use crate::auth::admission::Admission;
use crate::net::access_limits::Refusal;
use crate::node::Node;
use crate::problem::{Code, Problem};
use crate::session::shard::SessionWaker;
use crate::session::user_budgets::UserPermit;
use crate::session::{ReplyTarget, end_if_revoked};

/// A session that ends when this is dropped.
#[derive(Debug)]
pub(super) struct HttpSession {
    asker: ReplyTarget,
    pub(super) waker: Arc<SessionWaker>,
    _user: Option<UserPermit>,
}

impl HttpSession {
    /// Opens a session that follows these channels.
    pub(super) fn open(
        node: &Arc<Node>,
        client: IpAddr,
        (transport, encoding): (Transport, Encoding),
        Admission { identity, grants, expires }: Admission,
        channels: Vec<ChannelRequest>,
    ) -> Result<Self, Problem> {
        let internal = || Problem::new(Code::Internal, "the request could not be followed");
        let link = node.random_link(transport.as_str()).ok_or_else(internal)?;
        let shard = Arc::clone(node.shard_of(&link));
        let waker = Arc::new(SessionWaker::default());
        let opening = Opening {
            link,
            address: Some(client),
            identity,
            generation: 1,
            transport,
            encoding,
            client: None,
            grants,
            expires,
            heartbeat: None,
            channels,
            time: node.clock.date(),
        };
        let identity = opening.identity.clone();
        let user = node.count_user(identity.as_deref(), &opening.link).map_err(Refusal::problem)?;
        let key = shard.open(opening, &waker).map_err(|_| internal())?;
        end_if_revoked(node, &shard, key, identity.as_deref());
        let asker = ReplyTarget { node: Arc::clone(node), shard, key };
        Ok(Self { asker, waker, _user: user })
    }

    /// Takes what the session has to do. If it needs history, that is read in the background, and
    /// the waker is called when it arrives: a slow broker delays no heartbeat.
    pub(super) fn take(&self) -> Work {
        self.take_noting().0
    }

    /// The same, and whether history is being read.
    pub(super) fn take_noting(&self) -> (Work, bool) {
        let ReplyTarget { shard, key, .. } = &self.asker;
        let mut work = shard.with(|hub, now| hub.take(now, *key));
        let read = work.read.take();
        let is_reading = read.is_some();
        if let Some(read) = read {
            self.asker.read(read);
        }
        (work, is_reading)
    }
}

/// Whether a channel that such a session follows has something new.
pub(super) fn is_called(work: &Work) -> bool {
    work.frames.iter().any(|item| matches!(item, Outgoing::Signal))
}

/// The code that the session was closed with, if that is among what it has to do.
pub(super) fn ended(work: &Work) -> Option<CloseCode> {
    work.frames.iter().find_map(|item| match item {
        Outgoing::Close { code, .. } => Some(*code),
        Outgoing::Text(_) | Outgoing::StreamEvent(_) | Outgoing::Ping | Outgoing::Signal => None,
    })
}

impl Drop for HttpSession {
    fn drop(&mut self) {
        let (key, code) = (self.asker.key, CloseCode::NORMAL);
        self.asker.shard.with(|hub, now| hub.closed(now, key, code, "the request ended"));
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::Arc;

    use steadfast_hub::{Encoding, Identity, Transport};
    use steadfast_protocol::{CloseCode, UserId};

    use super::{HttpSession, ended};
    use crate::auth::admission::Admission;
    use crate::auth::revocations::Revocation;
    use crate::config::{AuthSettings, Config, Secret};
    use crate::node::Node;

    const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    /// The revocation finds no session to end, and the request has passed the check of its token.
    #[tokio::test]
    async fn a_session_that_opens_while_its_token_is_revoked_is_ended_at_once() {
        let key = Some(Secret::new([b'k'; 32]));
        let auth = AuthSettings { hs256_key: key, ..AuthSettings::default() };
        let node = Node::new(Config { auth, ..Config::default() }).unwrap();
        let user = UserId::new("ada").ok();
        let identity = Identity { user: user.clone(), ..Identity::default() };
        let admission =
            || Admission { identity: Some(Arc::new(identity.clone())), ..Admission::everything() };
        let open = || {
            let kind = (Transport::Poll, Encoding::Signal);
            let session = HttpSession::open(&node, CLIENT, kind, admission(), Vec::new()).unwrap();
            ended(&session.take())
        };
        assert_eq!(open(), None);
        let one = Revocation { sub: user, jti: None, before: None, expires: u64::MAX };
        node.revocations.add(one, 0).unwrap();
        assert_eq!(open(), Some(CloseCode::TOKEN_REJECTED));
    }
}
