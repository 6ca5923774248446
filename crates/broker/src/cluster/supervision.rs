//! Keeps a node connected to a server of its broker. In: how the broker connects and what it does
//! with a session; messages of other nodes. Out: one session after the other, each loss logged
//! once, and what a message of another node asks of this one.

use std::fmt::Display;
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior};

use super::message::ClusterMessage;
use super::rpc::RpcState;
use super::{Backoff, NodeId};
use crate::update_bus::UpdateBus;

/// How often a node tells that it is alive, and checks that its session is.
pub(crate) const BEAT: Duration = Duration::from_secs(2);
/// After this many beats a node checks the head of every channel that its sessions follow,
/// whatever was announced.
pub(crate) const BEATS_PER_CHECK: u32 = 15;
/// How long a probe of a server, or leaving it, may take.
pub(crate) const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// A server of a broker that a node keeps a session with.
pub(crate) trait SupervisedServer {
    /// A session that works, or whose state is about to be read.
    type Session;
    /// Why there is no session, or no longer.
    type Error: Display;

    /// Which of the broker's servers it is, if there may be several.
    fn index(&self) -> Option<usize>;

    /// Opens a session.
    async fn connect(&mut self) -> Result<Self::Session, Self::Error>;

    /// Uses a session until it ends. Resets the backoff once the session works.
    async fn serve(&mut self, session: Self::Session, backoff: &mut Backoff) -> Self::Error;
}

/// Connects to the server, serves the session and connects again, without end.
pub(crate) async fn supervise(server: &mut impl SupervisedServer) {
    let (mut backoff, mut is_logged) = (Backoff::default(), false);
    loop {
        let index = server.index();
        match server.connect().await {
            Ok(session) => {
                let why = server.serve(session, &mut backoff).await;
                is_logged = false;
                tracing::warn!(server = index, %why, "lost the connection to the broker");
            }
            Err(why) if !is_logged => {
                is_logged = true;
                tracing::warn!(server = index, %why, "cannot connect to the broker");
            }
            Err(why) => {
                tracing::debug!(server = index, %why, "still cannot connect to the broker");
            }
        }
        tokio::time::sleep(backoff.next()).await;
    }
}

/// A tick each [`BEAT`], the first at once. Ticks that were missed are not made up for.
pub(crate) fn beats() -> Interval {
    let mut beats = tokio::time::interval(BEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beats
}

/// What is left to do for a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum MessageOutcome {
    /// Nothing.
    Handled,
    /// Send this message to this node.
    Reply(NodeId, ClusterMessage),
    /// The message is of a kind that brokers handle differently.
    Specific(ClusterMessage),
}

/// Handles the bytes of a message that arrived from one of the broker's servers. Bytes that are no
/// message that this version knows are ignored.
pub(crate) fn handle_message(
    rpc: &RpcState,
    updates: &UpdateBus,
    server: usize,
    bytes: &[u8],
) -> MessageOutcome {
    let message = match ClusterMessage::decode(bytes) {
        Ok(message) => message,
        Err(error) => {
            tracing::debug!(%error, "ignored a message between nodes");
            return MessageOutcome::Handled;
        }
    };
    match message {
        ClusterMessage::Request { from, number, body } => {
            rpc.receive_request(server, from, number, body);
        }
        ClusterMessage::Response { number, from, body } => {
            rpc.receive_response(number, from, body);
        }
        ClusterMessage::ClaimLink { node, generation, link } => {
            if node != *rpc.own()
                && let Some(generation) = updates.fence(&link, generation)
            {
                return MessageOutcome::Reply(node, ClusterMessage::LinkHeld { generation, link });
            }
        }
        ClusterMessage::LinkHeld { generation, link } => {
            updates.fence(&link, generation.saturating_add(1));
        }
        ClusterMessage::Alive { .. }
        | ClusterMessage::ListReserved { .. }
        | ClusterMessage::Reserved { .. }
        | ClusterMessage::KeepReserved { .. }
        | ClusterMessage::Fence { .. }
        | ClusterMessage::Probe { .. } => return MessageOutcome::Specific(message),
    }
    MessageOutcome::Handled
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::{Backoff, SupervisedServer, supervise};

    /// Lets a node connect or not, and ends each session at once.
    struct Unsteady {
        is_there: bool,
        works: bool,
        attempts: usize,
    }

    impl SupervisedServer for Unsteady {
        type Session = ();
        type Error = &'static str;

        fn index(&self) -> Option<usize> {
            None
        }

        async fn connect(&mut self) -> Result<(), &'static str> {
            self.attempts += 1;
            if self.is_there { Ok(()) } else { Err("there is no server") }
        }

        async fn serve(&mut self, (): (), backoff: &mut Backoff) -> &'static str {
            if self.works {
                backoff.reset();
            }
            "it ended"
        }
    }

    async fn attempts_in_a_minute(is_there: bool, works: bool) -> usize {
        let mut server = Unsteady { is_there, works, attempts: 0 };
        let minute = timeout(Duration::from_mins(1), supervise(&mut server)).await;
        assert!(minute.is_err(), "it goes on without end");
        server.attempts
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_tries_again_later_each_time_until_a_session_works() {
        // Waits grow to between half a second and a second, unless a session has worked.
        for (is_there, works) in [(false, false), (true, false)] {
            let attempts = attempts_in_a_minute(is_there, works).await;
            assert!((60..=130).contains(&attempts), "{attempts}");
        }
        let attempts = attempts_in_a_minute(true, true).await;
        assert!(attempts >= 1_100, "{attempts}");
    }
}
