//! Once faults have stopped, every link is connected or finished, and has everything.

use steadfast_link::{LinkState, Reason};
use steadfast_protocol::{ChannelName, Position};

use super::{Check, Scene};
use crate::sim_client::SimClient;

/// What a frame has beside the payload of its event.
const FRAME_BYTES: u64 = 200;

/// Everybody has everything.
#[derive(Debug)]
pub(super) struct Converged;

impl Check for Converged {
    fn name(&self) -> &'static str {
        "converged"
    }

    fn at_end(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        missing(scene).map_or(Ok(()), Err)
    }
}

/// The first thing that a link lacks.
pub(super) fn missing(scene: &Scene<'_>) -> Option<String> {
    scene.clients.iter().enumerate().find_map(|(link, client)| {
        let what = lacks(scene, client)?;
        Some(format!("link {link} {what}"))
    })
}

/// The most that any link has still to be handed, at the rate of the slowest way to be handed it:
/// one page each round trip, of as many events as may wait for a session.
pub(super) fn catch_up_ms(scene: &Scene<'_>) -> u64 {
    let options = scene.options;
    let (latency_ms, jitter_ms) = options.latency_ms;
    let page_ms = 2 * latency_ms + jitter_ms + options.read_ms_max + options.timer_ms_max;
    let event_bytes = options.payload_bytes_max + FRAME_BYTES;
    let room_bytes = options.queue_bytes_max.min(options.send_buffer_bytes) as u64;
    let page_events = (options.queue_messages_max as u64).min(room_bytes / event_bytes).max(1);
    let behind = scene.clients.iter().map(|client| behind(scene, client)).max().unwrap_or(0);
    behind.div_ceil(page_events) * page_ms
}

/// How many events of all its channels a link has still to be handed.
fn behind(scene: &Scene<'_>, client: &SimClient) -> u64 {
    let of = |(channel, position): (&ChannelName, &Option<Position>)| {
        let info = scene.server.streams.info(channel)?;
        let position = position.as_ref().filter(|position| position.epoch == info.epoch);
        Some(info.offset - position.map_or(0, |position| position.offset))
    };
    client.app.following.iter().filter_map(of).sum()
}

fn lacks(scene: &Scene<'_>, client: &SimClient) -> Option<String> {
    let (state, reason) = client.app.state;
    if !client.app.is_connecting {
        let is_done = state == LinkState::Disconnected
            && matches!(reason, Reason::Finished | Reason::Closed)
            && client.app.following.is_empty();
        let (state, reason) = (state.as_str(), reason.as_str());
        return (!is_done).then(|| format!("is {state} ({reason}), not done"));
    }
    if let Some(ticket) = client.app.publishing.first() {
        return Some(format!("has not told the fate of publish {ticket}"));
    }
    if state != LinkState::Connected {
        let (state, reason) = (state.as_str(), reason.as_str());
        return Some(format!("is {state} ({reason}), not connected"));
    }
    let mut channels = client.app.following.keys();
    channels.find_map(|channel| lacks_of(scene, client, channel))
}

fn lacks_of(scene: &Scene<'_>, client: &SimClient, channel: &ChannelName) -> Option<String> {
    let Some(info) = scene.server.streams.info(channel) else {
        return Some(format!("follows {channel}, which the server does not know"));
    };
    if info.is_final {
        return Some(format!("was not told that {channel} has finished"));
    }
    let Some(Some(position)) = client.app.following.get(channel) else {
        return Some(format!("does not know where it stands in {channel}"));
    };
    let is_there = position.epoch == info.epoch && position.offset == info.offset;
    let (epoch, offset) = (&position.epoch, position.offset);
    (!is_there).then(|| {
        format!("stands at {epoch}/{offset} of {channel}, not at {}/{}", info.epoch, info.offset)
    })
}
