//! One accepted socket of the public port, which is counted until it is dropped: for the node, and
//! for the address of its client.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use steadfast_machine::Rate;
use tokio::time::Instant;

use crate::net::access_limits::Refusal;
use crate::node::Node;

/// Answers say that they are the last in this part of the time that a connection has without a
/// token, the last one.
const CLOSING_SHARE: u64 = 4;

/// One accepted socket. Dropping it makes room for another one.
#[derive(Debug)]
pub struct ConnectionGuard {
    count: SocketCount,
    address: IpAddr,
    _permit: Option<AddressPermit>,
    /// How often its client asks; a proxy has many clients.
    requests: Option<Mutex<Rate>>,
    /// When it is to end unless a valid token has been shown by then.
    anonymous_until: Instant,
    /// From when on each answer says that it is the last, unless one has: a connection that closes
    /// between two answers takes a request with it that is on its way.
    closing_from: Instant,
    has_shown_token: AtomicBool,
    /// When its handshake must be complete.
    pub deadline: Instant,
}

/// A socket, which the node counts until this is dropped.
#[derive(Debug)]
struct SocketCount(Arc<Node>);

/// A connection of an address, which is counted until this is dropped.
#[derive(Debug)]
pub(crate) struct AddressPermit {
    node: Arc<Node>,
    address: IpAddr,
}

impl ConnectionGuard {
    /// The other end of the connection, or the client that the PROXY protocol names.
    pub(crate) const fn address(&self) -> IpAddr {
        self.address
    }

    /// Counts one more socket, whoever it is from; the reason if there is no room.
    pub(crate) fn admit(node: &Arc<Node>, address: IpAddr) -> Result<Self, Refusal> {
        let most = node.config.public.connections_max as u64;
        let is_full = node.counters.sockets.fetch_add(1, Ordering::AcqRel) >= most;
        let now = node.clock.now();
        let count = SocketCount(Arc::clone(node));
        if is_full {
            return Err(Refusal::Full);
        }
        node.access.connect_any(now)?;
        let after = |ms| node.clock.after(Duration::from_millis(ms));
        let anonymous_ms = node.config.public.anonymous_ms_max;
        Ok(Self {
            count,
            address,
            _permit: None,
            requests: None,
            anonymous_until: after(anonymous_ms),
            closing_from: after(anonymous_ms - anonymous_ms / CLOSING_SHARE),
            // Nobody has a token in `--dev`.
            has_shown_token: AtomicBool::new(node.config.dev),
            deadline: after(node.config.limits.handshake_timeout_ms),
        })
    }

    /// Counts the socket for its client too: `client`, or its other end.
    pub(crate) fn of_client(self, client: Option<IpAddr>) -> Result<Arc<Self>, Refusal> {
        let address = client.unwrap_or(self.address);
        let permit = AddressPermit::take(&self.count.0, address)?;
        let access = &self.count.0.access;
        let is_proxy = access.is_proxy(address);
        let requests = (!is_proxy).then(|| Mutex::new(access.requests(self.count.0.clock.now())));
        Ok(Arc::new(Self { address, _permit: permit, requests, ..self }))
    }

    /// Counts a request of the socket, which is from `client`.
    pub(crate) fn request(&self, client: IpAddr) -> Result<(), Refusal> {
        let mut requests = self.requests.as_ref().map(Mutex::lock);
        self.count.0.access.request(self.count.0.clock.now(), client, requests.as_deref_mut())
    }

    /// Whether requests of other clients may come on the socket.
    pub(crate) const fn is_shared(&self) -> bool {
        self.requests.is_none()
    }

    /// A valid token was shown.
    pub(crate) fn show_token(&self) {
        self.has_shown_token.store(true, Ordering::Relaxed);
    }

    /// When the socket is to end, unless a valid token has been shown. A trusted proxy's does not.
    pub(crate) fn anonymous_until(&self) -> Option<Instant> {
        (!self.is_shared() && !self.has_shown_token.load(Ordering::Relaxed))
            .then_some(self.anonymous_until)
    }

    /// Whether an answer at `now` is to be the last one.
    pub(crate) fn is_closing(&self, now: Instant) -> bool {
        self.anonymous_until().is_some() && self.closing_from <= now
    }
}

impl Drop for SocketCount {
    fn drop(&mut self) {
        self.0.counters.sockets.fetch_sub(1, Ordering::AcqRel);
    }
}

impl AddressPermit {
    /// Counts one more connection of `address`; `None` if those of this address are not counted.
    pub(crate) fn take(node: &Arc<Node>, address: IpAddr) -> Result<Option<Self>, Refusal> {
        let is_counted = node.access.connect(node.clock.now(), address)?;
        Ok(is_counted.then(|| Self { node: Arc::clone(node), address }))
    }
}

impl Drop for AddressPermit {
    fn drop(&mut self) {
        self.node.access.disconnect(self.address);
    }
}
