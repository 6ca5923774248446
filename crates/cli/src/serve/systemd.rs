//! The service manager that may have started this process, which is systemd or speaks as it does.
//! In: the sockets that it has opened (`LISTEN_FDS`), and where it listens (`NOTIFY_SOCKET`,
//! `WATCHDOG_USEC`). Out: those sockets for the node, and what the node does next for the manager.
//! Without one, nothing of this happens.

use std::sync::Arc;

use anyhow::{Context, bail};
use listenfd::ListenFd;
use sd_notify::NotifyState;
use steadfast_server::node::Node;
use steadfast_server::server::{Inherited, LifePhase};

/// The names of the sockets, in their order (`FileDescriptorName=`).
const NAMES_VARIABLE: &str = "LISTEN_FDNAMES";
/// What systemd calls a socket that has no name.
const NAMELESS: &str = "unknown";

/// The sockets that were opened before this process began.
pub(super) fn inherited() -> anyhow::Result<Inherited> {
    let names = std::env::var(NAMES_VARIABLE).unwrap_or_default();
    let mut descriptors = ListenFd::from_env();
    let mut inherited = Inherited::default();
    let mut names = names.split(':');
    for at in 0..descriptors.len() {
        let name = names.next().filter(|name| !name.is_empty() && *name != NAMELESS);
        let port = match name {
            Some(name) if name == "public" || name.ends_with("-public.socket") => "public",
            Some(name) if name == "internal" || name.ends_with("-internal.socket") => "internal",
            // The unit is named after the service then, and there are one or two sockets in it.
            Some(_) | None if at == 0 => "public",
            Some(_) | None if at == 1 => "internal",
            Some(_) | None => bail!("there are {} inherited sockets, two at most", at + 1),
        };
        let listener = descriptors.take_tcp_listener(at).with_context(|| {
            format!("the inherited socket {at} listens on no TCP port; see ListenStream=")
        })?;
        let place = if port == "public" { &mut inherited.public } else { &mut inherited.internal };
        if place.is_some() {
            bail!(
                "there are two inherited sockets for the {port} port; name them public and internal"
            );
        }
        *place = listener;
    }
    Ok(inherited)
}

/// Tells the manager of a phase.
pub(super) fn tell(phase: LifePhase) {
    match phase {
        LifePhase::Ready => send(&[NotifyState::Ready]),
        LifePhase::Reloading => match NotifyState::monotonic_usec_now() {
            Ok(now) => send(&[NotifyState::Reloading, now]),
            Err(_) => send(&[NotifyState::Reloading]),
        },
        LifePhase::Stopping(at_most) => {
            let micros = u32::try_from(at_most.as_micros()).unwrap_or(u32::MAX);
            send(&[NotifyState::Stopping, NotifyState::ExtendTimeoutUsec(micros)]);
        }
    }
}

/// Tells the manager that the process lives, twice in the time after which it would be restarted,
/// for as long as tasks run and no shard is stuck.
pub(super) async fn keep_alive(node: Arc<Node>) {
    let Some(limit) = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()) else {
        return;
    };
    let mut tick = tokio::time::interval(limit / 2);
    loop {
        tick.tick().await;
        // Waits for the lock of each shard.
        node.totals();
        send(&[NotifyState::Watchdog]);
    }
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager cannot be told what the node does");
    }
}
