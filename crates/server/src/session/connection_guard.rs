//! One accepted socket of the public port, which is counted until it is dropped.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use crate::node::{Counters, Node};

/// One accepted socket. Dropping it makes room for another one.
#[derive(Debug)]
pub struct ConnectionGuard {
    node: Arc<Node>,
    address: IpAddr,
    /// When its handshake must be complete.
    pub deadline: Instant,
}

impl ConnectionGuard {
    /// The address of the peer.
    pub(crate) const fn address(&self) -> IpAddr {
        self.address
    }

    /// Counts one more socket from `address`; `None` if the limit is reached.
    pub fn admit(node: &Arc<Node>, address: IpAddr) -> Option<Arc<Self>> {
        let most = node.config.public.connections_max as u64;
        let is_full = node.counters.sockets.fetch_add(1, Ordering::AcqRel) >= most;
        if is_full || !node.ip_limit.enter(address, node.config.public.connections_per_ip_max) {
            node.counters.sockets.fetch_sub(1, Ordering::AcqRel);
            Counters::add(&node.counters.refused);
            return None;
        }
        let node = Arc::clone(node);
        let handshake = Duration::from_millis(node.config.limits.handshake_timeout_ms);
        let deadline = node.clock.after(handshake);
        Some(Arc::new(Self { node, address, deadline }))
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.node.counters.sockets.fetch_sub(1, Ordering::AcqRel);
        let most = self.node.config.public.connections_per_ip_max;
        self.node.ip_limit.leave(self.address, most);
    }
}
